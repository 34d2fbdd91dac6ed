//! Notifications to many: each part is sent once and ends by itself, whatever happens between them.

use common::ledger::{Record, Resend, redrive};

use super::*;

const THREE: [&str; 3] = ["a@fabrikam.com", "b@fabrikam.com", "c@fabrikam.com"];

fn body() -> String {
    BODY.replace(
        r#""b@fabrikam.com""#,
        r#""b@fabrikam.com","c@fabrikam.com""#,
    )
}

impl World {
    /// A world in which a message goes to so many.
    fn in_parts_of(recipients: usize) -> Self {
        let mut world = Self::new();
        world.settings.recipients_per_message = recipients;
        world
    }

    fn key(&self) -> Key {
        Key {
            mailbox: self.settings.mailbox.clone(),
            notification: "invoice-1".to_owned(),
        }
    }

    fn record(&self) -> Record {
        self.ledger.seen(&self.key()).unwrap()
    }

    /// The messages that were accepted, without their Message-IDs, which are told besides.
    fn messages(&self) -> Vec<(String, String)> {
        let accepted = self.server.accepted.lock().unwrap();
        let texts = accepted
            .iter()
            .map(|(_, bytes)| String::from_utf8(bytes.clone()).unwrap());
        let split = |text: String| {
            let start = text.find("Message-ID: ").unwrap();
            let end = start + text[start..].find("\r\n").unwrap();
            (
                text[start..end].to_owned(),
                text[..start].to_owned() + &text[end..],
            )
        };
        texts.map(split).collect()
    }

    fn redrive(&self, resend: Resend) -> Redriven {
        let notification = Notification::parse(&body()).unwrap();
        let content = notification.content_hash().as_str();
        redrive(Some(&self.record()), content, resend, self.clock.now())
    }
}

type Redriven = common::ledger::Redrive;

fn to(recipients: &[&str]) -> Vec<String> {
    recipients.iter().map(|one| (*one).to_owned()).collect()
}

const BUSY: (u16, &str) = (451, "4.7.500 Server busy");
const NOBODY: (u16, &str) = (550, "5.1.10 unknown recipient");

#[tokio::test]
async fn the_parts_leave_one_after_the_other_and_differ_in_their_message_ids_alone() {
    let world = World::in_parts_of(2);
    let copy = world.copy("1", &body());
    assert_eq!(world.deliver(&copy).await, Fate::Settled);
    assert_eq!(world.accepted(), [to(&THREE[..2]), to(&THREE[2..])]);
    let messages = world.messages();
    assert_ne!(messages[0].0, messages[1].0);
    assert_eq!(messages[0].1, messages[1].1);
    assert!(
        messages[1]
            .1
            .contains("To: a@fabrikam.com, b@fabrikam.com, c@fabrikam.com\r\n")
    );
    let record = world.record();
    assert!(matches!(
        record.state,
        State::Accepted {
            hand_over: None,
            ..
        }
    ));
    assert_eq!(
        (record.attempts, record.part, record.settled.len()),
        (2, 2, 3)
    );

    let whole = World::new();
    whole.settle(&whole.copy("1", &body())).await;
    assert_eq!(
        whole.messages()[0],
        messages[0],
        "the first has the id of the whole"
    );
}

#[tokio::test]
async fn each_part_takes_a_permit_and_what_has_no_time_left_is_put_back() {
    let mut world = World::in_parts_of(1);
    world.settings.messages_per_minute = 1;
    let copy = world.copy("1", &body());
    let desk = world.desk();
    world.clock.advance(SignedDuration::from_secs(100));
    let fate = desk.deliver(&copy, &mut world.server.clone()).await;
    assert!(matches!(fate, Fate::PutBack(_)), "{fate:?}");
    assert_eq!(world.accepted(), [to(&THREE[..1]), to(&THREE[1..2])]);
    assert!(matches!(world.state(), Some(State::Waiting { .. })));
    world.settle(&copy).await;
    assert_eq!(world.accepted().concat(), THREE);
    let begun = world.server.begun.lock().unwrap();
    assert!(
        begun
            .windows(2)
            .all(|two| two[1].duration_since(two[0]) >= SignedDuration::from_secs(60))
    );
}

#[tokio::test]
async fn a_refusal_in_one_part_and_a_deferral_in_another_keep_nobody_else_back() {
    let acts = [vec![NOBODY], vec![BUSY]].map(Act::Answer);
    let world = World::in_parts_of(1).told(acts);
    let copy = world.copy("1", &body());
    assert!(matches!(world.deliver(&copy).await, Fate::PutBack(_)));
    assert_eq!(
        world.accepted(),
        [to(&THREE[2..])],
        "the last is not kept back"
    );
    world.settle(&copy).await;
    assert_eq!(world.accepted(), [to(&THREE[2..]), to(&THREE[1..2])]);
    let handed = world.handed();
    assert_eq!(handed.len(), 1);
    assert_eq!(handed[0].report["class"], "recipient_refused");
    assert_eq!(handed[0].report["refused"][0]["recipient"], THREE[0]);
    assert_eq!(handed[0].report["accepted"], 2);

    let Redriven::Again(record) = world.redrive(Resend::Never) else {
        panic!("who was refused is not tried again");
    };
    world
        .ledger
        .write(&world.key(), &record, world.clock.now())
        .await
        .unwrap();
    world.settle(&world.copy("2", &body())).await;
    assert_eq!(world.accepted().concat().len(), 3);
    assert_eq!(world.accepted()[2], to(&THREE[..1]));
}

#[tokio::test]
async fn a_throttled_mailbox_keeps_the_next_part_back() {
    let world = World::in_parts_of(1).told([Act::Answer(vec![(
        432,
        "4.3.2 Concurrent connections limit exceeded",
    )])]);
    let copy = world.copy("1", &body());
    assert!(matches!(world.deliver(&copy).await, Fate::PutBack(_)));
    assert_eq!(world.server.begun.lock().unwrap().len(), 1);
    world.settle(&copy).await;
    assert_eq!(world.accepted().concat(), THREE);
}

#[tokio::test]
async fn what_nobody_knows_of_one_part_is_of_its_recipients_alone() {
    let accept = || Act::Answer(vec![(250, "2.1.5 OK")]);
    let world = World::in_parts_of(1).told([accept(), Act::Silence, accept()]);
    let copy = world.copy("1", &body());
    assert_eq!(world.deliver(&copy).await, Fate::Settled);
    // The server has kept to itself that it took the second.
    assert_eq!(world.accepted().concat(), THREE);
    let record = world.record();
    assert!(matches!(record.state, State::Unknown { .. }));
    assert_eq!(record.unknown[0].recipients, [THREE[1]]);
    let report = world.handed()[0].report.clone();
    assert_eq!(report["class"], "unknown_after_data");
    assert_eq!(
        (&report["accepted"], &report["unknown"]),
        (&2.into(), &1.into())
    );
    let message_id = report["message_id"].as_str().unwrap();
    assert!(world.messages()[1].0.ends_with(message_id));

    world.settle(&world.copy("2", &body())).await;
    assert_eq!(world.redrive(Resend::Never), Redriven::Unknown);
    assert_eq!(
        world.accepted().len(),
        3,
        "nothing is sent that nobody asked for"
    );

    let Redriven::Again(record) = world.redrive(Resend::Unknown) else {
        panic!("it is not sent again");
    };
    world
        .ledger
        .write(&world.key(), &record, world.clock.now())
        .await
        .unwrap();
    world.settle(&world.copy("3", &body())).await;
    assert_eq!(world.accepted()[3..], [to(&THREE[1..2])]);
    assert_eq!(
        world.messages()[3],
        world.messages()[1],
        "it is the same message"
    );
    assert!(matches!(
        world.state(),
        Some(State::Accepted {
            hand_over: None,
            ..
        })
    ));
}

#[tokio::test]
async fn the_policy_sends_the_part_once_more_whose_reply_was_lost() {
    let retry = body().replace(r#""id""#, r#""on_unknown":"retry","id""#);
    let accept = || Act::Answer(vec![(250, "2.1.5 OK")]);
    let world = World::in_parts_of(1).told([accept(), Act::Silence, accept(), Act::Silence]);
    world.settle(&world.copy("1", &retry)).await;
    assert_eq!(
        world.accepted().concat(),
        [THREE[0], THREE[1], THREE[1], THREE[2], THREE[2]]
    );
    assert!(
        matches!(world.state(), Some(State::Accepted { .. })),
        "each part has its own second try"
    );
    assert!(world.handed().is_empty());
}

#[tokio::test]
async fn a_part_stays_what_it_is_when_the_limit_changes() {
    let mut world =
        World::in_parts_of(2).told([vec![(250, "2.1.5 OK"), BUSY], vec![BUSY]].map(Act::Answer));
    let copy = world.copy("1", &body());
    assert!(matches!(world.deliver(&copy).await, Fate::PutBack(_)));
    world.settings.recipients_per_message = 500;
    world.settle(&copy).await;
    assert_eq!(
        world.accepted(),
        [to(&THREE[..1]), to(&THREE[1..2]), to(&THREE[2..])]
    );
    let ids: Vec<_> = world.messages().into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids[0], ids[1], "the same part is the same message");
    assert_ne!(ids[1], ids[2]);

    // What was refused as a whole is tried by the limit of the day.
    let mut world =
        World::in_parts_of(3).told([Act::Answer(vec![(550, "5.5.3 Too many recipients"); 3])]);
    world.settle(&world.copy("1", &body())).await;
    assert_eq!(world.handed()[0].report["class"], "too_many_recipients");
    world.settings.recipients_per_message = 1;
    world.settle(&world.copy("2", &body())).await;
    assert_eq!(world.accepted(), THREE.map(|one| vec![one.to_owned()]));
}

#[tokio::test]
async fn a_fault_of_a_later_part_leaves_the_earlier_ones_accepted() {
    let world =
        World::in_parts_of(1).told([Act::Answer(vec![(250, "2.1.5 OK")]), Act::Needs("SMTPUTF8")]);
    world.settle(&world.copy("1", &body())).await;
    let report = world.handed()[0].report.clone();
    assert_eq!(
        (&report["class"], &report["accepted"]),
        (&"content_refused".into(), &1.into())
    );
    world.settle(&world.copy("2", &body())).await;
    assert_eq!(world.accepted(), THREE.map(|one| vec![one.to_owned()]));
}

#[tokio::test]
async fn a_dry_run_asks_for_every_part() {
    let dry = body().replace(r#""id""#, r#""dry_run":true,"id""#);
    let probes = |world: &World| {
        world
            .calls
            .made()
            .iter()
            .filter(|call| call.starts_with("probe"))
            .count()
    };
    let world = World::in_parts_of(1);
    world.settle(&world.copy("1", &dry)).await;
    assert_eq!(
        (probes(&world), world.accepted().len(), world.handed().len()),
        (3, 0, 0)
    );
    let refused = [vec![(250, "2.1.5 OK")], vec![NOBODY]].map(Act::Answer);
    let world = World::in_parts_of(1).told(refused);
    world.settle(&world.copy("1", &dry)).await;
    assert_eq!(probes(&world), 3, "the last is asked for too");
    let report = world.handed()[0].report.clone();
    assert_eq!(report["refused"].as_array().unwrap().len(), 1);
    assert_eq!(report["refused"][0]["recipient"], THREE[1]);
}

/// Breaks at every call there is, as a worker that dies there would; then everything works again.
#[tokio::test]
async fn wherever_a_worker_stops_between_parts_nobody_is_lost_or_has_two_mails() {
    let accept = || Act::Answer(vec![(250, "2.1.5 OK")]);
    let scripts = [
        vec![],
        vec![Act::Answer(vec![NOBODY])],
        vec![accept(), Act::Answer(vec![BUSY])],
        vec![accept(), Act::Silence],
    ];
    let mut unknown_parts = [0; 4];
    for (number, script) in scripts.into_iter().enumerate() {
        let whole = World::in_parts_of(1).told(script.clone());
        whole.settle(&whole.copy("1", &body())).await;
        let calls = whole.calls.made().len();
        assert!(calls >= 15, "{:?}", whole.calls.made());
        for at in 0..calls {
            let world = World::in_parts_of(1).told(script.clone());
            let copy = world.copy("1", &body());
            world.calls.break_after(at);
            world.deliver(&copy).await;
            world.calls.repair();
            world.clock.advance(SignedDuration::from_mins(15));
            world.settle(&copy).await;

            let place = format!("script {number}, call {at} of {:?}", world.calls.made());
            let mut mails = world.accepted().concat();
            mails.sort();
            let before = mails.len();
            mails.dedup();
            assert_eq!(before, mails.len(), "somebody has two mails: {place}");
            let record = world.record();
            assert_eq!(record.owed(), None, "{place}");
            let unknown: Vec<_> = record
                .unknown
                .iter()
                .flat_map(|part| &part.recipients)
                .collect();
            assert!(unknown.len() <= 2, "{unknown:?}: {place}");
            unknown_parts[unknown.len()] += 1;
            assert_eq!(
                !unknown.is_empty(),
                matches!(record.state, State::Unknown { .. }),
                "{place}"
            );
            for one in THREE {
                let told = record.settled.iter().filter(|it| it.address == one);
                let told: Vec<_> = told.map(|it| it.accepted).collect();
                let is_unknown = unknown.iter().any(|it| *it == one);
                assert_eq!(
                    told.len() + usize::from(is_unknown),
                    1,
                    "{one} is told of once: {place}"
                );
                let has_mail = mails.iter().any(|mail| mail == one);
                assert!(is_unknown || told[0] == has_mail, "{one}: {place}");
            }
        }
    }
    assert!(
        unknown_parts[1] > 10 && unknown_parts[2] > 0,
        "{unknown_parts:?}"
    );
}
