//! Deliveries against stores in memory and a server that keeps count.

mod dry_run;
mod objects;
mod pacing;
mod parts;
mod telling;
mod templates;
mod waiting;
mod world;

use common::failed::Attribute;
use common::ledger::State;
use jiff::SignedDuration;

use self::world::{Act, BODY, World};
use super::*;

const BOTH: [&str; 2] = ["a@fabrikam.com", "b@fabrikam.com"];

#[tokio::test]
async fn a_notification_is_accepted_once_whoever_repeats_it() {
    let world = World::new();
    let first = world.copy("1", BODY);
    assert_eq!(world.deliver(&first).await, Fate::Settled);
    assert_eq!(
        world.deliver(&first).await,
        Fate::Settled,
        "the queue repeats the copy"
    );
    assert_eq!(
        world.deliver(&world.copy("2", BODY)).await,
        Fate::Settled,
        "the producer repeats the notification"
    );
    assert_eq!(world.accepted(), [BOTH]);
    assert!(world.handed().is_empty());
}

#[tokio::test]
async fn other_content_under_the_same_id_is_handed_over_and_not_sent() {
    let world = World::new();
    world.settle(&world.copy("1", BODY)).await;
    let other = BODY.replace("Hello", "Goodbye");
    world.settle(&world.copy("2", &other)).await;
    assert_eq!(world.accepted().len(), 1);
    let handed = world.handed();
    assert_eq!(handed.len(), 1);
    assert_eq!(handed[0].report["class"], "idempotency_conflict");
    assert_eq!(handed[0].body, other, "the body is unchanged");
}

#[tokio::test]
async fn what_is_not_a_notification_is_handed_over_with_the_field_named() {
    let world = World::new();
    world
        .settle(&world.copy(
            "1",
            r#"{"to":"a@fabrikam.com","subjct":"Hi","text":"Hello"}"#,
        ))
        .await;
    let handed = world.handed();
    assert_eq!(handed[0].report["class"], "invalid_message");
    let reply = handed[0].report["reply"].as_str().unwrap();
    assert!(
        reply.contains("/subjct") && reply.contains("/subject"),
        "{reply}"
    );
    assert!(handed[0].attribute("pillarbox-id").is_none());
}

#[tokio::test]
async fn a_name_that_is_no_id_is_told_and_nothing_is_sent_under_another() {
    let world = World::new();
    let nameless = BODY.replace(r#""id":"invoice-1","#, "");
    let mut copy = world.copy("1", &nameless);
    copy.attributes = vec![
        Attribute::text("colour", "blue"),
        Attribute::text("pillarbox-id", "invoice 1"),
    ];
    world.settle(&copy).await;
    assert!(world.accepted().is_empty());
    let handed = world.handed();
    assert_eq!(handed.len(), 1);
    assert_eq!(handed[0].report["class"], "invalid_message");
    let reply = handed[0].report["reply"].as_str().unwrap();
    assert!(
        reply.starts_with("the attribute `pillarbox-id` has a space"),
        "{reply}"
    );
    assert_eq!(handed[0].body, nameless);
    for (name, value) in [("pillarbox-id", "invoice 1"), ("colour", "blue")] {
        assert_eq!(handed[0].attribute(name), Some(value), "it keeps its own");
    }

    copy.body = BODY.to_owned();
    world.settle(&copy).await;
    assert_eq!(
        world.accepted(),
        [BOTH],
        "a body that names itself needs none"
    );
}

#[tokio::test]
async fn a_stopped_or_paused_mailbox_sends_nothing_and_loses_nothing() {
    let world = World::new();
    let mailbox = &world.settings.mailbox;
    let active = world.states.seen(mailbox);
    let blocked = Connection::stopped(Class::SmtpAuthDisabled, String::new(), world.clock.now());
    for state in [
        MailboxState {
            connection: blocked,
            ..active.clone()
        },
        MailboxState {
            connection: Connection::AwaitingConsent,
            ..active.clone()
        },
        MailboxState {
            paused: true,
            ..active.clone()
        },
    ] {
        world.states.set(mailbox, state);
        let Fate::PutBack(wait) = world.deliver(&world.copy("1", BODY)).await else {
            panic!("the copy is gone")
        };
        assert!((60..=120).contains(&wait.as_secs()), "{wait:?}");
    }
    assert!(world.accepted().is_empty() && world.state().is_none());
    world.states.set(mailbox, active);
    world.settle(&world.copy("1", BODY)).await;
    assert_eq!(world.accepted(), [BOTH]);
}

#[tokio::test]
async fn a_refused_sign_in_stops_the_mailbox_and_keeps_the_notification() {
    let world = World::new().told([Act::NoWay(Class::SmtpAuthDisabled)]);
    assert!(matches!(
        world.deliver(&world.copy("1", BODY)).await,
        Fate::PutBack(_)
    ));
    let state = world.states.seen(&world.settings.mailbox);
    assert_eq!(
        state.connection.stop().map(|stop| stop.class),
        Some(Class::SmtpAuthDisabled)
    );
    assert!(world.calls.made().contains(&"close the valve".to_owned()));
    assert!(
        world.handed().is_empty(),
        "nothing reaches the failed queue because a mailbox stopped"
    );
}

#[tokio::test]
async fn a_deferred_recipient_alone_is_tried_again_with_the_same_message() {
    let deferred = Act::Answer(vec![(250, "2.1.5 OK"), (451, "4.7.500 Server busy")]);
    let world = World::new().told([deferred]);
    world.settle(&world.copy("1", BODY)).await;
    assert_eq!(world.accepted(), [vec![BOTH[0]], vec![BOTH[1]]]);
    let messages = world.server.accepted.lock().unwrap();
    assert_eq!(messages[0].1, messages[1].1, "a repeat is the same message");
    assert!(world.handed().is_empty());
}

#[tokio::test]
async fn a_refused_recipient_is_named_and_the_others_have_their_mail() {
    let world = World::new().told([Act::Answer(vec![
        (250, "2.1.5 OK"),
        (550, "5.1.10 unknown recipient"),
    ])]);
    world.settle(&world.copy("1", BODY)).await;
    assert_eq!(world.accepted(), [vec![BOTH[0]]]);
    let handed = world.handed();
    assert_eq!(handed.len(), 1);
    assert_eq!(handed[0].report["class"], "recipient_refused");
    assert_eq!(handed[0].report["refused"][0]["recipient"], BOTH[1]);
    assert_eq!(handed[0].report["accepted"], 1);
    assert_eq!(handed[0].attribute("pillarbox-id"), Some("invoice-1"));
    world.settle(&world.copy("2", BODY)).await;
    assert_eq!(world.accepted().len(), 1, "a redrive sends nothing twice");
}

#[tokio::test]
async fn a_refused_recipient_is_named_although_another_was_put_off_at_the_same_time() {
    let answers = vec![
        (550, "5.1.10 unknown recipient"),
        (451, "4.7.500 Server busy"),
    ];
    let world = World::new().told([Act::Answer(answers)]);
    world.settle(&world.copy("1", BODY)).await;
    assert_eq!(world.accepted(), [vec![BOTH[1]]]);
    let handed = world.handed();
    assert_eq!(handed.len(), 1, "nobody would hear of the refusal");
    assert_eq!(handed[0].report["class"], "recipient_refused");
    assert_eq!(handed[0].report["refused"][0]["recipient"], BOTH[0]);
    assert_eq!(handed[0].report["accepted"], 1);
    world.settle(&world.copy("2", BODY)).await;
    assert_eq!(world.handed().len(), 1, "it is told once");
}

#[tokio::test]
async fn a_notification_that_nobody_takes_is_handed_over() {
    let refused = Act::Answer(vec![(550, "5.1.10 unknown recipient"); 2]);
    let world = World::new().told([refused]);
    world.settle(&world.copy("1", BODY)).await;
    assert_eq!(world.handed()[0].report["class"], "recipient_refused");
    world.settle(&world.copy("2", BODY)).await;
    assert_eq!(world.accepted(), [BOTH], "another copy is a new attempt");
}

#[tokio::test]
async fn an_address_that_the_server_has_no_extension_for_is_final_for_its_notification_alone() {
    let body = r#"{"id":"invoice-1","smtputf8":true,"to":"jürgen@fabrikam.com","subject":"Invoice","text":"Hello"}"#;
    let world = World::new().told([Act::Needs("SMTPUTF8")]);
    world.settle(&world.copy("1", body)).await;
    assert!(world.accepted().is_empty());
    let report = &world.handed()[0].report;
    assert_eq!(report["class"], "content_refused");
    let said = report["reply"].as_str().unwrap();
    assert!(
        said.contains("SMTPUTF8") && said.contains("ASCII"),
        "{said}"
    );
    assert!(report["remedy"].as_str().unwrap().contains("new id"));
    world.settle(&world.copy("2", body)).await;
    assert_eq!(
        world.accepted(),
        [["jürgen@fabrikam.com"]],
        "a server that offers it takes it"
    );
}

#[tokio::test]
async fn a_remedy_names_the_from_address_that_was_asked_for() {
    let world = World::new();
    let body = BODY.replace(r#""id""#, r#""from":"orders@contoso.com","id""#);
    world.settle(&world.copy("1", &body)).await;
    let report = &world.handed()[0].report;
    assert_eq!(report["class"], "sender_not_allowed");
    let remedy = report["remedy"].as_str().unwrap();
    assert!(remedy.contains("orders@contoso.com"), "{remedy}");
}

#[tokio::test]
async fn a_lost_reply_is_unknown_and_never_sent_again() {
    let world = World::new().told([Act::Silence]);
    world.settle(&world.copy("1", BODY)).await;
    world.settle(&world.copy("2", BODY)).await;
    assert_eq!(world.accepted().len(), 1);
    assert!(matches!(world.state(), Some(State::Unknown { .. })));
    let handed = world.handed();
    assert_eq!(handed.len(), 1, "it is handed over once");
    assert_eq!(handed[0].report["class"], "unknown_after_data");
    let message_id = handed[0].report["message_id"].as_str().unwrap();
    let message = String::from_utf8(world.server.accepted.lock().unwrap()[0].1.clone()).unwrap();
    assert!(
        message.contains(&format!("Message-ID: {message_id}")),
        "{message}"
    );
}

#[tokio::test]
async fn a_stop_that_somebody_knows_better_is_not_overwritten() {
    let world = World::new().told([Act::NoWay(Class::TokenRejected)]);
    let mailbox = &world.settings.mailbox;
    let seen = world.states.seen(mailbox);
    let revoked = Connection::stopped(Class::ConsentRevoked, String::new(), world.clock.now());
    world.states.set(
        mailbox,
        MailboxState {
            connection: revoked.clone(),
            ..seen.clone()
        },
    );
    let desk = world.desk();
    let reason = ours(Class::TokenRejected, "535 5.7.3".to_owned(), "auth");
    assert!(desk.stop_mailbox(reason, &seen).await.is_ok());
    assert_eq!(world.states.seen(mailbox).connection, revoked);
}

#[tokio::test]
async fn a_batch_is_measured_in_one_line_and_each_failure_in_one_of_its_class() {
    let refused = Act::Answer(vec![(250, "2.1.5 OK"), (550, "5.1.10 unknown recipient")]);
    let world = World::new().told([refused, Act::NoWay(Class::Network)]);
    let copies = [
        world.copy("1", BODY),
        world.copy("2", "no notification"),
        world.copy("3", &BODY.replace("invoice-1", "invoice-3")),
    ];
    crate::handler::deliver(&copies, &world.desk(), &mut world.server.clone()).await;
    let lines: Vec<serde_json::Value> = world
        .meter
        .lines()
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [refused, invalid, batch] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(
        (&refused["Failed"], &refused["Class"]),
        (&1.into(), &"recipient_refused".into())
    );
    assert_eq!(
        (&invalid["Failed"], &invalid["Class"]),
        (&1.into(), &"invalid_message".into())
    );
    for (metric, value) in [("Accepted", 1), ("RecipientsRefused", 1), ("PutBack", 1)] {
        assert_eq!(batch[metric], value, "{metric} of {batch}");
    }
    assert_eq!(batch["QueueToAccepted"], 0);
    assert!(batch["Unknown"].is_null());
    // The connection served every message, and was opened once.
    for (metric, value) in [("Connect", 21), ("Tls", 34), ("Auth", 55)] {
        assert_eq!(batch[metric], value, "{metric} of {batch}");
    }
}

#[tokio::test]
async fn a_delivery_that_panics_costs_its_own_copy_alone() {
    let world = World::new().told([Act::Panic]);
    let copies = [
        world.copy("1", BODY),
        world.copy("2", &BODY.replace("invoice-1", "invoice-2")),
    ];
    let answer = crate::handler::deliver(&copies, &world.desk(), &mut world.server.clone()).await;
    let failed: Vec<_> = answer
        .batch_item_failures
        .iter()
        .map(|failure| failure.item_identifier.as_str())
        .collect();
    assert_eq!(failed, ["1"]);
    assert_eq!(world.accepted(), [BOTH]);
}

#[tokio::test]
async fn a_record_is_not_begun_without_the_time_to_end_it() {
    let world = World::new();
    let copies = [world.copy("1", BODY)];
    world.clock.advance(SignedDuration::from_secs(-1));
    let desk = world.desk();
    world.clock.advance(SignedDuration::from_secs(5 * 60 - 120));
    let answer = crate::handler::deliver(&copies, &desk, &mut world.server.clone()).await;
    assert_eq!(answer.batch_item_failures.len(), 1);
    assert!(
        world.state().is_none() && world.accepted().is_empty(),
        "nothing of it was begun"
    );
}

#[tokio::test]
async fn a_lost_reply_is_sent_once_more_where_the_policy_says_so() {
    let body = BODY.replace(r#""id""#, r#""on_unknown":"retry","id""#);
    let world = World::new().told([Act::Silence, Act::Silence]);
    world.settle(&world.copy("1", &body)).await;
    assert_eq!(world.accepted().len(), 2, "once more, and not a third time");
    assert_eq!(world.handed().len(), 1);
}

#[tokio::test]
async fn what_came_too_late_is_not_sent() {
    let world = World::new();
    let body = BODY.replace(r#""id""#, r#""expires_at":"2027-03-01T11:59:59Z","id""#);
    world.settle(&world.copy("1", &body)).await;
    let mut old = world.copy("2", &BODY.replace("invoice-1", "invoice-2"));
    old.enqueued_at = Some(world.clock.now() - SignedDuration::from_hours(13 * 24));
    world.settle(&old).await;
    assert!(world.accepted().is_empty());
    let classes: Vec<_> = world
        .handed()
        .iter()
        .map(|handed| handed.report["class"].clone())
        .collect();
    assert_eq!(classes, ["expired", "expired"]);
}

#[tokio::test]
async fn a_repeat_of_what_somebody_works_on_looks_again_soon() {
    let world = World::new();
    world.calls.break_after(4);
    world.deliver(&world.copy("1", BODY)).await;
    world.calls.repair();
    assert!(
        matches!(world.state(), Some(State::Claimed { .. })),
        "{:?}",
        world.state()
    );
    let Fate::PutBack(wait) = world.deliver(&world.copy("2", BODY)).await else {
        panic!("the repeat is gone")
    };
    assert!((10..=20).contains(&wait.as_secs()), "{wait:?}");
}

#[tokio::test]
async fn what_became_of_a_message_is_written_again_until_the_ledger_answers() {
    let world = World::new();
    let calls = world.calls.clone();
    world.calls.during("submit", move || calls.break_after(0));
    let calls = world.calls.clone();
    let mut waits = 0;
    world.on_wait(move || {
        waits += 1;
        if waits == 2 {
            calls.repair();
        }
    });
    assert_eq!(world.deliver(&world.copy("1", BODY)).await, Fate::Settled);
    assert!(matches!(world.state(), Some(State::Accepted { .. })));
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_ours_all_the_same() {
    let mut world = World::new();
    world.ledger.stutters = true;
    assert_eq!(world.deliver(&world.copy("1", BODY)).await, Fate::Settled);
    assert_eq!(world.accepted(), [BOTH]);
}

#[tokio::test]
async fn our_own_trouble_is_a_short_wait_however_often_the_copy_came() {
    let world = World::new();
    world.calls.break_after(0);
    let mut copy = world.copy("1", BODY);
    copy.receives = 900;
    let Fate::PutBack(wait) = world.deliver(&copy).await else {
        panic!("the copy is gone")
    };
    assert!((10..=300).contains(&wait.as_secs()), "{wait:?}");
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_tried_once_a_batch() {
    let world = World::new().told([Act::NoWay(Class::Network)]);
    let copies: Vec<_> = (0..10)
        .map(|number| {
            let body = BODY.replace("invoice-1", &format!("invoice-{number}"));
            world.copy(&number.to_string(), &body)
        })
        .collect();
    let desk = world.desk();
    let answer = crate::handler::deliver(&copies, &desk, &mut world.server.clone()).await;
    assert_eq!(answer.batch_item_failures.len(), 10);
    let made = world.calls.made();
    let opened = made.iter().filter(|call| call.starts_with("open")).count();
    assert_eq!(opened, 1, "{made:?}");
}

#[tokio::test]
async fn two_workers_at_once_send_one_mail() {
    let world = World::new();
    let (one, other) = (world.copy("1", BODY), world.copy("2", BODY));
    let (first, second) = tokio::join!(world.deliver(&one), world.deliver(&other));
    assert!([first, second].contains(&Fate::Settled));
    world.settle(&one).await;
    world.settle(&other).await;
    assert_eq!(world.accepted(), [BOTH]);
}

/// Breaks at every call there is, one after the other, as a worker that dies there would; then everything
/// works again, and the copy is delivered until it is settled.
#[tokio::test]
async fn wherever_a_worker_stops_nothing_is_lost_and_nothing_is_doubled() {
    let scripts: [&[Act]; 5] = [
        &[Act::Answer(vec![
            (432, "4.3.2 Concurrent connections limit exceeded"),
            (432, "4.3.2 Concurrent connections limit exceeded"),
        ])],
        &[],
        &[Act::Answer(vec![
            (250, "2.1.5 OK"),
            (550, "5.1.10 unknown recipient"),
        ])],
        &[Act::Answer(vec![
            (550, "5.1.10 unknown recipient"),
            (550, "5.1.10 unknown recipient"),
        ])],
        &[Act::Answer(vec![
            (250, "2.1.5 OK"),
            (451, "4.7.500 Server busy"),
        ])],
    ];
    for (number, script) in scripts.into_iter().enumerate() {
        let whole = World::new().told(script.to_vec());
        whole.settle(&whole.copy("1", BODY)).await;
        let calls = whole.calls.made().len();
        assert!(calls >= 6, "{:?}", whole.calls.made());
        for at in 0..calls {
            let world = World::new().told(script.to_vec());
            let copy = world.copy("1", BODY);
            world.calls.break_after(at);
            let mut broke = false;
            for _ in 0..3 {
                match world.deliver(&copy).await {
                    Fate::Settled => break,
                    Fate::PutBack(_) => {
                        broke = true;
                        world.clock.advance(SignedDuration::from_mins(15));
                    }
                }
            }
            world.calls.repair();
            world.settle(&copy).await;

            let place = format!("script {number}, call {at} of {:?}", world.calls.made());
            let mut mails: Vec<String> = world.accepted().concat();
            mails.sort();
            let before = mails.len();
            mails.dedup();
            assert_eq!(before, mails.len(), "somebody has two mails: {place}");
            let handed = world.handed();
            let classes: Vec<_> = handed
                .iter()
                .map(|handed| handed.report["class"].as_str().unwrap())
                .collect();
            match world.state() {
                Some(State::Accepted { .. }) => {
                    let whole_accepted = whole.accepted().concat();
                    assert!(
                        whole_accepted.iter().all(|mail| mails.contains(mail)),
                        "a mail is lost: {place}"
                    );
                }
                Some(State::Refused { .. }) => {
                    assert!(classes.contains(&"recipient_refused"), "{place}")
                }
                Some(State::Unknown { .. }) => {
                    assert_eq!(classes, ["unknown_after_data"], "{place}")
                }
                other => panic!("the notification has no end ({other:?}, broke: {broke}): {place}"),
            }
        }
    }
}
