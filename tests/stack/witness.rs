//! Remembers what the functions showed to anybody, so that it can be searched in the end.

use std::sync::{Arc, Mutex, PoisonError};

/// Remembers pages, answers and copies. Clones are the same witness.
#[derive(Clone, Debug, Default)]
pub struct Witness(Arc<Mutex<Vec<Sight>>>);

/// Something that was shown.
#[derive(Clone, Debug)]
pub struct Sight {
    /// By what kind of thing.
    pub kind: Kind,
    /// Where, such as the path of a page.
    pub place: String,
    /// All that was to be seen.
    pub text: String,
}

/// What shows something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An answer of the HTTP API to a browser, with its headers.
    Page,
    /// The answer of a function to its caller.
    Answer,
    /// A message on a queue, with its attributes.
    Copy,
    /// A log, and the metrics in it.
    Log,
    /// An item of the table.
    Item,
}

impl Witness {
    /// Remembers something.
    pub fn see(&self, kind: Kind, place: impl Into<String>, text: impl Into<String>) {
        let sight = Sight {
            kind,
            place: place.into(),
            text: text.into(),
        };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(sight);
    }

    /// Everything so far.
    #[must_use]
    pub fn sights(&self) -> Vec<Sight> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
