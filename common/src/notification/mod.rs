//! The notification: what a producer puts on the queue, version 1 of the contract.
//!
//! [`Notification::parse`] turns the JSON of a queue message into types that can be relied on: addresses are addresses,
//! one line is one line, base64 is bytes. A body that is not a notification is answered with its faults, each
//! with its place, and without a word of its content. Names may be spelled in snake_case or camelCase; names that the
//! contract does not know are refused, so that a misspelt field is not a field that silently does nothing.
//!
//! What a mailbox allows (who may be From, how many recipients, which domains, what size) is left to
//! [`crate::message`], who has sent what before is left to the ledger.

mod address_list;
mod attachment;
mod body;
mod choice;
mod fault;
mod format;
mod header;
mod id;
mod json;
mod label;
mod letter;
mod party;
mod pointer;
mod raw;
mod reader;
mod schema;
mod stored;
mod template;
#[cfg(test)]
mod tests;
mod thread;
mod unsubscribe;
mod wrapper;

use std::{collections::BTreeMap, fmt};

use jiff::{SignedDuration, Timestamp};

pub use self::{
    attachment::{Attachment, Content, ContentId, ContentType, Disposition, FileName},
    body::{Body, Subject, TextBesideHtml},
    choice::{OnUnknown, Priority},
    fault::{Fault, InvalidNotification, Problem},
    header::ExtraHeader,
    id::{ContentHash, NotificationId},
    letter::{Form, Letter},
    party::{DisplayName, Party},
    pointer::BodyPointer,
    raw::{Dated, RawMessage},
    schema::schema,
    thread::MessageId,
    unsubscribe::ListUnsubscribe,
};
use self::{
    fault::Faults,
    format::Format,
    reader::{Fields, Found, Names, Reading, Spelling},
    wrapper::Unwrapped,
};
use crate::address::{EmailAddress, LocalParts};
use crate::template::Rendered;

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
        "template",
        "tags",
        "metadata",
        "send_at",
        "expires_at",
        "on_unknown",
        "dry_run",
        "smtputf8",
        "raw",
        "format",
    ],
    refused: &[],
    spelling: Spelling::SnakeOrCamel,
};

/// One e-mail that a producer asks for.
///
/// There is no way to one but [`Notification::parse`], so it has a recipient and something to say.
#[derive(Clone, PartialEq, Eq)]
pub struct Notification {
    /// The producer's name for it; without one, the queue's id of the message serves.
    pub id: Option<NotificationId>,
    /// The reverse path, where reports of failed delivery go; without one, the address of From.
    pub sender: Option<EmailAddress>,
    /// Who it is to.
    pub to: Vec<Party>,
    /// Who gets a copy.
    pub cc: Vec<Party>,
    /// Who gets a copy without the others' knowing.
    pub bcc: Vec<Party>,
    /// The mail itself.
    pub mail: Mail,
    /// Words that come back in events; not in the mail.
    pub tags: Vec<String>,
    /// Values that come back in events; not in the mail.
    pub metadata: BTreeMap<String, String>,
    /// When it is to be sent; without it, at once.
    pub send_at: Option<Timestamp>,
    /// When it is no longer worth sending; later than [`Self::send_at`].
    pub expires_at: Option<Timestamp>,
    /// What to do when nobody can know whether it went out; without one, the mailbox's setting.
    pub on_unknown: Option<OnUnknown>,
    /// Whether the server is only asked how it would take it, and nothing is sent.
    pub dry_run: bool,
    content_hash: ContentHash,
}

/// What the body of a queue message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// The notification.
    Here(Box<Notification>),
    /// A pointer to where the notification is.
    Elsewhere(BodyPointer),
}

/// What a notification says, and in which form.
#[derive(Clone, PartialEq, Eq)]
pub enum Mail {
    /// Fields, of which the message is to be written.
    Letter(Box<Letter>),
    /// Fields, and a template that makes the words of the message.
    Form(Box<Form>),
    /// The message as its producer has written it.
    Raw(RawMessage),
}

impl Notification {
    /// Reads the body of a queue message, whatever it is wrapped in.
    ///
    /// # Errors
    ///
    /// When the body is not JSON or not a notification, but a pointer to one; the error holds all the faults at once.
    pub fn parse(body: &str) -> Result<Self, InvalidNotification> {
        Self::parse_named(body, None)
    }

    /// Reads the body of a queue message, or finds that it is elsewhere.
    ///
    /// # Errors
    ///
    /// When the body is not JSON, or neither a notification nor a pointer to one; the error holds all the faults at once.
    pub fn open(body: &str) -> Result<Opened, InvalidNotification> {
        let faults = Faults::default();
        let content =
            json::read(body, &faults).and_then(|value| wrapper::unwrapped(value, &faults));
        let opened = content.and_then(|content| match content {
            wrapper::Content::Here(here) => {
                Self::read(here, &faults).map(|read| Opened::Here(Box::new(read)))
            }
            wrapper::Content::Elsewhere(pointer) => Some(Opened::Elsewhere(pointer)),
        });
        faults.judge(opened)
    }

    /// Reads a body that has to be here, and whose notification has the id `named` if it has none of its own.
    fn parse_named(body: &str, named: Option<NotificationId>) -> Result<Self, InvalidNotification> {
        match Self::open(body)? {
            Opened::Here(mut read) => {
                read.id = read.id.or(named);
                Ok(*read)
            }
            Opened::Elsewhere(_) => Err(InvalidNotification::whole(
                "is a pointer of the SQS extended client, where the notification itself is needed",
            )),
        }
    }

    /// Puts the words in that its template has made. A notification without a template stays as it is.
    ///
    /// # Errors
    ///
    /// When the words make no mail, as an empty subject does; their places are below `/template`.
    pub fn filled(self, rendered: Rendered) -> Result<Self, InvalidNotification> {
        let Mail::Form(form) = self.mail else {
            return Ok(self);
        };
        let faults = Faults::default();
        let letter = form.filled(rendered, &faults);
        let letter = faults.judge(letter)?;
        Ok(Self {
            mail: Mail::Letter(Box::new(letter)),
            ..self
        })
    }

    /// Returns the hash of what it says, by which a repeat is told from another notification with the same id.
    pub fn content_hash(&self) -> &ContentHash {
        &self.content_hash
    }

    /// The furthest ahead of being put on the queue that a notification may be sent.
    pub const FURTHEST: SignedDuration = SignedDuration::from_hours(14 * 24);

    /// Tells whether it is to wait for longer, from `enqueued_at` on, than notifications may.
    pub fn is_too_far_ahead(&self, enqueued_at: Timestamp) -> bool {
        let ahead = self
            .send_at
            .map(|send_at| send_at.duration_since(enqueued_at));
        ahead.is_some_and(|ahead| ahead > Self::FURTHEST)
    }

    /// Tells whether it is past the time at which it was worth sending.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }

    /// Returns who it says it is from; without one, it is the mailbox.
    pub fn author(&self) -> Option<&EmailAddress> {
        match &self.mail {
            Mail::Letter(letter) => letter.from.as_ref().map(|from| &from.email),
            Mail::Form(form) => form.from().map(|from| &from.email),
            Mail::Raw(raw) => Some(&raw.from),
        }
    }

    /// Returns everybody it goes to, in the order To, Cc, Bcc, as often as they are named.
    pub fn recipients(&self) -> impl Iterator<Item = &Party> {
        self.to.iter().chain(&self.cc).chain(&self.bcc)
    }

    fn read(unwrapped: Unwrapped, faults: &Faults) -> Option<Self> {
        let Unwrapped { mut value, id } = unwrapped;
        let content_hash = ContentHash::of(&mut value);
        let format = Format::of(&value);
        let local_parts = match value.get("smtputf8") {
            Some(serde_json::Value::Bool(true)) => LocalParts::Utf8,
            Some(_) | None => LocalParts::Ascii,
        };
        let reading = Reading {
            faults,
            local_parts,
        };
        let root = Found::root(value, reading);
        let content_hash = match content_hash {
            Ok(hash) => hash,
            Err(problem) => return root.refuse(problem),
        };
        let mut fields = match format {
            None => root.fields("an object", &NAMES)?,
            Some(format) => format.fields(root)?,
        };
        if let Some(found) = fields.take("format") {
            found.refuse::<()>(format!("is not {}", Format::accepted()));
        }

        if let Some(found) = fields.take("version") {
            found.check_number(1, "1");
        }
        let id = match fields.take("id") {
            Some(found) => found.parse("a string", NotificationId::parse),
            None => id,
        };
        // What it says was looked at above; here it is that it can be nothing else.
        if let Some(found) = fields.take("smtputf8") {
            found.flag();
        }
        let sender = fields.take("sender").and_then(|found| found.address());
        let recipients = Recipients::read(&mut fields);
        let [tags, metadata, send_at, expires_at, on_unknown, dry_run] = [
            "tags",
            "metadata",
            "send_at",
            "expires_at",
            "on_unknown",
            "dry_run",
        ]
        .map(|name| fields.take(name));
        let (mail, recipients) = match fields.take("raw") {
            None => {
                recipients.check(&fields);
                let mail = match fields.take("template") {
                    None => Letter::read(&mut fields).map(Box::new).map(Mail::Letter),
                    Some(found) => Form::read(found, &mut fields).map(Box::new).map(Mail::Form),
                };
                (mail, recipients)
            }
            Some(found) => {
                fields.refuse_rest("is not taken beside raw, which holds the whole message");
                let (raw, recipients) = match RawMessage::read(&found) {
                    Some((raw, named)) => (Some(raw), recipients.or(named)),
                    None => (None, recipients),
                };
                if raw.is_some() {
                    recipients.check(&fields);
                }
                (raw.map(Mail::Raw), recipients)
            }
        };
        let Recipients { to, cc, bcc, .. } = recipients;
        let tags = tags.and_then(label::tags).unwrap_or_default();
        let metadata = metadata.and_then(label::metadata).unwrap_or_default();
        let send_at = send_at.and_then(|found| found.parse("a string", timestamp));
        let expires_at = expires_at.and_then(|found| {
            let expires_at = found.parse("a string", timestamp)?;
            match send_at {
                Some(send_at) if expires_at <= send_at => {
                    found.refuse("is not later than send_at, so the mail would never be sent")
                }
                Some(_) | None => Some(expires_at),
            }
        });
        let on_unknown =
            on_unknown.and_then(|found| found.parse(choice::ON_UNKNOWN, choice::on_unknown));
        let dry_run = dry_run.and_then(Found::flag).unwrap_or_default();
        Some(Self {
            id,
            sender,
            to,
            cc,
            bcc,
            mail: mail?,
            tags,
            metadata,
            send_at,
            expires_at,
            on_unknown,
            dry_run,
            content_hash,
        })
    }
}

/// The three lists of recipients.
#[derive(Default)]
struct Recipients {
    to: Vec<Party>,
    cc: Vec<Party>,
    bcc: Vec<Party>,
    /// How many were given, in order or not.
    given: usize,
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
        Self {
            to: read("to"),
            cc: read("cc"),
            bcc: read("bcc"),
            given,
        }
    }

    /// Takes those that a raw message names, unless the notification names any.
    fn or(self, named: Self) -> Self {
        if self.given == 0 { named } else { self }
    }

    fn check(&self, fields: &Fields<'_>) {
        if self.given == 0 {
            fields.refuse::<()>("has no recipient; one address in to, cc or bcc is needed");
        }
    }
}

/// Reads a time as RFC 3339 writes it. What else the library reads, such as names of time zones, is no promise of ours.
fn timestamp(text: &str) -> Result<Timestamp, Problem> {
    let is_plain = match text.as_bytes() {
        [
            _,
            _,
            _,
            _,
            b'-',
            _,
            _,
            b'-',
            _,
            _,
            b'T',
            _,
            _,
            b':',
            _,
            _,
            b':',
            b'0'..=b'5',
            _,
            rest @ ..,
        ] => {
            let offset = rest
                .iter()
                .skip_while(|byte| matches!(byte, b'.' | b'0'..=b'9'));
            let offset: Vec<_> = offset.copied().collect();
            matches!(offset[..], [b'Z'] | [b'+' | b'-', _, _, b':', _, _])
        }
        _ => false,
    };
    text.parse().ok().filter(|_| is_plain).ok_or_else(|| {
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
