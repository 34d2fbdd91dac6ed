//! A person at the pages: picks an account, accepts or cancels, and is sent back.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use jiff::SignedDuration;
use serde::Deserialize;

use super::super::directory::{Account, ConsentPolicy, Role, SignIn};
use super::super::id::random_guid;
use super::super::lock;
use super::Shared;
use super::aadsts::Refusal;
use super::answer::{self, ResponseMode};
use super::authorize::{Purpose, Query, Request};
use super::grants::{Code, Grant};
use super::pages::{self, IsHinted};

/// A press on the account picker.
#[derive(Deserialize)]
pub(super) struct Choice {
    request: String,
    #[serde(default)]
    account: String,
}

/// A press on the consent page.
#[derive(Deserialize)]
pub(super) struct Decision {
    request: String,
    decision: String,
}

pub(super) async fn page(
    State(entra): State<Arc<Shared>>,
    Path(_tenant): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    match Query::parse(query.as_deref()).get("request") {
        Some(id) => entra.first_page(id),
        None => pages::refused(&Refusal::numbered(90014)),
    }
}

pub(super) async fn choose(
    State(entra): State<Arc<Shared>>,
    Path(_tenant): Path<String>,
    Form(choice): Form<Choice>,
) -> Response {
    let Some(request) = entra.request(&choice.request) else {
        return pages::refused(&Refusal::numbered(50089));
    };
    if choice.account.is_empty() {
        return entra.picker(&choice.request, &request);
    }
    let account = match entra.sign_in(&choice.account, &request) {
        Ok(account) => account,
        Err(refusal) => return pages::refused(&refusal),
    };
    entra.keep_account(&choice.request, &account);
    if let Some(refusal) = entra.refusal_of(&account) {
        return request.refuse(&refusal);
    }
    match &request.purpose {
        Purpose::AdminConsent { .. } => pages::consent(&choice.request, &request, &account),
        Purpose::Code {
            scopes, ask_again, ..
        } => {
            let consented = lock(&entra.grants).has_consented(
                &account.upn,
                &request.client_id,
                &request.tenant.id,
                scopes,
            );
            let policy = entra
                .directory
                .app(&request.client_id)
                .map(|app| app.consent);
            let only_administrators = match policy {
                Some(ConsentPolicy::AdministratorOnly) => true,
                Some(ConsentPolicy::MicrosoftManaged) => scopes.needs_administrator(),
                Some(ConsentPolicy::Users) | None => false,
            };
            if consented && !ask_again {
                entra.answer_with_code(&request, &account.upn)
            } else if only_administrators && account.role != Role::Administrator {
                pages::admin_approval(&choice.request, &request, &account)
            } else {
                pages::consent(&choice.request, &request, &account)
            }
        }
    }
}

pub(super) async fn decide(
    State(entra): State<Arc<Shared>>,
    Path(_tenant): Path<String>,
    Form(decision): Form<Decision>,
) -> Response {
    let Some(request) = entra.request(&decision.request) else {
        return pages::refused(&Refusal::numbered(50089));
    };
    let Some(account) = request.account.clone() else {
        return entra.first_page(&decision.request);
    };
    match (decision.decision.as_str(), &request.purpose) {
        ("accept", Purpose::Code { scopes, .. }) => {
            lock(&entra.grants).consent(&account, &request.client_id, scopes);
            entra.answer_with_code(&request, &account)
        }
        ("accept", Purpose::AdminConsent { scope }) => {
            lock(&entra.grants).consent_for_tenant(&request.tenant.id, &request.client_id);
            let fields = [
                Some(("admin_consent", "True".to_owned())),
                Some(("tenant", request.tenant.id.clone())),
                request.state.clone().map(|state| ("state", state)),
                Some(("scope", scope.clone())),
            ];
            let fields: Vec<(String, String)> = fields
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            answer::send(&request.redirect_uri, ResponseMode::Query, &fields)
        }
        ("return", _) => request.refuse(&Refusal::numbered(90094)),
        (_, _) => request.refuse(&Refusal::numbered(65004)),
    }
}

impl Shared {
    /// The first page for a request: the hinted account if there is one, the picker otherwise.
    pub(super) fn first_page(&self, id: &str) -> Response {
        let Some(request) = self.request(id) else {
            return pages::refused(&Refusal::numbered(50089));
        };
        let hinted = request
            .login_hint
            .as_deref()
            .and_then(|hint| self.directory.account(hint));
        match hinted {
            Some(account) => pages::picker(id, &request, &[account], IsHinted::Yes),
            None => self.picker(id, &request),
        }
    }

    fn picker(&self, id: &str, request: &Request) -> Response {
        pages::picker(id, request, &self.directory.people(), IsHinted::No)
    }

    fn request(&self, id: &str) -> Option<Request> {
        lock(&self.requests).get(id).cloned()
    }

    fn refusal_of(&self, account: &Account) -> Option<Refusal> {
        let mut refusals = lock(&self.authorize_refusals);
        let first = refusals
            .iter()
            .position(|(upn, _)| upn.eq_ignore_ascii_case(&account.upn))?;
        Some(refusals.remove(first).1)
    }

    fn keep_account(&self, id: &str, account: &Account) {
        if let Some(request) = lock(&self.requests).get_mut(id) {
            request.account = Some(account.upn.clone());
        }
    }

    fn sign_in(&self, upn: &str, request: &Request) -> Result<Account, Refusal> {
        let account = self
            .directory
            .account(upn)
            .ok_or_else(|| Refusal::numbered(50034))?;
        match account.sign_in {
            SignIn::Allowed => {}
            SignIn::Disabled | SignIn::Shared => return Err(Refusal::numbered(50057)),
        }
        if account.tenant != request.tenant.id {
            return Err(Refusal::numbered(50020).saying(format!(
                "User account '{upn}' from identity provider '{}' does not exist in tenant '{}' and cannot access the \
                 application '{}'({}) in that tenant. The account needs to be added as an external user in the tenant \
                 first. Sign out and sign in again with a different Microsoft Entra ID user account.",
                account.tenant, request.tenant.id, request.client_id, request.app_name
            )));
        }
        if request.is_for_tenant() && account.role != Role::Administrator {
            return Err(Refusal::numbered(90094));
        }
        Ok(account)
    }

    fn answer_with_code(&self, request: &Request, account: &str) -> Response {
        let Purpose::Code {
            scopes,
            nonce,
            challenge,
            ..
        } = &request.purpose
        else {
            return request.refuse(&Refusal::numbered(90023));
        };
        let life = lock(&self.behaviour).code_life;
        let life = SignedDuration::try_from(life).unwrap_or(SignedDuration::MAX);
        let code = lock(&self.grants).issue_code(Code {
            grant: Grant {
                client_id: request.client_id.clone(),
                tenant: request.tenant.id.clone(),
                account: account.to_owned(),
                scopes: scopes.clone(),
            },
            redirect_uri: request.redirect_uri.clone(),
            nonce: nonce.clone(),
            challenge: challenge.clone(),
            expires_at: self
                .clock
                .now()
                .saturating_add(life)
                .unwrap_or(jiff::Timestamp::MAX),
            redeemed: false,
        });
        self.count(|counters| counters.codes += 1);
        let mut fields = vec![("code".to_owned(), code)];
        fields.extend(
            request
                .state
                .clone()
                .map(|state| ("state".to_owned(), state)),
        );
        fields.push(("session_state".to_owned(), random_guid()));
        answer::send(&request.redirect_uri, request.mode, &fields)
    }
}
