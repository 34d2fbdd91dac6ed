//! Secrets Manager.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueError;
use aws_sdk_secretsmanager::operation::update_secret_version_stage::UpdateSecretVersionStageError;
use secrecy::{ExposeSecret, SecretString};

use super::boxed;
use crate::client_secret::{ClientSecret, InvalidClientSecret};
use crate::vault::{Label, Promotion, SecretStore, Stage, VaultError, Version, Versions};

const CURRENT: &str = "AWSCURRENT";

/// Secrets Manager as the store of the vault.
#[derive(Debug, Clone)]
pub struct Secrets(Client);

/// Why there is no client secret.
#[derive(Debug, thiserror::Error)]
pub enum ClientSecretError {
    /// The secret cannot be read.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What is stored is not a client secret.
    #[error("the secret {name} {fault}")]
    Invalid {
        /// The secret.
        name: String,
        /// What is wrong with it.
        fault: InvalidClientSecret,
    },
}

impl Secrets {
    /// The secrets of the account.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(Client::new(config))
    }

    /// Reads a client secret.
    ///
    /// # Errors
    ///
    /// When the secret does not exist, cannot be reached, or holds something else.
    pub async fn client_secret(&self, name: &str) -> Result<ClientSecret, ClientSecretError> {
        let stored = self.read(name, Stage::Current).await?;
        let stored = stored
            .as_ref()
            .map_or("", |(_, value)| value.expose_secret());
        ClientSecret::parse(stored).map_err(|fault| ClientSecretError::Invalid {
            name: name.to_owned(),
            fault,
        })
    }
}

impl SecretStore for Secrets {
    async fn versions(&self, name: &str) -> Result<Versions, VaultError> {
        let described = self.0.describe_secret().secret_id(name).send().await;
        let described = described.map_err(|error| match error.as_service_error() {
            Some(refused) if refused.is_resource_not_found_exception() => {
                VaultError::Missing(name.to_owned())
            }
            Some(_) | None => unavailable(name, error),
        })?;
        let stages: HashMap<String, Vec<String>> =
            described.version_ids_to_stages.unwrap_or_default();
        let current = stages
            .iter()
            .find(|(_, labels)| labels.iter().any(|label| label == CURRENT));
        Ok(Versions {
            current: current.map(|(version, _)| Version(version.clone())),
            labelled: stages.into_keys().map(Version).collect(),
        })
    }

    async fn read(
        &self,
        name: &str,
        stage: Stage,
    ) -> Result<Option<(Version, SecretString)>, VaultError> {
        let label = match stage {
            Stage::Current => CURRENT,
            Stage::Previous => "AWSPREVIOUS",
        };
        let value = match self
            .0
            .get_secret_value()
            .secret_id(name)
            .version_stage(label)
            .send()
            .await
        {
            Ok(value) => value,
            Err(error) => {
                return if has_no_value(&error) {
                    Ok(None)
                } else {
                    Err(unavailable(name, error))
                };
            }
        };
        let text = value.secret_string.filter(|text| !text.trim().is_empty());
        Ok(value
            .version_id
            .zip(text)
            .map(|(version, text)| (Version(version), text.into())))
    }

    async fn put(
        &self,
        name: &str,
        version: &Version,
        value: &SecretString,
        label: Label,
    ) -> Result<(), VaultError> {
        let put = self
            .0
            .put_secret_value()
            .secret_id(name)
            .client_request_token(&version.0);
        let put = put
            .secret_string(value.expose_secret())
            .version_stages(label.as_str());
        match put.send().await {
            Ok(_) => Ok(()),
            // The version is there already, from a try whose answer was lost.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PutSecretValueError::is_resource_exists_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(unavailable(name, error)),
        }
    }

    async fn promote(
        &self,
        name: &str,
        version: &Version,
        seen: Option<&Version>,
    ) -> Result<Promotion, VaultError> {
        let stage = self
            .0
            .update_secret_version_stage()
            .secret_id(name)
            .version_stage(CURRENT)
            .move_to_version_id(&version.0);
        let stage = stage.set_remove_from_version_id(seen.map(|seen| seen.0.clone()));
        match stage.send().await {
            Ok(_) => Ok(Promotion::Done),
            // The label has moved on: somebody else was faster.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateSecretVersionStageError::is_invalid_parameter_exception) =>
            {
                Ok(Promotion::Lost)
            }
            Err(error) => Err(unavailable(name, error)),
        }
    }
}

/// Secrets Manager answers an empty secret and an absent one alike; `versions` tells them apart where it matters.
fn has_no_value<R>(error: &SdkError<GetSecretValueError, R>) -> bool {
    error
        .as_service_error()
        .is_some_and(GetSecretValueError::is_resource_not_found_exception)
}

fn unavailable(name: &str, error: impl std::error::Error + Send + Sync + 'static) -> VaultError {
    VaultError::Unavailable {
        name: name.to_owned(),
        source: boxed(error),
    }
}
