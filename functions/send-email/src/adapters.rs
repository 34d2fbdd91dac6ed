//! The ports over AWS, for one mailbox.

use std::time::Duration;

use common::aws::Valve;
use common::chance::{Chance, SystemChance};
use common::clock::{Clock, SystemClock};
use common::event::{EventBus, HashKeys};
use common::failed::Attribute;
use common::grant::TokenSet;
use common::ledger::LedgerStore;
use common::mailbox::{MailboxId, MailboxStates};
use common::metrics::{LogMeter, Meter};
use common::naming::StackName;
use common::object::ObjectStore;
use common::pace::PaceStore;
use common::telemetry::chain;
use common::template::TemplateCache;
use common::vault::{Current, VaultError, Version};
use serde_json::json;

use crate::copy::Copy;
use crate::line::Tokens;
use crate::office::Office;
use crate::ports::Ports;

/// The longest time for which SQS delays a message that is put on a queue.
const LONGEST_DELAY: Duration = Duration::from_secs(900);

/// The outside, as one mailbox has it.
pub(crate) struct Outside<'a> {
    pub(crate) office: &'a Office,
    pub(crate) mailbox: &'a MailboxId,
}

impl Ports for Outside<'_> {
    fn ledger(&self) -> &impl LedgerStore {
        &self.office.ledger
    }

    fn states(&self) -> &impl MailboxStates {
        &self.office.states
    }

    fn paces(&self) -> &impl PaceStore {
        &self.office.paces
    }

    fn objects(&self) -> &impl ObjectStore {
        &self.office.objects
    }

    fn templates(&self) -> &TemplateCache {
        &self.office.templates
    }

    fn clock(&self) -> &impl Clock {
        &SystemClock
    }

    fn chance(&self) -> &impl Chance {
        &SystemChance
    }

    fn meter(&self) -> &impl Meter {
        &LogMeter
    }

    fn stack(&self) -> &StackName {
        &self.office.stack
    }

    fn bus(&self) -> &impl EventBus {
        &self.office.events
    }

    fn hash_keys(&self) -> &impl HashKeys {
        &self.office.hash_keys
    }

    async fn wait(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }

    async fn set_aside(&self, body: &str, attributes: &[Attribute]) -> Result<(), String> {
        let queue = self.office.stack.failed_queue(self.mailbox);
        let sent = self.office.queues.send(&queue, body, attributes).await;
        sent.map_err(|error| chain(&error))
    }

    async fn put_again(
        &self,
        body: &str,
        attributes: &[Attribute],
        wait: Duration,
    ) -> Result<(), String> {
        let queue = self.office.stack.queue(self.mailbox);
        let delay = wait.min(LONGEST_DELAY);
        let queues = &self.office.queues;
        let sent = queues.send_after(&queue, body, attributes, delay).await;
        sent.map_err(|error| chain(&error))
    }

    async fn hide(&self, copy: &Copy, wait: Duration) {
        let queue = self.office.stack.queue(self.mailbox);
        let seconds = i32::try_from(wait.as_secs()).unwrap_or(i32::MAX);
        let hidden = self
            .office
            .queues
            .hide(&queue, &copy.receipt, seconds)
            .await;
        if let Err(error) = hidden {
            tracing::warn!(copy.id, error = %chain(&error), "the copy comes back when its hiding ends, not when it should");
        }
    }

    async fn close_valve(&self) {
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

impl Tokens for Outside<'_> {
    async fn token(&self) -> Result<Option<Current<TokenSet>>, VaultError> {
        self.office.vault.tokens(self.mailbox).await
    }

    async fn renew(&self, seen: &Version) -> Result<(), String> {
        let function = self.office.stack.live_function("token-refresh");
        let payload = json!({ "mailbox": self.mailbox.as_str(), "seen_version": seen.0 });
        let answer = self.office.functions.invoke(&function, &payload).await;
        answer.map(|_| ()).map_err(|error| chain(&error))
    }

    fn is_fresh(&self, token: &TokenSet) -> bool {
        token.is_fresh(SystemClock.now())
    }
}
