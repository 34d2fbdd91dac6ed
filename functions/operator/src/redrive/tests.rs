//! Redrives of a failed queue: what goes back, what stays, and what is left where one stops.

mod world;

use common::failed::{ID_ATTRIBUTE, LARGEST_MESSAGE};
use common::ledger::{HandOver, State, Worker};
use jiff::SignedDuration;

use self::world::*;
use super::*;

#[tokio::test]
async fn a_refused_notification_goes_back_unchanged_and_under_its_id() {
    let world = World::new();
    world.refused("invoice-1").await;
    let answer = world.redrive(r#"{"class":"recipient_refused"}"#).await;
    assert_eq!((answer.put_back.count, world.kept()), (1, 0));
    assert_eq!(answer.put_back.ids, ["invoice-1"]);
    assert_eq!(answer.put_back.by_class["recipient_refused"], 1);
    assert!(!answer.end.again);
    let name = Attribute::text(ID_ATTRIBUTE, "invoice-1");
    assert_eq!(world.put_back(), [(body("invoice-1"), vec![name])]);
    let record = world.record("invoice-1");
    let not_before = world.clock.now();
    assert_eq!(record.state, State::Waiting { not_before });
    assert_eq!(record.settled, [], "those who were refused are tried again");
    assert_eq!(world.deliver("invoice-1").await, 1);
}

#[tokio::test]
async fn what_fails_again_at_once_is_put_back_once() {
    let mut world = World::new();
    world.queue.fails_again = true;
    world.queue.pace = SignedDuration::from_millis(1);
    world.fails(None, "no notification", Class::InvalidMessage);
    let answer = world.redrive(r#"{"all":true}"#).await;
    assert_eq!((answer.put_back.count, answer.end.again), (1, false));
    assert_eq!(world.visible().len(), 1, "it is there for the next one");
}

#[tokio::test]
async fn those_who_have_the_mail_are_not_tried_again() {
    let world = World::new();
    let refused = handed_over(Class::RecipientRefused);
    world.accepted("invoice-1", Some(refused)).await;
    let answer = world.redrive(r#"{"ids":["invoice-1"]}"#).await;
    assert_eq!(answer.put_back.count, 1);
    let record = world.record("invoice-1");
    assert!(record.is_settled(BOTH[0]) && !record.is_settled(BOTH[1]));
}

#[tokio::test]
async fn a_hand_over_that_was_not_recorded_holds_nothing_up() {
    let world = World::new();
    let class = Class::ContentRefused;
    let hand_over = HandOver {
        done: false,
        ..handed_over(class)
    };
    let state = State::Refused { hand_over };
    world.failed("invoice-1", class, Vec::new(), state).await;
    assert_eq!(world.redrive(r#"{"all":true}"#).await.put_back.count, 1);
    assert_eq!(world.record("invoice-1").owed(), None);
}

#[tokio::test]
async fn a_dry_run_goes_back_and_touches_no_record() {
    let world = World::new();
    world.unknown("invoice-1").await;
    let dry = body("invoice-1").replacen('{', r#"{"dry_run":true,"#, 1);
    world.fails(Some("invoice-1"), &dry, Class::RecipientRefused);
    let before = world.record("invoice-1");
    let answer = world.redrive(r#"{"all":true}"#).await;
    assert_eq!((answer.put_back.count, answer.stays.count), (1, 1));
    assert_eq!(world.record("invoice-1"), before);
}

#[tokio::test]
async fn what_is_not_meant_can_be_seen_again_at_once() {
    let world = World::new();
    for number in 0..25 {
        let (id, class) = (format!("late-{number}"), Class::Expired);
        let hand_over = handed_over(class);
        world
            .failed(&id, class, Vec::new(), State::Refused { hand_over })
            .await;
    }
    world.refused("invoice-1").await;
    let answer = world.redrive(r#"{"class":["recipient_refused"]}"#).await;
    assert_eq!((answer.put_back.count, answer.not_meant), (1, 25));
    assert_eq!((world.visible().len(), world.kept()), (25, 25));
}

#[tokio::test]
async fn an_unknown_moves_only_when_somebody_asks_to_send_it_again() {
    let world = World::new();
    world.unknown("invoice-1").await;
    let answer = world.redrive(r#"{"all":true}"#).await;
    assert_eq!(answer.stays.by_reason["unknown"], 1);
    assert_eq!(world.visible(), ["invoice-1"]);

    let dry = world
        .redrive(r#"{"all":true,"resend":true,"dry_run":true}"#)
        .await;
    assert_eq!((dry.put_back.count, dry.dry_run), (1, true));
    assert_eq!(world.visible(), ["invoice-1"]);
    assert_eq!(world.put_back(), [], "nothing moves in a dry run");
    assert_eq!(world.record("invoice-1").revision, 1);

    let answer = world.redrive(r#"{"all":true,"resend":true}"#).await;
    assert_eq!((answer.put_back.count, world.kept()), (1, 0));
    assert_eq!(world.deliver("invoice-1").await, 1);
}

#[tokio::test]
async fn an_unknown_that_the_ledger_has_forgotten_is_still_unknown() {
    let world = World::new();
    let text = body("invoice-1");
    world.fails(Some("invoice-1"), &text, Class::UnknownAfterData);
    let answer = world.redrive(r#"{"all":true}"#).await;
    assert_eq!((answer.stays.count, world.kept()), (1, 1));
    let answer = world.redrive(r#"{"all":true,"resend":true}"#).await;
    assert_eq!((answer.put_back.count, world.kept()), (1, 0));
}

#[tokio::test]
async fn what_was_accepted_meanwhile_is_deleted_and_not_sent() {
    let world = World::new();
    world.accepted("invoice-1", None).await;
    let answer = world.redrive(r#"{"all":true}"#).await;
    assert_eq!(answer.already_accepted.ids, ["invoice-1"]);
    assert_eq!((world.kept(), world.put_back().len()), (0, 0));
}

#[tokio::test]
async fn a_notification_that_a_worker_has_in_hand_stays_until_that_has_ended() {
    for is_sending in [false, true] {
        let world = World::new();
        let by = Worker {
            copy: "another".to_owned(),
            name: "worker".to_owned(),
            lease_until: world.clock.now() + SignedDuration::from_mins(6),
        };
        let state = match is_sending {
            true => State::Sending { by },
            false => State::Claimed { by },
        };
        world
            .failed("invoice-1", Class::Expired, Vec::new(), state)
            .await;
        let answer = world.redrive(r#"{"all":true}"#).await;
        assert_eq!(answer.stays.notifications[0].why, "in_hand");
        assert_eq!(world.visible(), ["invoice-1"]);

        // Its worker was lost. What that left behind is for the next claim to find out.
        world.clock.advance(SignedDuration::from_mins(6));
        let answer = world.redrive(r#"{"all":true}"#).await;
        assert_eq!(answer.put_back.count, 1);
        let mails = world.deliver("invoice-1").await;
        assert_eq!(mails, usize::from(!is_sending));
    }
}

#[tokio::test]
async fn other_content_under_the_same_id_stays_and_is_named() {
    let world = World::new();
    world.accepted("invoice-1", None).await;
    let other = body("invoice-1").replace("Hello", "Goodbye");
    world.fails(Some("invoice-1"), &other, Class::IdempotencyConflict);
    let answer = world.redrive(r#"{"class":"idempotency_conflict"}"#).await;
    let stays = &answer.stays.notifications[0];
    assert_eq!((stays.id.as_str(), stays.why), ("invoice-1", "conflict"));
    assert_eq!((world.kept(), world.put_back().len()), (2, 0));
}

#[tokio::test]
async fn what_has_no_record_goes_back_as_it_is_and_keeps_the_name_that_the_queue_gave_it() {
    let world = World::new();
    world.fails(None, "no notification", Class::InvalidMessage);
    world.fails(None, &body("new"), Class::Expired);
    let answer = world.redrive(r#"{"newer_than":"1 hour"}"#).await;
    assert_eq!((answer.put_back.count, world.kept()), (2, 0));
    let mut names: Vec<_> = world
        .put_back()
        .iter()
        .map(|(_, attributes)| attributes[0].as_text().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["copy-0", "new"]);
}

#[tokio::test]
async fn a_body_without_room_for_its_name_stays_and_says_so() {
    let world = World::new();
    let text = r#"{"to":"a@fabrikam.com","subject":"Long","text":""#;
    let end = r#""}"#;
    let long = "x".repeat(LARGEST_MESSAGE - text.len() - end.len());
    let full = format!("{text}{long}{end}");
    world.fails(Some("invoice-1"), &full, Class::Expired);
    let named = format!("{}{end}", &full[..full.len() - 20]).replacen('{', r#"{"id":"own","#, 1);
    world.fails(Some("own"), &named, Class::Expired);
    let answer = world.redrive(r#"{"all":true}"#).await;
    assert_eq!(answer.stays.notifications[0].why, "no_room");
    assert_eq!(world.visible(), ["invoice-1"]);
    assert_eq!(world.put_back(), [(named, Vec::new())]);
}

#[tokio::test]
async fn a_redrive_that_stops_at_any_call_loses_nothing_and_doubles_nothing() {
    let mut breaks = 0;
    loop {
        let world = World::new();
        world.refused("refused").await;
        // The failed queue was told of it twice.
        world.fails(Some("refused"), &body("refused"), Class::RecipientRefused);
        world.unknown("unknown").await;
        world.accepted("accepted", None).await;
        world.calls.forget();
        world.calls.break_after(breaks);
        let everything = selection_of(r#"{"all":true,"resend":true}"#);
        let filter = everything.filter().unwrap();
        let first = world
            .desk()
            .redrive(&filter, Resend::Unknown, Mode::Act)
            .await;
        world.calls.repair();
        let is_whole = first.is_ok_and(|answer| answer.stays.count == 0 && !answer.end.again);
        for id in ["refused", "unknown"] {
            let kept = world.queue.kept.lock().unwrap();
            let is_kept = kept.iter().any(|(copy, _)| copy.body == body(id));
            let is_back = world.put_back().iter().any(|(text, _)| *text == body(id));
            assert!(is_kept || is_back, "{id} is lost after {breaks} calls");
        }
        // What the first one hid comes back.
        world.clock.advance(SignedDuration::from_mins(5));
        let again = world.redrive(r#"{"all":true,"resend":true}"#).await;
        assert_eq!((again.stays.count, world.kept()), (0, 0), "{breaks} calls");
        assert_eq!(world.deliver("refused").await, 1, "{breaks} calls");
        assert_eq!(world.deliver("unknown").await, 1, "{breaks} calls");
        assert_eq!(world.deliver("accepted").await, 0, "{breaks} calls");
        if is_whole {
            break;
        }
        breaks += 1;
    }
    assert!(breaks > 10, "a redrive makes more calls than {breaks}");
}

#[tokio::test]
async fn a_large_queue_takes_several_calls_which_come_to_an_end() {
    let mut world = World::new();
    // Each call takes a second, so that one invocation sees a part of the queue.
    world.queue.pace = SignedDuration::from_secs(1);
    for number in 0..600 {
        let (id, class) = (format!("late-{number}"), Class::Expired);
        world.fails(Some(&id), &body(&id), class);
    }
    for number in 0..15 {
        world.refused(&format!("invoice-{number}")).await;
    }
    let (mut calls, mut put_back, mut not_meant) = (0, 0, 0);
    loop {
        let answer = world.redrive(r#"{"class":"recipient_refused"}"#).await;
        calls += 1;
        put_back += answer.put_back.count;
        not_meant += answer.not_meant;
        if !answer.end.again {
            break;
        }
        assert!(calls < 10, "it has no end");
    }
    assert!(calls > 1, "it takes several calls");
    assert_eq!((put_back, not_meant), (15, 600), "none is seen twice");
    assert_eq!(world.kept(), 600);
}

#[tokio::test]
async fn a_queue_that_stops_answering_ends_the_walk_and_what_was_done_is_told() {
    let world = World::new();
    world.refused("invoice-1").await;
    world.calls.forget();
    // Receive, read, write, put back, delete; the next call is the second receive.
    world.calls.break_after(5);
    let answer = world.redrive(r#"{"all":true}"#).await;
    assert_eq!((answer.put_back.count, answer.end.again), (1, true));
    let fault = answer.end.fault.unwrap_or_default();
    assert!(fault.contains("cannot be reached"), "{fault}");
}

#[tokio::test]
async fn what_is_dropped_is_gone_and_nothing_else() {
    let world = World::new();
    world.refused("invoice-1").await;
    world.unknown("invoice-2").await;
    let selection = selection_of(r#"{"class":"unknown_after_data"}"#);
    let filter = selection.filter().unwrap();
    let dry = world.desk().drop(&filter, Mode::DryRun).await.unwrap();
    assert_eq!((dry.dropped.count, world.visible().len()), (1, 2));
    let answer = world.desk().drop(&filter, Mode::Act).await.unwrap();
    assert_eq!((answer.dropped.count, answer.not_meant), (1, 1));
    assert_eq!(world.visible(), ["invoice-1"]);
    assert_eq!(world.put_back(), []);
}

#[tokio::test]
async fn a_list_leaves_everything_in_place() {
    let world = World::new();
    for number in 0..15 {
        world.refused(&format!("invoice-{number}")).await;
    }
    let listed = world.desk().list(12).await.unwrap();
    assert_eq!((listed.failed.len(), listed.end.again), (12, true));
    let json = serde_json::to_value(&listed.failed[0]).unwrap();
    assert_eq!(json["id"], "invoice-0");
    assert_eq!(json["class"], "recipient_refused");
    assert_eq!(json["failed_at"], "2027-03-01T12:00:00Z");
    assert_eq!(world.visible().len(), 15);
    let listed = world.desk().list(100).await.unwrap();
    assert_eq!((listed.failed.len(), listed.end.again), (15, false));
}

/// A notification whose body is in the bucket: what is on the queue is a pointer of the SQS extended client to it.
const POINTER: &str = r#"["software.amazon.payloadoffloading.PayloadS3Pointer",{"s3BucketName":"bucket","s3Key":"mailboxes/billing/0af5"}]"#;

impl World {
    /// Puts a pointer in the place of every body in the failed queue.
    fn is_elsewhere(&self) {
        for (copy, _) in self.queue.kept.lock().unwrap().iter_mut() {
            copy.body = POINTER.to_owned();
        }
    }
}

#[tokio::test]
async fn a_pointer_to_a_refused_notification_goes_back_unchanged_and_under_its_id() {
    let world = World::new();
    world.refused("invoice-1").await;
    world.is_elsewhere();
    let answer = world.redrive(r#"{"all":true}"#).await;
    assert_eq!((answer.put_back.count, world.kept()), (1, 0));
    let name = Attribute::text(ID_ATTRIBUTE, "invoice-1");
    assert_eq!(world.put_back(), [(POINTER.to_owned(), vec![name])]);
    let state = world.record("invoice-1").state;
    assert!(matches!(state, State::Waiting { .. }), "{state:?}");
}

#[tokio::test]
async fn the_ledger_decides_about_a_pointer_too() {
    let world = World::new();
    world.unknown("invoice-1").await;
    world.accepted("invoice-2", None).await;
    world.is_elsewhere();
    // Other content under the id of what was accepted, and a body that nobody could read.
    world.fails(Some("invoice-2"), POINTER, Class::IdempotencyConflict);
    world.fails(None, POINTER, Class::AttachmentUnavailable);
    let answer = world.redrive(r#"{"all":true}"#).await;
    assert_eq!(answer.already_accepted.ids, ["invoice-2"]);
    assert_eq!(answer.put_back.ids, ["copy-3"]);
    assert_eq!(world.visible(), ["invoice-1", "invoice-2"]);
    let answer = world
        .redrive(r#"{"ids":["invoice-1"],"resend":true}"#)
        .await;
    assert_eq!(answer.put_back.ids, ["invoice-1"]);
}
