//! The OpenID discovery document and the signing key.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Shared;
use super::aadsts::Refusal;
use super::token::refused;

pub(super) async fn document(
    State(entra): State<Arc<Shared>>,
    Path(tenant): Path<String>,
) -> Response {
    entra.count(|counters| counters.discovery += 1);
    let Some(found) = entra.directory.tenant(&tenant) else {
        let refusal = Refusal::numbered(90002)
            .with_error("invalid_tenant")
            .saying(format!("Tenant '{tenant}' not found."));
        return refused(&refusal, entra.clock.now(), None);
    };
    let base = format!("{}/{}", entra.origin, found.id);
    Json(json!({
        "issuer": entra.issuer(&found.id),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name", "tid", "oid", "ver"],
        "request_uri_parameter_supported": false,
        "tenant_region_scope": "EU",
    }))
    .into_response()
}

pub(super) async fn keys(State(entra): State<Arc<Shared>>, Path(tenant): Path<String>) -> Response {
    match entra.directory.tenant(&tenant) {
        Some(_) => Json(json!({ "keys": [entra.key.jwk()] })).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
