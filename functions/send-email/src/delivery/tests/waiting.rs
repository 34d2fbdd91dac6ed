//! What waits for long: new copies in the place of old ones, and what waits too long.

use common::failed::Attribute;

use super::*;

impl World {
    fn aged(&self, id: &str, days: i64) -> Copy {
        let mut copy = self.copy(id, BODY);
        copy.enqueued_at = Some(self.clock.now() - SignedDuration::from_hours(24 * days));
        copy
    }

    fn stopped(self) -> Self {
        let mailbox = &self.settings.mailbox;
        let blocked = Connection::stopped(
            Class::SmtpAuthDisabled,
            "535 5.7.139".to_owned(),
            self.clock.now(),
        );
        let state = MailboxState {
            connection: blocked,
            ..self.states.seen(mailbox)
        };
        self.states.set(mailbox, state);
        self
    }

    async fn batch(&self, copies: &[Copy]) -> usize {
        let answer = crate::handler::deliver(copies, &self.desk(), &mut self.server.clone()).await;
        answer.batch_item_failures.len()
    }
}

#[tokio::test]
async fn a_copy_that_waits_on_after_seven_days_gets_a_new_one_in_its_place() {
    let world = World::new().stopped();
    let mut copy = world.aged("1", 7);
    copy.attributes = vec![Attribute::text("colour", "blue")];
    let first = copy.enqueued_at.unwrap();
    assert_eq!(world.batch(&[copy]).await, 0, "the old copy is let go");
    let queue = world.queue.lock().unwrap().clone();
    let [renewed] = &queue[..] else {
        panic!("not one new copy")
    };
    assert_eq!(renewed.body, BODY);
    assert_eq!(renewed.attribute("pillarbox-id"), Some("invoice-1"));
    assert_eq!(renewed.attribute("colour"), Some("blue"));
    let named = renewed.attribute("pillarbox-first-enqueued-at").unwrap();
    assert_eq!(named.parse::<Timestamp>().unwrap(), first);

    let mut again = world.copy("2", BODY);
    again.attributes = renewed.attributes.clone();
    assert_eq!(again.first_enqueued_at(), Some(first));
    let named = again.named().unwrap().unwrap();
    assert_eq!(named.as_str(), "invoice-1");
}

#[tokio::test]
async fn a_copy_that_cannot_be_renewed_waits_on() {
    let world = World::new().stopped();
    let copies = [world.aged("1", 7)];
    world.calls.break_after(1);
    assert_eq!(world.batch(&copies).await, 1);
    assert!(world.queue.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_younger_copy_is_not_renewed() {
    let world = World::new().stopped();
    assert_eq!(world.batch(&[world.aged("1", 6)]).await, 1);
    assert!(world.queue.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_waited_twelve_days_for_a_closed_mailbox_is_handed_over() {
    let world = World::new().stopped();
    assert!(matches!(
        world.deliver(&world.aged("1", 11)).await,
        Fate::PutBack(_)
    ));
    assert!(world.state().is_none(), "nothing of it was begun");
    world.settle(&world.aged("1", 12)).await;
    let handed = world.handed();
    assert_eq!(handed.len(), 1);
    assert_eq!(handed[0].report["class"], "waited_too_long");
    let reply = handed[0].report["reply"].as_str().unwrap();
    assert!(reply.contains("smtp_auth_disabled"), "{reply}");
    assert!(world.accepted().is_empty());
}

#[tokio::test]
async fn the_age_of_a_new_copy_is_that_of_the_first() {
    let world = World::new().stopped();
    let mut copy = world.aged("2", 5);
    let first = world.clock.now() - SignedDuration::from_hours(24 * 12);
    copy.attributes = vec![Attribute::text(
        "pillarbox-first-enqueued-at",
        &first.to_string(),
    )];
    world.settle(&copy).await;
    assert_eq!(world.handed()[0].report["class"], "waited_too_long");
}

#[tokio::test]
async fn what_waited_twelve_days_is_sent_where_the_mailbox_is_open() {
    let world = World::new();
    world.settle(&world.aged("1", 12)).await;
    assert_eq!(world.accepted(), [BOTH]);
}

/// The body with a time at which it is to be sent, so many days from now, and some seconds.
fn due_in(world: &World, days: i64, seconds: i64) -> (Timestamp, String) {
    let send_at = world.clock.now()
        + SignedDuration::from_hours(24 * days)
        + SignedDuration::from_secs(seconds);
    let field = format!(r#""send_at":"{send_at}","id""#);
    (send_at, BODY.replace(r#""id""#, &field))
}

#[tokio::test]
async fn what_is_to_be_sent_later_is_sent_then_to_the_second() {
    for ahead in [1, 59, 42_000, 42_001, 7 * 86_400 - 1] {
        let world = World::new();
        let (send_at, body) = due_in(&world, 0, ahead);
        let copy = world.copy("1", &body);
        while world.clock.now() < send_at {
            let Fate::PutBack(wait) = world.deliver(&copy).await else {
                panic!("it left before its time")
            };
            assert!(world.state().is_none(), "nothing of it was begun");
            world.clock.advance(SignedDuration::try_from(wait).unwrap());
        }
        assert_eq!(world.clock.now(), send_at);
        assert_eq!(world.deliver(&copy).await, Fate::Settled);
        assert_eq!(world.accepted(), [BOTH]);
        let message = world.server.accepted.lock().unwrap()[0].1.clone();
        let message = String::from_utf8(message).unwrap();
        let date = send_at.strftime("Date: %a, %d %b %Y %H:%M:%S +0000");
        assert!(message.contains(&date.to_string()), "{message}");
    }
}

#[tokio::test]
async fn a_moment_between_two_seconds_is_never_too_early() {
    let world = World::new();
    world.clock.advance(SignedDuration::from_millis(999));
    let (send_at, body) = due_in(&world, 0, 1);
    world.clock.advance(SignedDuration::from_millis(500));
    let Fate::PutBack(wait) = world.deliver(&world.copy("1", &body)).await else {
        panic!("it left before its time")
    };
    assert_eq!(wait, Duration::from_secs(1));
    assert!(world.clock.now() + wait >= send_at);
}

#[tokio::test]
async fn fourteen_days_ahead_are_two_copies_and_one_mail() {
    let world = World::new();
    let (send_at, body) = due_in(&world, 14, 0);
    let mut copy = world.copy("1", &body);
    while world.clock.now() < send_at {
        let Fate::PutBack(wait) = world.deliver(&copy).await else {
            panic!("it left before its time")
        };
        if world.desk().renew(&copy, wait).await {
            let renewed = world.queue.lock().unwrap().pop().unwrap();
            copy = world.copy("2", &renewed.body);
            copy.attributes = renewed.attributes;
            continue;
        }
        world.clock.advance(SignedDuration::try_from(wait).unwrap());
    }
    assert_eq!(copy.id, "2", "SQS would have deleted the first");
    assert_eq!(world.deliver(&copy).await, Fate::Settled);
    assert_eq!(world.accepted(), [BOTH]);
    assert!(world.handed().is_empty());
}

#[tokio::test]
async fn more_than_fourteen_days_ahead_is_no_notification() {
    let world = World::new();
    let (_, body) = due_in(&world, 14, 1);
    assert_eq!(world.deliver(&world.copy("1", &body)).await, Fate::Settled);
    let handed = world.handed();
    assert_eq!(handed[0].report["class"], "invalid_message");
    let reply = handed[0].report["reply"].as_str().unwrap();
    assert!(reply.starts_with("/send_at "), "{reply}");
}

#[tokio::test]
async fn the_ends_of_time_are_times_like_others() {
    for (send_at, is_sent) in [
        ("-009999-01-02T01:59:59Z", false),
        ("0000-01-01T00:00:00Z", true),
        ("9999-12-30T22:00:00Z", false),
    ] {
        for dry in ["", r#""dry_run":true,"#] {
            let world = World::new();
            let fields = format!(r#""send_at":"{send_at}",{dry}"id""#);
            let body = BODY.replace(r#""id""#, &fields);
            world.settle(&world.copy("1", &body)).await;
            let sent = world.handed().is_empty();
            assert_eq!(sent, is_sent, "{send_at} {dry}");
        }
    }
}

#[tokio::test]
async fn what_waited_for_its_time_has_not_waited_for_the_mailbox() {
    let world = World::new();
    let (send_at, body) = due_in(&world, 13, 0);
    let mut copy = world.copy("1", &body);
    let first = copy.enqueued_at.unwrap();
    copy.attributes = vec![Attribute::text(
        "pillarbox-first-enqueued-at",
        &first.to_string(),
    )];
    world.clock.advance(SignedDuration::from_hours(13 * 24));
    assert_eq!(world.clock.now(), send_at);
    copy.enqueued_at = Some(send_at - SignedDuration::from_hours(24));

    let world = world.stopped();
    assert!(matches!(world.deliver(&copy).await, Fate::PutBack(_)));
    assert!(world.handed().is_empty(), "its twelve days begin now");
    world.clock.advance(SignedDuration::from_hours(12 * 24));
    copy.enqueued_at = Some(world.clock.now());
    world.settle(&copy).await;
    assert_eq!(world.handed()[0].report["class"], "waited_too_long");
}

#[tokio::test]
async fn the_worth_of_what_is_sent_later_ends_thirteen_days_after_its_time() {
    for (days, is_sent) in [(12, true), (13, false)] {
        let world = World::new();
        let (_, body) = due_in(&world, 10, 0);
        let mut copy = world.copy("1", &body);
        let first = copy.enqueued_at.unwrap();
        copy.attributes = vec![Attribute::text(
            "pillarbox-first-enqueued-at",
            &first.to_string(),
        )];
        world
            .clock
            .advance(SignedDuration::from_hours(24 * (10 + days)));
        copy.enqueued_at = Some(world.clock.now());
        world.settle(&copy).await;
        assert_eq!(!world.accepted().is_empty(), is_sent, "{days}");
        if !is_sent {
            assert_eq!(world.handed()[0].report["class"], "expired");
        }
    }
}

#[tokio::test]
async fn what_waits_for_its_time_and_cannot_be_renewed_is_handed_over_before_sqs_deletes_it() {
    let world = World::new();
    let (_, body) = due_in(&world, 14, 0);
    let copy = world.copy("1", &body);
    world.clock.advance(SignedDuration::from_hours(13 * 24));
    world.settle(&copy).await;
    assert!(world.accepted().is_empty());
    assert_eq!(world.handed()[0].report["class"], "waited_too_long");
}

#[tokio::test]
async fn sqs_never_deletes_what_could_not_be_renewed() {
    let body = BODY.replace(r#""id""#, r#""expires_at":"2027-12-31T00:00:00Z","id""#);
    let world = World::new();
    let mut copy = world.copy("1", &body);
    copy.enqueued_at = Some(world.clock.now() - SignedDuration::from_hours(24 * 13));
    world.settle(&copy).await;
    assert_eq!(world.handed()[0].report["class"], "waited_too_long");
    assert!(world.accepted().is_empty());
}
