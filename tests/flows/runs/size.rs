//! How large the runs are, and what their chance follows from.

use common::chance::SeededChance;

/// A size and a seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// How many times the size that CI has time for: `PILLARBOX_RUNS`, 1 when it is not set.
    pub(crate) times: u32,
    /// `PILLARBOX_SEED`, always the same when it is not set.
    pub(crate) seed: u64,
}

impl Size {
    /// Reads the two variables. What is no number counts as not set.
    pub(crate) fn asked_for() -> Self {
        let number = |name: &str| std::env::var_os(name)?.to_str()?.parse::<u64>().ok();
        let times = number("PILLARBOX_RUNS").and_then(|times| u32::try_from(times).ok());
        Self {
            times: times.unwrap_or(1).max(1),
            seed: number("PILLARBOX_SEED").unwrap_or(1),
        }
    }

    /// Chance of its own for one part of a run.
    pub(crate) fn chance(self, part: u64) -> SeededChance {
        SeededChance::from(self.seed.wrapping_mul(1000).wrapping_add(part))
    }
}
