//! How a command ends: its verdict where it came to one, and its trouble where it did not.

use std::path::PathBuf;
use std::process::ExitCode;

use common::aws::{InvokeError, QueueError};
use common::notification::InvalidNotification;

use crate::stack::NotFound;

/// What was asked for is not so.
const NOT_SO: u8 = 1;
/// The command line, or what it names, is wrong; clap ends with the same.
const WRONG: u8 = 2;
/// Nobody answered, or refused to.
const NO_ANSWER: u8 = 3;
/// The patience was over first.
const TOO_LATE: u8 = 4;

/// What a command found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is as it should be.
    Well,
    /// It is not: a check failed, a mailbox does not send, a notification was refused.
    NotSo,
}

impl Verdict {
    /// The verdict on something that should hold.
    pub(crate) fn of(holds: impl Into<Option<bool>>) -> Self {
        if holds.into() == Some(true) {
            Self::Well
        } else {
            Self::NotSo
        }
    }
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Well => Self::SUCCESS,
            Verdict::NotSo => Self::from(NOT_SO),
        }
    }
}

/// Why a command came to no verdict.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// No stack, or too many.
    #[error(transparent)]
    Stack(#[from] NotFound),
    /// The operator function gave no answer.
    #[error(transparent)]
    Operator(#[from] InvokeError),
    /// The operator function answered something that this version does not understand.
    #[error(
        "the operator's answer is not understood; the command and the stack may be of different versions"
    )]
    Answer(#[source] serde_json::Error),
    /// The queue did not take the notification.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// What should be sent is no notification.
    #[error(transparent)]
    Notification(#[from] InvalidNotification),
    /// The command line says something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What was asked for is not there.
    #[error("{0}")]
    NotThere(String),
    /// The patience was over.
    #[error("{0}")]
    TooLate(String),
    /// The machine has no runtime to offer.
    #[error("the command cannot run here")]
    Machine(#[source] std::io::Error),
    /// Somebody was asked and did not say yes.
    #[error("nothing was done")]
    Declined,
}

impl Trouble {
    /// The exit status that tells it.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::NotThere(_) | Self::Declined => NOT_SO,
            Self::Notification(_) | Self::Usage(_) | Self::File { .. } => WRONG,
            Self::Stack(_)
            | Self::Operator(_)
            | Self::Answer(_)
            | Self::Queue(_)
            | Self::Machine(_) => NO_ANSWER,
            Self::TooLate(_) => TOO_LATE,
        })
    }
}
