//! What became of a message, as facts.

use super::{Diagnosis, Failure, Reply, classify};

/// What became of one submitted message, recipient by recipient.
#[derive(Debug)]
#[must_use]
pub struct Submission {
    /// What became of the message as a whole.
    pub verdict: Verdict,
    /// What became of each recipient, in the order of the envelope.
    pub recipients: Vec<Recipient>,
}

/// What became of a message as a whole.
///
/// Refused and deferred repeat the first figure of the reply, five or four. Whether to try again is for the
/// class of the reply to say: Exchange has permanent refusals that begin with four, and the reverse.
#[derive(Debug)]
pub enum Verdict {
    /// The server answered 250 to the message, after accepting at least one recipient.
    Accepted(Reply),
    /// The server refused the message for good: none of it was taken.
    Refused(Reply),
    /// The server put the message off: none of it was taken.
    Deferred(Reply),
    /// The server may have the whole message, and no reply settles it.
    Unknown(Failure),
}

/// One recipient, and what became of the message for it.
#[derive(Debug)]
pub struct Recipient {
    /// The address, as the envelope has it.
    pub address: String,
    /// What became of the message for this recipient.
    pub outcome: Outcome,
}

/// What became of a message for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server took the message for this recipient; the reply is the one to its RCPT.
    Accepted(Reply),
    /// The server refused, this recipient or the whole message.
    Refused(Reply),
    /// The server put off, this recipient or the whole message.
    Deferred(Reply),
    /// The recipient was accepted, and whether the message was, no reply settles.
    Unknown,
}

impl Verdict {
    /// What the verdict means and asks for; `None` for an accepted message.
    pub fn diagnosis(&self) -> Option<Diagnosis> {
        match self {
            Self::Accepted(_) => None,
            Self::Refused(reply) | Self::Deferred(reply) => Some(classify(reply)),
            Self::Unknown(_) => Some(Diagnosis::UNKNOWN),
        }
    }
}

impl Outcome {
    /// The outcome that a negative reply means.
    pub(super) fn negative(reply: Reply) -> Self {
        if reply.is_transient() {
            Self::Deferred(reply)
        } else {
            Self::Refused(reply)
        }
    }

    /// What the outcome means and asks for; `None` for an accepted recipient.
    pub fn diagnosis(&self) -> Option<Diagnosis> {
        match self {
            Self::Accepted(_) => None,
            Self::Refused(reply) | Self::Deferred(reply) => Some(classify(reply)),
            Self::Unknown => Some(Diagnosis::UNKNOWN),
        }
    }
}
