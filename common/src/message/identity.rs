//! What makes a repeat the same message: its id, its date and its boundaries.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use crate::{
    address::EmailAddress,
    digest::sha256_hex,
    mailbox::MailboxId,
    notification::{ContentHash, MessageId, NotificationId, Problem},
};

/// What tells one message from every other, derived and never drawn by chance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageIdentity {
    token: String,
    /// What the Message-ID is made of.
    message: String,
    date: SystemTime,
}

impl MessageIdentity {
    /// Derives the identity of a mailbox's notification.
    ///
    /// The mailbox is part of it, because two mailboxes may be asked for notifications of the same id. The date is that
    /// of the first attempt, whichever attempt this is.
    pub fn derive(mailbox: &MailboxId, id: &NotificationId, first_attempt: Timestamp) -> Self {
        let token = digest(["message", mailbox.as_str(), id.as_str()]);
        Self {
            message: token.clone(),
            token,
            // In whole seconds, as a message has it. Nothing was sent before 1970, and lettre would panic on it.
            date: UNIX_EPOCH
                + Duration::from_secs(first_attempt.as_second().try_into().unwrap_or(0)),
        }
    }

    /// Returns the identity of a part, counted from 1, of the notification's message: what differs is the Message-ID.
    ///
    /// The first part has that of the message whole, so that a message of one part is what it always was.
    #[must_use]
    pub fn of_part(&self, number: u32) -> Self {
        let message = match number {
            0 | 1 => self.token.clone(),
            number => digest(["part", &self.token, &number.to_string()]),
        };
        Self {
            message,
            ..self.clone()
        }
    }

    /// Returns the date of the message.
    pub(super) fn date(&self) -> SystemTime {
        self.date
    }

    /// Returns the Message-ID of a message from this address.
    pub(super) fn message_id(&self, from: &EmailAddress) -> Result<MessageId, Problem> {
        MessageId::parse(&format!(
            "{}@{}",
            self.message,
            from.domain().to_ascii_lowercase()
        ))
    }

    /// Returns what the boundaries of the message are made of.
    ///
    /// It depends on the content, so nobody can write a content that holds its own boundary.
    pub(super) fn boundary(&self, content: &ContentHash) -> String {
        digest(["boundary", &self.token, content.as_str()])
    }
}

/// 128 bits of the SHA-256 over the texts, in hexadecimal.
fn digest(texts: [&str; 3]) -> String {
    let mut digest = sha256_hex(&texts.map(str::as_bytes));
    digest.truncate(32);
    digest
}
