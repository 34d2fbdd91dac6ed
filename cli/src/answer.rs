//! The answers of the operator, as far as they are shown. What else an answer says is for `--json`.

use std::collections::BTreeMap;

use common::class::Class;
use common::steps::Step;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::trouble::Trouble;

/// To `connect`.
#[derive(Debug, Deserialize)]
pub(crate) struct Link {
    pub(crate) link: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) sign_in_as: String,
}

/// To `status-link`.
#[derive(Debug, Deserialize)]
pub(crate) struct StatusLink {
    pub(crate) link: String,
    pub(crate) expires_at: Timestamp,
}

/// To `status`.
#[derive(Debug, Deserialize)]
pub(crate) struct Mailboxes {
    pub(crate) mailboxes: Vec<Status>,
}

/// How a mailbox does.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Status {
    pub(crate) mailbox: String,
    pub(crate) address: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) paused: bool,
    pub(crate) sends: bool,
    pub(crate) class: Option<Class>,
    pub(crate) reason: Option<String>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) remedy: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) warnings: Vec<String>,
    pub(crate) token_expires_at: Option<Timestamp>,
    pub(crate) queue: Option<Depth>,
    pub(crate) failed_queue: Option<Depth>,
    pub(crate) faults: Vec<String>,
}

/// How much a queue holds.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Depth {
    pub(crate) waiting: u64,
    pub(crate) in_flight: u64,
    pub(crate) delayed: u64,
}

impl Depth {
    /// All that is on the queue.
    pub(crate) fn all(self) -> u64 {
        self.waiting + self.in_flight + self.delayed
    }
}

/// To `check`.
#[derive(Debug, Deserialize)]
pub(crate) struct Steps {
    pub(crate) ok: bool,
    pub(crate) steps: Vec<Step>,
    #[serde(default)]
    pub(crate) not_proven: Vec<String>,
}

/// To `check-steps`.
#[derive(Debug, Deserialize)]
pub(crate) struct StepsSoFar {
    pub(crate) steps: Vec<Step>,
    pub(crate) under_way: Option<String>,
}

/// To `send-test`.
#[derive(Debug, Deserialize)]
pub(crate) struct Enqueued {
    pub(crate) id: String,
}

/// To `refresh`.
#[derive(Debug, Deserialize)]
pub(crate) struct Renewed {
    pub(crate) found: String,
    pub(crate) mailbox: Status,
}

/// To `disconnect`.
#[derive(Debug, Deserialize)]
pub(crate) struct Disconnected {
    pub(crate) withdraw: String,
    pub(crate) mailbox: Status,
}

/// To `failed`.
#[derive(Debug, Deserialize)]
pub(crate) struct Listed {
    pub(crate) failed: Vec<Failed>,
    #[serde(flatten)]
    pub(crate) end: End,
}

/// How far a failed queue was gone through.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct End {
    pub(crate) again: bool,
    pub(crate) fault: Option<String>,
}

/// A notification in a failed queue.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Failed {
    pub(crate) id: String,
    pub(crate) bytes: u64,
    pub(crate) enqueued_at: Option<Timestamp>,
    pub(crate) class: Option<Class>,
    pub(crate) reply: String,
    pub(crate) stage: String,
    pub(crate) remedy: String,
    pub(crate) attempts: u32,
    pub(crate) message_id: Option<String>,
    pub(crate) failed_at: Option<Timestamp>,
    pub(crate) refused: Vec<RefusedCopy>,
    pub(crate) refused_more: u64,
    pub(crate) accepted: u64,
    pub(crate) unknown: u64,
}

/// A recipient whom the server refused, as a failed copy says it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RefusedCopy {
    pub(crate) recipient: String,
    pub(crate) reply: String,
}

/// To `redrive` and `drop`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Moved {
    pub(crate) dry_run: bool,
    pub(crate) put_back: Group,
    pub(crate) already_accepted: Group,
    pub(crate) dropped: Group,
    pub(crate) stays: Stays,
    pub(crate) not_meant: u64,
    #[serde(flatten)]
    pub(crate) end: End,
}

/// Notifications that fared alike.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Group {
    pub(crate) count: u64,
    pub(crate) by_class: BTreeMap<String, u64>,
}

/// Notifications that stay in the failed queue.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Stays {
    pub(crate) count: u64,
    pub(crate) notifications: Vec<Staying>,
}

/// A notification that stays in the failed queue.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Staying {
    pub(crate) id: String,
    pub(crate) detail: String,
}

/// To `pause` and `resume`.
#[derive(Debug, Deserialize)]
pub(crate) struct Changed {
    pub(crate) mailbox: Status,
}

/// To `trace`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Traced {
    pub(crate) id: String,
    pub(crate) state: Fate,
    #[serde(default)]
    pub(crate) attempts: u32,
    pub(crate) at: Option<Timestamp>,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) message_id: Option<String>,
    pub(crate) class: Option<Class>,
    pub(crate) stage: Option<String>,
    pub(crate) reply: Option<String>,
    pub(crate) remedy: Option<String>,
    #[serde(default)]
    pub(crate) refused: Vec<Refused>,
    #[serde(default)]
    pub(crate) unknown: Vec<Unknown>,
}

/// A message of which nobody knows whether the server took it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Unknown {
    pub(crate) message_id: Option<String>,
    pub(crate) recipients: Vec<String>,
}

/// What has become of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fate {
    /// No worker has seen it.
    Unseen,
    /// It is to be tried again.
    Waiting,
    /// A worker prepares it.
    Claimed,
    /// A worker sends it.
    Sending,
    /// The server took it.
    Accepted,
    /// It will not be sent.
    Refused,
    /// It may or may not have been sent.
    Unknown,
}

/// A recipient whom the server refused.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Refused {
    pub(crate) address: String,
    pub(crate) reply: String,
}

/// How a notification would look.
#[derive(Debug, Deserialize)]
pub(crate) struct Rendered {
    pub(crate) subject: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) html: Option<String>,
    pub(crate) message: Option<String>,
}

/// Reads an answer.
pub(crate) fn read<T: serde::de::DeserializeOwned>(answer: &Value) -> Result<T, Trouble> {
    T::deserialize(answer).map_err(Trouble::Answer)
}
