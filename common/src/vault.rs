//! The two secrets of a mailbox: its grant, and the access token last made of it.
//!
//! Writers are `oauth-callback` (a new consent) and `token-refresh` (the next in the line of a
//! grant); nobody is locked out while they write. A value is first put aside under a private
//! label and then made current by a compare-and-set against the version that its writer saw, so a
//! slow writer can never overwrite what it has not read. Every step may be repeated: the version's
//! id follows from its content.
//!
//! The two secrets do not change together. A reader that finds an access token of another grant,
//! or of an earlier refresh, treats it as due.

use std::future::Future;

use secrecy::{ExposeSecret, SecretString};

use crate::digest;
use crate::grant::{Grant, GrantId, TokenSet};
use crate::mailbox::MailboxId;
use crate::naming::StackName;

mod stored;

use self::stored::Stored;

/// A version of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(pub String);

/// The label under which a value waits to become current.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// Put aside by a consent.
    Consented,
    /// Put aside by a refresh.
    Refreshed,
}

impl Label {
    /// The label's name in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Consented => "CONSENTED",
            Self::Refreshed => "REFRESHED",
        }
    }
}

/// Which value to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The current one.
    Current,
    /// The one that was current before it.
    Previous,
}

/// What the store knows of a secret without opening it.
#[derive(Debug, Clone, Default)]
pub struct Versions {
    /// The version that is current.
    pub current: Option<Version>,
    /// Every version that carries a label.
    pub labelled: Vec<Version>,
}

/// How a compare-and-set ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promotion {
    /// The version is current now.
    Done,
    /// Another version had become current in between.
    Lost,
}

/// A store of secrets with versions and labels, as Secrets Manager is one.
pub trait SecretStore: Sync {
    /// Describes a secret without opening it.
    fn versions(&self, name: &str) -> impl Future<Output = Result<Versions, VaultError>> + Send;
    /// Opens a value; `None` when there is none.
    fn read(
        &self,
        name: &str,
        stage: Stage,
    ) -> impl Future<Output = Result<Option<(Version, SecretString)>, VaultError>> + Send;
    /// Puts a value aside under a label.
    fn put(
        &self,
        name: &str,
        version: &Version,
        value: &SecretString,
        label: Label,
    ) -> impl Future<Output = Result<(), VaultError>> + Send;
    /// Makes a version current if `seen` is, or if none is and `seen` is `None`.
    fn promote(
        &self,
        name: &str,
        version: &Version,
        seen: Option<&Version>,
    ) -> impl Future<Output = Result<Promotion, VaultError>> + Send;
}

/// Why the vault could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The secret itself does not exist: the mailbox is not deployed, or was deleted.
    #[error("the secret {0} does not exist")]
    Missing(String),
    /// The value is not one that we wrote.
    #[error("the secret {0} holds a value that cannot be read")]
    Unreadable(String),
    /// The store did not answer, or refused.
    #[error("the secret {name} cannot be reached")]
    Unavailable {
        /// The secret.
        name: String,
        /// What the store said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A value and the version it was read at.
#[derive(Debug, Clone)]
pub struct Current<T> {
    /// The version.
    pub version: Version,
    /// The value.
    pub value: T,
}

/// Reads and writes the secrets of mailboxes.
#[derive(Debug, Clone)]
pub struct Vault<S> {
    store: S,
    stack: StackName,
}

impl<S: SecretStore> Vault<S> {
    /// A vault over the secrets of a stack.
    pub fn new(store: S, stack: StackName) -> Self {
        Self { store, stack }
    }

    /// The grant of a mailbox; `None` before the first consent and after a disconnect.
    ///
    /// # Errors
    ///
    /// When the secret does not exist, cannot be reached or cannot be read.
    pub async fn grant(&self, mailbox: &MailboxId) -> Result<Option<Current<Grant>>, VaultError> {
        let name = self.stack.grant_secret(mailbox);
        self.open(&name, Stage::Current, stored::grant).await
    }

    /// The grant that was current before the current one, where there is one that can be read.
    ///
    /// # Errors
    ///
    /// When the secret does not exist or cannot be reached.
    pub async fn previous_grant(&self, mailbox: &MailboxId) -> Result<Option<Grant>, VaultError> {
        let name = self.stack.grant_secret(mailbox);
        match self.open(&name, Stage::Previous, stored::grant).await {
            Ok(previous) => Ok(previous.map(|previous| previous.value)),
            Err(VaultError::Unreadable(_)) => Ok(None),
            Err(error @ (VaultError::Missing(_) | VaultError::Unavailable { .. })) => Err(error),
        }
    }

    /// The access token of a mailbox; `None` before the first consent and after a disconnect.
    ///
    /// # Errors
    ///
    /// As [`Vault::grant`].
    pub async fn tokens(
        &self,
        mailbox: &MailboxId,
    ) -> Result<Option<Current<TokenSet>>, VaultError> {
        let name = self.stack.access_token_secret(mailbox);
        self.open(&name, Stage::Current, stored::tokens).await
    }

    /// Makes the grant of a new consent current, whatever was there before, and then its tokens.
    ///
    /// # Errors
    ///
    /// When a secret does not exist or cannot be reached, or when other writers won every one of a
    /// bounded number of tries.
    pub async fn consented(
        &self,
        mailbox: &MailboxId,
        grant: &Grant,
        tokens: &TokenSet,
    ) -> Result<(), VaultError> {
        let name = self.stack.grant_secret(mailbox);
        self.overwrite(
            &name,
            stored::from_grant(grant),
            grant.grant_id.as_str(),
            grant.seq,
            Label::Consented,
        )
        .await?;
        let name = self.stack.access_token_secret(mailbox);
        self.overwrite(
            &name,
            stored::from_tokens(tokens),
            tokens.grant_id.as_str(),
            tokens.seq,
            Label::Consented,
        )
        .await
    }

    /// Makes a refreshed grant current, if `seen` still is.
    ///
    /// # Errors
    ///
    /// When the secret does not exist or cannot be reached.
    pub async fn refreshed(
        &self,
        mailbox: &MailboxId,
        seen: &Version,
        grant: &Grant,
    ) -> Result<Promotion, VaultError> {
        let name = self.stack.grant_secret(mailbox);
        let value = stored::from_grant(grant);
        let version = version(grant.grant_id.as_str(), grant.seq, &value);
        self.replace(&name, Some(seen), &version, &value, Label::Refreshed)
            .await
    }

    /// Makes refreshed tokens current, unless somebody has stored other ones since `seen` was read.
    ///
    /// # Errors
    ///
    /// When the secret does not exist or cannot be reached.
    pub async fn issued(
        &self,
        mailbox: &MailboxId,
        seen: Option<&Version>,
        tokens: &TokenSet,
    ) -> Result<Promotion, VaultError> {
        let name = self.stack.access_token_secret(mailbox);
        let value = stored::from_tokens(tokens);
        let version = version(tokens.grant_id.as_str(), tokens.seq, &value);
        self.replace(&name, seen, &version, &value, Label::Refreshed)
            .await
    }

    /// Puts tombstones where the grant and the access token of a mailbox were, and answers the id that stands for
    /// the end of the grant. Each secret gets two, one under each private label, so that no label keeps a token:
    /// neither the current one, nor the previous one, nor what was put aside.
    ///
    /// # Errors
    ///
    /// As [`Vault::consented`]. The grant goes first; whatever stops then, nothing is renewed any more.
    pub async fn disconnected(&self, mailbox: &MailboxId) -> Result<GrantId, VaultError> {
        let mut last = GrantId::random();
        for name in [
            self.stack.grant_secret(mailbox),
            self.stack.access_token_secret(mailbox),
        ] {
            for label in [Label::Consented, Label::Refreshed] {
                last = GrantId::random();
                let value = stored::tombstone(&last);
                self.overwrite(&name, value, last.as_str(), 0, label)
                    .await?;
            }
        }
        Ok(last)
    }

    async fn open<T>(
        &self,
        name: &str,
        stage: Stage,
        parse: impl FnOnce(&str) -> Option<T> + Send,
    ) -> Result<Option<Current<T>>, VaultError> {
        let Some((version, value)) = self.store.read(name, stage).await? else {
            return Ok(None);
        };
        match stored::read(value.expose_secret(), parse) {
            Some(Stored::Value(value)) => Ok(Some(Current { version, value })),
            Some(Stored::Tombstone) => Ok(None),
            None => Err(VaultError::Unreadable(name.to_owned())),
        }
    }

    /// Puts a value aside and makes it current by compare-and-set. Safe to repeat from any point.
    async fn replace(
        &self,
        name: &str,
        seen: Option<&Version>,
        version: &Version,
        value: &SecretString,
        label: Label,
    ) -> Result<Promotion, VaultError> {
        if !self.store.versions(name).await?.labelled.contains(version) {
            self.store.put(name, version, value, label).await?;
        }
        match self.store.versions(name).await?.current {
            Some(current) if current == *version => Ok(Promotion::Done),
            Some(_) if seen.is_none() => Ok(Promotion::Lost),
            Some(_) => self.store.promote(name, version, seen).await,
            None => self.store.promote(name, version, None).await,
        }
    }

    /// Replaces whatever is current: a new consent wins over everything before it, and over nothing that was
    /// refreshed from it.
    async fn overwrite(
        &self,
        name: &str,
        value: SecretString,
        grant_id: &str,
        seq: u64,
        label: Label,
    ) -> Result<(), VaultError> {
        const TRIES: usize = 5;
        let version = version(grant_id, seq, &value);
        for _ in 0..TRIES {
            let seen = self.store.versions(name).await?.current;
            // A visit may have continued the new grant already.
            if seen.as_ref().is_some_and(|seen| is_of(seen, grant_id)) {
                return Ok(());
            }
            if self
                .replace(name, seen.as_ref(), &version, &value, label)
                .await?
                == Promotion::Done
            {
                return Ok(());
            }
        }
        let source = "other writers won every try".into();
        Err(VaultError::Unavailable {
            name: name.to_owned(),
            source,
        })
    }
}

/// The version's id follows from what it holds, so that a repeated write is the same write. Its first half
/// follows from the grant alone, so that who may not open a value still knows whose it is.
fn version(grant_id: &str, seq: u64, value: &SecretString) -> Version {
    let content = digest::sha256_hex(&[
        grant_id.as_bytes(),
        &seq.to_be_bytes(),
        value.expose_secret().as_bytes(),
    ]);
    Version(format!("{}{}", of_grant(grant_id), half(&content)))
}

fn is_of(version: &Version, grant_id: &str) -> bool {
    version.0.starts_with(&of_grant(grant_id))
}

fn of_grant(grant_id: &str) -> String {
    half(&digest::sha256_hex(&[grant_id.as_bytes()])).to_owned()
}

/// Half of a digest, which two of make the 64 letters that Secrets Manager takes.
fn half(digest: &str) -> &str {
    &digest[..digest.len() / 2]
}
