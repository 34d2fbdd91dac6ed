//! The pace of a mailbox: how fast, and over how many connections, everybody together may send.
//!
//! One [`Pace`] a mailbox, shared by all workers and probes. It is pure: it is given the time and answers the
//! next pace, or when to ask again. A [`PaceStore`] keeps it and writes each revision only over the one before,
//! so nobody takes a permit that another one has taken.
//!
//! What Microsoft allows is kept by construction, and not by counting on the workers to be few: a permit that
//! was taken and not used is lost, a connection slot whose owner died stays taken until its owner must be dead.

mod breaker;
mod keeper;
mod lately;
mod slots;

use std::collections::BTreeMap;
use std::future::Future;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::breaker::Breaker;
pub use self::keeper::Keeper;
pub use self::lately::{LastFailure, Lately};
use self::slots::Slot;
pub use self::slots::{Lease, Purpose};
use crate::ledger::Written;
use crate::mailbox::MailboxId;

/// By how much a permit and the one that is the limit's number of places behind it are further apart than the limit's
/// window is long: by [`Permit::USE`], and a second for the way to the server.
const SLACK: SignedDuration = SignedDuration::from_secs(3);

/// How many messages a server takes in how long a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many.
    pub messages: u32,
    /// In any window of this length.
    pub window: SignedDuration,
}

/// How fast a mailbox sends, and what holds it back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// How often the pace was written, from 1; 0 before it ever was.
    pub revision: u64,
    /// When the permits of the last window were taken, the latest last.
    #[serde(default)]
    permits: Vec<Timestamp>,
    /// Until when the server wants nothing.
    #[serde(default)]
    held_back_until: Option<Timestamp>,
    /// The connections.
    #[serde(default)]
    slots: Vec<Slot>,
    /// What may not be sent from, and since when.
    #[serde(default)]
    breakers: BTreeMap<String, Breaker>,
    /// What lately became of the mail.
    #[serde(default)]
    lately: Lately,
}

/// Whether a message may be begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// It may, within [`Permit::USE`].
    Granted,
    /// It may, and finds out whether its From address is still refused.
    OnTrial,
    /// Nobody may, before this moment.
    NotBefore(Timestamp),
    /// Its From address is refused; not before this moment.
    SenderWaits(Timestamp),
}

impl Permit {
    /// How soon a permit has to be used. A later message would not be where the permit counts it.
    pub const USE: SignedDuration = SignedDuration::from_secs(2);
}

impl Limit {
    /// From a permit to the one that is the limit's number of places behind it.
    fn distance(self) -> SignedDuration {
        self.window + SLACK
    }
}

impl Pace {
    /// Takes a permit for a message from `from`, if one can be taken now. The pace that comes with it has to be
    /// written before the permit is used.
    #[must_use]
    pub fn permit(&self, limit: Limit, from: &str, now: Timestamp) -> (Permit, Option<Self>) {
        let mut pace = self.next();
        let permit = match pace.breakers.get_mut(from) {
            Some(breaker) if breaker.due() > now => {
                return (Permit::SenderWaits(breaker.due()), None);
            }
            Some(breaker) => {
                // Whoever comes behind waits until this one has found out.
                breaker.tried_at = now;
                Permit::OnTrial
            }
            None => Permit::Granted,
        };
        let next = self.next_permit(limit, now);
        if next > now {
            return (Permit::NotBefore(next), None);
        }
        pace.permits
            .retain(|permit| *permit + limit.distance() > now);
        pace.permits.push(now);
        (permit, Some(pace))
    }

    /// The earliest moment from `now` on at which a permit can be taken, if nobody else takes it.
    fn next_permit(&self, limit: Limit, now: Timestamp) -> Timestamp {
        let held_back = self.held_back_until.unwrap_or(now);
        // Clocks differ a little: what was taken later than now counts from when it was taken.
        let latest = self.permits.last().copied().unwrap_or(now);
        let crowded = usize::try_from(limit.messages)
            .ok()
            .and_then(|messages| self.permits.len().checked_sub(messages))
            .and_then(|place| self.permits.get(place))
            .map_or(now, |permit| *permit + limit.distance());
        now.max(held_back).max(latest).max(crowded)
    }

    /// Holds everybody back until a moment. A later moment that is already set stays.
    #[must_use]
    pub fn held_back(&self, until: Timestamp) -> Self {
        let mut pace = self.next();
        pace.held_back_until = pace.held_back_until.max(Some(until));
        pace
    }

    /// Until when the server wants nothing, if that is still to come.
    #[must_use]
    pub fn held_back_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.held_back_until.filter(|until| *until > now)
    }

    fn next(&self) -> Self {
        Self {
            revision: self.revision + 1,
            ..self.clone()
        }
    }
}

/// Keeps the paces of mailboxes.
pub trait PaceStore: Sync {
    /// Reads a pace, consistently; one that nobody wrote is the default.
    fn read(
        &self,
        mailbox: &MailboxId,
    ) -> impl Future<Output = Result<Pace, PaceUnavailable>> + Send;

    /// Writes a pace over the revision before it; answers whether it did.
    fn write(
        &self,
        mailbox: &MailboxId,
        pace: &Pace,
    ) -> impl Future<Output = Result<Written, PaceUnavailable>> + Send;
}

/// Says that the pace of a mailbox can be neither read nor written, or not be settled with others.
#[derive(Debug, thiserror::Error)]
#[error("the pace of the mailbox cannot be reached")]
pub struct PaceUnavailable(#[source] pub Box<dyn std::error::Error + Send + Sync>);

#[cfg(test)]
mod tests;
