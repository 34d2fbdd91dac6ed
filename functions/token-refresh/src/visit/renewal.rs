//! The renewal of a token, and what follows from a refusal.

use std::time::Duration;

use common::clock::Clock;
use common::grant::{Grant, IssuedTokens, TokenSet};
use common::mailbox::{Connection, Health, MailboxId, MailboxState, MailboxStates, Seen, Settings};
use common::oauth::TokenFailure;
use common::vault::{Current, Promotion, SecretStore, VaultError, Version};
use jiff::{SignedDuration, Timestamp};

use super::{Found, Provider, VisitError, Visitor};

/// The longest wait that a provider is granted. Half of the time in which a token is due, so that a provider that
/// overstates its trouble ends no token.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// What the provider issued, and the grant that it was issued from.
type Issued = Result<(Grant, IssuedTokens), TokenFailure>;

impl<S: SecretStore, M: MailboxStates, P: Provider, C: Clock> Visitor<S, M, P, C> {
    /// Renews the token. The new refresh token is stored before the new access token, so that whatever
    /// stops in between, the grant is kept and the next visit finds the access token due.
    ///
    /// Answers the tokens when they are current, and none when somebody else's are or there are no new ones.
    pub(super) async fn renew(
        &self,
        settings: &Settings,
        grant: &Current<Grant>,
        tokens: Option<Current<TokenSet>>,
        state: &MailboxState,
    ) -> Result<(Found, Option<TokenSet>), VisitError> {
        let mailbox = &settings.mailbox;
        self.announce_end_of_client_secret(settings, state);
        let (from, issued) = match self.redeem(settings, &grant.value, state).await? {
            Ok(issued) => issued,
            Err(failure) => {
                let found = self.refused(settings, grant, state, &failure).await?;
                return Ok((found, None));
            }
        };
        let (next, fresh) = from.continued(issued);
        if self.vault.refreshed(mailbox, &grant.version, &next).await? == Promotion::Lost {
            // A newer consent, or another visit, was faster: theirs counts, ours is forgotten.
            return Ok((Found::Refreshed, None));
        }
        let seen = tokens.map(|tokens| tokens.version);
        let promotion = self.store(mailbox, seen, &next, &fresh).await?;
        let current = (promotion == Promotion::Done).then_some(fresh);
        Ok((Found::Refreshed, current))
    }

    /// Redeems the refresh token of a grant. Where Microsoft calls it invalid, the one before it is tried
    /// once: Microsoft does not revoke a token because a newer one was issued. Other providers may take
    /// the use of an old token for theft.
    async fn redeem(
        &self,
        settings: &Settings,
        grant: &Grant,
        state: &MailboxState,
    ) -> Result<Issued, VisitError> {
        let failure = match self.provider.refresh(settings, grant).await {
            Ok(issued) => return Ok(Ok((grant.clone(), issued))),
            Err(failure) => failure,
        };
        let was_tried = matches!(state.connection, Connection::NeedsConsent(_));
        if !is_invalid_grant(&failure) || was_tried || !settings.is_issued_by_microsoft() {
            return Ok(Err(failure));
        }
        let previous = self.vault.previous_grant(&settings.mailbox).await?;
        let Some(previous) = previous.filter(|previous| previous.grant_id == grant.grant_id) else {
            return Ok(Err(failure));
        };
        tracing::warn!(mailbox.id = %settings.mailbox, reason = %failure, "the refresh token is refused; the one before it is tried");
        // What is issued continues the line where it stands now.
        let previous = Grant {
            seq: grant.seq,
            ..previous
        };
        match self.provider.refresh(settings, &previous).await {
            Ok(issued) => Ok(Ok((previous, issued))),
            Err(unavailable @ TokenFailure::Unavailable { .. }) => Ok(Err(unavailable)),
            Err(TokenFailure::Refused { .. } | TokenFailure::Unusable { .. }) => Ok(Err(failure)),
        }
    }

    /// Makes the access token of a grant current, unless the grant or its access token has moved on. A
    /// slower visit that stored an earlier one in between does not keep ours out.
    async fn store(
        &self,
        mailbox: &MailboxId,
        mut seen: Option<Version>,
        grant: &Grant,
        tokens: &TokenSet,
    ) -> Result<Promotion, VaultError> {
        const TRIES: usize = 5;
        for _ in 0..TRIES {
            let promotion = self.vault.issued(mailbox, seen.as_ref(), tokens).await?;
            if promotion == Promotion::Done {
                return Ok(promotion);
            }
            let current = self.vault.grant(mailbox).await?;
            let is_ours =
                |current: &Grant| current.grant_id == grant.grant_id && current.seq == grant.seq;
            if !current.is_some_and(|current| is_ours(&current.value)) {
                break;
            }
            let stored = self.vault.tokens(mailbox).await?;
            if stored
                .as_ref()
                .is_some_and(|stored| stored.value.is_of(grant))
            {
                break;
            }
            seen = stored.map(|stored| stored.version);
        }
        Ok(Promotion::Lost)
    }

    /// Draws the conclusion from a refusal, if it was said of the grant that is still current.
    async fn refused(
        &self,
        settings: &Settings,
        grant: &Current<Grant>,
        state: &MailboxState,
        failure: &TokenFailure,
    ) -> Result<Found, VisitError> {
        let mailbox = &settings.mailbox;
        let class = match failure {
            TokenFailure::Unavailable { retry_after, .. } => {
                tracing::warn!(mailbox.id = %mailbox, reason = %failure, "the token could not be renewed yet");
                if let Some(wait) = *retry_after {
                    self.put_off(mailbox, &grant.value, wait).await?;
                }
                return Ok(Found::Unavailable);
            }
            TokenFailure::Refused { .. } | TokenFailure::Unusable { .. } => failure.class(),
        };
        let current = self.vault.grant(mailbox).await?;
        if current.is_none_or(|current| current.version != grant.version) {
            return Ok(Found::Refreshed);
        }
        let now = self.clock.now();
        let stopped = state.connection.met(class, failure.to_string(), now);
        let seen = Seen {
            grant: &grant.value.grant_id,
            refreshed_at: state.refreshed_at,
        };
        if !self.states.refused(mailbox, seen, &stopped, now).await? {
            return Ok(Found::Refreshed);
        }
        tracing::error!(mailbox.id = %mailbox, class = %class, reason = %failure, "the provider refuses to renew the token");
        Ok(Found::Refused)
    }

    /// Asks the provider for nothing as long as it wants, but no longer than a token can wait.
    async fn put_off(
        &self,
        mailbox: &MailboxId,
        grant: &Grant,
        wait: Duration,
    ) -> Result<(), VisitError> {
        let wait = SignedDuration::try_from(wait.min(LONGEST_WAIT)).unwrap_or_default();
        let until = self
            .clock
            .now()
            .saturating_add(wait)
            .unwrap_or(Timestamp::MAX);
        self.states.put_off(mailbox, &grant.grant_id, until).await?;
        Ok(())
    }

    fn announce_end_of_client_secret(&self, settings: &Settings, state: &MailboxState) {
        let health = Health::of(state, settings, self.clock.now());
        if let Some(days_left) = health.client_secret_days_left
            && days_left < Health::CLIENT_SECRET_DAYS
        {
            tracing::warn!(mailbox.id = %settings.mailbox, days_left, "the client secret ends soon; a new one has to be made");
        }
    }
}

/// Whether the provider calls the refresh token itself invalid.
fn is_invalid_grant(failure: &TokenFailure) -> bool {
    match failure {
        TokenFailure::Refused { refusal, .. } => refusal.error == "invalid_grant",
        TokenFailure::Unusable { .. } | TokenFailure::Unavailable { .. } => false,
    }
}
