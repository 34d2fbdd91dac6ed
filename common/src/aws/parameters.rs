//! The settings of mailboxes in the parameter store.

use aws_config::SdkConfig;
use aws_sdk_ssm::Client;
use aws_sdk_ssm::operation::get_parameter::GetParameterError;

use super::boxed;
use crate::mailbox::{InvalidSettings, MailboxId, Settings};
use crate::naming::StackName;

/// The parameters of a stack.
#[derive(Debug, Clone)]
pub struct Parameters {
    client: Client,
    stack: StackName,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The stack has no such mailbox.
    #[error("there is no mailbox {0} in this stack")]
    NoMailbox(MailboxId),
    /// The settings are faulty.
    #[error("mailbox {mailbox}: {fault}")]
    Invalid {
        /// The mailbox.
        mailbox: MailboxId,
        /// Everything that is wrong.
        fault: InvalidSettings,
    },
    /// The parameter store did not answer.
    #[error("the settings cannot be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Parameters {
    /// The parameters of `stack`.
    #[must_use]
    pub fn new(config: &SdkConfig, stack: StackName) -> Self {
        Self {
            client: Client::new(config),
            stack,
        }
    }

    /// Reads the settings of a mailbox.
    ///
    /// # Errors
    ///
    /// When there is no such mailbox, its settings are faulty, or the store does not answer.
    pub async fn settings(&self, mailbox: &MailboxId) -> Result<Settings, SettingsError> {
        let json = self
            .parameter(mailbox, &self.stack.settings_parameter(mailbox))
            .await?;
        parsed(mailbox, &json)
    }

    /// Reads the id of a mailbox's event source mapping.
    ///
    /// # Errors
    ///
    /// When there is no such mailbox or the store does not answer.
    pub async fn mapping(&self, mailbox: &MailboxId) -> Result<String, SettingsError> {
        self.parameter(mailbox, &self.stack.mapping_parameter(mailbox))
            .await
    }

    /// The ids of all mailboxes of the stack, in order.
    ///
    /// # Errors
    ///
    /// When the store does not answer.
    pub async fn mailboxes(&self) -> Result<Vec<MailboxId>, SettingsError> {
        let all = self.listed().await?;
        Ok(all.into_iter().map(|(mailbox, _)| mailbox).collect())
    }

    /// All mailboxes of the stack with their settings, in order: one call for each ten parameters, where
    /// asking for each mailbox would soon meet the store's limit of 40 calls a second.
    ///
    /// # Errors
    ///
    /// When the store does not answer. Settings that are faulty fail nobody but their mailbox.
    pub async fn all_settings(
        &self,
    ) -> Result<Vec<(MailboxId, Result<Settings, SettingsError>)>, SettingsError> {
        let all = self.listed().await?;
        let with_settings = |(mailbox, json): (MailboxId, String)| {
            let settings = parsed(&mailbox, &json);
            (mailbox, settings)
        };
        Ok(all.into_iter().map(with_settings).collect())
    }

    /// Every mailbox and the JSON of its settings, in order.
    async fn listed(&self) -> Result<Vec<(MailboxId, String)>, SettingsError> {
        let path = self.stack.mailboxes_path();
        let mut pages = self
            .client
            .get_parameters_by_path()
            .path(&path)
            .recursive(true)
            .into_paginator()
            .send();
        let mut all = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| SettingsError::Unavailable(boxed(error)))?;
            let parameters = page.parameters.unwrap_or_default().into_iter();
            all.extend(parameters.filter_map(|parameter| {
                let name = parameter.name?;
                let mailbox = name.strip_prefix(&path)?.strip_suffix("/settings")?;
                Some((MailboxId::parse(mailbox).ok()?, parameter.value?))
            }));
        }
        all.sort();
        Ok(all)
    }

    async fn parameter(&self, mailbox: &MailboxId, name: &str) -> Result<String, SettingsError> {
        let answer = self.client.get_parameter().name(name).send().await;
        let answer = answer.map_err(|error| match error.as_service_error() {
            Some(GetParameterError::ParameterNotFound(_)) => {
                SettingsError::NoMailbox(mailbox.clone())
            }
            Some(_) | None => SettingsError::Unavailable(boxed(error)),
        })?;
        answer
            .parameter
            .and_then(|parameter| parameter.value)
            .ok_or_else(|| SettingsError::NoMailbox(mailbox.clone()))
    }
}

fn parsed(mailbox: &MailboxId, json: &str) -> Result<Settings, SettingsError> {
    let invalid = |fault| SettingsError::Invalid {
        mailbox: mailbox.clone(),
        fault,
    };
    Settings::parse(mailbox.clone(), json).map_err(invalid)
}
