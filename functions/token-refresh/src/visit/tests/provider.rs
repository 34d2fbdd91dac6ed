//! A provider that knows which of its refresh tokens are alive.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use common::class::Class;
use common::clock::{Clock, FixedClock};
use common::fakes::{Calls, turn};
use common::grant::{Grant, IssuedTokens, RefreshToken};
use common::mailbox::Settings;
use common::oauth::{Refusal, TokenFailure};
use common::route::Obstacle;
use common::secret::AccessToken;
use jiff::SignedDuration;

use crate::visit::Provider;

/// Issues tokens and takes mail, as Microsoft does: a refresh token is good for as long as nobody revokes it,
/// however often it is used. What it decides it decides at once; its answer takes a while.
#[derive(Clone)]
pub(crate) struct Issuer {
    pub(crate) calls: Calls,
    pub(crate) clock: FixedClock,
    inner: Arc<Mutex<Inner>>,
}

pub(crate) struct Inner {
    /// The refresh tokens that are good.
    pub(crate) alive: BTreeSet<String>,
    /// The refresh tokens that were presented, in order.
    pub(crate) presented: Vec<String>,
    /// How long the next access token lives.
    pub(crate) life: SignedDuration,
    /// Whether an answer brings a new refresh token.
    pub(crate) rotates: bool,
    /// Whether a refresh token is good for one use only.
    pub(crate) revokes_used: bool,
    /// What is said to every token request.
    pub(crate) refuses: Option<(Class, &'static str)>,
    /// Whether it cannot be reached.
    pub(crate) is_down: bool,
    /// How long it asks to wait while it is down.
    pub(crate) retry_after: Option<Duration>,
    /// What stands in the way to the mail server.
    pub(crate) obstacle: Option<Class>,
    issued: u32,
}

impl Issuer {
    pub(crate) fn new(calls: Calls, clock: FixedClock) -> Self {
        let inner = Inner {
            alive: BTreeSet::new(),
            presented: Vec::new(),
            life: SignedDuration::from_mins(60),
            rotates: true,
            revokes_used: false,
            refuses: None,
            is_down: false,
            retry_after: None,
            obstacle: None,
            issued: 0,
        };
        Self {
            calls,
            clock,
            inner: Arc::new(Mutex::new(inner)),
        }
    }

    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Issues an access token and, where it rotates, a refresh token.
    pub(crate) fn issue(&self) -> IssuedTokens {
        let now = self.clock.now();
        let mut inner = self.inner();
        inner.issued += 1;
        let refresh_token = format!("refresh canary {}", inner.issued);
        let refresh_token = inner.rotates.then_some(refresh_token);
        inner.alive.extend(refresh_token.clone());
        IssuedTokens {
            access_token: AccessToken::new(format!("access canary {}", inner.issued)),
            refresh_token: refresh_token.map(RefreshToken::new),
            scopes: None,
            id_token: None,
            obtained_at: now,
            expires_at: now + inner.life,
        }
    }

    #[expect(
        clippy::result_large_err,
        reason = "the answer is as large as the refusal, and both are the trait's"
    )]
    fn decide(&self, token: &str) -> Result<IssuedTokens, TokenFailure> {
        let broken = self.calls.note("redeem", "").is_err();
        {
            let mut inner = self.inner();
            if inner.is_down || broken {
                return Err(TokenFailure::Unavailable {
                    reason: "nobody answers".to_owned(),
                    retry_after: inner.retry_after,
                });
            }
            inner.presented.push(token.to_owned());
            if let Some((class, error)) = inner.refuses {
                return Err(refusal(class, error));
            }
            if !inner.alive.contains(token) {
                return Err(refusal(Class::ConsentRevoked, "invalid_grant"));
            }
            if inner.revokes_used {
                inner.alive.remove(token);
            }
        }
        Ok(self.issue())
    }
}

fn refusal(class: Class, error: &str) -> TokenFailure {
    let refusal = Refusal {
        error: error.to_owned(),
        suberror: None,
        error_codes: vec![70008],
        correlation_id: Some("correlation-1".to_owned()),
        trace_id: Some("trace-1".to_owned()),
    };
    TokenFailure::Refused { class, refusal }
}

impl Provider for Issuer {
    async fn refresh(&self, _: &Settings, grant: &Grant) -> Result<IssuedTokens, TokenFailure> {
        turn().await;
        let answer = self.decide(grant.refresh_token.expose());
        turn().await;
        answer
    }

    async fn prove(&self, _: &Settings, _: &AccessToken) -> Result<(), Obstacle> {
        turn().await;
        let broken = self.calls.note("prove", "").is_err();
        let obstacle = self.inner().obstacle;
        turn().await;
        match obstacle.or(broken.then_some(Class::Network)) {
            None => Ok(()),
            Some(class) => Err(Obstacle {
                class,
                reason: "535 no".to_owned(),
            }),
        }
    }
}
