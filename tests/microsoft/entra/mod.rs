//! The simulated Microsoft Entra ID.
//!
//! It serves, over HTTPS and below one path for each tenant, the authorize page with an account picker and a consent
//! button, admin consent, the token endpoint, the OpenID discovery document and the signing key. [`Entra`] is the handle
//! of a test: it takes [`TokenFault`]s and [`Behaviour`], revokes, and tells what was asked of it.

pub mod aadsts;
mod access_token;
mod admin_consent;
mod answer;
mod authorize;
mod client;
mod discovery;
mod faults;
mod grants;
mod keys;
mod pages;
mod parameters;
mod record;
mod scope;
mod sign_in;
mod token;
mod tokens;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::Router;
use axum::routing::{get, post};
use tokio::sync::watch;

pub use aadsts::Refusal;
pub use access_token::{Bearer, NotAccepted};
pub use faults::{Field, GrantType, TokenEffect, TokenFault};
pub use record::{
    AuthorizeRequest, ClientAuthentication, EntraCounters, TokenOutcome, TokenRequest,
};

use super::clock::Clock;
use super::directory::Directory;
use super::lock;

/// The handle of the simulated Entra. Clones are the same server.
#[derive(Clone)]
pub struct Entra {
    shared: Arc<Shared>,
}

/// How Entra issues tokens. The defaults are Microsoft's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// The shortest and the longest life of an access token; each gets one at random between them.
    pub access_token_life: (Duration, Duration),
    /// The length of an access token in characters, at least. It grows with the account's groups.
    pub access_token_characters: usize,
    /// The length of a refresh token in characters.
    pub refresh_token_characters: usize,
    /// How long an unused refresh token lives.
    pub refresh_token_idle: Duration,
    /// What becomes of a refresh token that was used.
    pub rotation: Rotation,
    /// How long a code lives.
    pub code_life: Duration,
    /// How many identical token requests within five minutes are answered before Entra sees a loop (AADSTS50196).
    pub identical_requests: usize,
}

/// What becomes of a refresh token that was used. A new one is issued either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It stays good, as at Entra.
    OldSurvives,
    /// It dies, as at servers with reuse detection.
    OldDies,
}

pub(super) struct Shared {
    /// Scheme, host and port of the endpoints, as tests configure and discovery tells them.
    origin: String,
    /// Scheme, host and port of the pages for people.
    sign_in_origin: String,
    clock: Clock,
    directory: Directory,
    key: keys::SigningKey,
    behaviour: Mutex<Behaviour>,
    faults: faults::TokenFaults,
    authorize_refusals: Mutex<Vec<(String, Refusal)>>,
    grants: Mutex<grants::Grants>,
    requests: Mutex<HashMap<String, authorize::Request>>,
    token_requests: Mutex<Vec<TokenRequest>>,
    authorize_requests: Mutex<Vec<AuthorizeRequest>>,
    counters: watch::Sender<EntraCounters>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            access_token_life: (Duration::from_mins(60), Duration::from_mins(90)),
            access_token_characters: 2048,
            refresh_token_characters: 1100,
            refresh_token_idle: Duration::from_hours(90 * 24),
            rotation: Rotation::OldSurvives,
            code_life: Duration::from_mins(10),
            identical_requests: 15,
        }
    }
}

impl Entra {
    pub(super) fn new(
        origin: String,
        sign_in_origin: String,
        clock: Clock,
        directory: Directory,
    ) -> Result<Self> {
        Ok(Self {
            shared: Arc::new(Shared {
                origin,
                sign_in_origin,
                clock,
                directory,
                key: keys::SigningKey::new()?,
                behaviour: Mutex::default(),
                faults: faults::TokenFaults::default(),
                authorize_refusals: Mutex::default(),
                grants: Mutex::default(),
                requests: Mutex::default(),
                token_requests: Mutex::default(),
                authorize_requests: Mutex::default(),
                counters: watch::Sender::default(),
            }),
        })
    }

    /// Scheme, host and port: what stands for `https://login.microsoftonline.com`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.shared.origin
    }

    /// Scheme, host and port of the pages for people: the same, unless the options said otherwise.
    #[must_use]
    pub fn sign_in_origin(&self) -> &str {
        &self.shared.sign_in_origin
    }

    /// The authorize endpoint for a tenant, given by GUID or domain.
    #[must_use]
    pub fn authorize_endpoint(&self, tenant: &str) -> String {
        format!("{}/{tenant}/oauth2/v2.0/authorize", self.shared.origin)
    }

    /// The token endpoint for a tenant, given by GUID or domain.
    #[must_use]
    pub fn token_endpoint(&self, tenant: &str) -> String {
        format!("{}/{tenant}/oauth2/v2.0/token", self.shared.origin)
    }

    /// The issuer for a tenant, given by GUID.
    #[must_use]
    pub fn issuer(&self, tenant: &str) -> String {
        self.shared.issuer(tenant)
    }

    /// Adds a fault of the token endpoint behind those there are.
    pub fn inject(&self, fault: TokenFault) {
        self.shared.faults.add(fault);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
        lock(&self.shared.authorize_refusals).clear();
    }

    /// Sends the account back with this refusal instead of a code when it signs in next.
    pub fn refuse_next_sign_in(&self, upn: &str, refusal: Refusal) {
        lock(&self.shared.authorize_refusals).push((upn.to_owned(), refusal));
    }

    /// How tokens are issued now.
    #[must_use]
    pub fn behaviour(&self) -> Behaviour {
        lock(&self.shared.behaviour).clone()
    }

    /// Changes how tokens are issued from now on.
    pub fn change_behaviour(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut lock(&self.shared.behaviour));
    }

    /// Revokes the account's refresh tokens, as an administrator's "revoke sessions" does (AADSTS50173). Access tokens
    /// live on, as at Microsoft.
    pub fn revoke(&self, upn: &str) {
        lock(&self.shared.grants).revoke(upn);
    }

    /// Withdraws what the account consented to (AADSTS65001).
    pub fn withdraw_consent(&self, upn: &str) {
        lock(&self.shared.grants).withdraw_consent(upn);
    }

    /// Makes Exchange refuse the access tokens that the account has so far, before their time.
    pub fn end_access_tokens(&self, upn: &str) {
        lock(&self.shared.grants).end_access_tokens(upn);
    }

    /// Makes Exchange accept them again.
    pub fn restore_access_tokens(&self, upn: &str) {
        lock(&self.shared.grants).restore_access_tokens(upn);
    }

    /// Consents as an account, as a person at the pages does, and gives the refresh token that comes of it.
    ///
    /// # Errors
    ///
    /// When there is no such account, or the scopes are refused.
    pub fn grant(&self, upn: &str, client_id: &str, scopes: &str) -> Result<String> {
        let account = self.shared.directory.account(upn);
        let account = account.with_context(|| format!("there is no account {upn}"))?;
        let Ok(scopes) = scope::Scopes::parse(scopes) else {
            bail!("the scopes {scopes} are refused");
        };
        let characters = self.behaviour().refresh_token_characters;
        let mut grants = lock(&self.shared.grants);
        grants.consent(upn, client_id, &scopes);
        let grant = grants::Grant {
            client_id: client_id.to_owned(),
            tenant: account.tenant,
            account: account.upn,
            scopes,
        };
        Ok(grants.issue_refresh_token(grant, self.shared.clock.now(), characters))
    }

    /// Consents for a whole tenant, as an administrator does in the portal.
    pub fn consent_for_tenant(&self, tenant: &str, client_id: &str) {
        lock(&self.shared.grants).consent_for_tenant(tenant, client_id);
    }

    /// The key that tokens are verified with: its id, and its public part as PEM.
    ///
    /// # Errors
    ///
    /// When the library does not give the key out.
    pub fn verification_key(&self) -> Result<(&str, String)> {
        let key = &self.shared.key;
        Ok((key.id(), key.pem()?))
    }

    /// Every token request so far.
    #[must_use]
    pub fn token_requests(&self) -> Vec<TokenRequest> {
        lock(&self.shared.token_requests).clone()
    }

    /// Every visit to the authorize endpoint so far.
    #[must_use]
    pub fn authorize_requests(&self) -> Vec<AuthorizeRequest> {
        lock(&self.shared.authorize_requests).clone()
    }

    /// The counts of requests so far.
    #[must_use]
    pub fn counters(&self) -> EntraCounters {
        *self.shared.counters.borrow()
    }

    /// Waits until the counts are as asked for.
    ///
    /// # Errors
    ///
    /// When the time is over first.
    pub async fn wait_until(
        &self,
        are_enough: impl Fn(&EntraCounters) -> bool,
        patience: Duration,
    ) -> Result<EntraCounters> {
        let mut updates = self.shared.counters.subscribe();
        let enough = updates.wait_for(|counters| are_enough(counters));
        match tokio::time::timeout(patience, enough).await {
            Ok(counters) => Ok(*counters?),
            Err(_) => anyhow::bail!("{:?} after {patience:?}", self.counters()),
        }
    }

    /// Every code and token handed out so far: what no log, page, queue or error may ever contain.
    #[must_use]
    pub fn issued_secrets(&self) -> Vec<String> {
        lock(&self.shared.grants).issued()
    }

    /// Whose an access token is, if Exchange may accept it now.
    ///
    /// # Errors
    ///
    /// Says why it may not.
    pub fn check_access_token(&self, token: &str) -> Result<Bearer, NotAccepted> {
        self.shared.check_access_token(token)
    }

    pub(super) fn router(&self) -> Router {
        let state = Arc::clone(&self.shared);
        Router::new()
            .route("/{tenant}/oauth2/v2.0/authorize", get(authorize::authorize))
            .route("/{tenant}/login", get(sign_in::page).post(sign_in::choose))
            .route("/{tenant}/consent", post(sign_in::decide))
            .route("/{tenant}/v2.0/adminconsent", get(admin_consent::page))
            .route(
                "/{tenant}/oauth2/v2.0/token",
                post(token::token).get(token::wrong_method),
            )
            .route(
                "/{tenant}/v2.0/.well-known/openid-configuration",
                get(discovery::document),
            )
            .route("/{tenant}/discovery/v2.0/keys", get(discovery::keys))
            .with_state(state)
    }
}

impl Shared {
    fn issuer(&self, tenant: &str) -> String {
        format!("{}/{tenant}/v2.0", self.origin)
    }

    fn count(&self, change: impl FnOnce(&mut EntraCounters)) {
        self.counters.send_modify(change);
    }
}

impl fmt::Debug for Entra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entra")
            .field("origin", &self.shared.origin)
            .finish_non_exhaustive()
    }
}
