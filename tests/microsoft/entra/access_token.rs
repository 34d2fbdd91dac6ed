//! Access tokens: making them, and judging them as Exchange does.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::id::{named_guid, random_below, random_string};
use super::super::lock;
use super::Shared;
use super::grants::Grant;
use super::scope::{self, Scopes};

/// Whom an accepted access token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// The user principal name.
    pub upn: String,
    /// The object id.
    pub object_id: String,
    /// The tenant's GUID.
    pub tenant: String,
}

/// Why Exchange does not accept an access token. Exchange itself says 535 5.7.3 to all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    /// It is none of ours, or was altered.
    NotOurs,
    /// Its time is over.
    Expired,
    /// It is for another service.
    Audience(String),
    /// It does not allow to send.
    Scope(String),
    /// It was ended before its time.
    Ended,
    /// Its account is gone or disabled.
    Account,
}

impl fmt::Display for NotAccepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOurs => f.write_str("the token was not issued here"),
            Self::Expired => f.write_str("the token has expired"),
            Self::Audience(audience) => write!(f, "the token is for {audience}"),
            Self::Scope(scope) => write!(f, "the token allows only {scope}"),
            Self::Ended => f.write_str("the token was ended"),
            Self::Account => f.write_str("the token's account cannot sign in"),
        }
    }
}

impl std::error::Error for NotAccepted {}

/// A fresh access token.
pub(super) struct AccessToken {
    pub(super) value: String,
    pub(super) seconds: i64,
}

impl Shared {
    pub(super) fn issue_access_token(
        &self,
        grant: &Grant,
        scopes: &Scopes,
        resource: &str,
        now: Timestamp,
    ) -> anyhow::Result<AccessToken> {
        let behaviour = lock(&self.behaviour).clone();
        let (shortest, longest) = behaviour.access_token_life;
        let spread = longest.saturating_sub(shortest).as_secs();
        let seconds = shortest.as_secs() + random_below(spread + 1);
        let seconds = i64::try_from(seconds)?;
        let id = random_string(22);
        let object_id = self
            .directory
            .account(&grant.account)
            .map(|account| account.object_id);
        let mut claims = json!({
            "aud": resource,
            "iss": format!("https://sts.windows.net/{}/", grant.tenant),
            "iat": now.as_second(),
            "nbf": now.as_second(),
            "exp": now.checked_add(SignedDuration::from_secs(seconds))?.as_second(),
            "appid": grant.client_id,
            "oid": object_id,
            "scp": scopes.claim(),
            "sub": named_guid(&grant.client_id, &grant.account),
            "tid": grant.tenant,
            "upn": grant.account,
            "uti": id,
            "ver": "1.0",
        });
        let mut value = self.key.sign(&claims)?;
        let missing = behaviour
            .access_token_characters
            .saturating_sub(value.len());
        if missing > 0 {
            // Three octets of a claim are four characters of the token.
            let padding = missing.saturating_sub(18) * 3 / 4 + 3;
            claims["xms_pftexp"] = Value::String(random_string(padding));
            value = self.key.sign(&claims)?;
        }
        lock(&self.grants).note_access_token(id, &grant.account, &value);
        Ok(AccessToken { value, seconds })
    }

    pub(super) fn check_access_token(&self, token: &str) -> Result<Bearer, NotAccepted> {
        let claims = self.key.verify(token).map_err(|_| NotAccepted::NotOurs)?;
        let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
        let expires_at = claims["exp"].as_i64().unwrap_or(0);
        if expires_at <= self.clock.now().as_second() {
            return Err(NotAccepted::Expired);
        }
        if !scope::is_exchange(&text("aud")) {
            return Err(NotAccepted::Audience(text("aud")));
        }
        let scope = text("scp");
        if !scope
            .split(' ')
            .any(|name| matches!(name, "SMTP.Send" | ".default"))
        {
            return Err(NotAccepted::Scope(scope));
        }
        if lock(&self.grants).is_ended(&text("uti")) {
            return Err(NotAccepted::Ended);
        }
        match self.directory.account(&text("upn")) {
            Some(account) if account.sign_in == super::super::SignIn::Allowed => Ok(Bearer {
                upn: account.upn,
                object_id: account.object_id,
                tenant: account.tenant,
            }),
            Some(_) | None => Err(NotAccepted::Account),
        }
    }
}
