//! How mailboxes do: what is known of each from everywhere, and what cannot be found out.

use common::aws::QueueError;
use common::clock::{Clock, SystemClock};
use common::mailbox::{MailboxId, MailboxStates};
use common::pace::PaceStore;
use common::telemetry::chain;
use futures_util::StreamExt;
use futures_util::stream;

use super::{CommandError, Operator};
use crate::answer::{Condition, LastFailure, Status};

/// How many mailboxes are looked at at the same time.
const AT_ONCE: usize = 8;

impl Operator {
    /// How all mailboxes do.
    pub(super) async fn statuses(&self) -> Result<Vec<Status>, CommandError> {
        let all = stream::iter(self.parameters.mailboxes().await?);
        let statuses = all.map(|mailbox| self.status(mailbox)).buffered(AT_ONCE);
        Ok(statuses.collect().await)
    }

    /// How a mailbox does. What cannot be found out is named among the faults, and the rest is shown.
    pub(super) async fn status(&self, mailbox: MailboxId) -> Status {
        let mut faults = Vec::new();
        let settings = self
            .parameters
            .settings(&mailbox)
            .await
            .map_err(|error| faults.push(chain(&error)))
            .ok();
        let state = self
            .states
            .state(&mailbox)
            .await
            .map_err(|error| faults.push(chain(&error)))
            .ok();
        let valve = self
            .valve(&mailbox)
            .await
            .map_err(|fault| faults.push(fault))
            .ok();
        let lately = self
            .paces
            .read(&mailbox)
            .await
            .map_err(|error| faults.push(chain(&error)))
            .map(|pace| pace.lately())
            .unwrap_or_default();
        let queue = self.queues.depth(&self.stack.queue(&mailbox)).await;
        let failed_queue = self.queues.depth(&self.stack.failed_queue(&mailbox)).await;
        let mut depth =
            |depth: Result<_, QueueError>| depth.map_err(|error| faults.push(chain(&error))).ok();
        Status {
            valve,
            queue: depth(queue),
            failed_queue: depth(failed_queue),
            last_accepted_at: lately.accepted_at,
            last_failure: lately
                .failure
                .map(|failure| LastFailure::of(failure, settings.as_ref())),
            address: settings
                .as_ref()
                .map(|settings| settings.address.as_str().to_owned()),
            condition: state
                .zip(settings.as_ref())
                .map(|(state, settings)| Condition::of(&state, settings, SystemClock.now())),
            mailbox: mailbox.to_string(),
            faults,
        }
    }

    async fn valve(&self, mailbox: &MailboxId) -> Result<String, String> {
        let mapping = self.parameters.mapping(mailbox).await;
        let mapping = mapping.map_err(|error| chain(&error))?;
        let state = self.mappings.state_of(&mapping).await;
        state.map_err(|error| chain(&error))
    }
}
