//! One visit to a mailbox: its token renewed if it is due, its state brought up to what is true.
//!
//! Runs at least once in five minutes for each mailbox, and at the request of `send-email`. Two visits may
//! overlap: the vault decides which refresh counts, and nothing that was learned of an older grant is
//! written over a newer one. A failure that time heals changes nothing.

use std::future::Future;

use common::class::Class;
use common::clock::Clock;
use common::grant::{Grant, IssuedTokens, TokenSet};
use common::mailbox::{
    Activate, Connection, Consented, MailboxId, MailboxState, MailboxStates, Pause, Refreshed,
    Renewal, Settings, StateUnavailable,
};
use common::oauth::TokenFailure;
use common::route::Obstacle;
use common::secret::AccessToken;
use common::telemetry::chain;
use common::vault::{Current, SecretStore, Vault, VaultError, Version};
use serde::Serialize;

mod healing;
mod renewal;
#[cfg(test)]
pub(crate) mod tests;

/// The provider, as far as a visit needs it.
pub trait Provider: Sync {
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
pub enum Occasion {
    /// The schedule.
    Tick,
    /// Somebody holds the access token of this version, and it is not good any more.
    Stale(Version),
}

/// What a visit found or did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// Nobody has consented yet.
    AwaitingConsent,
    /// The access token has enough life.
    Fresh,
    /// The access token was renewed, by this visit or by another that overlapped.
    Refreshed,
    /// Another visit is renewing the access token at this moment.
    InHand,
    /// The provider does not answer, or has asked to wait; a later visit tries again.
    Unavailable,
    /// The provider refuses, and a person has to act.
    Refused,
}

/// Who renews.
enum InHand {
    /// This visit.
    Ours,
    /// Another visit.
    Others,
    /// Both, because this one cannot wait.
    Both,
}

/// Why a visit could not be made.
#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    /// The secrets cannot be read or written.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The state cannot be read or written.
    #[error(transparent)]
    State(#[from] StateUnavailable),
}

/// Visits mailboxes.
#[derive(Debug)]
pub struct Visitor<S, M, P, C> {
    /// The secrets.
    pub vault: Vault<S>,
    /// The states.
    pub states: M,
    /// The provider.
    pub provider: P,
    /// The time.
    pub clock: C,
}

impl<S: SecretStore, M: MailboxStates, P: Provider, C: Clock> Visitor<S, M, P, C> {
    /// Visits a mailbox, and answers what was found and the state that it leaves behind.
    ///
    /// # Errors
    ///
    /// When secrets or state cannot be reached. Nothing is half done then that the next visit would not
    /// complete.
    pub async fn visit(
        &self,
        settings: &Settings,
        occasion: &Occasion,
    ) -> Result<(Found, MailboxState), VisitError> {
        let mailbox = &settings.mailbox;
        let state = self.states.state(mailbox).await?;
        let Some(grant) = self.vault.grant(mailbox).await? else {
            return Ok((
                Found::AwaitingConsent,
                self.without_grant(mailbox, state).await?,
            ));
        };
        let tokens = self.vault.tokens(mailbox).await?;
        let state = self.adopt(settings, &grant.value, state).await?;
        let (found, tokens) = match tokens {
            Some(tokens) if !self.is_due(&grant.value, &tokens, &state, occasion) => {
                (Found::Fresh, Some(tokens.value))
            }
            _ if state
                .renew_not_before
                .is_some_and(|at| self.clock.now() < at) =>
            {
                (Found::Unavailable, None)
            }
            tokens => {
                let hold = Renewal::from(self.clock.now());
                let renewal = self.renew(settings, &grant, tokens, &state);
                match self.in_hand(mailbox, &hold, occasion).await? {
                    InHand::Others => (Found::InHand, None),
                    InHand::Ours => {
                        let renewed = renewal.await;
                        self.out_of_hand(mailbox, &hold).await;
                        renewed?
                    }
                    InHand::Both => renewal.await?,
                }
            }
        };
        if let Some(tokens) = &tokens {
            self.record(settings, &grant.value, tokens, found).await?;
        }
        Ok((found, self.states.state(mailbox).await?))
    }

    /// A mailbox without a grant awaits its consent. What the state still says of an earlier grant was left behind
    /// by somebody who stopped while he disconnected it.
    async fn without_grant(
        &self,
        mailbox: &MailboxId,
        state: MailboxState,
    ) -> Result<MailboxState, VisitError> {
        let Some(grant) = &state.grant_id else {
            return Ok(state);
        };
        if state.connection == Connection::AwaitingConsent {
            return Ok(state);
        }
        let awaiting = Connection::AwaitingConsent;
        self.states.change(mailbox, grant, &awaiting).await?;
        Ok(self.states.state(mailbox).await?)
    }

    /// Takes the renewal in hand, unless another visit has. The schedule leaves it to that one then; somebody who
    /// complains cannot wait, and renews as well.
    async fn in_hand(
        &self,
        mailbox: &MailboxId,
        renewal: &Renewal,
        occasion: &Occasion,
    ) -> Result<InHand, StateUnavailable> {
        let now = self.clock.now();
        if self.states.begin_renewal(mailbox, renewal, now).await? {
            return Ok(InHand::Ours);
        }
        Ok(match occasion {
            Occasion::Tick => InHand::Others,
            Occasion::Stale(_) => InHand::Both,
        })
    }

    /// Lets others renew again. What fails here ends by itself, with the hold.
    async fn out_of_hand(&self, mailbox: &MailboxId, renewal: &Renewal) {
        if let Err(error) = self.states.end_renewal(mailbox, renewal).await {
            tracing::warn!(mailbox.id = %mailbox, error = %chain(&error), "the hold on the renewal is left to end by itself");
        }
    }

    /// Whether the token is to be renewed. Somebody's complaint counts only about the token that is
    /// current; and what only a renewal can heal is tried by one, at growing waits and by nothing else.
    fn is_due(
        &self,
        grant: &Grant,
        tokens: &Current<TokenSet>,
        state: &MailboxState,
        occasion: &Occasion,
    ) -> bool {
        let now = self.clock.now();
        let complained_of = match occasion {
            Occasion::Tick => false,
            Occasion::Stale(version) => *version == tokens.version,
        };
        complained_of
            || if asks_for_renewal(&state.connection) {
                state.is_probe_due(now)
            } else {
                !tokens.value.is_of(grant) || tokens.value.is_due(now)
            }
    }

    /// Writes a grant into the state that does not know it: its consent was stored, and then something
    /// stopped before the state was. A consent that is a moment ahead of us keeps what it wrote.
    async fn adopt(
        &self,
        settings: &Settings,
        grant: &Grant,
        state: MailboxState,
    ) -> Result<MailboxState, VisitError> {
        if state.grant_id.as_ref() == Some(&grant.grant_id) {
            return Ok(state);
        }
        let mailbox = &settings.mailbox;
        // Before the mailbox can become active, so that nothing slips out in between.
        if settings.activate == Activate::Manual {
            let now = self.clock.now();
            self.states.pause(mailbox, Pause::Paused, now).await?;
        }
        let unproven = Connection::unproven(self.clock.now());
        let known = Consented::from(grant);
        self.states
            .adopt(mailbox, state.grant_id.as_ref(), &known, &unproven)
            .await?;
        Ok(self.states.state(mailbox).await?)
    }

    /// Brings the state up to the tokens that are current. It is read again for that: since the visit
    /// began another one may have drawn its conclusions.
    async fn record(
        &self,
        settings: &Settings,
        grant: &Grant,
        tokens: &TokenSet,
        found: Found,
    ) -> Result<(), VisitError> {
        let mailbox = &settings.mailbox;
        let mut state = self.states.state(mailbox).await?;
        if state.refreshed_at.is_none_or(|at| at < tokens.obtained_at) {
            let refreshed = Refreshed::from(tokens);
            self.states
                .refreshed(mailbox, &grant.grant_id, &refreshed)
                .await?;
            state = self.states.state(mailbox).await?;
        }
        self.heal(settings, grant, tokens, &state, found).await
    }
}

/// Whether a stop is one that only a renewed token can end: the provider refused to renew it, or the consent
/// behind it is in doubt.
fn asks_for_renewal(connection: &Connection) -> bool {
    match connection {
        Connection::AwaitingConsent | Connection::Active | Connection::OnTrial(_) => false,
        Connection::NeedsConsent(_) => true,
        Connection::Blocked(stop) => matches!(
            stop.class,
            Class::ClientCredentialRefused | Class::AppMisconfigured
        ),
    }
}
