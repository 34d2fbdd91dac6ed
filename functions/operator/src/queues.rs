//! The two queues of a mailbox, over SQS.

use std::time::Duration;

use common::aws::{QueueError, Queues};
use common::failed::{Attribute, FailedCopy};
use common::mailbox::MailboxId;
use common::naming::StackName;

use crate::walk::FailedQueue;

/// The failed queue of a mailbox, and the queue that its copies go back to.
pub(crate) struct MailboxQueues<'a> {
    queues: &'a Queues,
    failed: String,
    queue: String,
}

impl<'a> MailboxQueues<'a> {
    /// The queues of `mailbox` in `stack`.
    pub(crate) fn of(mailbox: &MailboxId, stack: &StackName, queues: &'a Queues) -> Self {
        Self {
            queues,
            failed: stack.failed_queue(mailbox),
            queue: stack.queue(mailbox),
        }
    }
}

impl FailedQueue for MailboxQueues<'_> {
    async fn receive(&self, hidden_for: Duration) -> Result<Vec<FailedCopy>, QueueError> {
        self.queues.receive(&self.failed, hidden_for).await
    }

    async fn release(&self, receipts: &[String]) -> Result<(), QueueError> {
        self.queues.release(&self.failed, receipts).await
    }

    async fn delete(&self, receipt: &str) -> Result<(), QueueError> {
        self.queues.delete(&self.failed, receipt).await
    }

    async fn put_back(&self, body: &str, attributes: &[Attribute]) -> Result<(), QueueError> {
        self.queues.send(&self.queue, body, attributes).await
    }
}
