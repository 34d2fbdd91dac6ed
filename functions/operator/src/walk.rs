//! A walk through the failed queue of a mailbox.
//!
//! Every copy that is taken is hidden for longer than a walk lasts, so that it is seen once and the walk ends. What is
//! left in place is shown again when the queue has been gone through. When the time is up first, it stays hidden for
//! its five minutes, so that the next walk sees the others; it comes back by itself, as it does if this one is cut short.
//! What comes into the queue during a walk is none of it: a copy that was put back and has failed again would go round
//! and round.

use std::future::Future;
use std::time::Duration;

use common::aws::QueueError;
use common::clock::Clock;
use common::failed::{Attribute, FailedCopy};
use common::telemetry::chain;
use jiff::{SignedDuration, Timestamp};

use crate::answer::failed::End;

/// How long a copy is hidden.
const HIDDEN: Duration = Duration::from_secs(300);
/// No more copies are taken with less time left than this: those in hand have to be done with, and the rest shown again.
const RESERVE: SignedDuration = SignedDuration::from_secs(20);
/// What is kept of it for the answer.
const ANSWER: SignedDuration = SignedDuration::from_secs(2);

/// The failed queue of a mailbox, and the way back to the mailbox's own.
pub(crate) trait FailedQueue: Sync {
    /// Takes some copies and hides them; none when there is nothing to see.
    fn receive(
        &self,
        hidden_for: Duration,
    ) -> impl Future<Output = Result<Vec<FailedCopy>, QueueError>> + Send;

    /// Shows copies again.
    fn release(&self, receipts: &[String]) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Deletes a copy.
    fn delete(&self, receipt: &str) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Puts a copy on the mailbox's queue.
    fn put_back(
        &self,
        body: &str,
        attributes: &[Attribute],
    ) -> impl Future<Output = Result<(), QueueError>> + Send;
}

/// A walk under way.
pub(crate) struct Walk<'a, Q, C> {
    queue: &'a Q,
    clock: &'a C,
    begun: Timestamp,
    deadline: Timestamp,
    has_seen: bool,
    left: Vec<String>,
    end: End,
}

impl<'a, Q: FailedQueue, C: Clock> Walk<'a, Q, C> {
    /// A walk in an invocation that ends at `deadline`.
    pub(crate) fn new(queue: &'a Q, clock: &'a C, deadline: Timestamp) -> Self {
        Self {
            queue,
            clock,
            begun: clock.now(),
            deadline,
            has_seen: false,
            left: Vec::new(),
            end: End::default(),
        }
    }

    /// Some more copies, perhaps none; `None` at the end of the queue or of the time.
    ///
    /// # Errors
    ///
    /// When the queue does not answer at all. Later on that ends the walk, and what was done is told.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<FailedCopy>>, QueueError> {
        if self.clock.now() + RESERVE > self.deadline {
            self.end.again = true;
            return Ok(None);
        }
        match self.queue.receive(HIDDEN).await {
            Ok(copies) if copies.is_empty() => Ok(None),
            Ok(copies) => {
                self.has_seen = true;
                let was_there =
                    |copy: &FailedCopy| copy.enqueued_at.is_none_or(|at| at <= self.begun);
                let (copies, later): (Vec<_>, Vec<_>) = copies.into_iter().partition(was_there);
                for copy in later {
                    self.leave(copy);
                }
                Ok(Some(copies))
            }
            Err(error) if self.has_seen => {
                self.end.again = true;
                self.end.fault = Some(chain(&error));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Leaves a copy where it is.
    pub(crate) fn leave(&mut self, copy: FailedCopy) {
        self.left.push(copy.receipt);
    }

    /// Ends the walk, and tells how far it went. Where that was to the end of the queue, what was left is shown again.
    pub(crate) async fn end(self) -> End {
        if !self.end.again {
            self.show().await;
        }
        self.end
    }

    /// Ends the walk before its end, and shows again what was left.
    pub(crate) async fn turn_back(mut self) -> End {
        self.show().await;
        self.end.again = true;
        self.end
    }

    /// Shows again what was left, as far as there is time. The rest comes back by itself.
    async fn show(&self) {
        if self.left.is_empty() {
            return;
        }
        let time = self.deadline.duration_since(self.clock.now()) - ANSWER;
        let time = Duration::try_from(time).unwrap_or_default();
        let shown = tokio::time::timeout(time, self.queue.release(&self.left)).await;
        let fault = match shown {
            Ok(Ok(())) => return,
            Ok(Err(error)) => chain(&error),
            Err(_) => "there was no time".to_owned(),
        };
        tracing::warn!(
            error = fault,
            "copies in the failed queue stay hidden for five minutes"
        );
    }
}
