//! The adapters to AWS. SDK types live here and nowhere else.

mod consents;
mod documents;
mod events;
mod functions;
mod hash_keys;
mod ledger;
mod mappings;
mod objects;
mod paces;
mod parameters;
mod queues;
mod rota;
mod secrets;
mod snapshots;
mod states;
mod steps;

use std::error::Error;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

pub use self::consents::ConsentTable;
pub use self::events::Events;
pub use self::functions::{Functions, InvokeError};
pub use self::hash_keys::HashKeyTable;
pub use self::ledger::Ledger;
pub use self::mappings::{Mapping, MappingError, Mappings, Valve};
pub use self::objects::Objects;
pub use self::paces::Paces;
pub use self::parameters::{Parameters, SettingsError};
pub use self::queues::{Depth, QueueError, Queues};
pub use self::rota::Rota;
pub use self::secrets::{ClientSecretError, Secrets};
pub use self::snapshots::SnapshotTable;
pub use self::states::States;
pub use self::steps::StepTable;

/// The configuration that every client of a function shares.
///
/// A call may take 4 seconds and, with its retries, 12: no function may hang on AWS. What waits for more than AWS itself,
/// as an invocation of another function does, has its own times.
pub async fn load() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(4))
        .operation_timeout(Duration::from_secs(12))
        .build();
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .timeout_config(timeouts)
        .load()
        .await
}

/// An error of the SDK as a `source`. It is boxed here so that no foreign type travels.
fn boxed(error: impl Error + Send + Sync + 'static) -> Box<dyn Error + Send + Sync> {
    Box::new(error)
}
