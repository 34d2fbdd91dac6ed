//! A bus in memory.

use std::sync::{Arc, Mutex};

use super::{Calls, lock, turn};
use crate::event::{Event, EventBus, HashKey, HashKeyUnavailable, HashKeys, NotPut};

/// A bus that keeps what it takes, and the key of the hashes.
#[derive(Debug, Clone, Default)]
pub struct MemoryEvents {
    taken: Arc<Mutex<Vec<Event>>>,
    /// What was asked.
    pub calls: Calls,
}

impl MemoryEvents {
    /// The events so far, in order.
    #[must_use]
    pub fn taken(&self) -> Vec<Event> {
        lock(&self.taken).clone()
    }

    /// The key of the hashes.
    #[must_use]
    pub fn key() -> HashKey {
        HashKey::new([7; HashKey::LENGTH])
    }
}

impl EventBus for MemoryEvents {
    async fn publish(&self, events: &[Event]) -> Result<(), NotPut> {
        turn().await;
        self.calls.note("put", "events").map_err(|broken| NotPut {
            count: events.len(),
            reason: broken.to_string(),
        })?;
        lock(&self.taken).extend_from_slice(events);
        Ok(())
    }
}

impl HashKeys for MemoryEvents {
    async fn hash_key(&self) -> Result<HashKey, HashKeyUnavailable> {
        turn().await;
        let noted = self.calls.note("read", "the hash key");
        noted.map_err(|broken| HashKeyUnavailable(Box::new(broken)))?;
        Ok(Self::key())
    }
}
