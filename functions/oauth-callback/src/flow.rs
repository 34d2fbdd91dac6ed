//! From the provider's answer to a connected mailbox.
//!
//! Everything is checked before anything is stored. Then the grant is stored first, and the mailbox blocked until
//! the mail server has let it in: whatever happens from there on, `token-refresh` finds the grant and heals the
//! rest, and nobody has to consent twice.

use std::time::Duration;

use common::clock::Clock;
use common::consent::{Attempt, Consents, Ending, Kept, Refusal, account};
use common::grant::{Account, Grant, GrantId, IssuedTokens, TokenSet};
use common::mailbox::{MailboxStates, Settings};
use common::oauth::discovery::{DiscoveryError, Issuer};
use common::oauth::id_token::{self, Expected, InvalidIdToken};
use common::oauth::{Refusal as ProviderRefusal, TokenFailure};
use common::route::Route;
use common::telemetry::chain;
use tokio::time::{Instant, timeout};

use crate::ports::{Missing, Ports};
use crate::settling::settle;

/// How long the provider may take for everything, of the 20 seconds that the person waits at most.
pub(crate) const PROVIDER: Duration = Duration::from_secs(8);
/// When the person should have an answer. API Gateway gives up after 30 seconds.
const WHOLE: Duration = Duration::from_secs(20);
/// What the proof gets at least, however slow the rest was: a session takes a second or two.
const LEAST_PROOF: Duration = Duration::from_secs(3);

/// What the provider has answered a sign-in with.
pub(crate) struct Code {
    pub(crate) code: String,
    /// The issuer that the answer names, where it names one (RFC 9207).
    pub(crate) issuer: Option<String>,
}

/// Connects the mailbox of an attempt, or says why not.
pub(crate) async fn connect(ports: &impl Ports, attempt: &Attempt, code: Code) -> Ending {
    let begun = Instant::now();
    let connected = async {
        let settings = settings(ports, attempt).await?;
        let accepted = timeout(PROVIDER, accept(ports, &settings, attempt, code)).await;
        let accepted = accepted.unwrap_or(Err(Refusal::ProviderBusy))?;
        store(ports, &settings, attempt, &accepted).await?;
        let left = WHOLE
            .saturating_sub(begun.elapsed())
            .clamp(LEAST_PROOF, Route::PROOF);
        Ok(settle(ports, &settings, &accepted, left).await)
    };
    connected.await.unwrap_or_else(Ending::Refused)
}

/// What passed every check.
pub(crate) struct Accepted {
    pub(crate) grant: Grant,
    pub(crate) tokens: TokenSet,
}

impl Accepted {
    pub(crate) fn kept(&self) -> Kept {
        let life = self
            .tokens
            .expires_at
            .duration_since(self.tokens.obtained_at);
        Kept {
            account: self.grant.account.name.clone(),
            token_seconds: u64::try_from(life.as_secs()).unwrap_or_default(),
            token_bytes: self.tokens.access_token.len() as u64,
        }
    }
}

/// The settings of an attempt's mailbox.
pub(crate) async fn settings(ports: &impl Ports, attempt: &Attempt) -> Result<Settings, Refusal> {
    let settings = ports.settings(&attempt.mailbox).await;
    settings.map_err(|missing| refused_for(attempt, &missing))
}

/// Says why something that is needed is missing, and what the person is told.
fn refused_for(attempt: &Attempt, missing: &Missing) -> Refusal {
    tracing::warn!(mailbox.id = %attempt.mailbox, error = %missing, "a consent lacks what it needs");
    match missing {
        Missing::Faulty(_) => Refusal::NotReady,
        Missing::ClientSecret(_) => Refusal::ClientSecretUnusable,
        Missing::Unavailable(_) => Refusal::Unavailable,
    }
}

/// Who issues the id tokens of an attempt's provider, and for which directory.
pub(crate) async fn issuer(
    ports: &impl Ports,
    settings: &Settings,
    attempt: &Attempt,
) -> Result<Issuer, Refusal> {
    ports.issuer(settings).await.map_err(|error| {
        tracing::warn!(mailbox.id = %attempt.mailbox, error = chain(&error), "the issuer is not known");
        match error {
            DiscoveryError::Http(_) => Refusal::ProviderBusy,
            DiscoveryError::NoIssuer => Refusal::NotReady,
        }
    })
}

/// Redeems the code and checks what it brings. Nothing is stored.
async fn accept(
    ports: &impl Ports,
    settings: &Settings,
    attempt: &Attempt,
    code: Code,
) -> Result<Accepted, Refusal> {
    let missing = |missing: Missing| refused_for(attempt, &missing);
    let issuer = issuer(ports, settings, attempt).await?;
    if code.issuer.is_some_and(|named| named != issuer.name) {
        return Err(Refusal::ForeignIssuer);
    }
    let client_secret = ports.client_secret(settings).await.map_err(missing)?;
    let state = ports.states().state(&attempt.mailbox).await;
    let before = state
        .map_err(|error| missing(Missing::Unavailable(chain(&error))))?
        .account;

    let issued = ports
        .redeem(settings, &client_secret, code.code, &attempt.verifier)
        .await;
    let mut issued = issued.map_err(|failure| {
        tracing::warn!(mailbox.id = %attempt.mailbox, error = %failure, "the code was not redeemed");
        not_redeemed(&failure)
    })?;
    let expected = Expected {
        issuer: &issuer,
        settings,
        nonce: &attempt.nonce,
        now: ports.clock().now(),
    };
    let id_token = issued.id_token.take().ok_or(InvalidIdToken::Anonymous);
    let account = id_token
        .and_then(|token| id_token::account(&token, &expected))
        .map_err(|fault| {
            tracing::warn!(mailbox.id = %attempt.mailbox, error = %fault, "the account is not proven");
            match fault {
                InvalidIdToken::Tenant => Refusal::WrongDirectory,
                InvalidIdToken::Malformed
                | InvalidIdToken::Issuer
                | InvalidIdToken::Audience
                | InvalidIdToken::Time
                | InvalidIdToken::Nonce
                | InvalidIdToken::Anonymous => Refusal::AccountUnproven,
            }
        })?;
    account::check(settings, before.as_ref(), &account)?;
    granted(settings, issued, account)
}

/// The grant that tokens make, if they allow to send and last.
fn granted(
    settings: &Settings,
    issued: IssuedTokens,
    account: Account,
) -> Result<Accepted, Refusal> {
    // An answer that names no scopes grants those that were asked for (RFC 6749 §5.1).
    let scopes = issued.scopes.unwrap_or_else(|| settings.scopes.to_string());
    if !common::mailbox::Scopes::allow_sending(&scopes) {
        return Err(Refusal::NoSendPermission);
    }
    let grant = Grant {
        grant_id: GrantId::random(),
        seq: 0,
        refresh_token: issued.refresh_token.ok_or(Refusal::NoRefreshToken)?,
        scopes,
        account,
        obtained_at: issued.obtained_at,
    };
    let tokens = TokenSet {
        grant_id: grant.grant_id.clone(),
        seq: grant.seq,
        access_token: issued.access_token,
        obtained_at: issued.obtained_at,
        expires_at: issued.expires_at,
    };
    Ok(Accepted { grant, tokens })
}

fn not_redeemed(failure: &TokenFailure) -> Refusal {
    match failure {
        TokenFailure::Unavailable { .. } => Refusal::ProviderBusy,
        TokenFailure::Unusable { .. } => Refusal::ClientSecretUnusable,
        TokenFailure::Refused {
            refusal: ProviderRefusal { error, .. },
            ..
        } => match error.as_str() {
            "invalid_grant" => Refusal::CodeRefused,
            "invalid_client" => Refusal::ClientSecretRefused,
            "interaction_required" | "login_required" => Refusal::PolicyStopped,
            "consent_required" => Refusal::ConsentRequired,
            "access_denied" => Refusal::Declined,
            _ => Refusal::Misconfigured,
        },
    }
}

/// Stores the grant, and then what is known of it. From here on the mailbox has a grant.
async fn store(
    ports: &impl Ports,
    settings: &Settings,
    attempt: &Attempt,
    accepted: &Accepted,
) -> Result<(), Refusal> {
    let Accepted { grant, tokens } = accepted;
    let stored = ports
        .vault()
        .consented(&settings.mailbox, grant, tokens)
        .await;
    stored.map_err(|error| {
        tracing::error!(mailbox.id = %settings.mailbox, error = chain(&error), "the grant was not stored");
        Refusal::NotStored
    })?;
    if let Err(error) = ports.consents().burn(&attempt.ticket).await {
        // It is of no use to anybody but the right person, and for minutes only.
        tracing::warn!(mailbox.id = %settings.mailbox, error = chain(&error), "the ticket was not burnt");
    }
    Ok(())
}
