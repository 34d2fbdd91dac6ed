//! What a tick needs of the outside: the mailboxes, their valves, and whose turn it is.

use std::future::Future;

use common::aws::{
    Events, Mapping, MappingError, Mappings, Parameters, Rota, SettingsError, Valve,
};
use common::event::{Event, EventBus, NotPut};
use common::mailbox::{MailboxId, Settings, StateUnavailable};
use common::metrics::{LogMeter, Measurement, Meter};
use jiff::Timestamp;

/// Settings, or why there are none.
pub type Known = Result<Settings, SettingsError>;

/// The mailboxes of the stack.
pub trait Mailboxes: Sync {
    /// All of them with their settings, in order.
    fn all(&self) -> impl Future<Output = Result<Vec<(MailboxId, Known)>, SettingsError>> + Send;
    /// The settings of one.
    fn one(&self, mailbox: &MailboxId) -> impl Future<Output = Known> + Send;
}

/// The valves of the mailboxes.
pub trait Valves: Sync {
    /// All that feed a function.
    fn of_function(
        &self,
        function: &str,
    ) -> impl Future<Output = Result<Vec<Mapping>, MappingError>> + Send;
    /// Opens or closes one, unless it already is.
    fn turn(
        &self,
        mapping: &Mapping,
        valve: Valve,
    ) -> impl Future<Output = Result<(), MappingError>> + Send;
}

/// Remembers with whom the next tick begins. What is forgotten costs nobody his turn for long: a tick that
/// gets through its list begins anywhere.
pub trait Turns: Sync {
    /// Whose turn it is, if somebody was left over.
    fn first(&self) -> impl Future<Output = Result<Option<MailboxId>, StateUnavailable>> + Send;
    /// Lets the next tick begin with a mailbox.
    fn leave_to(
        &self,
        mailbox: &MailboxId,
    ) -> impl Future<Output = Result<(), StateUnavailable>> + Send;
}

/// AWS, as far as a tick needs it.
#[derive(Debug)]
pub struct Aws {
    /// The settings.
    pub parameters: Parameters,
    /// The valves.
    pub mappings: Mappings,
    /// The turns.
    pub rota: Rota,
    /// The bus.
    pub events: Events,
}

impl Mailboxes for Aws {
    async fn all(&self) -> Result<Vec<(MailboxId, Known)>, SettingsError> {
        self.parameters.all_settings().await
    }

    async fn one(&self, mailbox: &MailboxId) -> Known {
        self.parameters.settings(mailbox).await
    }
}

impl Valves for Aws {
    async fn of_function(&self, function: &str) -> Result<Vec<Mapping>, MappingError> {
        self.mappings.of_function(function).await
    }

    async fn turn(&self, mapping: &Mapping, valve: Valve) -> Result<(), MappingError> {
        self.mappings.turn(&mapping.id, &mapping.state, valve).await
    }
}

impl Turns for Aws {
    async fn first(&self) -> Result<Option<MailboxId>, StateUnavailable> {
        self.rota.first().await
    }

    async fn leave_to(&self, mailbox: &MailboxId) -> Result<(), StateUnavailable> {
        self.rota.leave_to(mailbox).await
    }
}

impl EventBus for Aws {
    async fn publish(&self, events: &[Event]) -> Result<(), NotPut> {
        self.events.publish(events).await
    }
}

impl Meter for Aws {
    fn record(&self, measurement: &Measurement, now: Timestamp) {
        LogMeter.record(measurement, now);
    }
}
