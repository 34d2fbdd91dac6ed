use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::fakes::MemoryPaces;

const FROM: &str = "billing@contoso.com";

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn per_minute(messages: u32) -> Limit {
    Limit {
        messages,
        window: SignedDuration::from_mins(1),
    }
}

fn mailbox() -> MailboxId {
    MailboxId::parse("billing").expect("it is an id")
}

#[test]
fn a_burst_goes_at_once_and_what_is_beyond_it_waits_for_its_window() {
    let mut pace = Pace::default();
    for _ in 0..30 {
        let (permit, next) = pace.permit(per_minute(30), FROM, at(0));
        assert_eq!(permit, Permit::Granted);
        pace = next.expect("a permit comes with its pace");
    }
    assert_eq!(
        pace.permit(per_minute(30), FROM, at(62)),
        (Permit::NotBefore(at(63)), None)
    );
    assert_eq!(pace.permit(per_minute(30), FROM, at(63)).0, Permit::Granted);
}

proptest! {
    /// Whoever asks whenever, with limits that change: from a permit, used at once or as late as it may be, to the
    /// one that is the limit's number of places behind it, there is more than the limit's window.
    #[test]
    fn no_sliding_minute_exceeds_the_limit(
        asks in prop::collection::vec((0_i64..9000, 0_i64..=2000), 1..400),
        limit in 1_u32..=30,
        window in prop::sample::select(vec![6_i64, 60, 600]),
    ) {
        let window = SignedDuration::from_secs(window);
        let mut pace = Pace::default();
        let mut now = Timestamp::UNIX_EPOCH;
        let mut used = Vec::new();
        for (step, late) in asks {
            now += SignedDuration::from_millis(step);
            let (permit, next) = pace.permit(Limit { messages: limit, window }, FROM, now);
            match permit {
                Permit::Granted => {
                    pace = next.expect("a permit comes with its pace");
                    used.push(now + SignedDuration::from_millis(late));
                }
                Permit::NotBefore(moment) => prop_assert!(moment > now && next.is_none()),
                Permit::OnTrial | Permit::SenderWaits(_) => prop_assert!(false, "{permit:?}"),
            }
        }
        used.sort();
        let places = limit as usize;
        for (first, last) in used.iter().zip(used.iter().skip(places)) {
            prop_assert!(last.duration_since(*first) > window);
        }
    }
}

#[test]
fn a_clock_that_is_behind_waits_for_the_one_that_is_ahead() {
    let (_, pace) = Pace::default().permit(per_minute(30), FROM, at(10));
    let pace = pace.expect("the first permit is granted");
    assert_eq!(
        pace.permit(per_minute(30), FROM, at(8)).0,
        Permit::NotBefore(at(10))
    );
}

#[test]
fn what_the_server_asks_holds_everybody_back_and_is_never_shortened() {
    let pace = Pace::default().held_back(at(100)).held_back(at(50));
    assert_eq!(pace.held_back_until(at(0)), Some(at(100)));
    assert_eq!(
        pace.permit(per_minute(30), FROM, at(99)).0,
        Permit::NotBefore(at(100))
    );
    assert_eq!(
        pace.permit(per_minute(30), FROM, at(100)).0,
        Permit::Granted
    );
}

#[test]
fn there_are_two_connections_to_send_and_one_to_probe() {
    let lease = |pace: &Pace, purpose, owner: &str, now| pace.lease(purpose, owner, at(300), now);
    let mut pace = Pace::default();
    for (purpose, owner) in [
        (Purpose::Send, "one"),
        (Purpose::Send, "two"),
        (Purpose::Probe, "three"),
    ] {
        let (answer, next) = lease(&pace, purpose, owner, at(0));
        assert_eq!(answer, Lease::Granted);
        pace = next.expect("a lease comes with its pace");
    }
    for purpose in [Purpose::Send, Purpose::Probe] {
        assert_eq!(
            lease(&pace, purpose, "four", at(299)),
            (Lease::Taken(at(300)), None)
        );
        assert_eq!(
            lease(&pace, purpose, "four", at(300)).0,
            Lease::Granted,
            "an owner that died has it no longer than its lease"
        );
    }
    let again = lease(&pace, Purpose::Send, "two", at(1)).0;
    assert_eq!(again, Lease::Granted, "an owner keeps what it has");
    let released = pace.left("one", &Lately::default()).expect("it had one");
    assert_eq!(
        lease(&released, Purpose::Send, "four", at(1)).0,
        Lease::Granted
    );
    assert_eq!(released.left("one", &Lately::default()), None);
}

#[test]
fn a_refused_sender_waits_behind_one_trial_and_the_others_go_on() {
    let pace = Pace::default().denied("news@contoso.com", "5.2.252 no", at(0));
    let ask = |pace: &Pace, from: &str, seconds| pace.permit(per_minute(30), from, at(seconds));
    assert_eq!(ask(&pace, FROM, 1).0, Permit::Granted);
    let quarter = 15 * 60;
    assert_eq!(
        ask(&pace, "news@contoso.com", 1).0,
        Permit::SenderWaits(at(quarter))
    );
    let (permit, tried) = ask(&pace, "news@contoso.com", quarter);
    assert_eq!(permit, Permit::OnTrial);
    let tried = tried.expect("a trial comes with its pace");
    assert_eq!(
        ask(&tried, "news@contoso.com", quarter).0,
        Permit::SenderWaits(at(2 * quarter)),
        "one message finds out for all"
    );
    let again = tried.denied("news@contoso.com", "5.2.252 no", at(quarter + 5));
    assert_eq!(
        ask(&again, "news@contoso.com", quarter + 6).0,
        Permit::SenderWaits(at(2 * (quarter + 5))),
        "the waits double"
    );
    let allowed = tried.allowed("news@contoso.com").expect("it was refused");
    assert_eq!(
        ask(&allowed, "news@contoso.com", quarter).0,
        Permit::Granted
    );
    assert_eq!(allowed.allowed("news@contoso.com"), None);
}

#[test]
fn a_pace_survives_its_stored_form() {
    let pace = Pace::default().held_back(at(9)).denied(FROM, "no", at(1));
    let (_, pace) = pace.lease(Purpose::Send, "one", at(5), at(0));
    let pace = pace.expect("a lease comes with its pace");
    let json = serde_json::to_string(&pace).expect("a pace can be written");
    assert_eq!(serde_json::from_str::<Pace>(&json).expect("and read"), pace);
}

#[tokio::test]
async fn many_who_ask_at_once_get_as_many_permits_as_there_are() {
    let store = MemoryPaces::default();
    let mailbox = mailbox();
    let ask = async |owner: &str| {
        let keeper = Keeper {
            store: &store,
            mailbox: &mailbox,
            owner,
        };
        let mut granted = 0;
        for _ in 0..20 {
            match keeper.permit(per_minute(30), FROM, at(0)).await {
                Ok(Permit::Granted) => granted += 1,
                Ok(Permit::NotBefore(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        granted
    };
    let (one, two, three) = tokio::join!(ask("one"), ask("two"), ask("three"));
    assert_eq!(one + two + three, 30);
}

#[tokio::test]
async fn what_is_given_back_can_be_leased_and_a_store_that_breaks_says_so() {
    let store = MemoryPaces::default();
    let mailbox = mailbox();
    let keeper = |owner| Keeper {
        store: &store,
        mailbox: &mailbox,
        owner,
    };
    let lease = async |owner| keeper(owner).lease(Purpose::Probe, at(60), at(0)).await;
    assert!(matches!(lease("one").await, Ok(Lease::Granted)));
    assert!(matches!(lease("two").await, Ok(Lease::Taken(_))));
    keeper("one").release().await;
    assert!(matches!(lease("two").await, Ok(Lease::Granted)));
    store.calls.break_after(1);
    let held = keeper("two")
        .hold_back(at(0), Duration::from_secs(60))
        .await;
    assert!(held.is_err());
    store.calls.repair();
    assert_eq!(store.seen(&mailbox).held_back_until(at(0)), None);
}
