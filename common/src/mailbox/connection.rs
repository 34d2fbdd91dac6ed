//! Whether a mailbox can send, and what stopped it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::class::Class;

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

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

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
