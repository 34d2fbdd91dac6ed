//! The states of mailboxes in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::{Calls, lock, turn};
use crate::event::Told;
use crate::grant::GrantId;
use crate::mailbox::{
    Connection, Consented, MailboxId, MailboxState, MailboxStates, Pause, Refreshed, Renewal, Seen,
    StateUnavailable, Trial,
};

/// The states of mailboxes in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryStates {
    states: Arc<Mutex<HashMap<MailboxId, MailboxState>>>,
    renewals: Arc<Mutex<HashMap<MailboxId, Renewal>>>,
    /// What was asked.
    pub calls: Calls,
}

impl MemoryStates {
    /// Sets a state, whatever it was.
    pub fn set(&self, mailbox: &MailboxId, state: MailboxState) {
        lock(&self.states).insert(mailbox.clone(), state);
    }

    /// The state, as the test sees it.
    #[must_use]
    pub fn seen(&self, mailbox: &MailboxId) -> MailboxState {
        lock(&self.states).get(mailbox).cloned().unwrap_or_default()
    }

    /// Changes a state if it is as `seen` wants it.
    async fn within(
        &self,
        verb: &str,
        mailbox: &MailboxId,
        seen: impl FnOnce(&MailboxState) -> bool,
        act: impl FnOnce(&mut MailboxState),
    ) -> Result<bool, StateUnavailable> {
        self.note(verb, mailbox).await?;
        let mut states = lock(&self.states);
        let state = states.entry(mailbox.clone()).or_default();
        let held = seen(state);
        if held {
            act(state);
        }
        Ok(held)
    }

    async fn note(&self, verb: &str, mailbox: &MailboxId) -> Result<(), StateUnavailable> {
        turn().await;
        self.calls
            .note(verb, mailbox)
            .map_err(|broken| StateUnavailable(Box::new(broken)))
    }
}

impl MailboxStates for MemoryStates {
    async fn state(&self, mailbox: &MailboxId) -> Result<MailboxState, StateUnavailable> {
        self.note("read", mailbox).await?;
        Ok(self.seen(mailbox))
    }

    async fn connect(
        &self,
        mailbox: &MailboxId,
        consented: &Consented<'_>,
        connection: &Connection,
    ) -> Result<(), StateUnavailable> {
        let connect = |state: &mut MailboxState| {
            state.grant_id = Some(consented.grant.clone());
            state.account = Some(consented.account.clone());
            state.connected_at = Some(consented.at);
            state.connection = connection.clone();
            state.trial = None;
        };
        self.within("connect", mailbox, |_| true, connect)
            .await
            .map(|_| ())
    }

    async fn adopt(
        &self,
        mailbox: &MailboxId,
        seen: Option<&GrantId>,
        consented: &Consented<'_>,
        connection: &Connection,
    ) -> Result<bool, StateUnavailable> {
        let seen = |state: &MailboxState| state.grant_id.as_ref() == seen;
        self.within("adopt", mailbox, seen, |state| {
            state.grant_id = Some(consented.grant.clone());
            state.account = Some(consented.account.clone());
            state.connected_at = Some(consented.at);
            state.connection = connection.clone();
            state.trial = None;
        })
        .await
    }

    async fn change(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        connection: &Connection,
    ) -> Result<bool, StateUnavailable> {
        self.within("change", mailbox, of(seen), |state| {
            state.connection = connection.clone();
            state.trial = None;
        })
        .await
    }

    async fn refreshed(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        refreshed: &Refreshed,
    ) -> Result<bool, StateUnavailable> {
        self.within("refreshed", mailbox, of(seen), |state| {
            state.refreshed_at = Some(refreshed.at);
            state.expires_at = Some(refreshed.expires_at);
            state.token_bytes = Some(refreshed.token_bytes);
        })
        .await
    }

    async fn refused(
        &self,
        mailbox: &MailboxId,
        seen: Seen<'_>,
        connection: &Connection,
        now: Timestamp,
    ) -> Result<bool, StateUnavailable> {
        let unchanged =
            |state: &MailboxState| of(seen.grant)(state) && state.refreshed_at == seen.refreshed_at;
        self.within("refused", mailbox, unchanged, |state| {
            state.connection = connection.clone();
            state.trial = None;
            state.probed_at = Some(now);
        })
        .await
    }

    async fn probed(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        now: Timestamp,
    ) -> Result<bool, StateUnavailable> {
        self.within("probed", mailbox, of(seen), |state| {
            state.probed_at = Some(now);
        })
        .await
    }

    async fn disconnect(
        &self,
        mailbox: &MailboxId,
        ended: &GrantId,
    ) -> Result<(), StateUnavailable> {
        let forget = |state: &mut MailboxState| {
            *state = MailboxState {
                paused: state.paused,
                paused_at: state.paused_at,
                grant_id: Some(ended.clone()),
                told: state.told.clone(),
                ..MailboxState::default()
            };
        };
        self.within("disconnect", mailbox, |_| true, forget)
            .await
            .map(|_| ())
    }

    async fn begin_renewal(
        &self,
        mailbox: &MailboxId,
        renewal: &Renewal,
        now: Timestamp,
    ) -> Result<bool, StateUnavailable> {
        self.note("begin renewal", mailbox).await?;
        let mut renewals = lock(&self.renewals);
        let is_free = renewals.get(mailbox).is_none_or(|held| held.until <= now);
        if is_free {
            renewals.insert(mailbox.clone(), renewal.clone());
        }
        Ok(is_free)
    }

    async fn end_renewal(
        &self,
        mailbox: &MailboxId,
        renewal: &Renewal,
    ) -> Result<(), StateUnavailable> {
        self.note("end renewal", mailbox).await?;
        let mut renewals = lock(&self.renewals);
        if renewals.get(mailbox) == Some(renewal) {
            renewals.remove(mailbox);
        }
        Ok(())
    }

    async fn put_off(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        until: Timestamp,
    ) -> Result<bool, StateUnavailable> {
        self.within("put off", mailbox, of(seen), |state| {
            state.renew_not_before = Some(until);
        })
        .await
    }

    async fn take_trial(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        trial: &Trial,
        now: Timestamp,
    ) -> Result<bool, StateUnavailable> {
        let is_ours = |state: &MailboxState| {
            let held = state.trial.as_ref();
            held.is_some_and(|held| held.by == trial.by)
        };
        let free = |state: &MailboxState| {
            of(seen)(state)
                && matches!(state.connection, Connection::OnTrial(_))
                && (!state.is_tried(now) || is_ours(state))
        };
        self.within("take trial", mailbox, free, |state| {
            state.trial = Some(trial.clone());
        })
        .await
    }

    async fn leave_trial(&self, mailbox: &MailboxId, by: &str) -> Result<(), StateUnavailable> {
        let held = |state: &MailboxState| state.trial.as_ref().is_some_and(|trial| trial.by == by);
        self.within("leave trial", mailbox, held, |state| state.trial = None)
            .await
            .map(|_| ())
    }

    async fn pause(
        &self,
        mailbox: &MailboxId,
        pause: Pause,
        now: Timestamp,
    ) -> Result<(), StateUnavailable> {
        let set = |state: &mut MailboxState| {
            state.paused = pause == Pause::Paused;
            match pause {
                Pause::Paused => state.paused_at = state.paused_at.or(Some(now)),
                Pause::Running => (state.paused_at, state.probed_at) = (None, None),
            }
        };
        self.within("pause", mailbox, |_| true, set)
            .await
            .map(|_| ())
    }

    async fn told(&self, mailbox: &MailboxId, told: &Told) -> Result<(), StateUnavailable> {
        let tell = |state: &mut MailboxState| state.told = told.clone();
        self.within("told", mailbox, |_| true, tell)
            .await
            .map(|_| ())
    }
}

fn of(seen: &GrantId) -> impl FnOnce(&MailboxState) -> bool {
    move |state| state.grant_id.as_ref() == Some(seen)
}
