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

pub use self::cloud::Cloud;
pub use self::connection::{Connection, Stop};
pub use self::health::{Health, Warning};
pub use self::id::{InvalidMailboxId, MailboxId};
pub use self::scopes::{InvalidScopes, Scopes};
pub use self::settings::{Activate, Fault, InvalidSettings, Settings, SmtpServer, Tenant};
pub use self::state::{MailboxState, Trial};
pub use self::states::{MailboxStates, Pause, Refreshed, Renewal, Seen, StateUnavailable};
