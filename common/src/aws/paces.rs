//! The paces of mailboxes in DynamoDB.

use aws_config::SdkConfig;
use jiff::Timestamp;

use super::documents::Documents;
use crate::ledger::Written;
use crate::mailbox::MailboxId;
use crate::pace::{Pace, PaceStore, PaceUnavailable};

/// The paces in the stack's table.
#[derive(Debug, Clone)]
pub struct Paces(Documents);

impl Paces {
    /// The paces in `table`.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self(Documents::new(config, table))
    }
}

impl PaceStore for Paces {
    async fn read(&self, mailbox: &MailboxId) -> Result<Pace, PaceUnavailable> {
        let pace = self.0.read(&pk(mailbox), Timestamp::MIN).await;
        pace.map(Option::unwrap_or_default).map_err(PaceUnavailable)
    }

    async fn write(&self, mailbox: &MailboxId, pace: &Pace) -> Result<Written, PaceUnavailable> {
        self.0
            .write(&pk(mailbox), (pace.revision, pace), Timestamp::MIN, None)
            .await
            .map_err(PaceUnavailable)
    }
}

fn pk(mailbox: &MailboxId) -> String {
    format!("pace#{mailbox}")
}
