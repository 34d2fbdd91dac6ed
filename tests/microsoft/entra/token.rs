//! The token endpoint.

use std::sync::Arc;

use anyhow::Result;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::super::directory::{CONSUMER_TENANT, Tenant};
use super::super::lock;
use super::Shared;
use super::aadsts::Refusal;
use super::faults::{Field, GrantType, TokenEffect};
use super::grants::Code;
use super::parameters::{Parameters, missing};
use super::record::{TokenOutcome, TokenRequest};
use super::scope::Scopes;

pub(super) async fn wrong_method(State(entra): State<Arc<Shared>>) -> Response {
    refused(&Refusal::numbered(900_561), entra.clock.now(), None)
}

pub(super) async fn token(
    State(entra): State<Arc<Shared>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let parameters = Parameters::read(&headers, &body);
    let effect = parameters.grant_type.and_then(|grant_type| {
        let account = parameters.owner(&entra);
        entra.faults.take(grant_type, account.as_deref())
    });
    let record = |outcome| {
        entra.record(&tenant, &parameters, outcome);
    };
    match effect {
        Some(TokenEffect::Refuse(refusal)) => {
            record(TokenOutcome::Refused(refusal.number));
            return refused(
                &refusal,
                entra.clock.now(),
                parameters.get("client-request-id"),
            );
        }
        Some(TokenEffect::Answer {
            status,
            content_type,
            body,
            retry_after,
        }) => {
            record(TokenOutcome::Fault(status));
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = (status, [(CONTENT_TYPE, content_type)], body).into_response();
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(RETRY_AFTER, seconds.into());
            }
            return response;
        }
        Some(TokenEffect::Hang) => {
            record(TokenOutcome::Silence);
            return std::future::pending().await;
        }
        Some(TokenEffect::Pause(pause)) => tokio::time::sleep(pause).await,
        Some(TokenEffect::LoseAnswer | TokenEffect::Omit(_) | TokenEffect::Replace(..)) | None => {}
    }

    let now = entra.clock.now();
    let mut answer = match entra.exchange(&tenant, &parameters, &body, now) {
        Ok(answer) => answer,
        Err(refusal) => {
            record(TokenOutcome::Refused(refusal.number));
            return refused(&refusal, now, parameters.get("client-request-id"));
        }
    };
    record(TokenOutcome::Issued);
    match effect {
        Some(TokenEffect::LoseAnswer) => return broken_off(),
        Some(TokenEffect::Omit(field)) => {
            for name in names(field) {
                answer.remove(*name);
            }
        }
        Some(TokenEffect::Replace(field, value)) => {
            for name in names(field) {
                answer.insert((*name).to_owned(), value.clone());
            }
        }
        Some(
            TokenEffect::Refuse(_)
            | TokenEffect::Answer { .. }
            | TokenEffect::Hang
            | TokenEffect::Pause(_),
        )
        | None => {}
    }
    ([(CACHE_CONTROL, "no-store, no-cache")], Json(answer)).into_response()
}

/// A refusal as the token endpoint words it.
pub(super) fn refused(refusal: &Refusal, now: Timestamp, correlation_id: Option<&str>) -> Response {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let body = Json(refusal.body(now, correlation_id));
    (status, [(CACHE_CONTROL, "no-store, no-cache")], body).into_response()
}

impl Shared {
    /// Exchanges a code or a refresh token, under all of Entra's conditions.
    fn exchange(
        &self,
        tenant: &str,
        parameters: &Parameters,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        let mut names: Vec<_> = parameters.pairs.iter().map(|(name, _)| name).collect();
        names.sort();
        if !parameters.is_form || names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Refusal::numbered(9_002_313));
        }
        let tenant = self.tenant_of_path(tenant)?;
        let grant_type = parameters.required("grant_type")?;
        let client_id = parameters.client_id().ok_or_else(|| missing("client_id"))?;
        let client_id = self.check_client(client_id, parameters.client_secret(), &tenant, now)?;
        let loop_limit = lock(&self.behaviour).identical_requests;
        if lock(&self.grants).is_a_loop(body, loop_limit, now) {
            return Err(Refusal::numbered(50196));
        }
        match parameters.grant_type {
            Some(GrantType::AuthorizationCode) => {
                self.exchange_code(&tenant, &client_id, parameters, now)
            }
            Some(GrantType::RefreshToken) => {
                self.exchange_refresh_token(&tenant, &client_id, parameters, now)
            }
            None => Err(Refusal::numbered(70003).saying(format!(
                "The app requested an unsupported grant type '{grant_type}'."
            ))),
        }
    }

    fn exchange_code(
        &self,
        tenant: &Tenant,
        client_id: &str,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        let value = parameters.required("code")?;
        let redirect_uri = parameters.required("redirect_uri")?;
        let verifier = parameters.get("code_verifier");
        let code = lock(&self.grants).redeem_code(
            value,
            client_id,
            &tenant.id,
            redirect_uri,
            verifier,
            now,
        )?;
        let Code { grant, nonce, .. } = code;
        let scopes = narrowed(parameters.get("scope"), &grant.scopes)?;
        let with_refresh_token = grant.scopes.has("offline_access");
        self.tokens(&grant, &scopes, nonce.as_deref(), with_refresh_token, now)
    }

    fn exchange_refresh_token(
        &self,
        tenant: &Tenant,
        client_id: &str,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        let value = parameters.required("refresh_token")?;
        if tenant.id == CONSUMER_TENANT {
            parameters.required("scope")?;
        }
        let behaviour = lock(&self.behaviour).clone();
        let grant = lock(&self.grants)
            .redeem_refresh_token(value, client_id, &tenant.id, &behaviour, now)?;
        let scopes = narrowed(parameters.get("scope"), &grant.scopes)?;
        self.tokens(&grant, &scopes, None, true, now)
    }

    fn record(&self, tenant: &str, parameters: &Parameters, outcome: TokenOutcome) {
        let is_issued = outcome == TokenOutcome::Issued;
        let names = parameters.pairs.iter().map(|(name, _)| name.clone());
        lock(&self.token_requests).push(TokenRequest {
            at: self.clock.now(),
            tenant: tenant.to_owned(),
            grant_type: parameters.grant_type,
            client_id: parameters.client_id().unwrap_or_default().to_owned(),
            client_authentication: parameters.client_authentication(),
            account: parameters.owner(self),
            scope: parameters.get("scope").map(str::to_owned),
            parameters: names.collect(),
            outcome,
        });
        // Whoever waits for the count finds the request.
        self.count(|counters| {
            match parameters.grant_type {
                Some(GrantType::AuthorizationCode) => counters.code_redemptions += 1,
                Some(GrantType::RefreshToken) => counters.refreshes += 1,
                None => {}
            }
            counters.issued += u64::from(is_issued);
        });
    }
}

/// The scopes of this answer: those asked for now, or all that were granted.
fn narrowed(asked: Option<&str>, granted: &Scopes) -> Result<Scopes, Refusal> {
    let Some(asked) = asked else {
        return Ok(granted.clone());
    };
    let scopes = Scopes::parse(asked)?;
    scopes.resource()?;
    if !scopes.is_within(granted) {
        return Err(Refusal::numbered(65001));
    }
    Ok(scopes)
}

fn names(field: Field) -> &'static [&'static str] {
    match field {
        Field::Scope => &["scope"],
        Field::ExpiresIn => &["expires_in", "ext_expires_in"],
        Field::RefreshToken => &["refresh_token"],
        Field::IdToken => &["id_token"],
        Field::AccessToken => &["access_token"],
    }
}

/// An answer that begins and never comes to its end.
fn broken_off() -> Response {
    let pieces = futures_util::stream::iter([
        Ok::<_, std::io::Error>(Bytes::from_static(b"{\"token_type\":")),
        Err(std::io::ErrorKind::ConnectionReset.into()),
    ]);
    (
        [(CONTENT_TYPE, "application/json")],
        Body::from_stream(pieces),
    )
        .into_response()
}
