//! What a delivery needs of the outside, over AWS, for one mailbox.

use std::time::Duration;

use common::aws::Valve;
use common::clock::{Clock, SystemClock};
use common::grant::TokenSet;
use common::mailbox::MailboxId;
use common::telemetry::chain;
use common::vault::{Current, VaultError, Version};
use serde_json::json;

use crate::copy::Copy;
use crate::delivery::{Closes, FailedQueue};
use crate::handler::Hides;
use crate::line::Tokens;
use crate::office::Office;

/// The failed queue of a mailbox.
pub(crate) struct FailedCopies<'a> {
    pub(crate) office: &'a Office,
    pub(crate) mailbox: &'a MailboxId,
}

impl FailedQueue for FailedCopies<'_> {
    async fn put(&self, body: &str, attributes: &[(&str, &str)]) -> Result<(), String> {
        let queue = self.office.stack.failed_queue(self.mailbox);
        let sent = self.office.queues.send(&queue, body, attributes).await;
        sent.map(|_| ()).map_err(|error| chain(&error))
    }
}

/// The queue of a mailbox.
pub(crate) struct WaitingCopies<'a> {
    pub(crate) office: &'a Office,
    pub(crate) mailbox: &'a MailboxId,
}

impl Hides for WaitingCopies<'_> {
    async fn hide(&self, copy: &Copy, wait: Duration) {
        let queue = self.office.stack.queue(self.mailbox);
        let seconds = i32::try_from(wait.as_secs()).unwrap_or(i32::MAX);
        if let Err(error) = self
            .office
            .queues
            .hide(&queue, &copy.receipt, seconds)
            .await
        {
            tracing::warn!(copy.id, error = %chain(&error), "the copy comes back when its hiding ends, not when it should");
        }
    }
}

/// The valve of a mailbox.
pub(crate) struct MailboxValve<'a> {
    pub(crate) office: &'a Office,
    pub(crate) mailbox: &'a MailboxId,
}

impl Closes for MailboxValve<'_> {
    async fn close(&self) {
        let closed = match self.office.parameters.mapping(self.mailbox).await {
            Ok(mapping) => self
                .office
                .mappings
                .set(&mapping, Valve::Closed)
                .await
                .map_err(|error| chain(&error)),
            Err(error) => Err(chain(&error)),
        };
        if let Err(error) = closed {
            tracing::warn!(mailbox.id = %self.mailbox, error, "the valve is left to the next tick");
        }
    }
}

/// The access tokens of a mailbox.
pub(crate) struct MailboxTokens<'a> {
    pub(crate) office: &'a Office,
    pub(crate) mailbox: &'a MailboxId,
}

impl Tokens for MailboxTokens<'_> {
    async fn token(&self) -> Result<Option<Current<TokenSet>>, VaultError> {
        self.office.vault.tokens(self.mailbox).await
    }

    async fn renew(&self, seen: &Version) -> Result<(), String> {
        let function = self.office.stack.function("token-refresh");
        let payload = json!({ "mailbox": self.mailbox.as_str(), "seen_version": seen.0 });
        let answer = self.office.functions.invoke(&function, &payload).await;
        answer.map(|_| ()).map_err(|error| chain(&error))
    }

    fn is_fresh(&self, token: &TokenSet) -> bool {
        token.is_fresh(SystemClock.now())
    }
}
