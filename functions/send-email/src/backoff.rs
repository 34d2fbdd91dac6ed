//! How long a notification that was put back stays hidden.

use std::time::Duration;

use common::chance::Chance;
use jiff::Timestamp;

/// The longest time that a copy is hidden: below the 12 hours after which SQS shows it whatever we ask.
pub(crate) const LONGEST: Duration = Duration::from_secs(42_000);
/// What the first attempt is put off by, at most, when nobody says better.
const FIRST: Duration = Duration::from_secs(60);

/// The wait after a failed attempt: full jitter below a bound that doubles with each attempt, after the time
/// that the server asks for, if it does.
pub(crate) fn after_attempt(
    attempts: u32,
    asked: Option<Duration>,
    chance: &impl Chance,
) -> Duration {
    let least = asked.unwrap_or(Duration::from_secs(1)).min(LONGEST);
    chance
        .between(least, (least + doubled(attempts)).min(LONGEST))
        .min(LONGEST)
}

/// A minute, doubled with each time after the first.
fn doubled(times: u32) -> Duration {
    let doublings = times.saturating_sub(1).min(16);
    FIRST.saturating_mul(1u32.checked_shl(doublings).unwrap_or(u32::MAX))
}

/// The wait of a notification whose mailbox is stopped or paused.
pub(crate) fn for_a_stopped_mailbox(chance: &impl Chance) -> Duration {
    chance.between(Duration::from_secs(60), Duration::from_secs(120))
}

/// The wait of a notification when something of ours did not answer. It grows with the receives of its copy, so that a
/// long outage does not use them up, but not for long: most receives are of copies that had to wait.
pub(crate) fn after_our_own_trouble(receives: u32, chance: &impl Chance) -> Duration {
    const MOST: Duration = Duration::from_secs(300);
    chance.between(Duration::from_secs(10), doubled(receives).min(MOST))
}

/// The wait of a notification that was not begun, because the invocation is about to end.
pub(crate) fn for_the_next_worker(chance: &impl Chance) -> Duration {
    chance.between(Duration::ZERO, Duration::from_secs(5))
}

/// The wait of a notification whose mailbox has all its connections in use: an invocation that was lost keeps its
/// own until it must have ended.
pub(crate) fn for_a_connection(chance: &impl Chance) -> Duration {
    chance.between(Duration::from_secs(20), Duration::from_secs(40))
}

/// The wait of a repeat whose notification another worker has in hand.
pub(crate) fn while_somebody_works_on_it(chance: &impl Chance) -> Duration {
    chance.between(Duration::from_secs(10), Duration::from_secs(20))
}

/// The wait until a moment that a producer has chosen, in the whole seconds that a queue knows.
pub(crate) fn exactly_until(moment: Timestamp, now: Timestamp) -> Duration {
    let wait = Duration::try_from(moment.duration_since(now)).unwrap_or_default();
    let begun = u64::from(wait.subsec_nanos() > 0);
    Duration::from_secs(wait.as_secs() + begun).min(LONGEST)
}

/// The wait until a moment, and a little more, so that not all come at once.
pub(crate) fn until(moment: Timestamp, now: Timestamp, chance: &impl Chance) -> Duration {
    let wait = Duration::try_from(moment.duration_since(now)).unwrap_or_default();
    (wait + chance.between(Duration::from_secs(1), Duration::from_secs(5))).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::chance::SeededChance;

    #[test]
    fn a_wait_never_exceeds_its_bound_and_respects_what_the_server_asks() {
        let chance = SeededChance::from(1);
        for attempts in 0..80 {
            let wait = after_attempt(attempts, None, &chance);
            assert!(
                wait <= LONGEST && wait >= Duration::from_secs(1),
                "{attempts}: {wait:?}"
            );
        }
        for _ in 0..50 {
            let wait = after_attempt(1, Some(Duration::from_secs(600)), &chance);
            assert!((600..=660).contains(&wait.as_secs()), "{wait:?}");
        }
        assert_eq!(after_attempt(1, Some(LONGEST * 2), &chance), LONGEST);
    }

    #[test]
    fn a_moment_in_the_past_is_soon() {
        let now = Timestamp::UNIX_EPOCH;
        assert!(until(now, now, &SeededChance::from(1)) <= Duration::from_secs(5));
    }
}
