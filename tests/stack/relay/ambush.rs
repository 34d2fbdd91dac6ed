//! A worker that is killed at one certain call.

use tokio::sync::oneshot;

use super::call::Call;

/// Waits for one call, and kills the worker that makes it. It happens once.
#[derive(Clone, Debug)]
pub struct Ambush {
    /// The full name of the function whose worker it is.
    pub function: String,
    /// The operation, such as `PutSecretValue`.
    pub operation: &'static str,
    /// The key of the item, or the name of the secret.
    pub about: String,
    /// Whether the call is done by then.
    pub moment: Moment,
}

/// When the worker is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before its call arrives.
    Before,
    /// When its call is done, before it hears of it.
    After,
}

/// An ambush, and who hears that a worker was killed in it. It is given up when nobody listens any more.
#[derive(Debug)]
pub(super) struct Laid {
    pub(super) ambush: Ambush,
    pub(super) killed: oneshot::Sender<()>,
}

impl Laid {
    /// Whether this is the call, and somebody still listens.
    pub(super) fn awaits(&self, call: &Call) -> bool {
        let operation = call.target.rsplit('.').next();
        operation == Some(self.ambush.operation)
            && call.about == self.ambush.about
            && !self.killed.is_closed()
    }
}
