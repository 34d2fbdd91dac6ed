//! The token endpoint.

use std::sync::Arc;

use anyhow::Result;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::super::directory::{CONSUMER_TENANT, SignIn, Tenant};
use super::super::lock;
use super::Shared;
use super::aadsts::Refusal;
use super::faults::{Field, GrantType, TokenEffect};
use super::grants::{Code, Grant};
use super::record::{ClientAuthentication, TokenOutcome, TokenRequest};
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

/// The parameters of a token request.
struct Parameters {
    pairs: Vec<(String, String)>,
    basic: Option<(String, String)>,
    grant_type: Option<GrantType>,
    is_form: bool,
}

impl Parameters {
    fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        let is_form = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
        let pairs: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
        let grant_type = pairs.iter().find(|(name, _)| name == "grant_type");
        let grant_type = match grant_type.map(|(_, value)| value.as_str()) {
            Some("authorization_code") => Some(GrantType::AuthorizationCode),
            Some("refresh_token") => Some(GrantType::RefreshToken),
            Some(_) | None => None,
        };
        Self {
            pairs,
            basic: basic_credentials(headers),
            grant_type,
            is_form,
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| missing(name))
    }

    fn client_id(&self) -> Option<&str> {
        let basic = self.basic.as_ref().map(|(id, _)| id.as_str());
        basic.or_else(|| self.get("client_id"))
    }

    fn client_secret(&self) -> Option<&str> {
        let basic = self.basic.as_ref().map(|(_, secret)| secret.as_str());
        basic.or_else(|| self.get("client_secret"))
    }

    fn client_authentication(&self) -> ClientAuthentication {
        match (&self.basic, self.get("client_secret")) {
            (Some(_), _) => ClientAuthentication::Basic,
            (None, Some(_)) => ClientAuthentication::Body,
            (None, None) => ClientAuthentication::None,
        }
    }

    fn owner(&self, entra: &Shared) -> Option<String> {
        let value = match self.grant_type? {
            GrantType::AuthorizationCode => self.get("code")?,
            GrantType::RefreshToken => self.get("refresh_token")?,
        };
        lock(&entra.grants).owner(value).map(str::to_owned)
    }
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

    fn tokens(
        &self,
        grant: &Grant,
        scopes: &Scopes,
        nonce: Option<&str>,
        with_refresh_token: bool,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        match self
            .directory
            .account(&grant.account)
            .map(|account| account.sign_in)
        {
            Some(SignIn::Allowed) => {}
            Some(SignIn::Disabled | SignIn::Shared) => return Err(Refusal::numbered(50057)),
            None => return Err(Refusal::numbered(50034)),
        }
        let resource = scopes.resource()?;
        let failed = |_| Refusal::numbered(50033);
        let access = self
            .issue_access_token(grant, scopes, resource, now)
            .map_err(failed)?;
        let mut answer = Map::new();
        answer.insert("token_type".to_owned(), json!("Bearer"));
        answer.insert("scope".to_owned(), json!(scopes.answer(resource)));
        answer.insert("expires_in".to_owned(), json!(access.seconds));
        answer.insert("ext_expires_in".to_owned(), json!(access.seconds));
        answer.insert("access_token".to_owned(), json!(access.value));
        if with_refresh_token {
            let characters = lock(&self.behaviour).refresh_token_characters;
            let token = lock(&self.grants).issue_refresh_token(grant.clone(), now, characters);
            answer.insert("refresh_token".to_owned(), json!(token));
        }
        if scopes.has("openid") {
            let token = self.id_token(grant, scopes, nonce, now).map_err(failed)?;
            lock(&self.grants).note_issued(&token);
            answer.insert("id_token".to_owned(), json!(token));
        }
        Ok(answer)
    }

    fn id_token(
        &self,
        grant: &Grant,
        scopes: &Scopes,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<String> {
        let account = self.directory.account(&grant.account);
        let mut claims = json!({
            "aud": grant.client_id,
            "iss": self.issuer(&grant.tenant),
            "iat": now.as_second(),
            "nbf": now.as_second(),
            "exp": now.as_second() + 3600,
            "oid": account.as_ref().map(|account| &account.object_id),
            "sub": super::super::id::named_guid(&grant.client_id, &grant.account),
            "tid": grant.tenant,
            "ver": "2.0",
        });
        if scopes.has("profile") {
            claims["preferred_username"] = json!(grant.account);
            claims["name"] = json!(account.map(|account| account.display_name));
        }
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        self.key.sign(&claims)
    }

    /// The tenant named in a path. Single-tenant applications, which all are here, cannot use the shared names.
    pub(super) fn tenant_of_path(&self, name: &str) -> Result<Tenant, Refusal> {
        if matches!(name, "common" | "organizations") {
            return Err(Refusal::numbered(50194));
        }
        self.directory.tenant(name).ok_or_else(|| {
            Refusal::numbered(90002).saying(format!(
                "Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing into the \
                 correct cloud. Check with your subscription administrator, this may happen if there are no active \
                 subscriptions for the tenant."
            ))
        })
    }

    fn check_client(
        &self,
        client_id: &str,
        secret: Option<&str>,
        tenant: &Tenant,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let app = self
            .directory
            .app(client_id)
            .filter(|app| app.tenant == tenant.id);
        let app = app.ok_or_else(|| {
            Refusal::numbered(700_016).saying(format!(
                "Application with identifier '{client_id}' was not found in the directory '{}'. This can happen if the \
                 application has not been installed by the administrator of the tenant or consented to by any user in \
                 the tenant. You may have sent your authentication request to the wrong tenant.",
                tenant.id
            ))
        })?;
        if !app.enabled {
            return Err(Refusal::numbered(7_000_112));
        }
        let secret = secret.ok_or_else(|| Refusal::numbered(7_000_218))?;
        let known = app.secrets.iter().find(|known| known.value == secret);
        let known = known.ok_or_else(|| {
            Refusal::numbered(7_000_215).saying(format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret \
                 value, not the client secret ID, for a secret added to app '{}'.",
                app.client_id
            ))
        })?;
        if known.expires_at <= now {
            return Err(Refusal::numbered(7_000_222));
        }
        Ok(app.client_id)
    }

    fn record(&self, tenant: &str, parameters: &Parameters, outcome: TokenOutcome) {
        self.count(|counters| {
            match parameters.grant_type {
                Some(GrantType::AuthorizationCode) => counters.code_redemptions += 1,
                Some(GrantType::RefreshToken) => counters.refreshes += 1,
                None => {}
            }
            counters.issued += u64::from(outcome == TokenOutcome::Issued);
        });
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

fn missing(parameter: &str) -> Refusal {
    Refusal::numbered(900_144).saying(format!(
        "The request body must contain the following parameter: '{parameter}'."
    ))
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

/// HTTP Basic as RFC 6749 §2.3.1 has it: both halves form-encoded.
fn basic_credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let encoded = value.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decoded(id), form_decoded(secret)))
}

fn form_decoded(text: &str) -> String {
    let line = format!("v={text}");
    let value = form_urlencoded::parse(line.as_bytes()).next();
    value
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
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
