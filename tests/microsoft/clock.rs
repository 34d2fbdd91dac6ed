//! The clock of the simulated Microsoft: the real time, and as far ahead of it as a test asks.
//!
//! Everything that can lapse here (tokens, codes, grants, the minute of the message rate) reads this clock, so a test
//! makes them lapse by moving it instead of waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Tells the time at the simulated Microsoft. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead_ms: Arc<AtomicI64>,
}

impl Clock {
    /// Tells the present time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_millis(self.ahead_ms.load(Ordering::Relaxed));
        real_now().saturating_add(ahead).unwrap_or(Timestamp::MAX)
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.ahead_ms.fetch_add(by, Ordering::Relaxed);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the simulated Microsoft is another party with a clock of its own, and this is that clock"
)]
fn real_now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_move_together() {
        let clock = Clock::default();
        let twin = clock.clone();
        let before = clock.now();
        clock.advance(Duration::from_secs(3600));
        assert!(twin.now().duration_since(before) >= SignedDuration::from_hours(1));
    }
}
