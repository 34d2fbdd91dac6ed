//! Why a notification does not become a message.

use std::{error::Error, fmt};

use super::text::Untextable;
use crate::{class::Class, notification::Problem};

/// Why a notification does not become a message of this mailbox. It will not later, either.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The mailbox does not send in that name.
    #[error("the address in `{field}` is neither the mailbox's own nor one of its `senders`")]
    SenderNotAllowed {
        /// Which field of the notification names it.
        field: SenderField,
    },
    /// The mailbox does not send there.
    #[error("recipients outside the mailbox's `recipient_domains`: {count}")]
    RecipientNotAllowed {
        /// How many recipients are outside.
        count: usize,
    },
    /// There are more recipients than a notification may have.
    #[error("{count} recipients; a notification has up to {limit}")]
    TooManyRecipients {
        /// How many there are, each counted once.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The addresses of the recipients are longer than the ledger can remember.
    #[error(
        "recipients whose addresses have {bytes} bytes together; a notification has up to {limit}"
    )]
    LongRecipients {
        /// How long they are together.
        bytes: usize,
        /// How long they may be.
        limit: usize,
    },
    /// The message is larger than the mailbox may send.
    #[error("{bytes} bytes once encoded; a message of this mailbox has up to {limit}")]
    MessageTooLarge {
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
    /// The headers alone are larger than Exchange takes.
    #[error("{bytes} bytes of headers; a message has up to {limit}")]
    HeaderTooLarge {
        /// How large they are.
        bytes: usize,
        /// How large they may be.
        limit: usize,
    },
    /// The notification has html and no text, and no text can be made.
    #[error("no text can be made from the html; give `text`, or \"\" for none")]
    NoTextFromHtml(#[source] Untextable),
    /// The message cannot be written; a fault of this product.
    #[error("the message cannot be written")]
    Unbuilt(#[source] Box<dyn Error + Send + Sync>),
}

/// A field of a notification that says who it is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderField {
    /// Whom readers see.
    From,
    /// Where reports of failed delivery go.
    Sender,
    /// From or Sender of a raw message.
    Raw,
}

impl ComposeError {
    /// Returns what kind of failure it is.
    pub fn class(&self) -> Class {
        match self {
            Self::SenderNotAllowed { .. } => Class::SenderNotAllowed,
            Self::RecipientNotAllowed { .. } => Class::RecipientRefused,
            Self::TooManyRecipients { .. } | Self::LongRecipients { .. } => {
                Class::TooManyRecipients
            }
            Self::MessageTooLarge { .. } | Self::HeaderTooLarge { .. } => Class::MessageTooLarge,
            Self::NoTextFromHtml(_) | Self::Unbuilt(_) => Class::InvalidMessage,
        }
    }

    pub(super) fn unbuilt(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Unbuilt(Box::new(error))
    }
}

impl From<Problem> for ComposeError {
    fn from(problem: Problem) -> Self {
        Self::unbuilt(problem)
    }
}

impl fmt::Display for SenderField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::From => "from",
            Self::Sender => "sender",
            Self::Raw => "raw",
        })
    }
}
