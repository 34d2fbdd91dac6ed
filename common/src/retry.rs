//! When something that stopped is tried again.

use jiff::{SignedDuration, Timestamp};

/// A first wait that doubles with each try, up to a longest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// The wait before the first try.
    pub first: SignedDuration,
    /// The longest wait between two tries.
    pub longest: SignedDuration,
}

impl Retry {
    /// When the next try is due, of something that stopped at `since` and was last tried at `tried_at`.
    ///
    /// Each wait is as long as it had been stopped at the last try, which doubles it. A try before the stop is
    /// of an earlier one and does not count.
    #[must_use]
    pub fn due(&self, since: Timestamp, tried_at: Option<Timestamp>) -> Timestamp {
        let tried_at = tried_at.filter(|at| *at >= since).unwrap_or(since);
        let stopped = tried_at.duration_since(since);
        let wait = stopped.clamp(self.first, self.longest);
        tried_at.saturating_add(wait).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_double_from_the_first_to_the_longest() {
        let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let retry = Retry {
            first: SignedDuration::from_mins(15),
            longest: SignedDuration::from_hours(6),
        };
        let mut tries = Vec::new();
        let mut tried_at = Some(at(-5));
        for _ in 0..8 {
            let due = retry.due(at(0), tried_at);
            tries.push(due.duration_since(at(0)).as_mins());
            tried_at = Some(due);
        }
        assert_eq!(tries, [15, 30, 60, 120, 240, 480, 840, 1200]);
    }
}
