//! The ledger's records in DynamoDB.

use aws_config::SdkConfig;
use jiff::Timestamp;

use super::documents::Documents;
use crate::ledger::{Key, LedgerError, LedgerStore, RETENTION, Record, Written};

/// The ledger in the stack's table.
#[derive(Debug, Clone)]
pub struct Ledger(Documents);

impl Ledger {
    /// The ledger in `table`.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self(Documents::new(config, table))
    }
}

impl LedgerStore for Ledger {
    async fn read(&self, key: &Key, now: Timestamp) -> Result<Option<Record>, LedgerError> {
        self.0.read(&pk(key), now).await.map_err(LedgerError)
    }

    async fn write(
        &self,
        key: &Key,
        record: &Record,
        now: Timestamp,
    ) -> Result<Written, LedgerError> {
        let until = now.checked_add(RETENTION).unwrap_or(Timestamp::MAX);
        self.0
            .write(&pk(key), (record.revision, record), now, Some(until))
            .await
            .map_err(LedgerError)
    }
}

fn pk(key: &Key) -> String {
    format!("ledger#{}#{}", key.mailbox, key.notification)
}
