//! The valve of a mailbox: the event source mapping between its queue and `send-email`.

use std::error::Error;

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::update_event_source_mapping::UpdateEventSourceMappingError;
use jiff::Timestamp;

use super::boxed;
use crate::mailbox::MailboxState;

/// The event source mappings of the account.
#[derive(Debug, Clone)]
pub struct Mappings(Client);

impl Mappings {
    /// The mappings of the account.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(Client::new(config))
    }

    /// Opens or closes the mapping with the given id.
    ///
    /// # Errors
    ///
    /// When Lambda does not answer or refuses.
    pub async fn set(&self, mapping: &str, valve: Valve) -> Result<(), MappingError> {
        let state = self.state_of(mapping).await?;
        self.turn(mapping, &state, valve).await
    }

    /// The state of the mapping with the given id, in Lambda's words.
    ///
    /// # Errors
    ///
    /// When Lambda does not answer or refuses.
    pub async fn state_of(&self, mapping: &str) -> Result<String, MappingError> {
        let answer = self.0.get_event_source_mapping().uuid(mapping).send().await;
        let mapping = answer.map_err(|error| MappingError(boxed(error)))?;
        Ok(mapping.state.unwrap_or_default())
    }

    /// Every mapping that feeds a function, in one call for each hundred.
    ///
    /// # Errors
    ///
    /// When Lambda does not answer or refuses.
    pub async fn of_function(&self, function: &str) -> Result<Vec<Mapping>, MappingError> {
        let mut pages = self
            .0
            .list_event_source_mappings()
            .function_name(function)
            .into_paginator()
            .send();
        let mut mappings = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| MappingError(boxed(error)))?;
            mappings.extend(
                page.event_source_mappings
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|mapping| {
                        Some(Mapping {
                            id: mapping.uuid?,
                            queue_arn: mapping.event_source_arn?,
                            state: mapping.state.unwrap_or_default(),
                        })
                    }),
            );
        }
        Ok(mappings)
    }

    /// Opens or closes a mapping whose state is known. Nothing is asked of one that already is as it
    /// should be, or that is on its way somewhere: the next tick looks again.
    ///
    /// # Errors
    ///
    /// When Lambda does not answer or refuses.
    pub async fn turn(&self, mapping: &str, state: &str, valve: Valve) -> Result<(), MappingError> {
        let wanted = match valve {
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
            .enabled(valve == Valve::Open);
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(is_busy) => Ok(()),
            Err(error) => Err(MappingError(boxed(error))),
        }
    }
}

/// An event source mapping.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// Its id.
    pub id: String,
    /// The queue that it reads.
    pub queue_arn: String,
    /// Its state, in Lambda's words.
    pub state: String,
}

impl Mapping {
    /// Where the valve is; nowhere while Lambda is turning it.
    #[must_use]
    pub fn valve(&self) -> Option<Valve> {
        match self.state.as_str() {
            "Enabled" => Some(Valve::Open),
            "Disabled" => Some(Valve::Closed),
            _ => None,
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

impl Valve {
    /// The valve of a mailbox that is in `state` at `now`.
    #[must_use]
    pub fn of(state: &MailboxState, now: Timestamp) -> Self {
        if state.is_fed(now) {
            Self::Open
        } else {
            Self::Closed
        }
    }
}

/// Says that a mapping could not be changed.
#[derive(Debug, thiserror::Error)]
#[error("the event source mapping cannot be changed")]
pub struct MappingError(#[source] pub Box<dyn Error + Send + Sync>);

/// Lambda refuses to change a mapping that it is changing.
fn is_busy(error: &UpdateEventSourceMappingError) -> bool {
    error.is_resource_in_use_exception() || error.is_resource_conflict_exception()
}
