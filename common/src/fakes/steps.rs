//! The steps of checks in memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::{Calls, lock, turn};
use crate::ledger::Written;
use crate::mailbox::MailboxId;
use crate::steps::{CheckId, KeptSteps, StepStore, StepsUnavailable};

/// The steps of checks in memory.
#[derive(Debug, Clone, Default)]
pub struct MemorySteps {
    kept: Arc<Mutex<HashMap<(MailboxId, CheckId), KeptSteps>>>,
    hangs: Arc<AtomicBool>,
    /// What was asked.
    pub calls: Calls,
}

impl MemorySteps {
    /// Answers nothing from here on.
    pub fn hang(&self) {
        self.hangs.store(true, Ordering::Relaxed);
    }

    /// What is kept of a check, whatever its age.
    #[must_use]
    pub fn kept(&self, mailbox: &MailboxId, check: &CheckId) -> Option<KeptSteps> {
        let of = (mailbox.clone(), check.clone());
        lock(&self.kept).get(&of).cloned()
    }

    async fn note(&self, verb: &str) -> Result<(), StepsUnavailable> {
        turn().await;
        let noted = self.calls.note(verb, "steps");
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        noted.map_err(|broken| StepsUnavailable(Box::new(broken)))
    }
}

impl StepStore for MemorySteps {
    async fn read(
        &self,
        mailbox: &MailboxId,
        check: &CheckId,
        now: Timestamp,
    ) -> Result<Option<KeptSteps>, StepsUnavailable> {
        self.note("read").await?;
        let kept = self.kept(mailbox, check);
        Ok(kept.filter(|kept| kept.expires_at > now))
    }

    async fn write(
        &self,
        mailbox: &MailboxId,
        check: &CheckId,
        kept: &KeptSteps,
        _now: Timestamp,
    ) -> Result<Written, StepsUnavailable> {
        self.note("write").await?;
        let mut all = lock(&self.kept);
        let of = (mailbox.clone(), check.clone());
        let seen = all.get(&of).map_or(0, |kept| kept.revision);
        if kept.revision != seen + 1 {
            return Ok(Written::Lost);
        }
        all.insert(of, kept.clone());
        Ok(Written::Done)
    }
}
