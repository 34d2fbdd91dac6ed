//! A connected mailbox: its id, its settings, and the state it is in.

mod cloud;
mod connection;
mod fields;
mod health;
mod id;
mod scopes;
mod settings;
mod state;
mod states;
mod tenant;

pub use self::cloud::Cloud;
pub use self::connection::{Connection, Stop};
pub use self::fields::{Fault, InvalidSettings};
pub use self::health::{Health, Warning};
pub use self::id::{InvalidMailboxId, MailboxId};
pub use self::scopes::{InvalidScopes, Scopes};
pub use self::settings::{Activate, Settings, SmtpServer};
pub use self::state::{MailboxState, Trial};
pub use self::states::{
    Consented, MailboxStates, Pause, Refreshed, Renewal, Seen, StateUnavailable,
};
pub use self::tenant::{InvalidTenant, Tenant};
