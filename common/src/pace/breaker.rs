//! A breaker for each From address that the server refuses.
//!
//! Whoever may not send as one address may well send as the others. So what is from that address waits, and one
//! message now and then finds out whether it may go again.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Pace;
use crate::retry::Retry;

/// How often a From address that was refused is tried.
const RETRY: Retry = Retry {
    first: SignedDuration::from_mins(15),
    longest: SignedDuration::from_hours(6),
};

/// The longest reply that is kept, in characters.
const REPLY: usize = 500;

/// A From address that the server refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// When it was refused first.
    pub since: Timestamp,
    /// When a message last found out.
    pub tried_at: Timestamp,
    /// What the server said.
    pub reply: String,
}

impl Breaker {
    /// When the next message may find out.
    #[must_use]
    pub fn due(&self) -> Timestamp {
        RETRY.due(self.since, Some(self.tried_at))
    }
}

impl Pace {
    /// Records that the server refused `from`.
    #[must_use]
    pub fn denied(&self, from: &str, reply: &str, now: Timestamp) -> Self {
        let mut pace = self.next();
        let since = self
            .breakers
            .get(from)
            .map_or(now, |breaker| breaker.since.min(now));
        let breaker = Breaker {
            since,
            tried_at: now,
            reply: reply.chars().take(REPLY).collect(),
        };
        pace.breakers.insert(from.to_owned(), breaker);
        pace
    }

    /// Records that the server takes `from`; `None` when nothing else was known.
    #[must_use]
    pub fn allowed(&self, from: &str) -> Option<Self> {
        let mut pace = self.next();
        pace.breakers.remove(from).map(|_| pace)
    }

    /// The From addresses that the server refuses.
    pub fn breakers(&self) -> impl Iterator<Item = (&str, &Breaker)> {
        self.breakers
            .iter()
            .map(|(from, breaker)| (from.as_str(), breaker))
    }
}
