//! Files of templates that were read a short while ago.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Keeps files of templates, and that there are none, between mails.
///
/// It holds up to 4 MiB, and each for five minutes: so long a worker does not find out that a file was put that was not
/// there, or was changed although it should not be.
#[derive(Debug, Default)]
pub struct TemplateCache(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    files: HashMap<String, (Timestamp, Option<Arc<str>>)>,
    octets: usize,
}

impl TemplateCache {
    /// How long a file is kept.
    pub const LIFE: SignedDuration = SignedDuration::from_mins(5);
    /// How much is kept, in octets.
    const MAX_OCTETS: usize = 4 * 1024 * 1024;

    /// What is known of a file.
    pub(super) fn get(&self, name: &str, now: Timestamp) -> Option<Option<Arc<str>>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, file) = kept.files.get(name)?;
        let is_fresh = now.duration_since(*since).abs() < Self::LIFE;
        is_fresh.then(|| file.clone())
    }

    /// Keeps what was found out about a file.
    pub(super) fn keep(&self, name: &str, file: Option<Arc<str>>, now: Timestamp) {
        let octets = name.len() + file.as_ref().map_or(0, |file| file.len());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.octets + octets > Self::MAX_OCTETS {
            *kept = Kept::default();
        }
        kept.octets += octets;
        kept.files.insert(name.to_owned(), (now, file));
    }
}
