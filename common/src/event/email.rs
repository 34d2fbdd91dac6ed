//! What events say of a notification.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::About;
#[cfg(test)]
use super::schema;
use crate::class::Class;

/// The notification that an event is about, as far as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Email {
    /// The notification's id. What is no notification has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notification: Option<String>,
    /// The queue's id of the message that brought it.
    pub copy: String,
    /// Whether it is a dry run: the server was asked how it would take the message, and nothing was sent.
    pub dry_run: bool,
    /// How often a message was begun to be sent.
    pub attempts: u32,
    /// Whether an attempt whose end nobody knew was made once more, so that there may be two mails.
    pub sent_again: bool,
    /// When the first copy was put on the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<schema::Time>"))]
    pub enqueued_at: Option<Timestamp>,
    /// When the first attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<schema::Time>"))]
    pub first_attempt_at: Option<Timestamp>,
    /// The `Message-ID` of the message, once one was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Everybody whom it is for, in To, Cc and Bcc.
    pub recipients: Vec<Recipient>,
    /// How many recipients more there are, whom the event has no room for.
    pub recipients_left_out: usize,
    /// The notification's own tags.
    pub tags: Vec<String>,
    /// The notification's own metadata.
    pub metadata: BTreeMap<String, String>,
}

/// One recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Recipient {
    /// The address; or `hmac-sha256:` and 64 hexadecimal digits, where the mailbox is set to hash.
    pub address: String,
    /// What the server has made of it.
    pub state: RecipientState,
    /// The server's reply, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
}

/// What the server has made of a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RecipientState {
    /// It has accepted the message for this recipient.
    Accepted,
    /// It has refused this recipient for good.
    Refused,
    /// Neither.
    Open,
}

/// What was met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Trouble {
    /// The class of the failure.
    #[cfg_attr(test, schemars(with = "schema::ClassName"))]
    pub class: Class,
    /// The whole reply of the server, or what else was met.
    pub reply: String,
    /// Where it was met.
    pub stage: String,
    /// What a person has to do.
    pub remedy: String,
}

/// The message was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Sent {
    /// Which event it is.
    #[serde(flatten)]
    pub about: About,
    /// The notification.
    #[serde(flatten)]
    pub email: Email,
    /// The server's final reply to the message.
    pub reply: String,
}

/// An attempt was put off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Delayed {
    /// Which event it is.
    #[serde(flatten)]
    pub about: About,
    /// The notification.
    #[serde(flatten)]
    pub email: Email,
    /// What was met.
    #[serde(flatten)]
    pub trouble: Trouble,
    /// The earliest moment of the next attempt.
    #[cfg_attr(test, schemars(with = "schema::Time"))]
    pub next_attempt_at: Timestamp,
}

/// The notification went to the failed queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Ended {
    /// Which event it is.
    #[serde(flatten)]
    pub about: About,
    /// The notification.
    #[serde(flatten)]
    pub email: Email,
    /// What was met.
    #[serde(flatten)]
    pub trouble: Trouble,
}

/// Another copy of a notification that has ended was not sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Skipped {
    /// Which event it is.
    #[serde(flatten)]
    pub about: About,
    /// The notification. The attempts and the recipients are those of the copy that came first.
    #[serde(flatten)]
    pub email: Email,
}
