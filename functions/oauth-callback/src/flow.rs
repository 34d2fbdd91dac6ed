//! From the provider's answer to a connected mailbox.
//!
//! Everything is checked before anything is stored. Then the grant is stored first, and the mailbox blocked until
//! the mail server has let it in: whatever happens from there on, `token-refresh` finds the grant and heals the
//! rest, and nobody has to consent twice.

use std::time::Duration;

use common::aws::Valve;
use common::class::Class;
use common::clock::Clock;
use common::consent::{Attempt, Consents, Ending, Kept, Queue, Refusal, account};
use common::grant::{Account, Grant, GrantId, IssuedTokens, TokenSet};
use common::mailbox::{Activate, Connection, MailboxStates, Pause, Refreshed, Settings, Stop};
use common::oauth::discovery::DiscoveryError;
use common::oauth::id_token::{self, Expected, InvalidIdToken};
use common::oauth::{Refusal as ProviderRefusal, TokenFailure};
use common::route::{Obstacle, Route};
use common::telemetry::chain;
use tokio::time::{Instant, timeout};

use crate::ports::{Missing, Ports};

/// How long the provider may take for everything, of the 20 seconds that the person waits at most.
const PROVIDER: Duration = Duration::from_secs(8);
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
struct Accepted {
    grant: Grant,
    tokens: TokenSet,
}

impl Accepted {
    fn kept(&self) -> Kept {
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

async fn settings(ports: &impl Ports, attempt: &Attempt) -> Result<Settings, Refusal> {
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

/// Redeems the code and checks what it brings. Nothing is stored.
async fn accept(
    ports: &impl Ports,
    settings: &Settings,
    attempt: &Attempt,
    code: Code,
) -> Result<Accepted, Refusal> {
    let missing = |missing: Missing| refused_for(attempt, &missing);
    let issuer = ports.issuer(settings).await.map_err(|error| {
        tracing::warn!(mailbox.id = %attempt.mailbox, error = chain(&error), "the issuer is not known");
        match error {
            DiscoveryError::Http(_) => Refusal::ProviderBusy,
            DiscoveryError::NoIssuer => Refusal::NotReady,
        }
    })?;
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

/// Proves the way to the mail server and lets the mail go.
async fn settle(
    ports: &impl Ports,
    settings: &Settings,
    accepted: &Accepted,
    left: Duration,
) -> Ending {
    let Accepted { grant, tokens } = accepted;
    let Settings { mailbox, .. } = settings;
    let kept = accepted.kept();
    let now = || ports.clock().now();
    let states = ports.states();
    let settled = async {
        // Before anything can make the mailbox active, so that nothing slips out in between.
        if settings.activate == Activate::Manual {
            states.pause(mailbox, Pause::Paused).await?;
        }
        let unproven = Connection::unproven(now());
        states
            .connect(mailbox, &grant.grant_id, &grant.account, &unproven)
            .await?;
        let refreshed = Refreshed {
            at: tokens.obtained_at,
            expires_at: tokens.expires_at,
            token_bytes: kept.token_bytes,
        };
        states
            .refreshed(mailbox, &grant.grant_id, &refreshed)
            .await?;
        let proof = timeout(left, ports.prove(settings, &tokens.access_token)).await;
        let proof = proof.unwrap_or_else(|_| {
            let reason = format!("no answer within {} seconds", left.as_secs());
            Err(Obstacle {
                class: Class::Network,
                reason,
            })
        });
        match proof {
            Ok(()) => {
                states
                    .change(mailbox, &grant.grant_id, &Connection::Active)
                    .await?;
                Ok(None)
            }
            Err(Obstacle { class, reason }) => {
                let connection = Connection::stopped(class, reason, now());
                states.change(mailbox, &grant.grant_id, &connection).await?;
                Ok(connection.stop().cloned())
            }
        }
    };
    let stop = settled.await.unwrap_or_else(|error: common::mailbox::StateUnavailable| {
        tracing::error!(mailbox.id = %mailbox, error = chain(&error), "the state was not recorded");
        let reason = "the state of the mailbox could not be recorded".to_owned();
        Some(Stop { class: Class::Network, reason, since: ports.clock().now() })
    });
    let queue = turn(ports, settings).await;
    match stop {
        None => Ending::Connected { kept, queue },
        Some(stop) => Ending::Blocked { kept, stop },
    }
}

/// Asks for the valve that the state stands for. The next tick asks again, so a failure is not one.
async fn turn(ports: &impl Ports, settings: &Settings) -> Queue {
    let Settings { mailbox, .. } = settings;
    let turned = async {
        let state = ports.states().state(mailbox).await;
        let state = state.map_err(|error| Missing::Unavailable(chain(&error)))?;
        let queue = if state.paused {
            Queue::Paused
        } else {
            Queue::Open
        };
        match ports.turn(mailbox, Valve::of(&state)).await {
            Err(missing) if queue == Queue::Open => Err(missing),
            Ok(()) | Err(_) => Ok(queue),
        }
    };
    turned.await.unwrap_or_else(|missing| {
        tracing::warn!(mailbox.id = %mailbox, error = %missing, "the valve was not turned");
        Queue::Opening
    })
}
