//! The steps of checks in DynamoDB.

use aws_config::SdkConfig;
use jiff::Timestamp;

use super::documents::Documents;
use crate::ledger::Written;
use crate::mailbox::MailboxId;
use crate::steps::{CheckId, KeptSteps, StepStore, StepsUnavailable};

/// The steps of checks in the stack's table.
#[derive(Debug, Clone)]
pub struct StepTable(Documents);

impl StepTable {
    /// The steps in `table`.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self(Documents::new(config, table))
    }
}

impl StepStore for StepTable {
    async fn read(
        &self,
        mailbox: &MailboxId,
        check: &CheckId,
        now: Timestamp,
    ) -> Result<Option<KeptSteps>, StepsUnavailable> {
        let kept = self.0.read(&pk(mailbox, check), now).await;
        kept.map_err(StepsUnavailable)
    }

    async fn write(
        &self,
        mailbox: &MailboxId,
        check: &CheckId,
        kept: &KeptSteps,
        now: Timestamp,
    ) -> Result<Written, StepsUnavailable> {
        let until = Some(kept.expires_at);
        self.0
            .write(&pk(mailbox, check), (kept.revision, kept), now, until)
            .await
            .map_err(StepsUnavailable)
    }
}

fn pk(mailbox: &MailboxId, check: &CheckId) -> String {
    format!("check#{mailbox}#{}", check.as_str())
}
