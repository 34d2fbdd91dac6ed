//! What the deliveries of a batch need of the outside, for one mailbox.

use std::future::Future;
use std::time::Duration;

use common::chance::Chance;
use common::clock::Clock;
use common::event::{EventBus, HashKeys};
use common::failed::Attribute;
use common::ledger::LedgerStore;
use common::mailbox::MailboxStates;
use common::metrics::Meter;
use common::naming::StackName;
use common::object::ObjectStore;
use common::pace::PaceStore;
use common::template::TemplateCache;

use crate::copy::Copy;

/// The outside, as a delivery sees it.
pub(crate) trait Ports: Sync {
    /// The ledger.
    fn ledger(&self) -> &impl LedgerStore;

    /// The states of mailboxes.
    fn states(&self) -> &impl MailboxStates;

    /// The paces of mailboxes.
    fn paces(&self) -> &impl PaceStore;

    /// The stack's bucket.
    fn objects(&self) -> &impl ObjectStore;

    /// The templates that were read a short while ago.
    fn templates(&self) -> &TemplateCache;

    /// The time.
    fn clock(&self) -> &impl Clock;

    /// Chance, for jitter.
    fn chance(&self) -> &impl Chance;

    /// What takes measurements.
    fn meter(&self) -> &impl Meter;

    /// The stack.
    fn stack(&self) -> &StackName;

    /// The bus that events are put on.
    fn bus(&self) -> &impl EventBus;

    /// The key under which events hash addresses.
    fn hash_keys(&self) -> &impl HashKeys;

    /// Lets time pass.
    fn wait(&self, wait: Duration) -> impl Future<Output = ()> + Send;

    /// Puts a body on the failed queue, with attributes.
    fn set_aside(
        &self,
        body: &str,
        attributes: &[Attribute],
    ) -> impl Future<Output = Result<(), String>> + Send;

    /// Puts a body on the mailbox's own queue, with attributes, to be seen after a while.
    fn put_again(
        &self,
        body: &str,
        attributes: &[Attribute],
        wait: Duration,
    ) -> impl Future<Output = Result<(), String>> + Send;

    /// Hides a copy for a while. What fails here comes back when its first hiding ends.
    fn hide(&self, copy: &Copy, wait: Duration) -> impl Future<Output = ()> + Send;

    /// Closes the valve of the mailbox. It is an economy: what fails here is made good by the next tick.
    fn close_valve(&self) -> impl Future<Output = ()> + Send;
}
