//! One visit to a mailbox: its token renewed if it is due, its state brought up to what is true.
//!
//! Runs at least once in five minutes for each mailbox, and at the request of `send-email`. Two visits may
//! overlap: the vault decides which refresh counts, and nothing that was learned of an older grant is
//! written over a newer one. A failure that time heals changes nothing.

use std::future::Future;

use common::clock::Clock;
use common::grant::{Grant, IssuedTokens, TokenSet};
use common::mailbox::{
    Connection, MailboxState, MailboxStates, Refreshed, Settings, StateUnavailable,
};
use common::oauth::TokenFailure;
use common::route::Obstacle;
use common::secret::AccessToken;
use common::vault::{Current, Promotion, SecretStore, Vault, VaultError, Version};
use serde::Serialize;

/// The provider, as far as a visit needs it.
pub(crate) trait Provider: Sync {
    /// Redeems the refresh token of a grant.
    fn refresh(
        &self,
        settings: &Settings,
        grant: &Grant,
    ) -> impl Future<Output = Result<IssuedTokens, TokenFailure>> + Send;

    /// Proves the way to the mail server up to AUTH.
    fn prove(
        &self,
        settings: &Settings,
        token: &AccessToken,
    ) -> impl Future<Output = Result<(), Obstacle>> + Send;
}

/// Why a mailbox is visited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// The schedule.
    Tick,
    /// Somebody holds the access token of this version, and it is not good any more.
    Stale(Version),
}

/// What a visit found or did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Found {
    /// Nobody has consented yet.
    AwaitingConsent,
    /// The access token has enough life.
    Fresh,
    /// The access token was renewed, by this visit or by another that overlapped.
    Refreshed,
    /// The provider does not answer; the next visit tries again.
    Unavailable,
    /// The provider refuses, and a person has to act.
    Refused,
}

/// Why a visit could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VisitError {
    /// The secrets cannot be read or written.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The state cannot be read or written.
    #[error(transparent)]
    State(#[from] StateUnavailable),
}

/// Visits mailboxes.
#[derive(Debug)]
pub(crate) struct Visitor<S, M, P, C> {
    /// The secrets.
    pub(crate) vault: Vault<S>,
    /// The states.
    pub(crate) states: M,
    /// The provider.
    pub(crate) provider: P,
    /// The time.
    pub(crate) clock: C,
}

impl<S: SecretStore, M: MailboxStates, P: Provider, C: Clock> Visitor<S, M, P, C> {
    /// Visits a mailbox, and answers what was found and the state that it leaves behind.
    ///
    /// # Errors
    ///
    /// When secrets or state cannot be reached. Nothing is half done then that the next visit would not
    /// complete.
    pub(crate) async fn visit(
        &self,
        settings: &Settings,
        occasion: &Occasion,
    ) -> Result<(Found, MailboxState), VisitError> {
        let mailbox = &settings.mailbox;
        let state = self.states.state(mailbox).await?;
        let Some(grant) = self.vault.grant(mailbox).await? else {
            return Ok((Found::AwaitingConsent, state));
        };
        let tokens = self.vault.tokens(mailbox).await?;
        let state = self.adopt(settings, &grant.value, state).await?;
        let (found, tokens) = match tokens {
            Some(tokens) if !self.is_due(&grant.value, &tokens, occasion) => {
                (Found::Fresh, Some(tokens.value))
            }
            tokens => self.refresh(settings, &grant, tokens.as_ref()).await?,
        };
        if let Some(tokens) = tokens {
            self.heal(settings, &grant.value, &tokens, &state).await?;
        }
        Ok((found, self.states.state(mailbox).await?))
    }

    /// Whether the token is to be renewed. Somebody's complaint counts only about the token that is
    /// current.
    fn is_due(&self, grant: &Grant, tokens: &Current<TokenSet>, occasion: &Occasion) -> bool {
        let complained_of = match occasion {
            Occasion::Tick => false,
            Occasion::Stale(version) => *version == tokens.version,
        };
        complained_of || !tokens.value.is_of(grant) || tokens.value.is_due(self.clock.now())
    }

    /// Writes a grant into the state that does not know it: its consent was stored, and then something
    /// stopped before the state was.
    async fn adopt(
        &self,
        settings: &Settings,
        grant: &Grant,
        state: MailboxState,
    ) -> Result<MailboxState, VisitError> {
        if state.grant_id.as_ref() == Some(&grant.grant_id) {
            return Ok(state);
        }
        let unproven = Connection::unproven(self.clock.now());
        let account = &grant.account;
        self.states
            .connect(&settings.mailbox, &grant.grant_id, account, &unproven)
            .await?;
        Ok(self.states.state(&settings.mailbox).await?)
    }

    /// Renews the token. The new refresh token is stored before the new access token, so that whatever
    /// stops in between, the grant is kept and the next visit finds the access token due.
    async fn refresh(
        &self,
        settings: &Settings,
        grant: &Current<Grant>,
        tokens: Option<&Current<TokenSet>>,
    ) -> Result<(Found, Option<TokenSet>), VisitError> {
        let mailbox = &settings.mailbox;
        let issued = match self.provider.refresh(settings, &grant.value).await {
            Ok(issued) => issued,
            Err(failure) => return Ok((self.refused(settings, grant, &failure).await?, None)),
        };
        let (next, fresh) = grant.value.continued(issued);
        if self.vault.refreshed(mailbox, &grant.version, &next).await? == Promotion::Lost {
            // A newer consent, or another visit, was faster: theirs counts, ours is forgotten.
            return Ok((Found::Refreshed, None));
        }
        self.vault
            .issued(mailbox, tokens.map(|tokens| &tokens.version), &fresh)
            .await?;
        let refreshed = Refreshed {
            at: fresh.obtained_at,
            expires_at: fresh.expires_at,
            token_bytes: fresh.access_token.len() as u64,
        };
        self.states
            .refreshed(mailbox, &next.grant_id, &refreshed)
            .await?;
        Ok((Found::Refreshed, Some(fresh)))
    }

    /// Draws the conclusion from a refusal, if it was said of the grant that is still current.
    async fn refused(
        &self,
        settings: &Settings,
        grant: &Current<Grant>,
        failure: &TokenFailure,
    ) -> Result<Found, VisitError> {
        let mailbox = &settings.mailbox;
        let class = match failure {
            TokenFailure::Unavailable { .. } => {
                tracing::warn!(mailbox.id = %mailbox, reason = %failure, "the token could not be renewed yet");
                return Ok(Found::Unavailable);
            }
            TokenFailure::Refused { .. } | TokenFailure::Unusable { .. } => failure.class(),
        };
        let current = self.vault.grant(mailbox).await?;
        if current.is_none_or(|current| current.version != grant.version) {
            return Ok(Found::Refreshed);
        }
        tracing::error!(mailbox.id = %mailbox, class = %class, reason = %failure, "the provider refuses to renew the token");
        let stopped = Connection::stopped(class, failure.to_string(), self.clock.now());
        self.states
            .change(mailbox, &grant.value.grant_id, &stopped)
            .await?;
        Ok(Found::Refused)
    }

    /// Proves the way of a mailbox that is stopped, and lets it go on when the way is open.
    async fn heal(
        &self,
        settings: &Settings,
        grant: &Grant,
        tokens: &TokenSet,
        state: &MailboxState,
    ) -> Result<(), VisitError> {
        let mailbox = &settings.mailbox;
        let since = match &state.connection {
            Connection::Active => return Ok(()),
            Connection::AwaitingConsent => self.clock.now(),
            Connection::Blocked(stop) | Connection::NeedsConsent(stop) => stop.since,
        };
        let connection = match self.provider.prove(settings, &tokens.access_token).await {
            Ok(()) => Connection::Active,
            Err(Obstacle { class, reason }) => {
                let known = state
                    .connection
                    .stop()
                    .is_some_and(|stop| stop.class == class);
                let since = if known { since } else { self.clock.now() };
                Connection::stopped(class, reason, since)
            }
        };
        if connection == Connection::Active {
            tracing::info!(mailbox.id = %mailbox, "the mailbox can send again");
        }
        self.states
            .change(mailbox, &grant.grant_id, &connection)
            .await?;
        Ok(())
    }
}
