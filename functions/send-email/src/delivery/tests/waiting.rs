//! What waits for long: new copies in the place of old ones, and what waits too long.

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
    copy.attributes = vec![("colour".to_owned(), "blue".to_owned())];
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
    assert_eq!(
        again.named().map(|id| id.to_string()).as_deref(),
        Some("invoice-1")
    );
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
    copy.attributes = vec![("pillarbox-first-enqueued-at".to_owned(), first.to_string())];
    world.settle(&copy).await;
    assert_eq!(world.handed()[0].report["class"], "waited_too_long");
}

#[tokio::test]
async fn what_waited_twelve_days_is_sent_where_the_mailbox_is_open() {
    let world = World::new();
    world.settle(&world.aged("1", 12)).await;
    assert_eq!(world.accepted(), [BOTH]);
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
