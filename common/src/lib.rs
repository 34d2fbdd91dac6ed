//! The domain of Pillarbox, and its adapters.
//!
//! Domain modules know nothing of AWS: what they need of the outside is a narrow trait, which a module
//! of [`aws`] implements. [`oauth`] talks to the provider's token endpoint, [`submission`] to its mail
//! server.

pub mod address;
pub mod aws;
pub mod chance;
pub mod class;
pub mod client_secret;
pub mod clock;
pub mod config;
pub mod consent;
pub mod digest;
pub mod event;
pub mod failed;
#[cfg(any(test, feature = "fakes"))]
pub mod fakes;
pub mod grant;
pub mod ledger;
pub mod mailbox;
pub mod message;
pub mod metrics;
pub mod naming;
pub mod notification;
pub mod oauth;
pub mod object;
pub mod pace;
pub mod retry;
pub mod route;
pub mod secret;
pub mod snapshot;
pub mod steps;
pub mod submission;
pub mod telemetry;
pub mod template;
pub mod tls;
pub mod vault;
