//! Answers about a failed queue.

use std::collections::BTreeMap;

use common::class::Class;
use common::failed::Report;
use jiff::Timestamp;
use serde::Serialize;

/// How many notifications an answer names of each kind. All are counted.
const NAMED: usize = 100;

/// The answer to `redrive`.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Redriven {
    /// Whether it was only said what would be done.
    pub(crate) dry_run: bool,
    /// On the mailbox's queue again.
    pub(crate) put_back: Group,
    /// Gone from the failed queue, because the server has the message.
    pub(crate) already_accepted: Group,
    /// Meant, and still in the failed queue.
    pub(crate) stays: Stays,
    /// How many copies were not meant.
    pub(crate) not_meant: usize,
    /// How far the queue was gone through.
    #[serde(flatten)]
    pub(crate) end: End,
}

/// The answer to `drop`.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Dropped {
    /// Whether it was only said what would be done.
    pub(crate) dry_run: bool,
    /// Deleted for good.
    pub(crate) dropped: Group,
    /// Meant, and still in the failed queue.
    pub(crate) stays: Stays,
    /// How many copies were not meant.
    pub(crate) not_meant: usize,
    /// How far the queue was gone through.
    #[serde(flatten)]
    pub(crate) end: End,
}

/// The answer to `failed`.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Listed {
    /// The notifications, in no order.
    pub(crate) failed: Vec<Failed>,
    /// How far the queue was gone through.
    #[serde(flatten)]
    pub(crate) end: End,
}

/// How far a failed queue was gone through.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct End {
    /// Whether there may be more: the same command goes on.
    pub(crate) again: bool,
    /// What ended it early, other than its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<String>,
}

/// A notification in the failed queue.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Failed {
    /// Its id.
    pub(crate) id: String,
    /// When this copy was put on a queue.
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Time>"))]
    pub(crate) enqueued_at: Option<Timestamp>,
    /// The length of its body, in octets.
    pub(crate) bytes: usize,
    /// Why it is there.
    #[serde(flatten)]
    #[cfg_attr(test, schemars(with = "crate::schema::FailedReport"))]
    pub(crate) report: Report,
}

/// Notifications that fared alike.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Group {
    /// How many.
    pub(crate) count: usize,
    /// How many of each class; `none` where the copy has no reason.
    pub(crate) by_class: BTreeMap<&'static str, usize>,
    /// The first hundred, by their ids.
    pub(crate) ids: Vec<String>,
}

/// Notifications that stay in the failed queue.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Stays {
    /// How many.
    pub(crate) count: usize,
    /// How many for each reason.
    pub(crate) by_reason: BTreeMap<&'static str, usize>,
    /// The first hundred.
    pub(crate) notifications: Vec<Staying>,
}

/// A notification that stays in the failed queue.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Staying {
    /// Its id.
    pub(crate) id: String,
    /// The class of its failure.
    #[cfg_attr(test, schemars(with = "Option<crate::schema::ClassName>"))]
    pub(crate) class: Option<Class>,
    /// Why it stays, in one word.
    pub(crate) why: &'static str,
    /// The same as a sentence, with what to do.
    pub(crate) detail: String,
}

/// Why a copy stays in the failed queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Why {
    /// It may have been sent.
    #[error("it may have been sent: look for it in Sent Items, then drop it, or say `resend`")]
    Unknown,
    /// Its id stands for other content.
    #[error("its id came with other content before: send it again under an id of its own")]
    Conflict,
    /// Another copy is being worked on.
    #[error("another copy of it is being worked on: ask again after {0}")]
    InHand(Timestamp),
    /// It does not fit the queue.
    #[error("{0}: send it again with an `id`, or a shorter one")]
    NoRoom(common::failed::NoRoom),
    /// Something did not answer.
    #[error("not all could be reached, and it is safe to ask again: {0}")]
    Unavailable(String),
}

/// A copy, as an answer names it.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    /// The notification's id.
    pub(crate) id: String,
    /// The class of its failure.
    pub(crate) class: Option<Class>,
}

impl Why {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Conflict => "conflict",
            Self::InHand(_) => "in_hand",
            Self::NoRoom(_) => "no_room",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

impl Group {
    /// Counts one in.
    pub(crate) fn add(&mut self, named: Named) {
        self.count += 1;
        let class = named.class.map_or("none", Class::as_str);
        *self.by_class.entry(class).or_default() += 1;
        if self.ids.len() < NAMED {
            self.ids.push(named.id);
        }
    }
}

impl Stays {
    /// Counts one in.
    pub(crate) fn add(&mut self, named: Named, why: &Why) {
        self.count += 1;
        *self.by_reason.entry(why.as_str()).or_default() += 1;
        if self.notifications.len() < NAMED {
            self.notifications.push(Staying {
                id: named.id,
                class: named.class,
                why: why.as_str(),
                detail: why.to_string(),
            });
        }
    }
}
