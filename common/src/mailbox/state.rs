//! The state of a mailbox, and the valve that follows from it.
//!
//! Written by whoever learns something (`oauth-callback`, `token-refresh`, `send-email`, `operator`),
//! read by everybody. What is said of a grant is written under the condition that the grant is still
//! the one that was seen, so a stale answer never stops a mailbox that has a newer consent.

use std::future::Future;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::MailboxId;
use crate::class::Class;
use crate::grant::{Account, GrantId, TokenSet};

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
    /// When it was last tried whether a stopped mailbox can go on.
    pub probed_at: Option<Timestamp>,
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

    /// What this state becomes when a failure is met at `now`. A class that stays keeps the time at which
    /// it was first met.
    #[must_use]
    pub fn met(&self, class: Class, reason: String, now: Timestamp) -> Self {
        let known = self.stop().filter(|stop| stop.class == class);
        Self::stopped(class, reason, known.map_or(now, |stop| stop.since))
    }
}

impl MailboxState {
    /// Whether the queue may feed the mailbox: exactly when it is active and not paused.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.connection == Connection::Active && !self.paused
    }

    /// Whether it is time to try again whether a stopped mailbox can go on: at once, then after as long as
    /// it has been stopped already, which doubles the wait, and at least once an hour.
    #[must_use]
    pub fn is_probe_due(&self, now: Timestamp) -> bool {
        // Less than the five minutes between two ticks, so that one that comes early still counts.
        const LEAST: SignedDuration = SignedDuration::from_mins(4);
        const MOST: SignedDuration = SignedDuration::from_hours(1);
        let (Some(stop), Some(probed_at)) = (self.connection.stop(), self.probed_at) else {
            return true;
        };
        let stopped = probed_at.duration_since(stop.since);
        // A time before the stop is of an earlier one.
        stopped.is_negative() || now.duration_since(probed_at) >= stopped.clamp(LEAST, MOST)
    }
}

/// What a visit had seen of a grant when it asked the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen<'a> {
    /// The grant.
    pub grant: &'a GrantId,
    /// When its last refresh had succeeded.
    pub refreshed_at: Option<Timestamp>,
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

impl From<&TokenSet> for Refreshed {
    fn from(tokens: &TokenSet) -> Self {
        Self {
            at: tokens.obtained_at,
            expires_at: tokens.expires_at,
            token_bytes: tokens.access_token.len() as u64,
        }
    }
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

    /// Records a grant that was found in the vault, unless the state speaks of another one than `seen` by now;
    /// answers whether it did.
    fn adopt(
        &self,
        mailbox: &MailboxId,
        seen: Option<&GrantId>,
        grant: (&GrantId, &Account),
        connection: &Connection,
    ) -> impl Future<Output = Result<bool, StateUnavailable>> + Send;

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

    /// Records at `now` what a refused refresh made of a grant, unless another grant or a successful refresh came
    /// in between; answers whether it did.
    fn refused(
        &self,
        mailbox: &MailboxId,
        seen: Seen<'_>,
        connection: &Connection,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StateUnavailable>> + Send;

    /// Records that it is tried at `now` whether a stopped mailbox can go on, unless another grant came in
    /// between; answers whether it did.
    fn probed(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        now: Timestamp,
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

    #[test]
    fn a_stopped_mailbox_is_tried_at_5_10_20_and_40_minutes_and_then_every_hour() {
        let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let blocked = Connection::stopped(Class::SmtpAuthDisabled, String::new(), at(0));
        let mut state = MailboxState {
            connection: blocked,
            probed_at: Some(at(-1)),
            ..MailboxState::default()
        };
        assert!(
            state.is_probe_due(at(1)),
            "a try before the stop does not count"
        );
        let mut tried = Vec::new();
        for tick in (5..=240).step_by(5) {
            if state.is_probe_due(at(tick)) {
                state.probed_at = Some(at(tick));
                tried.push(tick);
            }
        }
        assert_eq!(tried, [5, 10, 20, 40, 80, 140, 200]);
    }

    #[test]
    fn a_class_that_stays_keeps_the_time_at_which_it_was_first_met() {
        let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let met = |state: &Connection, class, minutes| state.met(class, String::new(), at(minutes));
        let first = met(&Connection::Active, Class::SmtpAuthDisabled, 1);
        let second = met(&first, Class::SmtpAuthDisabled, 2);
        let third = met(&second, Class::TokenRejected, 3);
        let since = [first, second, third].map(|state| state.stop().map(|stop| stop.since));
        assert_eq!(since, [1, 1, 3].map(|minutes| Some(at(minutes))));
    }
}
