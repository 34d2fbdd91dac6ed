//! The snapshots in DynamoDB.

use aws_config::SdkConfig;
use jiff::Timestamp;

use super::documents::Documents;
use crate::consent::unguessable::StatusTicketHash;
use crate::ledger::Written;
use crate::snapshot::{Kept, Snapshots, SnapshotsUnavailable};

/// The snapshots in the stack's table.
#[derive(Debug, Clone)]
pub struct SnapshotTable(Documents);

impl SnapshotTable {
    /// The snapshots in `table`.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self(Documents::new(config, table))
    }
}

impl Snapshots for SnapshotTable {
    async fn read(
        &self,
        ticket: &StatusTicketHash,
        now: Timestamp,
    ) -> Result<Option<Kept>, SnapshotsUnavailable> {
        let kept = self.0.read(&pk(ticket), now).await;
        kept.map_err(SnapshotsUnavailable)
    }

    async fn write(
        &self,
        ticket: &StatusTicketHash,
        kept: &Kept,
        now: Timestamp,
    ) -> Result<Written, SnapshotsUnavailable> {
        let until = Some(kept.expires_at);
        self.0
            .write(&pk(ticket), (kept.revision, kept), now, until)
            .await
            .map_err(SnapshotsUnavailable)
    }
}

fn pk(ticket: &StatusTicketHash) -> String {
    format!("status#{}", ticket.as_str())
}
