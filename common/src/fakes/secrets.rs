//! Secrets in memory, with the versions and labels of Secrets Manager.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use secrecy::SecretString;

use super::{Calls, lock, turn};
use crate::vault::{Label, Promotion, SecretStore, Stage, VaultError, Version, Versions};

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// Secrets in memory. A secret must be [created](MemorySecrets::create) before it holds anything.
#[derive(Debug, Clone, Default)]
pub struct MemorySecrets {
    secrets: Arc<Mutex<HashMap<String, Secret>>>,
    /// What was asked.
    pub calls: Calls,
}

#[derive(Debug, Default)]
struct Secret {
    values: HashMap<String, SecretString>,
    /// The version that each label is on.
    labels: BTreeMap<String, String>,
}

impl Secret {
    fn current(&self) -> Option<&String> {
        self.labels.get(CURRENT)
    }

    /// Moves the current label, and leaves the previous one where it was.
    fn make_current(&mut self, version: &str) {
        if let Some(before) = self.labels.insert(CURRENT.to_owned(), version.to_owned()) {
            self.labels.insert(PREVIOUS.to_owned(), before);
        }
    }
}

impl MemorySecrets {
    /// Secrets without a value under these names.
    pub fn with(names: impl IntoIterator<Item = String>) -> Self {
        let secrets = Self::default();
        for name in names {
            secrets.create(&name);
        }
        secrets
    }

    /// Creates a secret without a value, as the template does.
    pub fn create(&self, name: &str) {
        lock(&self.secrets).entry(name.to_owned()).or_default();
    }

    /// Deletes a secret, as somebody who takes a mailbox down does.
    pub fn delete(&self, name: &str) {
        lock(&self.secrets).remove(name);
    }

    /// The value that carries `label`, and is seen by the test alone.
    #[must_use]
    pub fn labelled(&self, name: &str, label: &str) -> Option<SecretString> {
        let secrets = lock(&self.secrets);
        let secret = secrets.get(name)?;
        secret.values.get(secret.labels.get(label)?).cloned()
    }

    /// How many values a secret was ever given.
    #[must_use]
    pub fn values(&self, name: &str) -> usize {
        lock(&self.secrets)
            .get(name)
            .map_or(0, |secret| secret.values.len())
    }

    async fn within<T>(
        &self,
        verb: &str,
        name: &str,
        act: impl FnOnce(&mut Secret) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        turn().await;
        self.calls
            .note(verb, name)
            .map_err(|broken| unavailable(name, broken))?;
        match lock(&self.secrets).get_mut(name) {
            Some(secret) => act(secret),
            None => Err(VaultError::Missing(name.to_owned())),
        }
    }
}

impl SecretStore for MemorySecrets {
    async fn versions(&self, name: &str) -> Result<Versions, VaultError> {
        self.within("describe", name, |secret| {
            Ok(Versions {
                current: secret.current().cloned().map(Version),
                labelled: secret.labels.values().cloned().map(Version).collect(),
            })
        })
        .await
    }

    async fn read(
        &self,
        name: &str,
        stage: Stage,
    ) -> Result<Option<(Version, SecretString)>, VaultError> {
        let label = match stage {
            Stage::Current => CURRENT,
            Stage::Previous => PREVIOUS,
        };
        self.within("read", name, |secret| {
            let version = secret.labels.get(label);
            Ok(version.and_then(|version| {
                let value = secret.values.get(version)?.clone();
                Some((Version(version.clone()), value))
            }))
        })
        .await
    }

    async fn put(
        &self,
        name: &str,
        version: &Version,
        value: &SecretString,
        label: Label,
    ) -> Result<(), VaultError> {
        self.within("put", name, |secret| {
            // A version that is there already is never written again.
            if secret.values.contains_key(&version.0) {
                return Ok(());
            }
            secret.values.insert(version.0.clone(), value.clone());
            secret
                .labels
                .insert(label.as_str().to_owned(), version.0.clone());
            // Secrets Manager makes the first version of a secret current by itself.
            if secret.current().is_none() {
                secret.make_current(&version.0);
            }
            Ok(())
        })
        .await
    }

    async fn promote(
        &self,
        name: &str,
        version: &Version,
        seen: Option<&Version>,
    ) -> Result<Promotion, VaultError> {
        self.within("promote", name, |secret| {
            if !secret.values.contains_key(&version.0) {
                return Err(unavailable(name, "there is no such version"));
            }
            if secret.current() != seen.map(|seen| &seen.0) {
                return Ok(Promotion::Lost);
            }
            secret.make_current(&version.0);
            Ok(Promotion::Done)
        })
        .await
    }
}

fn unavailable(
    name: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> VaultError {
    VaultError::Unavailable {
        name: name.to_owned(),
        source: source.into(),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[tokio::test]
    async fn a_label_moves_only_from_the_version_that_was_seen() {
        let secrets = MemorySecrets::with(["s".to_owned()]);
        let [first, second, third] = ["1", "2", "3"].map(|id| Version(id.to_owned()));
        for version in [&first, &second, &third] {
            let value = SecretString::from(version.0.clone());
            secrets
                .put("s", version, &value, Label::Refreshed)
                .await
                .unwrap();
        }
        let promote = async |to, seen| secrets.promote("s", to, seen).await.unwrap();
        assert_eq!(promote(&second, Some(&first)).await, Promotion::Done);
        assert_eq!(promote(&third, Some(&first)).await, Promotion::Lost);
        assert_eq!(promote(&third, None).await, Promotion::Lost);
        let opened = |label| secrets.labelled("s", label).unwrap();
        assert_eq!(opened(CURRENT).expose_secret(), "2");
        assert_eq!(opened(PREVIOUS).expose_secret(), "1");
        assert_eq!(opened("REFRESHED").expose_secret(), "3");
    }

    #[tokio::test]
    async fn a_secret_that_was_not_made_is_missing_and_a_new_one_is_empty() {
        let secrets = MemorySecrets::with(["s".to_owned()]);
        assert!(matches!(
            secrets.read("t", Stage::Current).await,
            Err(VaultError::Missing(_))
        ));
        assert!(secrets.read("s", Stage::Current).await.unwrap().is_none());
    }
}
