//! The state of a mailbox, and the valve that follows from it.

use jiff::{SignedDuration, Timestamp};

use super::Connection;
use crate::event::Told;
use crate::grant::{Account, GrantId};

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
    /// When it did.
    pub connected_at: Option<Timestamp>,
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
    /// What others were last told of it.
    pub told: Told,
}

/// A worker's hold on the trial of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The worker.
    pub by: String,
    /// When the hold ends by itself.
    pub until: Timestamp,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::Class;

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
}
