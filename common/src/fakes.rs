//! Stores in memory that behave as the real ones do, for tests.
//!
//! A fake keeps the rules that the code relies on (labels move by compare-and-set, a condition that does not
//! hold changes nothing), lets others go first at every call, and can be told to break at a chosen call. It is shared by its clones, so that a test
//! keeps one and hands out the other.

mod consents;
mod events;
mod ledger;
mod meter;
mod objects;
mod paces;
mod secrets;
mod snapshots;
mod states;
mod steps;

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

pub use self::consents::MemoryConsents;
pub use self::events::MemoryEvents;
pub use self::ledger::MemoryLedger;
pub use self::meter::MemoryMeter;
pub use self::objects::MemoryObjects;
pub use self::paces::MemoryPaces;
pub use self::secrets::MemorySecrets;
pub use self::snapshots::MemorySnapshots;
pub use self::states::MemoryStates;
pub use self::steps::MemorySteps;

/// What a fake was asked, in order, and the call at which it breaks.
#[derive(Debug, Clone, Default)]
pub struct Calls(Arc<Mutex<Record>>);

#[derive(Default)]
struct Record {
    made: Vec<String>,
    breaks_at: Option<usize>,
    awaited: Vec<(String, Box<dyn FnOnce() + Send>)>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("made", &self.made)
            .field("breaks_at", &self.breaks_at)
            .finish_non_exhaustive()
    }
}

/// What a fake answers at the call that it was told to break at.
#[derive(Debug, thiserror::Error)]
#[error("told to break")]
pub struct Broken;

impl Calls {
    /// The calls made so far, each as its verb and its object.
    #[must_use]
    pub fn made(&self) -> Vec<String> {
        lock(&self.0).made.clone()
    }

    /// Forgets the calls made so far.
    pub fn forget(&self) {
        lock(&self.0).made.clear();
    }

    /// Breaks at the call after the next `calls`, before it does anything, and at every call from then on, until
    /// [`Calls::repair`].
    pub fn break_after(&self, calls: usize) {
        let mut record = lock(&self.0);
        record.breaks_at = Some(record.made.len() + calls);
    }

    /// Breaks no more.
    pub fn repair(&self) {
        lock(&self.0).breaks_at = None;
    }

    /// Lets something happen during the next call that begins with `call`, once.
    pub fn during(&self, call: &str, happens: impl FnOnce() + Send + 'static) {
        let awaited = (call.to_owned(), Box::new(happens) as Box<_>);
        lock(&self.0).awaited.push(awaited);
    }

    /// Notes a call.
    ///
    /// # Errors
    ///
    /// When this call was told to break; then it is not noted.
    pub fn note(&self, verb: &str, object: impl std::fmt::Display) -> Result<(), Broken> {
        let mut record = lock(&self.0);
        if record.breaks_at.is_some_and(|at| record.made.len() >= at) {
            return Err(Broken);
        }
        let call = format!("{verb} {object}");
        let awaited = record
            .awaited
            .iter()
            .position(|(awaited, _)| call.starts_with(awaited));
        let happens = awaited.map(|place| record.awaited.remove(place).1);
        record.made.push(call);
        // What happens may make calls of its own.
        drop(record);
        if let Some(happens) = happens {
            happens();
        }
        Ok(())
    }
}

/// Lets everybody else go first, once, as a call over a network does.
pub async fn turn() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
