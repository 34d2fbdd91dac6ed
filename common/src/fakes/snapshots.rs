//! The snapshots in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::{Calls, lock, turn};
use crate::consent::unguessable::StatusTicketHash;
use crate::ledger::Written;
use crate::snapshot::{Kept, Snapshots, SnapshotsUnavailable};

/// The snapshots in memory. They keep their stored form, as they do in a table.
#[derive(Debug, Clone, Default)]
pub struct MemorySnapshots {
    kept: Arc<Mutex<HashMap<StatusTicketHash, String>>>,
    /// What was asked.
    pub calls: Calls,
}

impl MemorySnapshots {
    /// Everything that is stored, as text.
    #[must_use]
    pub fn stored(&self) -> String {
        format!("{:?}", lock(&self.kept))
    }

    fn seen(&self, ticket: &StatusTicketHash) -> Option<Kept> {
        serde_json::from_str(lock(&self.kept).get(ticket)?).ok()
    }

    async fn note(&self, verb: &str) -> Result<(), SnapshotsUnavailable> {
        turn().await;
        let noted = self.calls.note(verb, "snapshot");
        noted.map_err(|broken| SnapshotsUnavailable(Box::new(broken)))
    }
}

impl Snapshots for MemorySnapshots {
    async fn read(
        &self,
        ticket: &StatusTicketHash,
        now: Timestamp,
    ) -> Result<Option<Kept>, SnapshotsUnavailable> {
        self.note("read").await?;
        Ok(self.seen(ticket).filter(|kept| kept.expires_at > now))
    }

    async fn write(
        &self,
        ticket: &StatusTicketHash,
        kept: &Kept,
        _now: Timestamp,
    ) -> Result<Written, SnapshotsUnavailable> {
        self.note("write").await?;
        let seen = self.seen(ticket).map_or(0, |kept| kept.revision);
        if kept.revision != seen + 1 {
            return Ok(Written::Lost);
        }
        let json = serde_json::to_string(kept);
        let json = json.map_err(|error| SnapshotsUnavailable(Box::new(error)))?;
        lock(&self.kept).insert(ticket.clone(), json);
        Ok(Written::Done)
    }
}
