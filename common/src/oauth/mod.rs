//! Token requests at the provider (RFC 6749 §4.1.3 and §6).
//!
//! The request is made by `oauth2`, over an HTTP client that follows no redirect, speaks nothing but
//! HTTPS and reads no more than 64 KiB. What comes back is either [`IssuedTokens`] or a
//! [`TokenFailure`] that says what to do next. No error carries a body, a token or a URL.

mod advice;
mod authorize;
mod failure;
mod http;

pub mod discovery;
pub mod id_token;

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use oauth2::basic::{
    BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AuthType, AuthorizationCode, ClientId, EndpointNotSet, EndpointSet, PkceCodeVerifier,
    RedirectUrl, RequestTokenError, Scope, StandardRevocableToken, StandardTokenResponse,
    TokenResponse, TokenUrl,
};
use serde::{Deserialize, Serialize};
use url::Url;

pub use self::advice::advice;
pub use self::authorize::{Authorization, admin_consent_url};
pub use self::failure::{Refusal, TokenFailure};
use self::http::{Call, Meta};
pub use self::http::{Http, HttpError};
use crate::client_secret::ClientSecret;
use crate::clock::Clock;
use crate::grant::{IdToken, IssuedTokens, RefreshToken};
use crate::mailbox::Settings;
use crate::secret::AccessToken;

/// An access token whose answer states no life lives an hour, as most do.
const DEFAULT_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// The token endpoint of a mailbox's provider.
pub struct TokenEndpoint<'a, C> {
    /// The mailbox.
    pub settings: &'a Settings,
    /// The secret of its app registration.
    pub client_secret: &'a ClientSecret,
    /// The way there.
    pub http: &'a Http,
    /// What the life of a token is counted by.
    pub clock: &'a C,
}

/// The id token, kept apart from the fields that `oauth2` knows.
#[derive(Serialize, Deserialize)]
struct OpenId {
    id_token: Option<String>,
}

impl std::fmt::Debug for OpenId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenId([redacted])")
    }
}

impl oauth2::ExtraTokenFields for OpenId {}

type Answer = StandardTokenResponse<OpenId, BasicTokenType>;

type Client = oauth2::Client<
    Refusal,
    Answer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

impl<C: Clock> TokenEndpoint<'_, C> {
    /// Redeems the code that a consent brought.
    ///
    /// # Errors
    ///
    /// When the provider refuses, cannot be reached or answers something else than tokens.
    pub async fn redeem(
        &self,
        code: String,
        verifier: String,
        redirect_uri: &Url,
    ) -> Result<IssuedTokens, TokenFailure> {
        let redirect = RedirectUrl::from_url(redirect_uri.clone());
        let client = self.client().set_redirect_uri(redirect);
        let request = client
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier));
        let call = self.call();
        let start = self.clock.now();
        issued(request.request_async(&call).await, start, call.meta())
    }

    /// Redeems a refresh token for the scopes of its grant.
    ///
    /// # Errors
    ///
    /// As [`TokenEndpoint::redeem`].
    pub async fn refresh(
        &self,
        refresh_token: &RefreshToken,
        scopes: &str,
    ) -> Result<IssuedTokens, TokenFailure> {
        let client = self.client();
        let token = oauth2::RefreshToken::new(refresh_token.expose().to_owned());
        let request = client
            .exchange_refresh_token(&token)
            .add_scopes(asked_again(scopes).map(Scope::new));
        let call = self.call();
        let start = self.clock.now();
        issued(request.request_async(&call).await, start, call.meta())
    }

    fn call(&self) -> Call<'_> {
        Call {
            http: self.http,
            meta: Mutex::default(),
        }
    }

    fn client(&self) -> Client {
        oauth2::Client::new(ClientId::new(self.settings.client_id.clone()))
            .set_client_secret(oauth2::ClientSecret::new(
                self.client_secret.expose().to_owned(),
            ))
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(TokenUrl::from_url(self.settings.token_endpoint.clone()))
    }
}

/// The scopes of a refresh: those of the grant, and always `offline_access`, without which the answer
/// brings no next refresh token.
fn asked_again(scopes: &str) -> impl Iterator<Item = String> {
    let offline = (!scopes
        .split_whitespace()
        .any(|scope| scope == "offline_access"))
    .then_some("offline_access");
    scopes.split_whitespace().chain(offline).map(str::to_owned)
}

fn issued(
    answer: Result<Answer, RequestTokenError<HttpError, Refusal>>,
    start: Timestamp,
    meta: Meta,
) -> Result<IssuedTokens, TokenFailure> {
    let answer = answer.map_err(|error| TokenFailure::from_request(error, meta))?;
    let life = answer
        .expires_in()
        .and_then(|life| SignedDuration::try_from(life).ok())
        .unwrap_or(DEFAULT_LIFE);
    let granted = |scopes: &Vec<Scope>| {
        scopes
            .iter()
            .map(|scope| scope.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    };
    Ok(IssuedTokens {
        access_token: AccessToken::new(answer.access_token().secret().clone()),
        refresh_token: answer
            .refresh_token()
            .map(|token| RefreshToken::new(token.secret().clone())),
        scopes: answer.scopes().map(granted),
        id_token: answer.extra_fields().id_token.clone().map(IdToken::new),
        obtained_at: start,
        expires_at: start.checked_add(life).unwrap_or(Timestamp::MAX),
    })
}

#[cfg(test)]
mod tests;
