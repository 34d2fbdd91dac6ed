mod model;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn worker(copy: &str, lease_until: i64) -> Worker {
    Worker {
        copy: copy.to_owned(),
        name: format!("worker of {copy}"),
        lease_until: at(lease_until),
    }
}

fn granted(claim: Claim) -> Record {
    let Claim::Granted(record) = claim else {
        panic!("not granted: {claim:?}")
    };
    record
}

fn first() -> Record {
    granted(claim(None, "hash", &worker("a", 100), at(0)))
}

#[test]
fn a_new_notification_is_granted_and_remembers_when() {
    let record = first();
    assert_eq!(
        (record.revision, record.attempts, record.first_attempt_at),
        (1, 0, at(0))
    );
}

#[test]
fn a_claim_holds_until_its_lease_ends_and_may_then_be_taken_over() {
    let record = first();
    assert_eq!(
        claim(Some(&record), "hash", &worker("b", 300), at(99)),
        Claim::NotBefore(at(100))
    );
    let taken = granted(claim(Some(&record), "hash", &worker("b", 300), at(100)));
    assert_eq!(
        (taken.revision, taken.first_attempt_at),
        (2, at(0)),
        "the first attempt stays the first"
    );
}

fn reason(class: Class) -> Reason {
    Reason {
        class,
        reply: "550 no".to_owned(),
        stage: "message".to_owned(),
    }
}

#[test]
fn an_attempt_whose_worker_was_lost_is_unknown_and_never_granted() {
    let sending = first().sending(&worker("a", 100), "<1@contoso.com>".to_owned());
    assert_eq!(sending.attempts, 1);
    assert_eq!(
        claim(Some(&sending), "hash", &worker("b", 300), at(99)),
        Claim::NotBefore(at(100))
    );
    assert_eq!(
        claim(Some(&sending), "hash", &worker("b", 300), at(100)),
        Claim::Lost(sending.clone())
    );
    let unknown = sending.unknown("a".to_owned(), reason(Class::UnknownAfterData), Vec::new());
    let owed = unknown.owed().expect("the failed queue is to be told");
    assert_eq!(
        (owed.copy.as_str(), owed.reason.class),
        ("a", Class::UnknownAfterData)
    );
    assert_eq!(
        claim(Some(&unknown), "hash", &worker("b", 300), at(101)),
        Claim::HandOver(unknown.clone()),
        "a hand-over that was cut short is finished"
    );
    let told = unknown.handed_over();
    assert_eq!(
        claim(Some(&told), "hash", &worker("c", 900), at(800)),
        Claim::Duplicate(told.clone())
    );
}

#[test]
fn an_unknown_attempt_is_made_once_more_at_most() {
    let unknown = first()
        .sending(&worker("a", 100), "<1@contoso.com>".to_owned())
        .unknown("a".to_owned(), reason(Class::UnknownAfterData), Vec::new());
    let again = unknown.once_more(at(5)).expect("it was not yet sent again");
    let sending = granted(claim(Some(&again), "hash", &worker("a", 100), at(5)))
        .sending(&worker("a", 100), "<1@contoso.com>".to_owned());
    let unknown = sending.unknown("a".to_owned(), reason(Class::UnknownAfterData), Vec::new());
    assert_eq!(unknown.once_more(at(9)), None);
}

#[test]
fn what_was_accepted_is_done_whoever_repeats_it() {
    let sending = first().sending(&worker("a", 100), "<1@contoso.com>".to_owned());
    let accepted = sending.accepted(at(5), "250 ok".to_owned(), Vec::new(), None);
    assert_eq!(
        claim(Some(&accepted), "hash", &worker("b", 300), at(6)),
        Claim::Duplicate(accepted.clone())
    );
    assert_eq!(
        claim(Some(&accepted), "hash", &worker("a", 300), at(6)),
        Claim::Done(accepted.clone()),
        "it has ended it itself"
    );
}

#[test]
fn an_accepted_message_still_reports_the_recipients_that_were_refused() {
    let refused = HandOver {
        reason: reason(Class::RecipientRefused),
        copy: "a".to_owned(),
        done: false,
    };
    let sending = first().sending(&worker("a", 100), "<1@contoso.com>".to_owned());
    let accepted = sending.accepted(at(5), "250 ok".to_owned(), Vec::new(), Some(refused));
    assert_eq!(
        claim(Some(&accepted), "hash", &worker("a", 300), at(6)),
        Claim::HandOver(accepted.clone())
    );
    assert_eq!(
        claim(
            Some(&accepted.handed_over()),
            "hash",
            &worker("a", 300),
            at(7)
        ),
        Claim::Done(accepted.handed_over())
    );
}

#[test]
fn other_content_under_the_same_id_is_a_conflict_in_every_state() {
    let sending = first().sending(&worker("a", 100), "<1@contoso.com>".to_owned());
    let states = [
        first(),
        sending.put_off(at(50), Vec::new()),
        sending.accepted(at(5), String::new(), Vec::new(), None),
        sending.refused("a".to_owned(), reason(Class::ContentRefused), Vec::new()),
        sending.unknown("a".to_owned(), reason(Class::UnknownAfterData), Vec::new()),
        sending,
    ];
    for record in states {
        assert_eq!(
            claim(Some(&record), "other", &worker("b", 300), at(200)),
            Claim::Conflict,
            "{record:?}"
        );
    }
}

#[test]
fn a_refused_copy_is_handed_over_and_another_copy_is_a_new_attempt() {
    let refused = first()
        .sending(&worker("a", 100), "<1@contoso.com>".to_owned())
        .refused("a".to_owned(), reason(Class::ContentRefused), Vec::new());
    assert_eq!(
        claim(Some(&refused), "hash", &worker("a", 300), at(6)),
        Claim::HandOver(refused.clone())
    );
    assert_eq!(
        claim(
            Some(&refused.handed_over()),
            "hash",
            &worker("a", 300),
            at(6)
        ),
        Claim::Done(refused.handed_over())
    );
    granted(claim(Some(&refused), "hash", &worker("b", 300), at(6)));
}

#[test]
fn what_was_put_off_waits_for_its_time_and_keeps_who_is_settled() {
    let settled = RecipientOutcome {
        address: "a@contoso.com".to_owned(),
        accepted: true,
        reply: "250 ok".to_owned(),
    };
    let waiting = first()
        .sending(&worker("a", 100), "<1@contoso.com>".to_owned())
        .put_off(at(50), vec![settled]);
    assert_eq!(
        claim(Some(&waiting), "hash", &worker("b", 300), at(49)),
        Claim::NotBefore(at(50))
    );
    let again = granted(claim(Some(&waiting), "hash", &worker("b", 300), at(50)));
    assert!(again.is_settled("a@contoso.com") && !again.is_settled("b@contoso.com"));
    assert_eq!(
        again.attempts, 1,
        "an attempt is counted when it begins to send"
    );
}

#[test]
fn a_record_survives_its_stored_form() {
    let refused = HandOver {
        reason: reason(Class::RecipientRefused),
        copy: "a".to_owned(),
        done: false,
    };
    let record = first()
        .sending(&worker("a", 100), "<1@contoso.com>".to_owned())
        .accepted(at(5), "250".to_owned(), Vec::new(), Some(refused));
    let json = serde_json::to_string(&record).expect("a record has a stored form");
    assert_eq!(
        serde_json::from_str::<Record>(&json).expect("the stored form is a record"),
        record
    );
}

#[test]
fn an_unknown_part_keeps_its_recipients_from_another_try_until_somebody_says_so() {
    let part = |record: &Record, number| {
        let claimed = record.of_part(number, 1);
        claimed.sending(&worker("a", 100), format!("<{number}@contoso.com>"))
    };
    let accepted = RecipientOutcome {
        address: "a@fabrikam.com".to_owned(),
        accepted: true,
        reply: "250 2.1.5 OK".to_owned(),
    };
    let first = part(&first(), 1).goes_on(&worker("a", 100), vec![accepted]);
    let unknown = part(&first, 2).with_unknown(
        vec!["b@fabrikam.com".to_owned()],
        reason(Class::UnknownAfterData),
    );
    assert_eq!(
        unknown.unknown[0].message_id.as_deref(),
        Some("<2@contoso.com>")
    );
    let third = part(&unknown, 3);
    assert_eq!((third.attempts, third.part), (3, 3));
    assert!(third.done().contains("a@fabrikam.com") && third.done().contains("b@fabrikam.com"));
    let ended = third.unknown("a".to_owned(), third.unknown[0].reason(), Vec::new());
    let again = |resend| redrive(Some(&ended), "hash", resend, at(9));
    assert_eq!(again(Resend::Never), Redrive::Unknown);
    let Redrive::Again(again) = again(Resend::Unknown) else {
        panic!("a person said so")
    };
    assert_eq!(again.done(), ["a@fabrikam.com"].into());
    assert_eq!(
        again.recipients_per_part,
        Some(1),
        "a part stays what it was"
    );
}

#[test]
fn the_outcomes_of_many_recipients_fit_their_room_and_keep_their_codes() {
    let outcome = |number: usize, accepted| RecipientOutcome {
        address: format!("recipient-{number:04}@branch.fabrikam.com"),
        accepted,
        reply: if accepted {
            "250 2.1.5 Recipient OK".to_owned()
        } else {
            format!("550 5.1.10 {}", "ü".repeat(2000))
        },
    };
    let size = |record: &Record| serde_json::to_string(&record.settled).unwrap().len();
    let settled = (0..500).map(|number| outcome(number, number % 2 == 0));
    let record = first().put_off(at(1), settled.collect());
    assert!(size(&record) <= OUTCOMES, "{}", size(&record));
    assert!(record.settled.iter().all(|recipient| {
        let code = if recipient.accepted { "250" } else { "550" };
        recipient.reply.starts_with(code)
    }));

    let few = first().put_off(at(1), vec![outcome(1, false)]);
    assert_eq!(few.settled[0].reply.len(), "550 5.1.10 ".len() + 4000);

    // As many as a notification may have, with addresses as long as they may be together.
    let longest = |number: usize| RecipientOutcome {
        address: format!("{number:04}{}", "a".repeat(61)),
        ..outcome(number, false)
    };
    let record = first().put_off(at(1), (0..2000).map(longest).collect());
    assert!(size(&record) < 240_000, "{}", size(&record));
}
