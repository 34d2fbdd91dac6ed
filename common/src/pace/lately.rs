//! What lately became of a mailbox's mail, for a person who looks.
//!
//! It travels with the pace because a batch that sends writes that anyway when it gives its connection back: an
//! accepted message costs no write for it. What is lost with a worker is lost here too; the ledger knows better.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Pace;
use crate::class::Class;

/// The last ends of a mailbox's notifications.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lately {
    /// When the server last accepted a message.
    pub accepted_at: Option<Timestamp>,
    /// The last notification that went to the failed queue.
    pub failure: Option<LastFailure>,
}

/// A notification that went to the failed queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastFailure {
    /// When it did.
    pub at: Timestamp,
    /// Why.
    pub class: Class,
}

impl Lately {
    /// Notes that a message was accepted.
    pub fn accepted(&mut self, at: Timestamp) {
        self.accepted_at = self.accepted_at.max(Some(at));
    }

    /// Notes that a notification went to the failed queue.
    pub fn failed(&mut self, failure: LastFailure) {
        if self.failure.is_none_or(|known| known.at <= failure.at) {
            self.failure = Some(failure);
        }
    }
}

impl Pace {
    /// Gives back what `owner` has, and adds what lately became of its mail; `None` when neither changes anything.
    #[must_use]
    pub fn left(&self, owner: &str, lately: &Lately) -> Option<Self> {
        let mut pace = self.next();
        pace.slots.retain(|slot| slot.owner != owner);
        if let Some(at) = lately.accepted_at {
            pace.lately.accepted(at);
        }
        if let Some(failure) = lately.failure {
            pace.lately.failed(failure);
        }
        let is_changed = pace.slots.len() < self.slots.len() || pace.lately != self.lately;
        is_changed.then_some(pace)
    }

    /// What lately became of the mailbox's mail.
    #[must_use]
    pub fn lately(&self) -> Lately {
        self.lately
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn of_two_batches_the_later_end_of_each_kind_stays() {
        let failure = |seconds, class| LastFailure {
            at: at(seconds),
            class,
        };
        let late = Lately {
            accepted_at: Some(at(20)),
            failure: Some(failure(10, Class::Expired)),
        };
        let early = Lately {
            accepted_at: Some(at(5)),
            failure: Some(failure(15, Class::RecipientRefused)),
        };
        let pace = Pace::default().left("one", &late).unwrap();
        let pace = pace.left("other", &early).unwrap();
        let both = Lately {
            accepted_at: Some(at(20)),
            failure: Some(failure(15, Class::RecipientRefused)),
        };
        assert_eq!(pace.lately(), both);
        assert_eq!(pace.left("third", &early), None, "nothing new is no write");
        let stored = serde_json::to_string(&pace).unwrap();
        assert_eq!(serde_json::from_str::<Pace>(&stored).unwrap(), pace);
    }

    #[test]
    fn a_pace_of_before_is_read_as_one_that_knows_nothing() {
        let pace: Pace = serde_json::from_str(r#"{"revision":4}"#).unwrap();
        assert_eq!(pace.lately(), Lately::default());
    }
}
