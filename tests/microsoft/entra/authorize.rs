//! The authorize endpoint: judging a request before a person sees a page.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use jiff::Timestamp;
use url::form_urlencoded;

use super::super::directory::{App, Tenant};
use super::super::id::random_string;
use super::super::lock;
use super::Shared;
use super::aadsts::Refusal;
use super::answer::{self, ResponseMode};
use super::grants::Challenge;
use super::pages;
use super::record::AuthorizeRequest;
use super::scope::Scopes;

/// A judged request, waiting for a person.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) tenant: Tenant,
    pub(super) client_id: String,
    pub(super) app_name: String,
    pub(super) redirect_uri: String,
    pub(super) mode: ResponseMode,
    pub(super) state: Option<String>,
    pub(super) purpose: Purpose,
    pub(super) login_hint: Option<String>,
    pub(super) account: Option<String>,
}

/// What the request is for.
#[derive(Clone)]
pub(super) enum Purpose {
    /// A code for one account.
    Code {
        scopes: Scopes,
        nonce: Option<String>,
        challenge: Option<Challenge>,
        /// `prompt=consent`: ask even if it was granted before.
        ask_again: bool,
    },
    /// An administrator's consent for everybody.
    AdminConsent { scope: String },
}

impl Request {
    pub(super) fn permissions(&self) -> Vec<String> {
        match &self.purpose {
            Purpose::Code { scopes, .. } => {
                let mut all: Vec<_> = scopes.permissions().map(|one| one.to_string()).collect();
                all.extend(
                    ["openid", "profile", "email", "offline_access"]
                        .into_iter()
                        .filter(|scope| scopes.has(scope))
                        .map(str::to_owned),
                );
                all
            }
            Purpose::AdminConsent { scope } => {
                scope.split_whitespace().map(str::to_owned).collect()
            }
        }
    }

    pub(super) fn is_for_tenant(&self) -> bool {
        match self.purpose {
            Purpose::Code { .. } => false,
            Purpose::AdminConsent { .. } => true,
        }
    }

    pub(super) fn refuse(&self, refusal: &Refusal) -> Response {
        let fields = answer::refusal_fields(refusal, self.state.as_deref());
        answer::send(&self.redirect_uri, self.mode, &fields)
    }
}

pub(super) async fn authorize(
    State(entra): State<Arc<Shared>>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = Query::parse(query.as_deref());
    lock(&entra.authorize_requests).push(query.record(&tenant, entra.clock.now()));
    entra.count(|counters| counters.authorize += 1);
    let (tenant, app) = match entra.application(&tenant, &query) {
        Ok(found) => found,
        Err(refusal) => return pages::refused(&refusal),
    };
    let redirect_uri = match redirect_uri(&app, &query) {
        Ok(redirect_uri) => redirect_uri,
        Err(refusal) => return pages::refused(&refusal),
    };
    let mode = ResponseMode::parse(query.get("response_mode"));
    let state = query.get("state").map(str::to_owned);
    let request = purpose(&query, mode).map(|purpose| Request {
        tenant,
        client_id: app.client_id,
        app_name: app.display_name,
        redirect_uri: redirect_uri.clone(),
        mode: mode.unwrap_or(ResponseMode::Query),
        state: state.clone(),
        purpose,
        login_hint: query.get("login_hint").map(str::to_owned),
        account: None,
    });
    match request {
        Ok(request) => entra.show(request),
        Err(refusal) => {
            let fields = answer::refusal_fields(&refusal, state.as_deref());
            answer::send(&redirect_uri, mode.unwrap_or(ResponseMode::Query), &fields)
        }
    }
}

/// The parameters of a request.
pub(super) struct Query(HashMap<String, String>);

impl Query {
    pub(super) fn parse(query: Option<&str>) -> Self {
        let query = query.unwrap_or_default().as_bytes();
        Self(form_urlencoded::parse(query).into_owned().collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    fn record(&self, tenant: &str, at: Timestamp) -> AuthorizeRequest {
        let get = |name: &str| self.get(name).map(str::to_owned);
        let mut parameters: Vec<String> = self.0.keys().cloned().collect();
        parameters.sort();
        AuthorizeRequest {
            at,
            tenant: tenant.to_owned(),
            client_id: get("client_id"),
            redirect_uri: get("redirect_uri"),
            response_mode: get("response_mode"),
            scope: get("scope"),
            prompt: get("prompt"),
            login_hint: get("login_hint"),
            code_challenge_method: get("code_challenge_method"),
            parameters,
        }
    }

    fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| {
            Refusal::numbered(900_144).saying(format!(
                "The request body must contain the following parameter: '{name}'."
            ))
        })
    }
}

impl Shared {
    /// The tenant and the application of a request: without them, nobody is sent anywhere.
    pub(super) fn application(
        &self,
        tenant: &str,
        query: &Query,
    ) -> Result<(Tenant, App), Refusal> {
        let tenant = self.tenant_of_path(tenant)?;
        let client_id = query.required("client_id")?;
        let app = self
            .directory
            .app(client_id)
            .filter(|app| app.tenant == tenant.id);
        let app = app.ok_or_else(|| {
            Refusal::numbered(700_016).saying(format!(
                "Application with identifier '{client_id}' was not found in the directory '{}'.",
                tenant.id
            ))
        })?;
        if !app.enabled {
            return Err(Refusal::numbered(7_000_112));
        }
        Ok((tenant, app))
    }

    /// Keeps the request and shows the first page to the person, by way of another origin where one is set up.
    pub(super) fn show(&self, request: Request) -> Response {
        let id = random_string(32);
        let tenant = request.tenant.id.clone();
        lock(&self.requests).insert(id.clone(), request);
        if self.sign_in_origin == self.origin {
            self.first_page(&id)
        } else {
            answer::redirect(&format!(
                "{}/{tenant}/login?request={id}",
                self.sign_in_origin
            ))
        }
    }
}

/// The redirect URI, which has to be one of the registered ones, character for character.
pub(super) fn redirect_uri(app: &App, query: &Query) -> Result<String, Refusal> {
    if app.redirect_uris.is_empty() {
        return Err(Refusal::numbered(500_113));
    }
    let wanted = query
        .get("redirect_uri")
        .ok_or_else(|| Refusal::numbered(900_971))?;
    if app.redirect_uris.iter().any(|known| known == wanted) {
        return Ok(wanted.to_owned());
    }
    Err(Refusal::numbered(50011).saying(format!(
        "The redirect URI '{wanted}' specified in the request does not match the redirect URIs configured for the \
         application '{}'. Make sure the redirect URI sent in the request matches one added to your application in the \
         Azure portal. Navigate to https://aka.ms/redirectUriMismatchError to learn more about how to troubleshoot this \
         error.",
        app.client_id
    )))
}

fn purpose(query: &Query, mode: Option<ResponseMode>) -> Result<Purpose, Refusal> {
    let response_type = query.required("response_type")?;
    if response_type != "code" {
        return Err(Refusal::numbered(700_054).saying(format!(
            "response_type '{response_type}' is not enabled for the application."
        )));
    }
    if mode.is_none() {
        return Err(Refusal::numbered(90023).saying("The response_mode is not supported."));
    }
    let prompt = query.get("prompt");
    if prompt == Some("none") {
        return Err(Refusal::numbered(50058));
    }
    if !matches!(
        prompt,
        None | Some("login" | "consent" | "select_account" | "create")
    ) {
        return Err(Refusal::numbered(90023).saying("The prompt is not supported."));
    }
    let hinted = query
        .get("login_hint")
        .or_else(|| query.get("sid"))
        .is_some();
    if prompt == Some("select_account") && hinted {
        return Err(Refusal::numbered(90023).saying(
            "The prompt 'select_account' and an account hint ('login_hint' or 'sid') exclude each other.",
        ));
    }
    Ok(Purpose::Code {
        scopes: Scopes::parse(query.required("scope")?)?,
        nonce: query.get("nonce").map(str::to_owned),
        challenge: challenge(query)?,
        ask_again: prompt == Some("consent"),
    })
}

fn challenge(query: &Query) -> Result<Option<Challenge>, Refusal> {
    let Some(challenge) = query.get("code_challenge") else {
        return Ok(None);
    };
    if !(43..=128).contains(&challenge.len()) {
        return Err(Refusal::numbered(501_491));
    }
    match query.get("code_challenge_method") {
        Some("S256") => Ok(Some(Challenge::S256(challenge.to_owned()))),
        None | Some("plain") => Ok(Some(Challenge::Plain(challenge.to_owned()))),
        Some(_) => {
            Err(Refusal::numbered(90023).saying("The code_challenge_method is not supported."))
        }
    }
}
