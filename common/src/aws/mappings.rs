//! The valve of a mailbox: the event source mapping between its queue and `send-email`.

use std::error::Error;

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::update_event_source_mapping::UpdateEventSourceMappingError;

use super::boxed;

/// The event source mappings of the account.
#[derive(Debug, Clone)]
pub struct Mappings(Client);

impl Mappings {
    /// The mappings of the account.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(Client::new(config))
    }

    /// Opens or closes a mapping; nothing is asked of one that already is as it should be, or that is on
    /// its way somewhere. The next tick looks again.
    ///
    /// # Errors
    ///
    /// When Lambda does not answer or refuses.
    pub async fn set(&self, mapping: &str, open: Valve) -> Result<(), MappingError> {
        let state = self.0.get_event_source_mapping().uuid(mapping).send().await;
        let state = state
            .map_err(|error| MappingError(boxed(error)))?
            .state
            .unwrap_or_default();
        let wanted = match open {
            Valve::Open => "Enabled",
            Valve::Closed => "Disabled",
        };
        if state == wanted || state.ends_with("ing") {
            return Ok(());
        }
        let update = self
            .0
            .update_event_source_mapping()
            .uuid(mapping)
            .enabled(open == Valve::Open);
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(is_busy) => Ok(()),
            Err(error) => Err(MappingError(boxed(error))),
        }
    }
}

/// Whether the queue feeds `send-email`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Valve {
    /// It does.
    Open,
    /// It does not.
    Closed,
}

/// Says that a mapping could not be changed.
#[derive(Debug, thiserror::Error)]
#[error("the event source mapping cannot be changed")]
pub struct MappingError(#[source] pub Box<dyn Error + Send + Sync>);

/// Lambda refuses to change a mapping that it is changing.
fn is_busy(error: &UpdateEventSourceMappingError) -> bool {
    error.is_resource_in_use_exception() || error.is_resource_conflict_exception()
}
