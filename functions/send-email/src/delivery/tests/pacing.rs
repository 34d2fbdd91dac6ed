//! The mailbox's pace: permits, connections, trials, and From addresses that are refused.

use super::*;

fn numbered(number: usize) -> String {
    BODY.replace("invoice-1", &format!("invoice-{number}"))
}

fn from_news(number: usize) -> String {
    numbered(number).replace(r#""id""#, r#""from":"news@contoso.com","id""#)
}

fn refused_with(text: &'static str, code: u16) -> Act {
    Act::Answer(vec![(code, text); 2])
}

fn full() -> Act {
    refused_with(
        "5.2.251 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException",
        554,
    )
}

impl World {
    /// When messages were begun, in seconds since the first.
    fn begun(&self) -> Vec<i64> {
        let begun = self.server.begun.lock().unwrap();
        begun
            .iter()
            .map(|at| at.duration_since(begun[0]).as_secs())
            .collect()
    }

    fn on_trial(self, class: Class) -> Self {
        let mailbox = &self.settings.mailbox;
        let stopped = Connection::stopped(class, "554 no".to_owned(), self.clock.now());
        let state = MailboxState {
            connection: stopped.proven(),
            ..self.states.seen(mailbox)
        };
        self.states.set(mailbox, state);
        self
    }

    fn connection(&self) -> Connection {
        self.states.seen(&self.settings.mailbox).connection
    }
}

#[tokio::test]
async fn a_burst_goes_at_once_and_what_is_beyond_it_waits_with_its_worker() {
    let world = World::new();
    let desk = world.desk();
    let mut line = world.server.clone();
    for number in 0..40 {
        let copy = world.copy(&number.to_string(), &numbered(number));
        assert_eq!(desk.deliver(&copy, &mut line).await, Fate::Settled);
    }
    let begun = world.begun();
    assert_eq!(begun[29], 0, "thirty at once");
    assert!(begun[30] >= 63, "{begun:?}");
    assert_eq!(world.waited.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_have_its_turn_in_this_invocation_goes_back_before_anything_is_opened() {
    let mut world = World::new();
    world.settings.messages_per_minute = 1;
    let desk = world.desk();
    let mut line = world.server.clone();
    let mut fates = Vec::new();
    for number in 0..5 {
        let copy = world.copy(&number.to_string(), &numbered(number));
        fates.push(desk.deliver(&copy, &mut line).await);
    }
    assert_eq!(world.begun().len(), 3, "one at once, and two waits fit");
    let opened = || {
        let made = world.calls.made();
        made.iter().filter(|call| call.starts_with("open")).count()
    };
    assert_eq!(opened(), 3);
    for fate in &fates[3..] {
        let Fate::PutBack(wait) = fate else {
            panic!("{fates:?}")
        };
        assert!((1..=70).contains(&wait.as_secs()), "{fates:?}");
    }
    let state = world.ledger.seen(&Key {
        mailbox: world.settings.mailbox.clone(),
        notification: "invoice-4".to_owned(),
    });
    let record = state.expect("it was claimed");
    assert!(matches!(record.state, State::Waiting { .. }), "and let go");
    assert_eq!(record.attempts, 0);
}

#[tokio::test]
async fn a_permit_that_is_used_too_late_is_taken_anew() {
    let world = World::new();
    let clock = world.clock.clone();
    let slow = move || clock.advance(SignedDuration::from_secs(3));
    // The first write is the claim.
    let calls = world.calls.clone();
    world.calls.during("write record", move || {
        calls.during("write record", slow);
    });
    assert_eq!(world.deliver(&world.copy("1", BODY)).await, Fate::Settled);
    let pace = serde_json::to_value(world.paces.seen(&world.settings.mailbox)).unwrap();
    assert_eq!(pace["permits"].as_array().unwrap().len(), 2);
    assert_eq!(world.accepted(), [BOTH]);
}

#[tokio::test]
async fn there_are_never_more_than_two_connections_that_send() {
    let world = World::new();
    let desks = ["one", "two", "three"].map(|worker| world.desk_of(worker));
    let mut fates = Vec::new();
    for (number, desk) in desks.iter().enumerate() {
        let copy = world.copy(&number.to_string(), &numbered(number));
        fates.push(desk.deliver(&copy, &mut world.server.clone()).await);
    }
    let [Fate::Settled, Fate::Settled, Fate::PutBack(wait)] = fates[..] else {
        panic!("{fates:?}")
    };
    assert!((20..=40).contains(&wait.as_secs()), "{wait:?}");
    desks[0].leave().await;
    world.clock.advance(SignedDuration::from_secs(40));
    let copy = world.copy("2", &numbered(2));
    let fate = desks[2].deliver(&copy, &mut world.server.clone()).await;
    assert_eq!(fate, Fate::Settled);
}

#[tokio::test]
async fn a_worker_that_was_lost_keeps_its_connection_until_it_must_have_ended() {
    let world = World::new();
    for (number, worker) in ["one", "two"].into_iter().enumerate() {
        let copy = world.copy(&number.to_string(), &numbered(number));
        let desk = world.desk_of(worker);
        desk.deliver(&copy, &mut world.server.clone()).await;
    }
    let copy = world.copy("2", &numbered(2));
    assert!(matches!(world.deliver(&copy).await, Fate::PutBack(_)));
    world.clock.advance(SignedDuration::from_secs(311));
    assert_eq!(world.deliver(&copy).await, Fate::Settled);
}

#[tokio::test]
async fn an_answer_of_too_fast_slows_everybody_down() {
    let too_fast = refused_with("4.3.2 Concurrent connections limit exceeded", 432);
    let world = World::new().told([too_fast]);
    let Fate::PutBack(wait) = world.deliver(&world.copy("1", BODY)).await else {
        panic!("the copy is gone")
    };
    assert!(wait >= Duration::from_secs(60), "{wait:?}");
    let desk = world.desk_of("another");
    let copy = world.copy("2", &numbered(2));
    let fate = desk.deliver(&copy, &mut world.server.clone()).await;
    assert_eq!(fate, Fate::Settled);
    assert!(world.begun()[1] >= 60, "{:?}", world.begun());
}

#[tokio::test]
async fn a_quota_pauses_the_mailbox_and_refuses_nothing() {
    let quota = refused_with(
        "5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException",
        554,
    );
    let world = World::new().told([quota]);
    world.deliver(&world.copy("1", BODY)).await;
    for number in 2..50 {
        let copy = world.copy(&number.to_string(), &numbered(number));
        let Fate::PutBack(wait) = world.deliver(&copy).await else {
            panic!("the copy is gone")
        };
        assert!(wait >= Duration::from_secs(3600), "{wait:?}");
    }
    assert_eq!(world.begun().len(), 1, "one message met it for all");
    assert_eq!(world.connection(), Connection::Active);
    assert!(world.handed().is_empty());
    world.clock.advance(SignedDuration::from_hours(2));
    world.settle(&world.copy("2", &numbered(2))).await;
    assert_eq!(world.accepted(), [BOTH]);
}

#[tokio::test]
async fn a_from_address_that_is_refused_waits_and_the_others_go_on() {
    let denied = || refused_with("5.2.252 SendAsDenied", 554);
    let mut world = World::new().told([denied()]);
    for number in 0..100 {
        let copy = world.copy(&number.to_string(), &from_news(number));
        assert!(matches!(world.deliver(&copy).await, Fate::PutBack(_)));
        world.clock.advance(SignedDuration::from_secs(1));
    }
    assert_eq!(world.begun().len(), 1, "one message met it for all");
    world.settle(&world.copy("own", &numbered(200))).await;
    assert_eq!(world.accepted(), [BOTH]);

    // A quarter of an hour after it was refused one message tries, and is refused again.
    world.clock.advance(SignedDuration::from_mins(15));
    world = world.told([denied()]);
    for number in 0..10 {
        world
            .deliver(&world.copy(&number.to_string(), &from_news(number)))
            .await;
    }
    assert_eq!(world.begun().len(), 3);
    world.clock.advance(SignedDuration::from_mins(40));
    for number in 0..10 {
        world
            .settle(&world.copy(&number.to_string(), &from_news(number)))
            .await;
    }
    assert_eq!(world.accepted().len(), 11);
    assert!(world.handed().is_empty());
}

#[tokio::test]
async fn a_mailbox_that_a_message_met_stopped_is_stopped_for_all() {
    let world = World::new().told([full()]);
    world.deliver(&world.copy("1", BODY)).await;
    let stop = world.connection().stop().cloned().expect("it is stopped");
    assert_eq!(stop.class, Class::MailboxFull);
    assert!(matches!(
        world.deliver(&world.copy("2", &numbered(2))).await,
        Fate::PutBack(_)
    ));
    assert_eq!(world.begun().len(), 1);
    assert!(world.handed().is_empty());
}

#[tokio::test]
async fn on_trial_one_message_finds_out_for_all() {
    let world = World::new().on_trial(Class::MailboxFull);
    let (one, other) = (world.desk_of("one"), world.desk_of("other"));
    let (copy, behind) = (world.copy("1", BODY), world.copy("2", &numbered(2)));
    let (mut line, mut second_line) = (world.server.clone(), world.server.clone());
    let (first, second) = tokio::join!(
        one.deliver(&copy, &mut line),
        other.deliver(&behind, &mut second_line)
    );
    assert_eq!(first, Fate::Settled);
    let Fate::PutBack(wait) = second else {
        panic!("both were sent on trial")
    };
    assert!((60..=120).contains(&wait.as_secs()), "{wait:?}");
    assert_eq!(world.begun().len(), 1);
    assert_eq!(world.connection(), Connection::Active);
    world.settle(&behind).await;
    assert_eq!(world.accepted().len(), 2);
}

#[tokio::test]
async fn a_trial_that_fails_stops_the_mailbox_again_since_it_first_was() {
    let world = World::new().on_trial(Class::MailboxFull).told([full()]);
    let since = world.clock.now();
    world.clock.advance(SignedDuration::from_mins(15));
    world.deliver(&world.copy("1", BODY)).await;
    let stop = world.connection().stop().cloned().expect("it is stopped");
    assert_eq!((stop.class, stop.since), (Class::MailboxFull, since));
    assert!(matches!(world.connection(), Connection::Blocked(_)));
    assert!(world.calls.made().contains(&"close the valve".to_owned()));
    let state = world.states.seen(&world.settings.mailbox);
    assert_eq!(state.probed_at, Some(world.clock.now()), "waits double");
    assert!(world.handed().is_empty());
}

#[tokio::test]
async fn a_trial_that_finds_out_nothing_is_left_to_the_next_message() {
    let unknown = refused_with("5.1.10 unknown recipient", 550);
    let world = World::new().on_trial(Class::MailboxFull).told([unknown]);
    world.settle(&world.copy("1", BODY)).await;
    assert_eq!(world.connection().as_str(), "on_trial");
    assert_eq!(
        world.deliver(&world.copy("2", &numbered(2))).await,
        Fate::Settled
    );
    assert_eq!(world.connection(), Connection::Active);
}

#[tokio::test]
async fn a_mailbox_paused_while_a_message_waits_for_its_turn_sends_nothing() {
    let mut world = World::new();
    world.settings.messages_per_minute = 1;
    world.deliver(&world.copy("1", BODY)).await;
    let (states, mailbox) = (world.states.clone(), world.settings.mailbox.clone());
    let paused = MailboxState {
        paused: true,
        ..states.seen(&mailbox)
    };
    world
        .calls
        .during("wait", move || states.set(&mailbox, paused));
    let copy = world.copy("2", &numbered(2));
    assert!(matches!(world.deliver(&copy).await, Fate::PutBack(_)));
    assert_eq!(world.begun().len(), 1);
}

#[tokio::test]
async fn what_became_of_the_mail_is_noted_with_the_return_of_the_connection_and_costs_an_accepted_one_no_write()
 {
    let world = World::new();
    let before = world.paces.calls.made().len();
    world.deliver(&world.copy("1", BODY)).await;
    let writes = world.paces.calls.made();
    let writes = writes[before..]
        .iter()
        .filter(|call| call.starts_with("write pace"));
    // A connection leased, a permit taken, the connection given back.
    assert_eq!(writes.count(), 3);
    let mailbox = &world.settings.mailbox;
    let lately = world.paces.seen(mailbox).lately();
    assert_eq!(
        (lately.accepted_at, lately.failure),
        (Some(world.clock.now()), None)
    );

    world.clock.advance(SignedDuration::from_mins(1));
    world.deliver(&world.copy("2", "no notification")).await;
    let failure = world.paces.seen(mailbox).lately().failure.unwrap();
    assert_eq!(
        (failure.at, failure.class),
        (world.clock.now(), Class::InvalidMessage)
    );
    assert_eq!(
        world.paces.seen(mailbox).lately().accepted_at,
        lately.accepted_at
    );
}
