//! The states of mailboxes in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::{Calls, lock};
use crate::grant::{Account, GrantId};
use crate::mailbox::{
    Connection, MailboxId, MailboxState, MailboxStates, Pause, Refreshed, StateUnavailable,
};

/// The states of mailboxes in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryStates {
    states: Arc<Mutex<HashMap<MailboxId, MailboxState>>>,
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

    /// Changes a state if its grant is `seen`, or in any case if there is none to compare with.
    fn within(
        &self,
        verb: &str,
        mailbox: &MailboxId,
        seen: Option<&GrantId>,
        act: impl FnOnce(&mut MailboxState),
    ) -> Result<bool, StateUnavailable> {
        self.note(verb, mailbox)?;
        let mut states = lock(&self.states);
        let state = states.entry(mailbox.clone()).or_default();
        let held = seen.is_none_or(|seen| state.grant_id.as_ref() == Some(seen));
        if held {
            act(state);
        }
        Ok(held)
    }

    fn note(&self, verb: &str, mailbox: &MailboxId) -> Result<(), StateUnavailable> {
        self.calls
            .note(verb, mailbox)
            .map_err(|broken| StateUnavailable(Box::new(broken)))
    }
}

impl MailboxStates for MemoryStates {
    async fn state(&self, mailbox: &MailboxId) -> Result<MailboxState, StateUnavailable> {
        self.note("read", mailbox)?;
        Ok(self.seen(mailbox))
    }

    async fn connect(
        &self,
        mailbox: &MailboxId,
        grant: &GrantId,
        account: &Account,
        connection: &Connection,
    ) -> Result<(), StateUnavailable> {
        let connect = |state: &mut MailboxState| {
            state.grant_id = Some(grant.clone());
            state.account = Some(account.clone());
            state.connection = connection.clone();
        };
        self.within("connect", mailbox, None, connect).map(|_| ())
    }

    async fn change(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        connection: &Connection,
    ) -> Result<bool, StateUnavailable> {
        self.within("change", mailbox, Some(seen), |state| {
            state.connection = connection.clone();
        })
    }

    async fn refreshed(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        refreshed: &Refreshed,
    ) -> Result<bool, StateUnavailable> {
        self.within("refreshed", mailbox, Some(seen), |state| {
            state.refreshed_at = Some(refreshed.at);
            state.expires_at = Some(refreshed.expires_at);
            state.token_bytes = Some(refreshed.token_bytes);
        })
    }

    async fn pause(&self, mailbox: &MailboxId, pause: Pause) -> Result<(), StateUnavailable> {
        let set = |state: &mut MailboxState| state.paused = pause == Pause::Paused;
        self.within("pause", mailbox, None, set).map(|_| ())
    }
}
