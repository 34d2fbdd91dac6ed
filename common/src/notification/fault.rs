//! What is wrong with a queue message, in words that may be logged and sent back.
//!
//! A fault names its place by a JSON pointer (RFC 6901) and says what was wrong and what is accepted. It never quotes a
//! value: values are other people's data. Names of fields appear, cut short and without control characters.

use std::{borrow::Cow, cell::RefCell, fmt};

use serde::Serialize;

use crate::address::is_invisible;

/// The longest part of a pointer that is shown; names of fields are the producer's and may be anything.
const MAX_TOKEN: usize = 64;
/// How many faults a sentence lists before it only counts.
const MAX_LISTED: usize = 20;
/// How many faults are kept: more would say nothing new, and a body can hold a hundred thousand.
const MAX_KEPT: usize = 1000;

/// One thing that is wrong with a queue message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where: a JSON pointer into the body, empty for the body as a whole.
    pub pointer: String,
    /// What was wrong there, and what is accepted.
    pub problem: String,
}

/// Why a queue message is not a notification: its faults, in the order of reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct InvalidNotification {
    faults: Vec<Fault>,
}

impl InvalidNotification {
    /// Says what is wrong with a body as a whole.
    pub(super) fn whole(problem: &str) -> Self {
        let faults = Faults::default();
        faults.add(&Pointer::default(), problem);
        Self {
            faults: faults.0.into_inner(),
        }
    }

    /// Returns the faults; there is at least one, and of very many the first thousand.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for InvalidNotification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a notification: ")?;
        for (i, fault) in self.faults.iter().take(MAX_LISTED).enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        match self.faults.len().saturating_sub(MAX_LISTED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() {
            "the body"
        } else {
            &self.pointer
        };
        write!(f, "{place} {}", self.problem)
    }
}

/// Why a text is not the value it should be: what was wrong and what is accepted, without the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Problem(Cow<'static, str>);

impl Problem {
    pub(super) fn new(problem: impl Into<Cow<'static, str>>) -> Self {
        Self(problem.into())
    }
}

/// Collects the faults of one message while it is read.
#[derive(Debug, Default)]
pub(super) struct Faults(RefCell<Vec<Fault>>);

impl Faults {
    pub(super) fn add(&self, at: &Pointer, problem: impl Into<String>) {
        let mut faults = self.0.borrow_mut();
        if faults.len() < MAX_KEPT {
            faults.push(Fault {
                pointer: at.0.clone(),
                problem: problem.into(),
            });
        }
    }

    /// Gives what was read, if nothing was wrong with it.
    pub(super) fn judge<T>(self, read: Option<T>) -> Result<T, InvalidNotification> {
        let faults = self.0.into_inner();
        match read {
            Some(read) if faults.is_empty() => Ok(read),
            Some(_) | None => Err(InvalidNotification { faults }),
        }
    }
}

/// A place in a JSON document.
#[derive(Debug, Clone, Default)]
pub(super) struct Pointer(String);

impl Pointer {
    pub(super) fn member(&self, name: &str) -> Self {
        let mut pointer = format!("{}/", self.0);
        for (i, c) in name.chars().enumerate() {
            match c {
                _ if i == MAX_TOKEN => {
                    pointer.push('…');
                    break;
                }
                '~' => pointer.push_str("~0"),
                '/' => pointer.push_str("~1"),
                c if is_invisible(c) => pointer.push(char::REPLACEMENT_CHARACTER),
                c => pointer.push(c),
            }
        }
        Self(pointer)
    }

    pub(super) fn item(&self, index: usize) -> Self {
        Self(format!("{}/{index}", self.0))
    }
}
