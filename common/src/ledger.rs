//! The ledger: what has become of each notification, so that a repeat is the same mail.
//!
//! One record per mailbox and notification id. The state machine is here and pure: it is given a
//! record, the time and who asks, and answers the next record or the reason against it. A
//! [`LedgerStore`] keeps records and writes each only over the revision that was read, so two workers
//! cannot both hold a claim.
//!
//! A claim is a lease, because its worker may die. A worker that dies before [`Record::sending`] left
//! nothing behind, and the claim is taken over when the lease ends. A worker that dies after it may
//! have sent the message: that record is `unknown`, and never sent again by accident.
//!
//! A notification to many goes out in parts, one after the other under one claim or several. Each part is begun and ends by
//! itself: what nobody knows of one keeps its recipients from being tried again, and no others.

mod parts;
mod redrive;

use std::future::Future;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::class::Class;
use crate::mailbox::MailboxId;
use crate::notification::NotificationId;

pub use self::{
    parts::UnknownPart,
    redrive::{Redrive, Resend, redrive},
};

/// Names a notification of a mailbox in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// The notification's id, or the name of a dry run.
    pub notification: String,
}

impl Key {
    /// The key of a notification.
    #[must_use]
    pub fn new(mailbox: &MailboxId, id: &NotificationId) -> Self {
        Self {
            mailbox: mailbox.clone(),
            notification: id.as_str().to_owned(),
        }
    }

    /// The key of a dry run, one for each copy. No id has a space, so the notification's own record is never touched, and
    /// its id stays usable.
    #[must_use]
    pub fn of_dry_run(mailbox: &MailboxId, id: &NotificationId, copy: &str) -> Self {
        Self {
            mailbox: mailbox.clone(),
            notification: format!("{id} (dry run {copy})"),
        }
    }
}

/// What is recorded of a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// How often the record was written, from 1. A write replaces exactly the revision before it.
    pub revision: u64,
    /// The hash of the content that the id stands for.
    pub content: String,
    /// How often a message was begun to be sent.
    pub attempts: u32,
    /// Whether an attempt whose end nobody knew was made once more.
    #[serde(default)]
    pub sent_again: bool,
    /// Whether an attempt was put off, and others have been told so.
    #[serde(default)]
    pub delayed: bool,
    /// When the notification was first claimed. `Message-ID` and `Date` follow from it.
    pub first_attempt_at: Timestamp,
    /// The `Message-ID` of the message, once an attempt began; of several parts, of the one that was begun last.
    #[serde(default)]
    pub message_id: Option<String>,
    /// Which part was begun last, from 1; 0 before the first.
    #[serde(default)]
    pub part: u32,
    /// How many recipients a part has at most, as it was when the first was begun, so that a part stays what it is.
    #[serde(default)]
    pub recipients_per_part: Option<usize>,
    /// The parts whose end nobody knows. Their recipients are tried again only if a person says so.
    #[serde(default)]
    pub unknown: Vec<UnknownPart>,
    /// Recipients that need nothing more: accepted or refused for good by an earlier attempt.
    #[serde(default)]
    pub settled: Vec<RecipientOutcome>,
    /// What has become of it.
    pub state: State,
}

/// What has become of one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipientOutcome {
    /// The address, as it stands in the envelope.
    pub address: String,
    /// Whether the server took the message for this recipient.
    pub accepted: bool,
    /// The server's reply.
    pub reply: String,
}

/// What has become of a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum State {
    /// Nobody works on it; it may be tried from `not_before` on.
    Waiting {
        /// The earliest moment of the next attempt.
        not_before: Timestamp,
    },
    /// A worker prepares it. Nothing has gone out.
    Claimed {
        /// The worker.
        by: Worker,
    },
    /// A worker has begun to send it.
    Sending {
        /// The worker.
        by: Worker,
    },
    /// The server took it for at least one recipient, and nobody is left to try.
    Accepted {
        /// When.
        at: Timestamp,
        /// The server's final reply.
        reply: String,
        /// The queue's id of the copy that ended so, where it is known.
        #[serde(default)]
        copy: Option<String>,
        /// What the failed queue is to be told of recipients that were refused.
        hand_over: Option<HandOver>,
    },
    /// A dry run: the server would have taken it for everybody. Nothing was sent.
    WouldBeAccepted {
        /// When.
        at: Timestamp,
    },
    /// It will not be sent.
    Refused {
        /// What the failed queue is to be told.
        hand_over: HandOver,
    },
    /// It may or may not have been sent.
    Unknown {
        /// What the failed queue is to be told.
        hand_over: HandOver,
    },
}

/// What the failed queue is to be told of a notification, and whether it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOver {
    /// Why.
    pub reason: Reason,
    /// The queue's id of the copy that ended so.
    pub copy: String,
    /// Whether the failed queue has it.
    pub done: bool,
}

/// Why a notification, or a part of it, was not sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The class; it has the remedy.
    pub class: Class,
    /// What the server replied, or what else was met.
    pub reply: String,
    /// Where it was met.
    pub stage: String,
}

/// A worker's hold on a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// The queue's id of the copy that it works on.
    pub copy: String,
    /// The receipt that tells this worker from all others.
    pub name: String,
    /// When the hold ends by itself.
    pub lease_until: Timestamp,
}

/// How long a lease outlives the deadline of its worker's invocation.
pub const LEASE_GRACE: SignedDuration = SignedDuration::from_secs(60);
/// How long a record is kept after its last write.
pub const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How much of a record its recipients' outcomes take, in octets, as long as their addresses leave room for replies in it.
/// DynamoDB takes items of 400 KB.
pub const OUTCOMES: usize = 64 * 1024;

/// What a worker may do with a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is the worker's, once this record is written.
    Granted(Record),
    /// This copy has ended it as the record says; it can go.
    Done(Record),
    /// Another copy has ended it as the record says; this one can go.
    Duplicate(Record),
    /// Not now: somebody else works on it, or its time has not come.
    NotBefore(Timestamp),
    /// The id stands for other content.
    Conflict,
    /// It has ended, and the failed queue is still to be told.
    HandOver(Record),
    /// Its worker was lost while it sent, so nobody knows how that attempt ended.
    Lost(Record),
}

/// Decides what `worker` may do with a notification whose record is `record`.
#[must_use]
pub fn claim(record: Option<&Record>, content: &str, worker: &Worker, now: Timestamp) -> Claim {
    let Some(record) = record else {
        return Claim::Granted(Record {
            revision: 1,
            content: content.to_owned(),
            attempts: 0,
            sent_again: false,
            delayed: false,
            first_attempt_at: now,
            message_id: None,
            part: 0,
            recipients_per_part: None,
            unknown: Vec::new(),
            settled: Vec::new(),
            state: State::Claimed { by: worker.clone() },
        });
    };
    if record.content != content {
        return Claim::Conflict;
    }
    let granted = || Claim::Granted(record.next(State::Claimed { by: worker.clone() }));
    let ended_by = |copy: Option<&str>| {
        if copy == Some(&worker.copy) {
            Claim::Done(record.clone())
        } else {
            Claim::Duplicate(record.clone())
        }
    };
    let untold = |hand_over: &HandOver| {
        if hand_over.done {
            ended_by(Some(&hand_over.copy))
        } else {
            Claim::HandOver(record.clone())
        }
    };
    match &record.state {
        State::Waiting { not_before } if *not_before > now => Claim::NotBefore(*not_before),
        State::Waiting { .. } => granted(),
        State::Claimed { by } | State::Sending { by } if by.lease_until > now => {
            Claim::NotBefore(by.lease_until)
        }
        State::Claimed { .. } => granted(),
        State::Sending { .. } => Claim::Lost(record.clone()),
        State::Accepted {
            hand_over: None,
            copy,
            ..
        } => ended_by(copy.as_deref()),
        // Each copy of a dry run has a record to itself.
        State::WouldBeAccepted { .. } => Claim::Done(record.clone()),
        State::Accepted {
            hand_over: Some(hand_over),
            ..
        }
        | State::Unknown { hand_over } => untold(hand_over),
        State::Refused { hand_over } if hand_over.copy == worker.copy => untold(hand_over),
        // Another copy is a new attempt, for everybody whom an earlier one did not reach.
        State::Refused { .. } => {
            Claim::Granted(record.afresh(State::Claimed { by: worker.clone() }))
        }
    }
}

impl Record {
    /// The claim of `worker` turned into the beginning of an attempt. Written before the first octet of
    /// the message's envelope leaves.
    #[must_use]
    pub fn sending(&self, worker: &Worker, message_id: String) -> Self {
        Self {
            attempts: self.attempts + 1,
            message_id: Some(message_id),
            ..self.next(State::Sending { by: worker.clone() })
        }
    }

    /// The attempt put off: those who are not settled are to be tried from `not_before` on.
    #[must_use]
    pub fn put_off(&self, not_before: Timestamp, settled: Vec<RecipientOutcome>) -> Self {
        self.settle(settled).next(State::Waiting { not_before })
    }

    /// The attempt ended: the server took the message for somebody, and nobody is left to try.
    #[must_use]
    pub fn accepted(
        &self,
        at: Timestamp,
        reply: String,
        settled: Vec<RecipientOutcome>,
        refused: Option<HandOver>,
    ) -> Self {
        let copy = match &self.state {
            State::Claimed { by } | State::Sending { by } => Some(by.copy.clone()),
            State::Waiting { .. }
            | State::Accepted { .. }
            | State::WouldBeAccepted { .. }
            | State::Refused { .. }
            | State::Unknown { .. } => None,
        };
        self.settle(settled).next(State::Accepted {
            at,
            reply,
            copy,
            hand_over: refused,
        })
    }

    /// The dry run ended: the server would take the message for everybody.
    #[must_use]
    pub fn would_be_accepted(&self, at: Timestamp) -> Self {
        self.next(State::WouldBeAccepted { at })
    }

    /// The notification refused for good, for everybody who is not settled otherwise.
    #[must_use]
    pub fn refused(&self, copy: String, reason: Reason, settled: Vec<RecipientOutcome>) -> Self {
        let hand_over = HandOver {
            reason,
            copy,
            done: false,
        };
        self.settle(settled).next(State::Refused { hand_over })
    }

    /// The attempt ended without anybody knowing how.
    #[must_use]
    pub fn unknown(&self, copy: String, reason: Reason, settled: Vec<RecipientOutcome>) -> Self {
        let hand_over = HandOver {
            reason,
            copy,
            done: false,
        };
        self.settle(settled).next(State::Unknown { hand_over })
    }

    /// The attempt whose end nobody knows, to be made once more: a policy that prefers a mail too many
    /// to one too few. `None` when it was made once more already.
    #[must_use]
    pub fn once_more(&self, now: Timestamp) -> Option<Self> {
        let again = Self {
            sent_again: true,
            ..self.next(State::Waiting { not_before: now })
        };
        (!self.sent_again).then_some(again)
    }

    /// The ended notification, once the failed queue was told.
    #[must_use]
    pub fn handed_over(&self) -> Self {
        let mut record = self.next(self.state.clone());
        match &mut record.state {
            State::Accepted {
                hand_over: Some(hand_over),
                ..
            }
            | State::Refused { hand_over }
            | State::Unknown { hand_over } => hand_over.done = true,
            State::Waiting { .. }
            | State::Claimed { .. }
            | State::Sending { .. }
            | State::Accepted {
                hand_over: None, ..
            }
            | State::WouldBeAccepted { .. } => {}
        }
        record
    }

    /// What the failed queue is still to be told.
    #[must_use]
    pub fn owed(&self) -> Option<&HandOver> {
        match &self.state {
            State::Accepted { hand_over, .. } => hand_over.as_ref().filter(|owed| !owed.done),
            State::Refused { hand_over } | State::Unknown { hand_over } => {
                Some(hand_over).filter(|owed| !owed.done)
            }
            State::Waiting { .. }
            | State::Claimed { .. }
            | State::Sending { .. }
            | State::WouldBeAccepted { .. } => None,
        }
    }

    /// Whether a worker holds the record, or held it when it was lost.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        matches!(self.state, State::Claimed { .. } | State::Sending { .. })
    }

    /// Whether a recipient needs nothing more.
    #[must_use]
    pub fn is_settled(&self, address: &str) -> bool {
        self.settled
            .iter()
            .any(|recipient| recipient.address == address)
    }

    /// The record, with what has become of further recipients.
    #[must_use]
    pub fn settle(&self, settled: Vec<RecipientOutcome>) -> Self {
        let mut record = self.clone();
        record.settled.extend(settled);
        shorten(&mut record.settled);
        record
    }

    fn next(&self, state: State) -> Self {
        Self {
            revision: self.revision + 1,
            state,
            ..self.clone()
        }
    }
}

/// Cuts replies so that the outcomes of a message to many take no more than [`OUTCOMES`]. The code, which comes
/// first, always stays; so do the addresses, of which [`crate::message`] takes 128 KiB at most.
fn shorten(settled: &mut [RecipientOutcome]) {
    /// What JSON adds to an outcome.
    const FORM: usize = 48;
    let fixed: usize = settled
        .iter()
        .map(|recipient| recipient.address.len() + FORM)
        .sum();
    let replies: usize = settled.iter().map(|recipient| recipient.reply.len()).sum();
    if fixed + replies <= OUTCOMES {
        return;
    }
    let each = OUTCOMES.saturating_sub(fixed) / settled.len().max(1);
    for recipient in settled {
        let end = recipient.reply.floor_char_boundary(each.max("250".len()));
        recipient.reply.truncate(end);
    }
}

/// Keeps records.
pub trait LedgerStore: Sync {
    /// Reads a record, consistently; one past its retention counts as absent.
    fn read(
        &self,
        key: &Key,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Record>, LedgerError>> + Send;

    /// Writes a record over the revision before it, or where there is none if it is the first; answers
    /// whether it did. It keeps the record for [`RETENTION`] from `now` on.
    fn write(
        &self,
        key: &Key,
        record: &Record,
        now: Timestamp,
    ) -> impl Future<Output = Result<Written, LedgerError>> + Send;
}

/// How a write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The record stands.
    Done,
    /// Somebody else wrote in between.
    Lost,
}

/// Says that the ledger did not answer, or holds something that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the ledger cannot be reached")]
pub struct LedgerError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

#[cfg(test)]
mod tests;
