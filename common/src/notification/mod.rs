//! The notification: what a producer puts on the queue, version 1 of the contract.
//!
//! [`Notification::parse`] turns the JSON of a queue message into types that can be relied on: addresses are addresses,
//! one line is one line, base64 is bytes. A body that is not a notification is answered with its faults, each
//! with its place, and without a word of its content. Names may be spelled in snake_case or camelCase; names that the
//! contract does not know are refused, so that a misspelt field is not a field that silently does nothing.
//!
//! What a mailbox allows (who may be From, how many recipients, which domains, what size) is left to
//! [`crate::message`], who has sent what before is left to the ledger.

mod attachment;
mod body;
mod choice;
mod fault;
mod header;
mod id;
mod json;
mod label;
mod party;
mod reader;
#[cfg(test)]
mod tests;
mod thread;
mod unsubscribe;

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde_json::Value;

pub use self::{
    attachment::{Attachment, ContentId, ContentType, Disposition, FileName},
    body::{Body, Subject, TextBesideHtml},
    choice::{OnUnknown, Priority},
    fault::{Fault, InvalidNotification, Problem},
    header::ExtraHeader,
    id::{ContentHash, NotificationId},
    party::{DisplayName, Party},
    thread::MessageId,
    unsubscribe::ListUnsubscribe,
};
use self::{
    body::Carries,
    fault::Faults,
    reader::{Fields, Found, Names},
};
use crate::address::EmailAddress;

const NAMES: Names = Names {
    known: &[
        "version",
        "id",
        "from",
        "sender",
        "to",
        "cc",
        "bcc",
        "reply_to",
        "subject",
        "text",
        "html",
        "attachments",
        "headers",
        "message_id",
        "in_reply_to",
        "references",
        "priority",
        "list_unsubscribe",
        "tags",
        "metadata",
        "expires_at",
        "on_unknown",
    ],
    later: &["template", "send_at", "dry_run", "raw", "format"],
};

/// One e-mail that a producer asks for.
///
/// There is no way to one but [`Notification::parse`], so it has a recipient, a subject and something to say.
#[derive(Clone, PartialEq, Eq)]
pub struct Notification {
    /// The producer's name for it; without one, the queue's id of the message serves.
    pub id: Option<NotificationId>,
    /// Who the mail is from; without one, the mailbox's own address.
    pub from: Option<Party>,
    /// The reverse path, where reports of failed delivery go; without one, the address of From.
    pub sender: Option<EmailAddress>,
    /// Who it is to.
    pub to: Vec<Party>,
    /// Who gets a copy.
    pub cc: Vec<Party>,
    /// Who gets a copy without the others' knowing.
    pub bcc: Vec<Party>,
    /// Where answers go, if not to From.
    pub reply_to: Vec<Party>,
    /// The subject.
    pub subject: Subject,
    /// Text, html or both.
    pub body: Body,
    /// Files that go with it.
    pub attachments: Vec<Attachment>,
    /// Headers of the producer's own, in the order of their names.
    pub headers: Vec<ExtraHeader>,
    /// The producer's own Message-ID; without one, it is derived from the notification's id.
    pub message_id: Option<MessageId>,
    /// The messages this one answers.
    pub in_reply_to: Vec<MessageId>,
    /// The conversation it belongs to, oldest first.
    pub references: Vec<MessageId>,
    /// How urgent mail programs show it.
    pub priority: Priority,
    /// How readers get off the list.
    pub list_unsubscribe: Option<ListUnsubscribe>,
    /// Words that come back in events; not in the mail.
    pub tags: Vec<String>,
    /// Values that come back in events; not in the mail.
    pub metadata: BTreeMap<String, String>,
    /// When it is no longer worth sending.
    pub expires_at: Option<Timestamp>,
    /// What to do when nobody can know whether it went out; without one, the mailbox's setting.
    pub on_unknown: Option<OnUnknown>,
    content_hash: ContentHash,
}

impl Notification {
    /// Reads the body of a queue message.
    ///
    /// # Errors
    ///
    /// When the body is not JSON or not a notification; the error holds all the faults at once.
    pub fn parse(body: &str) -> Result<Self, InvalidNotification> {
        let faults = Faults::default();
        let read = json::read(body, &faults).and_then(|value| Self::read(value, &faults));
        faults.judge(read)
    }

    /// Returns the hash of what it says, by which a repeat is told from another notification with the same id.
    pub fn content_hash(&self) -> &ContentHash {
        &self.content_hash
    }

    /// Tells whether it is past the time at which it was worth sending.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }

    /// Returns everybody it goes to, in the order To, Cc, Bcc, as often as they are named.
    pub fn recipients(&self) -> impl Iterator<Item = &Party> {
        self.to.iter().chain(&self.cc).chain(&self.bcc)
    }

    fn read(mut value: Value, faults: &Faults) -> Option<Self> {
        let content_hash = ContentHash::of(&mut value);
        let root = Found::root(value, faults);
        let content_hash = match content_hash {
            Ok(hash) => hash,
            Err(problem) => return root.refuse(problem),
        };
        let mut fields = root.fields("an object", &NAMES)?;

        if let Some(found) = fields.take("version") {
            found.check_number(1, "1");
        }
        let id = fields
            .take("id")
            .and_then(|found| found.parse("a string", NotificationId::parse));
        let from = fields.take("from").and_then(Party::read);
        let sender = fields
            .take("sender")
            .and_then(|found| found.parse("an e-mail address", EmailAddress::parse));
        let recipients = Recipients::read(&mut fields);
        let reply_to = fields
            .take("reply_to")
            .map(Party::read_all)
            .unwrap_or_default();
        let subject = fields
            .require("subject")
            .and_then(|found| found.parse("a string", Subject::parse));
        let attachments = fields.take("attachments").map(Attachment::read_all);
        let carries = match &attachments {
            Some(Some(list)) if list.is_empty() => Carries::Nothing,
            Some(_) => Carries::Attachments,
            None => Carries::Nothing,
        };
        let body = Body::read(&mut fields, carries);
        let headers = fields
            .take("headers")
            .and_then(ExtraHeader::read_all)
            .unwrap_or_default();
        let message_id = fields
            .take("message_id")
            .and_then(|found| found.parse("a string", MessageId::parse));
        let in_reply_to = fields
            .take("in_reply_to")
            .and_then(MessageId::read_all)
            .unwrap_or_default();
        let references = fields
            .take("references")
            .and_then(MessageId::read_all)
            .unwrap_or_default();
        let priority = fields
            .take("priority")
            .and_then(|found| found.parse(choice::PRIORITIES, choice::priority))
            .unwrap_or_default();
        let list_unsubscribe = fields
            .take("list_unsubscribe")
            .and_then(ListUnsubscribe::read);
        let tags = fields
            .take("tags")
            .and_then(label::tags)
            .unwrap_or_default();
        let metadata = fields
            .take("metadata")
            .and_then(label::metadata)
            .unwrap_or_default();
        let expires_at = fields
            .take("expires_at")
            .and_then(|found| found.parse("a string", timestamp));
        let on_unknown = fields
            .take("on_unknown")
            .and_then(|found| found.parse(choice::ON_UNKNOWN, choice::on_unknown));

        let Recipients { to, cc, bcc } = recipients;
        Some(Self {
            id,
            from,
            sender,
            to,
            cc,
            bcc,
            reply_to,
            subject: subject?,
            body: body?,
            attachments: attachments.flatten().unwrap_or_default(),
            headers,
            message_id,
            in_reply_to,
            references,
            priority,
            list_unsubscribe,
            tags,
            metadata,
            expires_at,
            on_unknown,
            content_hash,
        })
    }
}

/// The three lists of recipients, of which one is not empty.
struct Recipients {
    to: Vec<Party>,
    cc: Vec<Party>,
    bcc: Vec<Party>,
}

impl Recipients {
    fn read(fields: &mut Fields<'_>) -> Self {
        let mut given = 0;
        let mut read = |name| {
            let found = fields
                .take(name)
                .map(Found::one_or_many)
                .unwrap_or_default();
            given += found.len();
            found.into_iter().filter_map(Party::read).collect()
        };
        let recipients = Self {
            to: read("to"),
            cc: read("cc"),
            bcc: read("bcc"),
        };
        if given == 0 {
            fields.refuse::<()>("has no recipient; one address in to, cc or bcc is needed");
        }
        recipients
    }
}

fn timestamp(text: &str) -> Result<Timestamp, Problem> {
    text.parse().map_err(|_| {
        Problem::new("is not a time with its offset from UTC, like 2026-12-24T18:00:00Z or 2026-12-24T19:00:00+01:00")
    })
}

/// Shows what a log may hold of it.
impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notification")
            .field("id", &self.id)
            .field("content_hash", &self.content_hash)
            .finish_non_exhaustive()
    }
}
