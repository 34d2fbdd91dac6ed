//! Chance, for jitter.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::digest;

/// Draws numbers.
pub trait Chance: Send + Sync {
    /// A number from 0 up to, and not including, `limit`; 0 when `limit` is.
    fn below(&self, limit: u64) -> u64;

    /// A duration between two others, in whole seconds.
    fn between(&self, least: Duration, most: Duration) -> Duration {
        let span = most.saturating_sub(least).as_secs() + 1;
        least + Duration::from_secs(self.below(span))
    }
}

/// Chance from the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemChance;

impl Chance for SystemChance {
    fn below(&self, limit: u64) -> u64 {
        u64::from_be_bytes(digest::random())
            .checked_rem(limit)
            .unwrap_or(0)
    }
}

/// Chance that repeats itself from a seed, for tests.
#[derive(Debug, Default)]
pub struct SeededChance(AtomicU64);

impl SeededChance {
    /// Chance that begins at `seed`.
    #[must_use]
    pub fn from(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Chance for SeededChance {
    /// One step of the 64-bit linear congruential generator of Knuth's MMIX.
    fn below(&self, limit: u64) -> u64 {
        let step = |state: u64| {
            state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407)
        };
        let before = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |state| {
                Some(step(state))
            });
        let (Ok(state) | Err(state)) = before;
        (step(state) >> 16).checked_rem(limit).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_stays_between_its_bounds_and_a_seed_repeats_itself() {
        let draw = || {
            let chance = SeededChance::from(7);
            (0..50)
                .map(|_| chance.between(Duration::from_secs(60), Duration::from_secs(120)))
                .collect::<Vec<_>>()
        };
        let drawn = draw();
        assert_eq!(drawn, draw());
        assert!(
            drawn
                .iter()
                .all(|drawn| (60..=120).contains(&drawn.as_secs()))
        );
        assert!(drawn.iter().any(|other| *other != drawn[0]));
    }
}
