//! A meter in memory.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::lock;
use crate::metrics::{Measurement, Meter};

/// Keeps the lines that a function would have logged.
#[derive(Debug, Clone, Default)]
pub struct MemoryMeter(Arc<Mutex<Vec<String>>>);

impl MemoryMeter {
    /// The lines so far, in order.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        lock(&self.0).clone()
    }
}

impl Meter for MemoryMeter {
    fn record(&self, measurement: &Measurement, now: Timestamp) {
        lock(&self.0).push(measurement.line(now));
    }
}
