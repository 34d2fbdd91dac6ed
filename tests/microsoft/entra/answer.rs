//! Sending a person back to the application.

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::response::{IntoResponse, Response};
use url::form_urlencoded;

use super::aadsts::Refusal;
use super::pages;

/// How the answer travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

impl ResponseMode {
    pub(super) fn parse(text: Option<&str>) -> Option<Self> {
        match text {
            None | Some("query") => Some(Self::Query),
            Some("fragment") => Some(Self::Fragment),
            Some("form_post") => Some(Self::FormPost),
            Some(_) => None,
        }
    }
}

/// Sends the fields to the redirect URI.
pub(super) fn send(
    redirect_uri: &str,
    mode: ResponseMode,
    fields: &[(String, String)],
) -> Response {
    let encoded = || {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish()
    };
    let joint = if redirect_uri.contains('?') { '&' } else { '?' };
    match mode {
        ResponseMode::FormPost => pages::form_post(redirect_uri, fields),
        // The empty fragment is Entra's.
        ResponseMode::Query => redirect(&format!("{redirect_uri}{joint}{}#", encoded())),
        ResponseMode::Fragment => redirect(&format!("{redirect_uri}#{}", encoded())),
    }
}

/// The fields of a refusal.
pub(super) fn refusal_fields(refusal: &Refusal, state: Option<&str>) -> Vec<(String, String)> {
    let mut fields = vec![
        ("error".to_owned(), refusal.error.to_owned()),
        ("error_description".to_owned(), refusal.description()),
    ];
    if refusal.number == 65004 {
        fields.push(("error_subcode".to_owned(), "cancel".to_owned()));
    }
    fields.extend(state.map(|state| ("state".to_owned(), state.to_owned())));
    fields
}

pub(super) fn redirect(location: &str) -> Response {
    (
        StatusCode::FOUND,
        [(LOCATION, location), (CACHE_CONTROL, "no-store, no-cache")],
    )
        .into_response()
}
