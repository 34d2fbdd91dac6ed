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

#[test]
fn an_attempt_whose_worker_was_lost_is_unknown_and_never_granted() {
    let sending = first().sending(&worker("a", 100));
    assert_eq!(sending.attempts, 1);
    assert_eq!(
        claim(Some(&sending), "hash", &worker("b", 300), at(99)),
        Claim::NotBefore(at(100))
    );
    let Claim::Unknown(Some(unknown)) = claim(Some(&sending), "hash", &worker("b", 300), at(100))
    else {
        panic!("the attempt is not unknown");
    };
    assert_eq!(
        unknown.state,
        State::Unknown {
            copy: "a".to_owned(),
            handed_over: false
        }
    );
    let handed_over = unknown.handed_over();
    assert_eq!(
        claim(Some(&handed_over), "hash", &worker("c", 900), at(800)),
        Claim::Unknown(None)
    );
}

#[test]
fn what_was_accepted_is_done_whoever_repeats_it() {
    let accepted =
        first()
            .sending(&worker("a", 100))
            .accepted(at(5), "250 ok".to_owned(), Vec::new());
    assert_eq!(
        claim(Some(&accepted), "hash", &worker("b", 300), at(6)),
        Claim::Done
    );
}

#[test]
fn other_content_under_the_same_id_is_a_conflict_in_every_state() {
    let sending = first().sending(&worker("a", 100));
    let states = [
        first(),
        sending.put_off(at(50), Vec::new()),
        sending.accepted(at(5), String::new(), Vec::new()),
        sending.refused(Class::ContentRefused, "a".to_owned()),
        sending.unknown("a".to_owned()),
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
        .sending(&worker("a", 100))
        .refused(Class::ContentRefused, "a".to_owned());
    assert_eq!(
        claim(Some(&refused), "hash", &worker("a", 300), at(6)),
        Claim::HandOver(Class::ContentRefused)
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
        .sending(&worker("a", 100))
        .put_off(at(50), vec![settled.clone()]);
    assert_eq!(
        claim(Some(&waiting), "hash", &worker("b", 300), at(49)),
        Claim::NotBefore(at(50))
    );
    let again = granted(claim(Some(&waiting), "hash", &worker("b", 300), at(50)));
    assert_eq!(again.settled, [settled]);
    assert_eq!(
        again.attempts, 1,
        "an attempt is counted when it begins to send"
    );
}
