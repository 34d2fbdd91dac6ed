//! Keeps to the pace of one mailbox, together with everybody else who does.

use std::time::Duration;

use jiff::Timestamp;

use super::{Lately, Lease, Limit, Pace, PaceStore, PaceUnavailable, Permit, Purpose};
use crate::ledger::Written;
use crate::mailbox::MailboxId;
use crate::telemetry::chain;

/// How often a change is tried against others that come first. Two workers and a probe are all there are.
const TRIES: usize = 16;

/// The pace of a mailbox, as one owner sees it.
#[derive(Debug, Clone, Copy)]
pub struct Keeper<'a, S> {
    /// Where the pace is kept.
    pub store: &'a S,
    /// The mailbox.
    pub mailbox: &'a MailboxId,
    /// Who asks, told apart from everybody else.
    pub owner: &'a str,
}

#[derive(Debug, thiserror::Error)]
#[error("others came first {TRIES} times")]
struct Crowded;

impl<S: PaceStore> Keeper<'_, S> {
    /// What a message from `from` would be told now. Nothing is taken.
    ///
    /// # Errors
    ///
    /// When the store does not answer.
    pub async fn outlook(
        &self,
        limit: Limit,
        from: &str,
        now: Timestamp,
    ) -> Result<Permit, PaceUnavailable> {
        let pace = self.store.read(self.mailbox).await?;
        Ok(pace.permit(limit, from, now).0)
    }

    /// Takes a permit for a message from `from`.
    ///
    /// # Errors
    ///
    /// When the store does not answer. A permit that was taken all the same is lost.
    pub async fn permit(
        &self,
        limit: Limit,
        from: &str,
        now: Timestamp,
    ) -> Result<Permit, PaceUnavailable> {
        self.change(|pace| pace.permit(limit, from, now)).await
    }

    /// Leases a connection until `until`, by when the owner must have ended.
    ///
    /// # Errors
    ///
    /// When the store does not answer. A connection that was leased all the same is free when its lease ends.
    pub async fn lease(
        &self,
        purpose: Purpose,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Lease, PaceUnavailable> {
        self.change(|pace| pace.lease(purpose, self.owner, until, now))
            .await
    }

    /// Gives the connection back. What fails here ends with its lease.
    pub async fn release(&self) {
        self.leave(&Lately::default()).await;
    }

    /// The same, with what lately became of the mailbox's mail.
    pub async fn leave(&self, lately: &Lately) {
        let released = self
            .change(|pace| ((), pace.left(self.owner, lately)))
            .await;
        if let Err(error) = released {
            tracing::warn!(mailbox.id = %self.mailbox, error = %chain(&error), "a connection is free only when its lease ends");
        }
    }

    /// Holds everybody back for a while from `now` on.
    ///
    /// # Errors
    ///
    /// When the store does not answer.
    pub async fn hold_back(&self, now: Timestamp, wait: Duration) -> Result<(), PaceUnavailable> {
        let until = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        self.change(|pace| ((), Some(pace.held_back(until)))).await
    }

    /// Records that the server refused `from`.
    ///
    /// # Errors
    ///
    /// When the store does not answer.
    pub async fn denied(
        &self,
        from: &str,
        reply: &str,
        now: Timestamp,
    ) -> Result<(), PaceUnavailable> {
        self.change(|pace| ((), Some(pace.denied(from, reply, now))))
            .await
    }

    /// Records that the server takes `from`.
    ///
    /// # Errors
    ///
    /// When the store does not answer.
    pub async fn allowed(&self, from: &str) -> Result<(), PaceUnavailable> {
        self.change(|pace| ((), pace.allowed(from))).await
    }

    /// Changes the pace against others who do. A change that comes with no pace is none.
    async fn change<T>(
        &self,
        change: impl Fn(&Pace) -> (T, Option<Pace>) + Send,
    ) -> Result<T, PaceUnavailable> {
        for _ in 0..TRIES {
            let pace = self.store.read(self.mailbox).await?;
            let (answer, next) = change(&pace);
            let Some(next) = next else { return Ok(answer) };
            match self.store.write(self.mailbox, &next).await? {
                Written::Done => return Ok(answer),
                Written::Lost => {}
            }
        }
        Err(PaceUnavailable(Box::new(Crowded)))
    }
}
