//! The ledger in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::{Calls, lock};
use crate::ledger::{Key, LedgerError, LedgerStore, RETENTION, Record, Written};

/// The ledger in memory. Records keep their stored form, as they do in a table.
#[derive(Debug, Clone, Default)]
pub struct MemoryLedger {
    records: Arc<Mutex<HashMap<Key, (String, Timestamp)>>>,
    /// What was asked.
    pub calls: Calls,
    /// Whether every write is made twice, as by a client that loses the answer to the first.
    pub stutters: bool,
}

impl MemoryLedger {
    /// The record, as the test sees it.
    #[must_use]
    pub fn seen(&self, key: &Key) -> Option<Record> {
        let records = lock(&self.records);
        records
            .get(key)
            .and_then(|(json, _)| serde_json::from_str(json).ok())
    }

    fn note(&self, verb: &str, key: &Key) -> Result<(), LedgerError> {
        let noted = self.calls.note(verb, &key.notification);
        noted.map_err(|broken| LedgerError(Box::new(broken)))
    }
}

impl LedgerStore for MemoryLedger {
    async fn read(&self, key: &Key, now: Timestamp) -> Result<Option<Record>, LedgerError> {
        self.note("read record", key)?;
        let kept = lock(&self.records)
            .get(key)
            .is_some_and(|(_, until)| *until > now);
        Ok(self.seen(key).filter(|_| kept))
    }

    async fn write(
        &self,
        key: &Key,
        record: &Record,
        now: Timestamp,
    ) -> Result<Written, LedgerError> {
        self.note("write record", key)?;
        let written = self.put(key, record, now)?;
        if self.stutters {
            return self.put(key, record, now);
        }
        Ok(written)
    }
}

impl MemoryLedger {
    fn put(&self, key: &Key, record: &Record, now: Timestamp) -> Result<Written, LedgerError> {
        let before = self.seen(key).map_or(0, |record| record.revision);
        let forgotten = lock(&self.records)
            .get(key)
            .is_some_and(|(_, until)| *until <= now);
        let fits = record.revision == before + 1 || (record.revision == 1 && forgotten);
        if !fits {
            return Ok(Written::Lost);
        }
        let json = serde_json::to_string(record).map_err(|error| LedgerError(Box::new(error)))?;
        lock(&self.records).insert(key.clone(), (json, now + RETENTION));
        Ok(Written::Done)
    }
}
