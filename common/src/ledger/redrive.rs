//! What the ledger says to a person who wants a notification of the failed queue tried again.
//!
//! A redrive never decides by the failed copy alone: that copy may be an old notice of something that went on since.
//! It is asked before the copy goes back to the queue, and its record is written first, so that whoever repeats it
//! after a stop finds `waiting` and sends a copy too many, which the next claim makes good.

use jiff::Timestamp;

use super::{Record, State};

/// Whether a person wants sent again what may have been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resend {
    /// No: what is `unknown` stays.
    Never,
    /// Yes: a mail too many is better than one too few.
    Unknown,
}

/// What may be done with a copy in the failed queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redrive {
    /// It goes back to the mailbox's queue, once this record is written.
    Again(Box<Record>),
    /// It goes back as it is: the next claim decides all the same.
    AsItIs,
    /// The server has the message for everybody; the failed copy can go.
    Accepted,
    /// Another copy is being worked on, until this time at the longest.
    InHand(Timestamp),
    /// It may have been sent, and nobody asked to send it again.
    Unknown,
    /// The id stands for other content.
    Conflict,
}

/// Decides what may be done with a failed copy whose content is `content` and whose record is `record`.
#[must_use]
pub fn redrive(record: Option<&Record>, content: &str, resend: Resend, now: Timestamp) -> Redrive {
    let Some(record) = record else {
        return Redrive::AsItIs;
    };
    if record.content != content {
        return Redrive::Conflict;
    }
    match &record.state {
        // An earlier redrive stopped between its record and its copy, or somebody repeated the notification.
        State::Waiting { .. } => Redrive::AsItIs,
        // Each copy of a dry run is one of its own.
        State::WouldBeAccepted { .. } => Redrive::AsItIs,
        State::Claimed { by } | State::Sending { by } if by.lease_until > now => {
            Redrive::InHand(by.lease_until)
        }
        // Its worker is gone: the next claim takes it over, or finds that it is unknown.
        State::Claimed { .. } | State::Sending { .. } => Redrive::AsItIs,
        State::Accepted {
            hand_over: None, ..
        } => Redrive::Accepted,
        // The copy is in the failed queue, so the hand-over was done, whether that was recorded or not.
        State::Accepted {
            hand_over: Some(_), ..
        }
        | State::Refused { .. } => Redrive::Again(Box::new(record.redriven(now))),
        State::Unknown { .. } => match resend {
            Resend::Never => Redrive::Unknown,
            Resend::Unknown => Redrive::Again(Box::new(record.redriven(now))),
        },
    }
}

impl Record {
    /// The ended notification, to be tried again for everybody whom no attempt has reached.
    fn redriven(&self, now: Timestamp) -> Self {
        self.afresh(State::Waiting { not_before: now })
    }
}
