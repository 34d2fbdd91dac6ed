//! The connections of a mailbox, each under a lease.
//!
//! Microsoft takes three at a time. Two are for sending; the third is for probes, so that a check never waits
//! for the mail and the mail never waits for a check.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Pace;

/// A connection that somebody has or may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Slot {
    purpose: Purpose,
    /// Who has it.
    pub(super) owner: String,
    /// When its owner must have ended.
    until: Timestamp,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To send.
    Send,
    /// To prove the way.
    Probe,
}

/// Whether a connection may be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// It may.
    Granted,
    /// All are taken; the first of them is free at this moment at the latest.
    Taken(Timestamp),
}

impl Purpose {
    /// How many connections there may be for it.
    const fn most(self) -> usize {
        match self {
            Self::Send => 2,
            Self::Probe => 1,
        }
    }
}

impl Pace {
    /// Leases a connection to `owner` until a moment at which it must have ended. An owner that has one keeps it.
    #[must_use]
    pub fn lease(
        &self,
        purpose: Purpose,
        owner: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> (Lease, Option<Self>) {
        let mut pace = self.next();
        pace.slots
            .retain(|slot| slot.until > now && slot.owner != owner);
        let taken = || pace.slots.iter().filter(|slot| slot.purpose == purpose);
        if taken().count() >= purpose.most() {
            let free = taken().map(|slot| slot.until).min().unwrap_or(until);
            return (Lease::Taken(free), None);
        }
        pace.slots.push(Slot {
            purpose,
            owner: owner.to_owned(),
            until,
        });
        (Lease::Granted, Some(pace))
    }
}
