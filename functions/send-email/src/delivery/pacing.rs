//! When a message may be begun: the mailbox's pace, its connections, its trials.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::chance::Chance;
use common::ledger::{Key, Record};
use common::mailbox::{Connection, MailboxState, MailboxStates, Trial};
use common::pace::{Keeper, Lately, Lease, PaceStore, Permit, Purpose};
use common::telemetry::chain;
use jiff::{SignedDuration, Timestamp};

use super::{Desk, Fate, Interrupted};
use crate::backoff;
use crate::ports::Ports;

/// How long an owner's connection may outlive its invocation.
const GRACE: SignedDuration = SignedDuration::from_secs(10);

/// Whether a message may be begun now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It may.
    Now,
    /// It may, and finds out whether its From address is still refused.
    OnTrial,
    /// This worker can wait for it.
    After(Duration),
    /// It goes back to the queue for a while.
    Later(Duration),
}

impl<P: Ports> Desk<'_, P> {
    /// When a message of so many octets may be begun, as it looks now. Nothing is taken.
    pub(super) async fn outlook(&self, octets: usize, from: &str) -> Result<Turn, Interrupted> {
        let limit = self.settings.limit();
        let permit = self.keeper().outlook(limit, from, self.now()).await?;
        Ok(self.turn(permit, octets))
    }

    /// Takes the turn of a message of so many octets that is begun now, if it has one.
    pub(super) async fn take_turn(&self, octets: usize, from: &str) -> Result<Turn, Interrupted> {
        let limit = self.settings.limit();
        let permit = self.keeper().permit(limit, from, self.now()).await?;
        Ok(self.turn(permit, octets))
    }

    fn turn(&self, permit: Permit, octets: usize) -> Turn {
        let now = self.now();
        let chance = self.ports.chance();
        match permit {
            Permit::Granted => Turn::Now,
            Permit::OnTrial => Turn::OnTrial,
            Permit::NotBefore(moment) if moment <= self.latest_begin(octets) => {
                let wait = Duration::try_from(moment.duration_since(now)).unwrap_or_default();
                Turn::After(wait + Duration::from_millis(chance.below(500)))
            }
            Permit::NotBefore(moment) | Permit::SenderWaits(moment) => {
                Turn::Later(backoff::until(moment, now, chance))
            }
        }
    }

    /// Leases a connection for this invocation, if it has none; answers whether it has one.
    pub(super) async fn lease(&self) -> Result<bool, Interrupted> {
        if self.has_lease.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let until = self.deadline + GRACE;
        let lease = self
            .keeper()
            .lease(Purpose::Send, until, self.now())
            .await?;
        let is_granted = lease == Lease::Granted;
        self.has_lease.store(is_granted, Ordering::Relaxed);
        Ok(is_granted)
    }

    /// Gives back what the invocation has leased, once its connection is closed, and notes what became of its mail.
    pub(crate) async fn leave(&self) {
        let lately = *self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        if self.has_lease.load(Ordering::Relaxed) || lately != Lately::default() {
            self.keeper().leave(&lately).await;
        }
    }

    /// Whether a message may be begun in `state`. On trial only the worker that has the trial may.
    pub(super) async fn may_begin(&self, state: &MailboxState) -> Result<bool, Interrupted> {
        if !state.is_open() {
            return Ok(false);
        }
        let (Connection::OnTrial(_), Some(grant)) = (&state.connection, &state.grant_id) else {
            return Ok(true);
        };
        if self.has_trial.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let trial = Trial {
            by: self.worker.to_owned(),
            until: self.deadline + GRACE,
        };
        let (states, mailbox) = (self.ports.states(), &self.settings.mailbox);
        let taken = states.take_trial(mailbox, grant, &trial, self.now()).await;
        // One that may have been taken is given back as one that was.
        let is_ours = !matches!(taken, Ok(false));
        self.has_trial.store(is_ours, Ordering::Relaxed);
        Ok(taken?)
    }

    /// Ends the trial of the mailbox: an accepted message has found out that it may go on.
    pub(super) async fn pass_trial(&self) {
        if !self.has_trial.load(Ordering::Relaxed) {
            return;
        }
        let (states, mailbox) = (self.ports.states(), &self.settings.mailbox);
        let passed = async {
            let state = states.state(mailbox).await?;
            match (&state.connection, &state.grant_id) {
                (Connection::OnTrial(_), Some(grant)) => {
                    states.change(mailbox, grant, &Connection::Active).await
                }
                _ => Ok(false),
            }
        };
        match passed.await {
            Ok(true) => tracing::info!(mailbox.id = %mailbox, "the mailbox can send again"),
            Ok(false) => {}
            // The next message finds it out once more.
            Err(error) => {
                tracing::warn!(mailbox.id = %mailbox, error = %chain(&error), "the end of the trial is not recorded");
            }
        }
    }

    /// Leaves the trial, if this worker has it, to the next message. What has found out something has ended it.
    pub(super) async fn leave_trial(&self) {
        if !self.has_trial.swap(false, Ordering::Relaxed) {
            return;
        }
        let (states, mailbox) = (self.ports.states(), &self.settings.mailbox);
        if let Err(error) = states.leave_trial(mailbox, self.worker).await {
            tracing::warn!(mailbox.id = %mailbox, error = %chain(&error), "the trial is free only when its hold ends");
        }
    }

    /// Puts a claimed notification back without an attempt, and lets go of the claim.
    pub(super) async fn stand_back(
        &self,
        key: &Key,
        record: &Record,
        wait: Duration,
    ) -> Result<Fate, Interrupted> {
        self.write(key, &record.put_off(self.after(wait), Vec::new()))
            .await?;
        tracing::debug!(
            notification.id = key.notification,
            wait_s = wait.as_secs(),
            "the notification waits for its turn"
        );
        Ok(Fate::PutBack(wait))
    }

    /// The moment after a wait.
    pub(super) fn after(&self, wait: Duration) -> Timestamp {
        self.now().saturating_add(wait).unwrap_or(Timestamp::MAX)
    }

    pub(super) fn keeper(&self) -> Keeper<'_, impl PaceStore> {
        Keeper {
            store: self.ports.paces(),
            mailbox: &self.settings.mailbox,
            owner: self.worker,
        }
    }
}
