//! How large the runs are.

/// How many times the size that CI has time for: `PILLARBOX_RUNS`, 1 when it is not set or no number.
pub(super) fn times() -> u32 {
    std::env::var_os("PILLARBOX_RUNS")
        .and_then(|times| times.to_str()?.parse().ok())
        .unwrap_or(1)
        .max(1)
}
