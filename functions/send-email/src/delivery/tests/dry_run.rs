//! Dry runs: what they find out, what they leave behind, and what they leave alone.

use super::*;

fn dry() -> String {
    BODY.replace(r#""id""#, r#""dry_run":true,"id""#)
}

impl World {
    /// What the ledger says of the dry run of a copy.
    fn dry_state(&self, copy: &str) -> Option<State> {
        let id = NotificationId::parse("invoice-1").unwrap();
        let key = Key::of_dry_run(&self.settings.mailbox, &id, copy);
        self.ledger.seen(&key).map(|record| record.state)
    }

    fn probes(&self) -> usize {
        let made = self.calls.made();
        made.iter().filter(|call| call.starts_with("probe")).count()
    }
}

#[tokio::test]
async fn a_dry_run_sends_nothing_and_its_id_stays_usable() {
    let world = World::new();
    assert_eq!(world.deliver(&world.copy("1", &dry())).await, Fate::Settled);
    assert!(world.accepted().is_empty() && world.handed().is_empty());
    let at = world.clock.now();
    assert_eq!(world.dry_state("1"), Some(State::WouldBeAccepted { at }));
    assert!(
        world.state().is_none(),
        "the notification has no record yet"
    );

    assert_eq!(world.deliver(&world.copy("1", &dry())).await, Fate::Settled);
    assert_eq!(world.probes(), 1, "the queue repeats the copy");
    world.settle(&world.copy("2", &dry())).await;
    assert_eq!(world.probes(), 2, "another copy asks anew");

    world.settle(&world.copy("3", BODY)).await;
    assert_eq!(world.accepted(), [BOTH]);
    world
        .settle(&world.copy("4", &dry().replace("Hello", "Goodbye")))
        .await;
    assert!(world.handed().is_empty(), "other content is no conflict");
    assert!(matches!(world.state(), Some(State::Accepted { .. })));
}

#[tokio::test]
async fn a_dry_run_names_who_would_be_refused() {
    let answers = vec![(250, "2.1.5 OK"), (550, "5.1.10 unknown recipient")];
    let world = World::new().told([Act::Answer(answers)]);
    world.settle(&world.copy("1", &dry())).await;
    let handed = world.handed();
    assert_eq!(handed[0].report["class"], "recipient_refused");
    assert_eq!(handed[0].report["refused"][0]["recipient"], BOTH[1]);
    assert_eq!(handed[0].report["accepted"], 0, "nobody has a mail");
    assert_eq!(handed[0].body, dry());
    assert!(world.accepted().is_empty() && world.state().is_none());
}

#[tokio::test]
async fn what_is_wrong_before_the_wire_is_found_out_by_a_dry_run() {
    let world = World::new();
    let foreign = dry().replace(r#""id""#, r#""from":"orders@contoso.com","id""#);
    world.settle(&world.copy("1", &foreign)).await;
    assert_eq!(world.handed()[0].report["class"], "sender_not_allowed");
    assert_eq!(world.probes(), 0);
}

#[tokio::test]
async fn a_dry_run_that_is_put_off_asks_for_everybody_again() {
    let deferred = Act::Answer(vec![(250, "2.1.5 OK"), (451, "4.7.500 Server busy")]);
    let world = World::new().told([deferred, Act::Silence]);
    world.settle(&world.copy("1", &dry())).await;
    assert_eq!(world.probes(), 3);
    let at = world.clock.now();
    assert_eq!(world.dry_state("1"), Some(State::WouldBeAccepted { at }));
    assert!(world.accepted().is_empty() && world.handed().is_empty());
}

#[tokio::test]
async fn a_dry_run_takes_a_permit_and_does_not_wait_for_its_time() {
    let mut world = World::new();
    world.settings.messages_per_minute = 1;
    let later = dry().replace(r#""id""#, r#""send_at":"2027-03-10T12:00:00Z","id""#);
    let desk = world.desk();
    let mut line = world.server.clone();
    for copy in ["1", "2"] {
        let copy = world.copy(copy, &later);
        assert_eq!(desk.deliver(&copy, &mut line).await, Fate::Settled);
    }
    assert_eq!(world.waited.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_dry_run_that_stops_anywhere_leaves_no_unknown() {
    let whole = World::new();
    whole.settle(&whole.copy("1", &dry())).await;
    let calls = whole.calls.made().len();
    assert!(calls >= 6, "{:?}", whole.calls.made());
    for at in 0..calls {
        let world = World::new();
        let copy = world.copy("1", &dry());
        world.calls.break_after(at);
        world.deliver(&copy).await;
        world.clock.advance(SignedDuration::from_mins(15));
        world.calls.repair();
        world.settle(&copy).await;
        let place = format!("call {at} of {:?}", world.calls.made());
        assert!(
            world.accepted().is_empty() && world.handed().is_empty(),
            "{place}"
        );
        let state = world.dry_state("1");
        assert!(
            matches!(state, Some(State::WouldBeAccepted { .. })),
            "{place}"
        );
    }
}
