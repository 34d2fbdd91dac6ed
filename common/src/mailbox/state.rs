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
use crate::digest;
use crate::grant::{Account, GrantId, TokenSet};

/// Everything that is known of a mailbox's condition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MailboxState {
    /// Whether it can send, and why not.
    pub connection: Connection,
    /// Whether an operator has paused it.
    pub paused: bool,
    /// Since when it is paused.
    pub paused_at: Option<Timestamp>,
    /// Who sends the one message that finds out whether a mailbox on trial may go on.
    pub trial: Option<Trial>,
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
    /// Before this the provider is not asked for tokens again, because it has asked to wait.
    pub renew_not_before: Option<Timestamp>,
}

/// Whether a mailbox can send.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Connection {
    /// Nobody has consented yet.
    #[default]
    AwaitingConsent,
    /// The path to the server is proven.
    Active,
    /// The way is open up to AUTH, and what stopped the mailbox is met only later: one message at a time finds
    /// out whether it has ended.
    OnTrial(Stop),
    /// There is a grant, but the server or a policy refuses. It heals without a new consent.
    Blocked(Stop),
    /// The grant is dead; only a new consent helps.
    NeedsConsent(Stop),
}

/// A worker's hold on the trial of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The worker.
    pub by: String,
    /// When the hold ends by itself.
    pub until: Timestamp,
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
            Self::OnTrial(_) => "on_trial",
            Self::Blocked(_) => "blocked",
            Self::NeedsConsent(_) => "needs_consent",
        }
    }

    /// What stopped the mailbox, if something did.
    #[must_use]
    pub fn stop(&self) -> Option<&Stop> {
        match self {
            Self::AwaitingConsent | Self::Active => None,
            Self::OnTrial(stop) | Self::Blocked(stop) | Self::NeedsConsent(stop) => Some(stop),
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

    /// What this state becomes when the way is proven up to AUTH. What only a message meets, only a message can
    /// find ended.
    #[must_use]
    pub fn proven(&self) -> Self {
        match self.stop() {
            Some(stop) if stop.class.is_met_by_messages() => Self::OnTrial(stop.clone()),
            Some(_) | None => Self::Active,
        }
    }
}

impl MailboxState {
    /// Whether the mailbox may send: when its way is proven, if only for one message at a time, and nobody has
    /// paused it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self.connection {
            Connection::Active | Connection::OnTrial(_) => !self.paused,
            Connection::AwaitingConsent | Connection::Blocked(_) | Connection::NeedsConsent(_) => {
                false
            }
        }
    }

    /// Whether somebody holds the trial at `now`.
    #[must_use]
    pub fn is_tried(&self, now: Timestamp) -> bool {
        self.trial.as_ref().is_some_and(|trial| trial.until > now)
    }

    /// Whether the queue feeds the mailbox at `now`: when it may send, and for a moment now and then when it has
    /// been closed for so long that what waits may come to an age at which SQS deletes it.
    #[must_use]
    pub fn is_fed(&self, now: Timestamp) -> bool {
        /// As long as the period of the tick, which looks at it.
        const MOMENT: i64 = 5 * 60;
        /// Six hours, in moments.
        const EVERY: i64 = 72;
        /// While it was open nothing stayed longer than seven days under one id of the queue's, so five days
        /// after it was closed nothing is older than twelve.
        const CLOSED: SignedDuration = SignedDuration::from_hours(5 * 24);
        if self.is_open() {
            return true;
        }
        let stopped = self.connection.stop().map(|stop| stop.since);
        let closed_at = [stopped, self.paused_at].into_iter().flatten().min();
        let is_old = closed_at.is_none_or(|at| now.duration_since(at) >= CLOSED);
        is_old && now.as_second().div_euclid(MOMENT).rem_euclid(EVERY) == 0
    }

    /// Whether it is time to try again whether a stopped mailbox can go on.
    #[must_use]
    pub fn is_probe_due(&self, now: Timestamp) -> bool {
        let Some(stop) = self.connection.stop() else {
            return true;
        };
        let tried_at = self.probed_at.filter(|at| *at >= stop.since);
        // The first probe may come at once; what a message met is not over in a moment.
        if tried_at.is_none() && !stop.class.is_met_by_messages() {
            return true;
        }
        stop.class.retry().due(stop.since, tried_at) <= now
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

/// A visit's hold on the renewal of a mailbox's token, for a minute at the most. It saves calls and
/// protects nothing: the vault decides which of two renewals counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    /// The visit.
    pub by: String,
    /// When the hold ends by itself.
    pub until: Timestamp,
}

impl Renewal {
    /// A hold of a minute, which is longer than any renewal takes.
    #[must_use]
    pub fn from(now: Timestamp) -> Self {
        const LENGTH: SignedDuration = SignedDuration::from_secs(60);
        Self {
            by: digest::random_hex::<8>(),
            until: now.saturating_add(LENGTH).unwrap_or(now),
        }
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

    /// Forgets the grant and its account, whatever was known before: the mailbox awaits a consent, of whoever may
    /// give it. `ended` stands for the end of the grant.
    fn disconnect(
        &self,
        mailbox: &MailboxId,
        ended: &GrantId,
    ) -> impl Future<Output = Result<(), StateUnavailable>> + Send;

    /// Takes the renewal of a mailbox in hand at `now`; answers whether nobody else has.
    fn begin_renewal(
        &self,
        mailbox: &MailboxId,
        renewal: &Renewal,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StateUnavailable>> + Send;

    /// Gives the renewal of a mailbox out of hand, unless somebody else has it by now.
    fn end_renewal(
        &self,
        mailbox: &MailboxId,
        renewal: &Renewal,
    ) -> impl Future<Output = Result<(), StateUnavailable>> + Send;

    /// Records until when the provider is not to be asked again, unless another grant came in between.
    fn put_off(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        until: Timestamp,
    ) -> impl Future<Output = Result<bool, StateUnavailable>> + Send;

    /// Takes the trial of a mailbox for a worker that must have ended by `until`, unless another has it at `now`;
    /// answers whether it did.
    fn take_trial(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        trial: &Trial,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StateUnavailable>> + Send;

    /// Gives the trial back that found out nothing, if it is still this worker's.
    fn leave_trial(
        &self,
        mailbox: &MailboxId,
        by: &str,
    ) -> impl Future<Output = Result<(), StateUnavailable>> + Send;

    /// Pauses a mailbox at `now`, or ends its pause; the end of a pause is also a reason to try again at once
    /// whether a stopped mailbox can go on.
    fn pause(
        &self,
        mailbox: &MailboxId,
        pause: Pause,
        now: Timestamp,
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
        let met_by_a_message = || stopped(Class::MailboxFull);
        assert!(state(Connection::Active, false).is_open());
        assert!(!state(Connection::Active, true).is_open());
        assert!(state(met_by_a_message().proven(), false).is_open());
        assert!(!state(met_by_a_message().proven(), true).is_open());
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
    fn what_a_message_met_is_tried_after_15_minutes_and_then_at_doubling_waits_up_to_6_hours() {
        let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let tried = |class, until| {
            let mut state = MailboxState {
                connection: Connection::stopped(class, String::new(), at(0)),
                ..MailboxState::default()
            };
            let mut tried = Vec::new();
            for tick in (5..=until).step_by(5) {
                if state.is_probe_due(at(tick)) {
                    state.probed_at = Some(at(tick));
                    tried.push(tick);
                }
            }
            tried
        };
        let waits = [15, 30, 60, 120, 240, 480, 840, 1200];
        for class in [
            Class::MailboxUnlicensed,
            Class::MailboxFull,
            Class::MailboxRestricted,
            Class::TenantBlocked,
        ] {
            assert_eq!(tried(class, 1200), waits, "{class}");
        }
        assert_eq!(
            tried(Class::SubmissionThrottled, 3 * 1440),
            [1440, 2880, 4320]
        );
    }

    #[test]
    fn only_a_message_ends_what_only_a_message_meets() {
        let stopped = |class| Connection::stopped(class, String::new(), Timestamp::UNIX_EPOCH);
        assert_eq!(
            stopped(Class::SmtpAuthDisabled).proven(),
            Connection::Active
        );
        let full = stopped(Class::MailboxFull);
        assert_eq!(full.proven().as_str(), "on_trial");
        let again = full.proven().met(
            Class::MailboxFull,
            String::new(),
            Timestamp::UNIX_EPOCH + SignedDuration::from_mins(15),
        );
        assert_eq!(again, full, "it has been full since it first was");
    }

    #[test]
    fn a_mailbox_closed_for_five_days_is_fed_for_a_moment_every_six_hours() {
        let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let day = 24 * 60;
        let fed = |state: &MailboxState, days: std::ops::Range<i64>| {
            (days.start * day..days.end * day)
                .step_by(5)
                .filter(|tick| state.is_fed(at(*tick)))
                .count()
        };
        let blocked = MailboxState {
            connection: Connection::stopped(Class::SmtpAuthDisabled, String::new(), at(0)),
            ..MailboxState::default()
        };
        let paused = MailboxState {
            connection: Connection::Active,
            paused: true,
            paused_at: Some(at(0)),
            ..MailboxState::default()
        };
        for state in [blocked, paused] {
            assert_eq!(fed(&state, 0..5), 0);
            assert_eq!(fed(&state, 5..6), 4);
        }
        assert_eq!(
            fed(&MailboxState::default(), 0..1),
            4,
            "nobody knows how long it has waited for its consent"
        );
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
