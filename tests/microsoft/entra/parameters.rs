//! The parameters of a token request, as form fields and HTTP Basic bring them.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use super::super::lock;
use super::Shared;
use super::aadsts::Refusal;
use super::faults::GrantType;
use super::record::ClientAuthentication;

/// The parameters of a token request.
pub(super) struct Parameters {
    pub(super) pairs: Vec<(String, String)>,
    basic: Option<(String, String)>,
    pub(super) grant_type: Option<GrantType>,
    pub(super) is_form: bool,
}

impl Parameters {
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Self {
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

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| missing(name))
    }

    pub(super) fn client_id(&self) -> Option<&str> {
        let basic = self.basic.as_ref().map(|(id, _)| id.as_str());
        basic.or_else(|| self.get("client_id"))
    }

    pub(super) fn client_secret(&self) -> Option<&str> {
        let basic = self.basic.as_ref().map(|(_, secret)| secret.as_str());
        basic.or_else(|| self.get("client_secret"))
    }

    pub(super) fn client_authentication(&self) -> ClientAuthentication {
        match (&self.basic, self.get("client_secret")) {
            (Some(_), _) => ClientAuthentication::Basic,
            (None, Some(_)) => ClientAuthentication::Body,
            (None, None) => ClientAuthentication::None,
        }
    }

    pub(super) fn owner(&self, entra: &Shared) -> Option<String> {
        let value = match self.grant_type? {
            GrantType::AuthorizationCode => self.get("code")?,
            GrantType::RefreshToken => self.get("refresh_token")?,
        };
        lock(&entra.grants).owner(value).map(str::to_owned)
    }
}

/// The refusal for a parameter that is not there.
pub(super) fn missing(parameter: &str) -> Refusal {
    Refusal::numbered(900_144).saying(format!(
        "The request body must contain the following parameter: '{parameter}'."
    ))
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
