//! What others hear of deliveries.

use common::event::{Event, EventAddresses, Kind};
use common::fakes::MemoryEvents;
use serde_json::Value;

use super::*;

impl World {
    /// The events on the bus, each with its detail as it travels.
    fn heard(&self) -> Vec<(Kind, Value)> {
        let taken = self.events.taken();
        let detail = |event: &Event| serde_json::from_str(&event.detail()).unwrap();
        taken
            .iter()
            .map(|event| (event.kind(), detail(event)))
            .collect()
    }

    fn kinds(&self) -> Vec<Kind> {
        self.heard().into_iter().map(|(kind, _)| kind).collect()
    }

    /// Delivers a body until it is settled, and answers the only event of a kind that was told of it.
    async fn only(&self, kind: Kind, body: &str) -> Value {
        self.settle(&self.copy("1", body)).await;
        let mut heard = self.heard();
        heard.retain(|(heard, _)| *heard == kind);
        assert_eq!(heard.len(), 1, "{heard:?}");
        heard.remove(0).1
    }
}

fn refused_and_accepted() -> Act {
    Act::Answer(vec![
        (250, "2.1.5 OK"),
        (550, "5.1.10 b@fabrikam.com is unknown"),
    ])
}

#[tokio::test]
async fn an_accepted_message_is_told_with_what_its_producer_wants_to_know_it_by() {
    let world = World::new();
    let body = BODY.replace(
        r#""id""#,
        r#""tags":["invoice"],"metadata":{"order":"17"},"cc":"c@fabrikam.com","id""#,
    );
    let sent = world.only(Kind::EmailSent, &body).await;
    assert_eq!(world.kinds(), [Kind::EmailSent]);
    for (field, value) in [
        ("stack", "pillarbox"),
        ("mailbox", "billing"),
        ("notification", "invoice-1"),
        ("copy", "1"),
        ("at", "2027-03-01T12:00:00Z"),
        ("enqueued_at", "2027-03-01T12:00:00Z"),
        ("first_attempt_at", "2027-03-01T12:00:00Z"),
        ("reply", "250 2.0.0 OK Queued mail for delivery"),
    ] {
        assert_eq!(sent[field], value, "{field} of {sent}");
    }
    assert_eq!(
        (&sent["attempts"], &sent["dry_run"]),
        (&1.into(), &false.into())
    );
    assert_eq!(sent["tags"][0], "invoice");
    assert_eq!(sent["metadata"]["order"], "17");
    let recipients = sent["recipients"].as_array().unwrap();
    let addresses: Vec<_> = recipients.iter().map(|one| &one["address"]).collect();
    assert_eq!(addresses, [BOTH[0], BOTH[1], "c@fabrikam.com"]);
    assert!(recipients.iter().all(|one| one["state"] == "accepted"));
    let message = String::from_utf8(world.server.accepted.lock().unwrap()[0].1.clone()).unwrap();
    let message_id = sent["message_id"].as_str().unwrap();
    assert!(message.contains(&format!("Message-ID: {message_id}")));
}

#[tokio::test]
async fn who_was_refused_is_told_beside_who_was_not() {
    let world = World::new().told([refused_and_accepted()]);
    let failed = world.only(Kind::EmailFailed, BODY).await;
    assert_eq!(world.kinds(), [Kind::EmailSent, Kind::EmailFailed]);
    assert_eq!(failed["class"], "recipient_refused");
    assert_eq!(failed["reply"], "550 5.1.10 b@fabrikam.com is unknown");
    assert_eq!(failed["stage"], "rcpt");
    assert!(failed["remedy"].as_str().unwrap().ends_with('.'));
    let states: Vec<_> = (0..2)
        .map(|one| &failed["recipients"][one]["state"])
        .collect();
    assert_eq!(states, ["accepted", "refused"]);
}

#[tokio::test]
async fn a_mailbox_that_hashes_names_nobody() {
    let mut world = World::new().told([refused_and_accepted()]);
    world.settings.event_addresses = EventAddresses::Hashed;
    let failed = world.only(Kind::EmailFailed, BODY).await;
    assert_eq!(
        failed["recipients"][1]["address"],
        MemoryEvents::key().hash(BOTH[1])
    );
    for (kind, detail) in world.heard() {
        assert!(
            !detail.to_string().contains("fabrikam"),
            "{kind:?}: {detail}"
        );
    }
}

#[tokio::test]
async fn a_delay_is_told_once_and_the_end_of_it_after_that() {
    let busy = || Act::Answer(vec![(451, "4.7.500 Server busy"); 2]);
    let world = World::new().told([busy(), busy(), busy()]);
    let delayed = world.only(Kind::EmailDelayed, BODY).await;
    assert_eq!(world.kinds(), [Kind::EmailDelayed, Kind::EmailSent]);
    assert_eq!(delayed["class"], "server_busy");
    assert_eq!(delayed["attempts"], 1);
    let next: jiff::Timestamp = delayed["next_attempt_at"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(next > "2027-03-01T12:00:00Z".parse().unwrap());
    assert_eq!(world.heard()[1].1["attempts"], 4);
}

#[tokio::test]
async fn to_wait_for_a_turn_is_no_delay() {
    let mut world = World::new();
    world.settings.messages_per_minute = 1;
    let desk = world.desk();
    let left = SignedDuration::from_secs(126);
    world.clock.advance(SignedDuration::from_mins(5) - left);
    let mut line = world.server.clone();
    desk.deliver(&world.copy("1", BODY), &mut line).await;
    let other = world.copy("2", &BODY.replace("invoice-1", "invoice-2"));
    let fate = desk.deliver(&other, &mut line).await;
    assert!(matches!(fate, Fate::PutBack(_)), "its turn comes too late");
    desk.put_events().await;
    world.settle(&other).await;
    assert_eq!(world.kinds(), [Kind::EmailSent, Kind::EmailSent]);
}

#[tokio::test]
async fn an_end_that_nobody_knows_is_told_as_such() {
    let world = World::new().told([Act::Silence]);
    let unknown = world.only(Kind::EmailUnknown, BODY).await;
    assert_eq!(unknown["class"], "unknown_after_data");
    assert_eq!(unknown["recipients"][0]["state"], "open");
    assert!(unknown["message_id"].is_string());

    let twice = BODY.replace(r#""id""#, r#""on_unknown":"retry","id""#);
    let world = World::new().told([Act::Silence]);
    let sent = world.only(Kind::EmailSent, &twice).await;
    assert_eq!(
        (&sent["sent_again"], &sent["attempts"]),
        (&true.into(), &2.into())
    );
}

#[tokio::test]
async fn what_is_no_notification_is_told_by_its_copy() {
    let world = World::new();
    let failed = world.only(Kind::EmailFailed, "no notification").await;
    assert_eq!(
        (&failed["class"], &failed["copy"]),
        (&"invalid_message".into(), &"1".into())
    );
    assert!(failed.get("notification").is_none(), "{failed}");

    let world = World::new();
    world.settle(&world.copy("1", BODY)).await;
    world
        .settle(&world.copy("2", &BODY.replace("Hello", "Goodbye")))
        .await;
    let (kind, conflict) = world.heard().remove(1);
    assert_eq!(kind, Kind::EmailFailed);
    assert_eq!(conflict["class"], "idempotency_conflict");
    assert_eq!(conflict["notification"], "invoice-1");
}

#[tokio::test]
async fn what_came_too_late_is_told_as_expired() {
    let world = World::new();
    let body = BODY.replace(r#""id""#, r#""expires_at":"2027-03-01T11:59:59Z","id""#);
    let expired = world.only(Kind::EmailExpired, &body).await;
    assert_eq!(
        (&expired["class"], &expired["attempts"]),
        (&"expired".into(), &0.into())
    );
    assert_eq!(world.kinds(), [Kind::EmailExpired]);
}

#[tokio::test]
async fn a_dry_run_says_so() {
    let dry = BODY.replace(r#""id""#, r#""dry_run":true,"id""#);
    let world = World::new();
    let sent = world.only(Kind::EmailSent, &dry).await;
    assert_eq!(sent["dry_run"], true);
    assert!(sent["reply"].as_str().unwrap().contains("nothing was sent"));
    assert_eq!(sent["recipients"][1]["state"], "accepted");

    let world = World::new().told([refused_and_accepted()]);
    let failed = world.only(Kind::EmailFailed, &dry).await;
    assert_eq!(failed["dry_run"], true);
    assert_eq!(world.kinds(), [Kind::EmailFailed]);
}

#[tokio::test]
async fn another_copy_is_told_as_skipped_and_the_same_copy_as_what_it_became() {
    let world = World::new().told([refused_and_accepted()]);
    for copy in ["1", "1", "2"] {
        world.settle(&world.copy(copy, BODY)).await;
    }
    assert_eq!(world.accepted().len(), 1);
    let heard = world.heard();
    let kinds: Vec<_> = heard.iter().map(|(kind, _)| *kind).collect();
    let once = [Kind::EmailSent, Kind::EmailFailed];
    assert_eq!(kinds[..2], once);
    assert_eq!(kinds[2..4], once);
    assert_eq!(kinds[4..], [Kind::EmailDuplicateSkipped]);
    for (first, again) in [(0, 2), (1, 3)] {
        assert_eq!(heard[first].1["event_id"], heard[again].1["event_id"]);
    }
    let skipped = &heard[4].1;
    assert_eq!(skipped["copy"], "2");
    assert_eq!(skipped["recipients"][1]["state"], "refused");
}

#[tokio::test]
async fn a_bus_that_takes_nothing_costs_its_events_alone() {
    let world = World::new().told([refused_and_accepted()]);
    world.events.calls.break_after(0);
    let copies = [world.copy("1", BODY)];
    let answer = crate::handler::deliver(&copies, &world.desk(), &mut world.server.clone()).await;
    assert!(answer.batch_item_failures.is_empty(), "the copy can go");
    assert_eq!(world.accepted(), [vec![BOTH[0]]]);
    assert_eq!(world.handed().len(), 1);
    assert!(world.heard().is_empty());
    let lines = world.meter.lines();
    let batch: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    assert_eq!(batch["EventsNotPut"], 2, "{batch}");
}

#[tokio::test]
async fn without_the_key_no_address_is_shown() {
    let mut world = World::new();
    world.settings.event_addresses = EventAddresses::Hashed;
    world.events.calls.break_after(0);
    let copies = [world.copy("1", BODY)];
    crate::handler::deliver(&copies, &world.desk(), &mut world.server.clone()).await;
    assert!(world.heard().is_empty());
    assert_eq!(world.accepted(), [BOTH]);
}

/// Stops a worker at every call there is, those to the bus among them, so that nothing it has told is put; then the copy
/// comes back.
#[tokio::test]
async fn wherever_a_worker_stops_the_outcome_is_told_when_its_copy_comes_back() {
    let scripts: [&[Act]; 3] = [
        &[],
        &[Act::Answer(vec![
            (550, "5.1.10 unknown recipient"),
            (550, "5.1.10 unknown recipient"),
        ])],
        &[Act::Answer(vec![
            (250, "2.1.5 OK"),
            (550, "5.1.10 unknown recipient"),
        ])],
    ];
    for script in scripts {
        let whole = World::new().told(script.to_vec());
        whole.settle(&whole.copy("1", BODY)).await;
        let calls = whole.calls.made().len();
        for at in 0..=calls {
            let world = World::new().told(script.to_vec());
            let copy = world.copy("1", BODY);
            world.calls.break_after(at);
            {
                let desk = world.desk();
                desk.deliver(&copy, &mut world.server.clone()).await;
                // The worker is gone here, before it has put anything.
            }
            world.clock.advance(SignedDuration::from_mins(15));
            world.calls.repair();
            world.settle(&copy).await;
            let place = format!("call {at} of {:?}", world.calls.made());
            let heard: Vec<_> = world.kinds();
            let wanted: &[Kind] = match world.state().unwrap() {
                State::Unknown { .. } => &[Kind::EmailUnknown],
                State::Refused { .. } => &[Kind::EmailFailed],
                State::Accepted { hand_over, .. } => match hand_over {
                    Some(_) => &[Kind::EmailSent, Kind::EmailFailed],
                    None => &[Kind::EmailSent],
                },
                other @ (State::Waiting { .. }
                | State::Claimed { .. }
                | State::Sending { .. }
                | State::WouldBeAccepted { .. }) => panic!("{other:?}: {place}"),
            };
            for kind in wanted {
                assert!(
                    heard.contains(kind),
                    "{kind:?} is not in {heard:?}: {place}"
                );
            }
            let mut mails = world.accepted().concat();
            mails.sort();
            mails.dedup();
            assert_eq!(mails.len(), world.accepted().concat().len(), "{place}");
        }
    }
}
