//! The paces of mailboxes in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::{Calls, lock, turn};
use crate::ledger::Written;
use crate::mailbox::MailboxId;
use crate::pace::{Pace, PaceStore, PaceUnavailable};

/// The paces in memory. They keep their stored form, as they do in a table.
#[derive(Debug, Clone, Default)]
pub struct MemoryPaces {
    paces: Arc<Mutex<HashMap<MailboxId, String>>>,
    /// What was asked.
    pub calls: Calls,
}

impl MemoryPaces {
    /// The pace, as the test sees it.
    #[must_use]
    pub fn seen(&self, mailbox: &MailboxId) -> Pace {
        let paces = lock(&self.paces);
        paces
            .get(mailbox)
            .and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_default()
    }

    async fn note(&self, verb: &str, mailbox: &MailboxId) -> Result<(), PaceUnavailable> {
        turn().await;
        self.calls
            .note(verb, mailbox)
            .map_err(|broken| PaceUnavailable(Box::new(broken)))
    }
}

impl PaceStore for MemoryPaces {
    async fn read(&self, mailbox: &MailboxId) -> Result<Pace, PaceUnavailable> {
        self.note("read pace", mailbox).await?;
        Ok(self.seen(mailbox))
    }

    async fn write(&self, mailbox: &MailboxId, pace: &Pace) -> Result<Written, PaceUnavailable> {
        self.note("write pace", mailbox).await?;
        if pace.revision != self.seen(mailbox).revision + 1 {
            return Ok(Written::Lost);
        }
        let json = serde_json::to_string(pace).map_err(|error| PaceUnavailable(Box::new(error)))?;
        lock(&self.paces).insert(mailbox.clone(), json);
        Ok(Written::Done)
    }
}
