//! The message: what a notification becomes on its way to Exchange.
//!
//! [`compose`] is a pure function. The same notification, policy and [`MessageIdentity`] give the same bytes, so a repeat
//! after a crash is the same message to whoever compares. What comes out of a letter is RFC 5322 and MIME in 7-bit octets:
//! no line over 998 of them, no CR or LF but in pairs, no header that nobody asked for, so it needs neither 8BITMIME nor
//! SMTPUTF8; but an address with a local part in UTF-8, where the notification has let it in, stands in its header as it is
//! (RFC 6532). A raw message leaves as it came, and may need both. Bcc is in the envelope alone.
//!
//! lettre writes the message. What it does not guard against (facts about its headers, line ends and address parser) is
//! guarded here and by the types of [`crate::notification`]. Handing the message over is left to the submission.

mod error;
mod header;
mod identity;
mod mime;
mod parts;
mod policy;
mod raw;
#[cfg(test)]
mod tests;
mod text;

use std::{fmt, slice};

use lettre::{
    Address,
    address::Envelope,
    message::{MessageBuilder, header::HeaderName},
};

use self::header::{people, structured, text};
pub use self::{
    error::{ComposeError, SenderField},
    identity::MessageIdentity,
    mime::{decoded_len, encoded_len},
    parts::{Part, parts, recipients},
    policy::SenderPolicy,
    text::Untextable,
};
use crate::{
    address::EmailAddress,
    notification::{ContentHash, Letter, Mail, MessageId, Notification, Party, Priority},
};

/// The most Exchange takes of all headers together.
const MAX_HEADER_BYTES: usize = 256 * 1024;

/// A message that is ready to be handed over.
#[derive(Clone, PartialEq)]
pub struct Message {
    /// The id by which its fate can be followed at Exchange.
    pub message_id: MessageId,
    /// Who it is from and to on the wire; every recipient once. To many it goes out in [`parts()`].
    pub envelope: Envelope,
    /// The message itself, ending in CRLF, not dot-stuffed.
    pub bytes: Vec<u8>,
}

/// Says that the template of a notification has not made its words yet.
#[derive(Debug, thiserror::Error)]
#[error("the template has not been filled")]
struct Wordless;

/// Writes the message that a notification asks for, as far as the mailbox's policy allows it.
///
/// # Errors
///
/// When the policy does not allow the sender, a recipient, their number or the size, when the notification's html cannot be
/// turned into text, or when its template has not been filled or a file of the bucket not read yet. All of them are final: the
/// same notification fails again.
pub fn compose(
    notification: &Notification,
    policy: &SenderPolicy,
    identity: &MessageIdentity,
) -> Result<Message, ComposeError> {
    let (message_id, envelope, bytes) = match &notification.mail {
        Mail::Letter(letter) => {
            let from = policy.author(letter)?;
            let envelope = lettre_envelope(&policy.envelope(notification, &from.email)?)?;
            let message_id = match &letter.message_id {
                Some(id) => id.clone(),
                None => identity.message_id(&from.email)?,
            };
            let headers = headers(notification, letter, &from, &message_id, identity)
                .envelope(envelope.clone());
            let bytes = written(letter, headers, notification.content_hash(), identity)?;
            (message_id, envelope, bytes)
        }
        Mail::Form(_) => return Err(ComposeError::unbuilt(Wordless)),
        Mail::Raw(raw) => {
            policy.check_raw(raw)?;
            let envelope = lettre_envelope(&policy.envelope(notification, &raw.from)?)?;
            let (message_id, bytes) = raw::completed(raw, identity)?;
            (message_id, envelope, bytes)
        }
    };
    check_size(&bytes, policy.message_bytes)?;
    Ok(Message {
        message_id,
        envelope,
        bytes,
    })
}

fn written(
    letter: &Letter,
    headers: MessageBuilder,
    content: &ContentHash,
    identity: &MessageIdentity,
) -> Result<Vec<u8>, ComposeError> {
    let boundary = identity.boundary(content);
    let message = mime::content(letter, &boundary)?.complete(headers)?;
    Ok(message.formatted())
}

fn headers(
    notification: &Notification,
    letter: &Letter,
    from: &Party,
    message_id: &MessageId,
    identity: &MessageIdentity,
) -> MessageBuilder {
    let mut builder = lettre::Message::builder()
        .date(identity.date())
        .raw_header(people("From", slice::from_ref(from)));
    if !notification.to.is_empty() {
        builder = builder.raw_header(people("To", &notification.to));
    }
    if !notification.cc.is_empty() {
        builder = builder.raw_header(people("Cc", &notification.cc));
    }
    if !letter.reply_to.is_empty() {
        builder = builder.raw_header(people("Reply-To", &letter.reply_to));
    }
    builder = builder
        .raw_header(text(
            HeaderName::new_from_ascii_str("Subject"),
            letter.subject.as_str(),
        ))
        .raw_header(structured("Message-ID", message_id.to_string()));

    if !letter.in_reply_to.is_empty() {
        builder = builder.raw_header(structured("In-Reply-To", joined(&letter.in_reply_to)));
    }
    // Mail programs follow References; a producer that knows only its parent means that.
    let references = if letter.references.is_empty() {
        &letter.in_reply_to
    } else {
        &letter.references
    };
    if !references.is_empty() {
        builder = builder.raw_header(structured("References", joined(references)));
    }

    let urgency = match letter.priority {
        Priority::High => Some(("high", "1")),
        Priority::Normal => None,
        Priority::Low => Some(("low", "5")),
    };
    if let Some((importance, number)) = urgency {
        builder = builder
            .raw_header(structured("Importance", importance.to_owned()))
            .raw_header(structured("X-Priority", number.to_owned()));
    }
    if let Some(unsubscribe) = &letter.list_unsubscribe {
        builder = builder.raw_header(structured("List-Unsubscribe", unsubscribe.header()));
        if unsubscribe.is_one_click() {
            let promise = "List-Unsubscribe=One-Click".to_owned();
            builder = builder.raw_header(structured("List-Unsubscribe-Post", promise));
        }
    }
    // RFC 3834: no robot answers this, and no out-of-office reply comes back.
    builder = builder.raw_header(structured("Auto-Submitted", "auto-generated".to_owned()));
    for extra in &letter.headers {
        // The type of the header allows no name that lettre would refuse.
        if let Ok(name) = HeaderName::new_from_ascii(extra.name().to_owned()) {
            builder = builder.raw_header(text(name, extra.value()));
        }
    }
    builder
}

fn joined(ids: &[MessageId]) -> String {
    ids.iter()
        .map(MessageId::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}

fn lettre_envelope(envelope: &policy::Paths<'_>) -> Result<Envelope, ComposeError> {
    let recipients = envelope
        .recipients
        .iter()
        .map(|address| lettre_address(address))
        .collect();
    Envelope::new(Some(lettre_address(envelope.sender)), recipients).map_err(ComposeError::unbuilt)
}

/// Our policy for addresses is stricter than lettre's, and a property test keeps it so.
fn lettre_address(address: &EmailAddress) -> Address {
    Address::new_dangerous(address.local_part(), address.domain())
}

fn check_size(bytes: &[u8], limit: usize) -> Result<(), ComposeError> {
    let header_bytes = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap_or(bytes.len());
    if header_bytes > MAX_HEADER_BYTES {
        Err(ComposeError::HeaderTooLarge {
            bytes: header_bytes,
            limit: MAX_HEADER_BYTES,
        })
    } else if bytes.len() > limit {
        Err(ComposeError::MessageTooLarge {
            bytes: bytes.len(),
            limit,
        })
    } else {
        Ok(())
    }
}

/// Shows what a log may hold of it.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("message_id", &self.message_id)
            .field("recipients", &self.envelope.to().len())
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}
