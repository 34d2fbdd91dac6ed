//! The state of a mailbox, and the valve that follows from it.
//!
//! Written by whoever learns something (`oauth-callback`, `token-refresh`, `send-email`, `operator`),
//! read by everybody. What is said of a grant is written under the condition that the grant is still
//! the one that was seen, so a stale answer never stops a mailbox that has a newer consent.

use std::future::Future;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::MailboxId;
use crate::class::Class;
use crate::grant::{Account, GrantId};

/// Everything that is known of a mailbox's condition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MailboxState {
    /// Whether it can send, and why not.
    pub connection: Connection,
    /// Whether an operator has paused it.
    pub paused: bool,
    /// The grant that `connection` speaks of.
    pub grant_id: Option<GrantId>,
    /// The account that consented. Its ids hold every later consent to the same account.
    pub account: Option<Account>,
    /// When the last refresh succeeded.
    pub refreshed_at: Option<Timestamp>,
    /// When the access token ends.
    pub expires_at: Option<Timestamp>,
    /// The length of the access token, in octets.
    pub token_bytes: Option<u64>,
}

/// Whether a mailbox can send.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Connection {
    /// Nobody has consented yet.
    #[default]
    AwaitingConsent,
    /// The path to the server is proven.
    Active,
    /// There is a grant, but the server or a policy refuses. It heals without a new consent.
    Blocked(Stop),
    /// The grant is dead; only a new consent helps.
    NeedsConsent(Stop),
}

/// What stopped a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// The class; it has the remedy.
    pub class: Class,
    /// What the server said.
    pub reason: String,
    /// When it was first met.
    pub since: Timestamp,
}

impl Connection {
    /// The state's name in the table, in answers and on pages.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::AwaitingConsent => "awaiting_consent",
            Self::Active => "active",
            Self::Blocked(_) => "blocked",
            Self::NeedsConsent(_) => "needs_consent",
        }
    }

    /// What stopped the mailbox, if something did.
    #[must_use]
    pub fn stop(&self) -> Option<&Stop> {
        match self {
            Self::AwaitingConsent | Self::Active => None,
            Self::Blocked(stop) | Self::NeedsConsent(stop) => Some(stop),
        }
    }

    /// A grant that was stored a moment ago, whose way to the server nobody has tried yet.
    #[must_use]
    pub fn unproven(since: Timestamp) -> Self {
        Self::Blocked(Stop {
            class: Class::Network,
            reason: "the way to the mail server is not proven yet".to_owned(),
            since,
        })
    }

    /// The state that a failure leaves behind: a dead grant needs a consent, everything else blocks.
    #[must_use]
    pub fn stopped(class: Class, reason: String, since: Timestamp) -> Self {
        let stop = Stop {
            class,
            reason,
            since,
        };
        let needs_consent = matches!(
            class,
            Class::ConsentRevoked
                | Class::InteractionRequired
                | Class::AdminConsentRequired
                | Class::AccountDisabled
        );
        if needs_consent {
            Self::NeedsConsent(stop)
        } else {
            Self::Blocked(stop)
        }
    }
}

impl MailboxState {
    /// Whether the queue may feed the mailbox: exactly when it is active and not paused.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.connection == Connection::Active && !self.paused
    }
}

/// What a consent or a refresh learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refreshed {
    /// When the refresh began.
    pub at: Timestamp,
    /// When the access token ends.
    pub expires_at: Timestamp,
    /// The length of the access token, in octets.
    pub token_bytes: u64,
}

/// Says that the table did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the state of the mailbox cannot be reached")]
pub struct StateUnavailable(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Keeps the state of mailboxes.
pub trait MailboxStates: Sync {
    /// Reads a state, consistently; a mailbox that nobody wrote of awaits its consent.
    fn state(
        &self,
        mailbox: &MailboxId,
    ) -> impl Future<Output = Result<MailboxState, StateUnavailable>> + Send;

    /// Records a new grant, whatever was known before.
    fn connect(
        &self,
        mailbox: &MailboxId,
        grant: &GrantId,
        account: &Account,
        connection: &Connection,
    ) -> impl Future<Output = Result<(), StateUnavailable>> + Send;

    /// Changes what is said of a grant, unless another grant came in between; answers whether it did.
    fn change(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        connection: &Connection,
    ) -> impl Future<Output = Result<bool, StateUnavailable>> + Send;

    /// Records a successful refresh of a grant, unless another grant came in between.
    fn refreshed(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        refreshed: &Refreshed,
    ) -> impl Future<Output = Result<bool, StateUnavailable>> + Send;

    /// Pauses a mailbox, or ends its pause.
    fn pause(
        &self,
        mailbox: &MailboxId,
        pause: Pause,
    ) -> impl Future<Output = Result<(), StateUnavailable>> + Send;
}

/// What an operator wants of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Nothing is sent until further notice.
    Paused,
    /// What waits is sent.
    Running,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_valve_is_open_exactly_when_active_and_not_paused() {
        let state = |connection, paused| MailboxState {
            connection,
            paused,
            ..MailboxState::default()
        };
        let stopped = |class| Connection::stopped(class, String::new(), Timestamp::UNIX_EPOCH);
        assert!(state(Connection::Active, false).is_open());
        assert!(!state(Connection::Active, true).is_open());
        for connection in [
            Connection::AwaitingConsent,
            stopped(Class::TokenRejected),
            stopped(Class::ConsentRevoked),
        ] {
            assert!(!state(connection, false).is_open());
        }
    }
}
