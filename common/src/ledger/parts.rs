//! What the ledger knows of the parts of a notification to many.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{Reason, RecipientOutcome, Record, State, Worker};
use crate::class::Class;

/// How much is kept of what ended the wait for an answer, in octets.
const REPLY: usize = 500;

/// A part whose end nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownPart {
    /// The `Message-ID` that it has in Sent Items, if it was sent.
    pub message_id: Option<String>,
    /// Whom it may have reached.
    pub recipients: Vec<String>,
    /// What ended the wait for the answer.
    pub reply: String,
    /// Where in the dialogue.
    pub stage: String,
}

impl UnknownPart {
    /// Why the notification cannot be called accepted or refused.
    #[must_use]
    pub fn reason(&self) -> Reason {
        Reason {
            class: Class::UnknownAfterData,
            reply: self.reply.clone(),
            stage: self.stage.clone(),
        }
    }
}

impl Record {
    /// The claim, about to begin this part; the parts are made for so many recipients each, unless one was begun before.
    #[must_use]
    pub fn of_part(&self, number: u32, recipients_per_part: usize) -> Self {
        let mut record = self.clone();
        // What is sent once more is a message, and each part is one.
        record.sent_again &= record.part == number;
        record.part = number;
        record
            .recipients_per_part
            .get_or_insert(recipients_per_part);
        record
    }

    /// The part ended, and its worker goes on with another.
    #[must_use]
    pub fn goes_on(&self, worker: &Worker, settled: Vec<RecipientOutcome>) -> Self {
        self.settle(settled)
            .next(State::Claimed { by: worker.clone() })
    }

    /// The record, with nobody knowing whether the part that was begun last reached these.
    #[must_use]
    pub fn with_unknown(&self, recipients: Vec<String>, reason: Reason) -> Self {
        let mut record = self.clone();
        let end = reason.reply.floor_char_boundary(REPLY);
        record.unknown.push(UnknownPart {
            message_id: record.message_id.clone(),
            recipients,
            reply: reason.reply[..end].to_owned(),
            stage: reason.stage,
        });
        record
    }

    /// Who is not to be tried: whom the server has answered for, and whom it may have the message for.
    #[must_use]
    pub fn done(&self) -> HashSet<&str> {
        let settled = self.settled.iter().map(|recipient| &recipient.address);
        let unknown = self.unknown.iter().flat_map(|part| &part.recipients);
        settled.chain(unknown).map(String::as_str).collect()
    }

    /// The notification that has ended, to be tried again for everybody whom no attempt has reached for certain. Where that
    /// is because nobody knows, the parts stay what they were, so that a part is sent again as the same message; otherwise
    /// they are made anew, by the limit of the day.
    pub(super) fn afresh(&self, state: State) -> Self {
        let mut record = self.next(state);
        record.settled.retain(|recipient| recipient.accepted);
        let is_unknown = matches!(self.state, State::Unknown { .. });
        record.unknown.clear();
        record.recipients_per_part = record.recipients_per_part.filter(|_| is_unknown);
        record
    }
}
