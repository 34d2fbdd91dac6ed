//! Who signed in, by the id token.
//!
//! The token comes straight from the token endpoint over TLS, which stands in for its signature (OpenID Connect
//! Core §3.1.3.7, number 6). Everything else is checked: issuer, directory, audience, times, nonce. A token that
//! reached us in any other way must not be given to this module.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::discovery::Issuer;
use crate::consent::Nonce;
use crate::grant::{Account, IdToken};
use crate::mailbox::Settings;

/// How far the provider's clock and ours may be apart.
pub const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What an id token has to say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Who issues it, and for which directory.
    pub issuer: &'a Issuer,
    /// For which app, and in which claim the account's name stands.
    pub settings: &'a Settings,
    /// For which attempt.
    pub nonce: &'a Nonce,
    /// At what time.
    pub now: Timestamp,
}

/// Why an id token does not say who signed in. No claim is quoted: they name a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdToken {
    /// It is not a token of three parts with claims in the middle.
    #[error("the id token cannot be read")]
    Malformed,
    /// The account belongs to another directory.
    #[error("the id token is of another directory")]
    Tenant,
    /// Somebody else issued it.
    #[error("the id token is of another issuer")]
    Issuer,
    /// It was issued to another app.
    #[error("the id token is for another app")]
    Audience,
    /// Its time is over, or has not begun.
    #[error("the id token is not valid at this time")]
    Time,
    /// It answers another attempt.
    #[error("the id token answers another sign-in")]
    Nonce,
    /// It names no account, as when the scope `profile` is missing.
    #[error("the id token does not name the account")]
    Anonymous,
}

/// Reads the account out of an id token.
///
/// At Entra the account is its directory's GUID and its own (`tid`, `oid`); at another server the issuer and the
/// subject, which OpenID Connect Core §5.7 calls the one stable name.
///
/// # Errors
///
/// When the token is not the one that was expected.
pub fn account(token: &IdToken, expected: &Expected<'_>) -> Result<Account, InvalidIdToken> {
    let Expected {
        issuer,
        settings,
        nonce,
        now,
    } = *expected;
    let claims = claims(token.expose()).ok_or(InvalidIdToken::Malformed)?;
    let text = |name: &str| {
        claims
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let time = |name: &str| claims.get(name).and_then(seconds);
    // The directory comes first: a person from another one deserves to be told so.
    let tenant = text("tid").map(str::to_ascii_lowercase);
    if let (Some(ours), Some(theirs)) = (&issuer.tenant, &tenant)
        && ours != theirs
    {
        return Err(InvalidIdToken::Tenant);
    }
    if text("iss") != Some(&issuer.name) {
        return Err(InvalidIdToken::Issuer);
    }
    if !is_for(&claims, &settings.client_id) {
        return Err(InvalidIdToken::Audience);
    }
    let (earliest, latest) = (now - SKEW, now + SKEW);
    let ends_later = time("exp").is_some_and(|exp| exp > earliest);
    let has_begun = ["nbf", "iat"]
        .into_iter()
        .filter_map(time)
        .all(|begin| begin <= latest);
    if !ends_later || !has_begun {
        return Err(InvalidIdToken::Time);
    }
    if text("nonce") != Some(nonce.expose()) {
        return Err(InvalidIdToken::Nonce);
    }
    let ids = match &issuer.tenant {
        Some(_) => tenant.zip(text("oid").map(str::to_owned)),
        None => text("sub").map(|subject| (issuer.name.clone(), subject.to_owned())),
    };
    let (tenant_id, object_id) = ids.ok_or(InvalidIdToken::Anonymous)?;
    let name = text(&settings.account_claim).ok_or(InvalidIdToken::Anonymous)?;
    Ok(Account {
        tenant_id,
        object_id,
        name: name.to_owned(),
    })
}

fn claims(token: &str) -> Option<Map<String, Value>> {
    let mut parts = token.split('.');
    let (_, claims, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    // Some servers pad, although RFC 7515 §2 says not to.
    let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&claims).ok()
}

/// The app is the audience, or one of several and then the authorized party too (§3.1.3.7, numbers 3 to 5).
fn is_for(claims: &Map<String, Value>, client_id: &str) -> bool {
    match claims.get("aud") {
        Some(Value::String(audience)) => audience == client_id,
        Some(Value::Array(audiences)) => {
            let party = claims.get("azp").and_then(Value::as_str);
            audiences.iter().any(|audience| audience == client_id)
                && (audiences.len() == 1 || party == Some(client_id))
        }
        Some(_) | None => false,
    }
}

/// A moment in seconds, which JSON may write with a fraction (RFC 7519 §2).
fn seconds(value: &Value) -> Option<Timestamp> {
    let seconds = value.as_i64().or_else(|| {
        let seconds = value.as_f64().filter(|seconds| seconds.abs() < 1e15)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the bound above leaves whole seconds exact"
        )]
        Some(seconds as i64)
    })?;
    Timestamp::from_second(seconds).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mailbox::MailboxId;

    const TENANT: &str = "2f1c0a7e-5b9d-4a3e-9c1d-0e8f7a6b5c4d";

    fn entra() -> Issuer {
        Issuer {
            name: format!("https://login.microsoftonline.com/{TENANT}/v2.0"),
            tenant: Some(TENANT.to_owned()),
        }
    }

    fn other() -> Issuer {
        Issuer {
            name: "https://id.example".to_owned(),
            tenant: None,
        }
    }

    /// Reads good claims after `spoil` has changed them.
    fn read(
        issuer: &Issuer,
        spoil: impl FnOnce(&mut Map<String, Value>),
    ) -> Result<Account, InvalidIdToken> {
        let json = r#"{"address":"billing@contoso.com","tenant":"contoso.com","client_id":"app"}"#;
        let settings = Settings::parse(MailboxId::parse("billing").unwrap(), json).unwrap();
        let nonce = Nonce::random();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let mut claims = json!({
            "iss": issuer.name, "aud": "app", "nonce": nonce.expose(), "sub": "pairwise",
            "iat": 1_799_999_990, "nbf": 1_799_999_990, "exp": 1_800_003_600,
            "tid": TENANT, "oid": "o-1", "preferred_username": "billing@contoso.com",
        });
        spoil(claims.as_object_mut().unwrap());
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let token = format!(
            "{}.{}.c2ln",
            part(&json!({ "alg": "RS256" })),
            part(&claims)
        );
        let expected = Expected {
            issuer,
            settings: &settings,
            nonce: &nonce,
            now,
        };
        account(&IdToken::new(token), &expected)
    }

    fn set(name: &'static str, value: impl Into<Value>) -> impl FnOnce(&mut Map<String, Value>) {
        let value = value.into();
        move |claims| {
            claims.insert(name.to_owned(), value);
        }
    }

    #[test]
    fn the_account_is_named_by_its_ids_and_its_name() {
        let account = read(&entra(), |_| ()).unwrap();
        let parts = [account.tenant_id, account.object_id, account.name];
        assert_eq!(parts, [TENANT, "o-1", "billing@contoso.com"]);
        let account = read(&other(), |claims| {
            claims.retain(|name, _| name != "tid" && name != "oid")
        })
        .unwrap();
        assert_eq!(
            [account.tenant_id, account.object_id],
            ["https://id.example", "pairwise"]
        );
    }

    #[test]
    fn every_claim_that_is_not_as_expected_is_refused_for_its_own_reason() {
        let is_refused = |name: &'static str, value: Value, reason| {
            assert_eq!(
                read(&entra(), set(name, value.clone())),
                Err(reason),
                "{name} {value}"
            );
        };
        is_refused(
            "tid",
            json!("9188040d-6c67-4c5b-b112-36a304b66dad"),
            InvalidIdToken::Tenant,
        );
        is_refused(
            "iss",
            json!("https://login.microsoftonline.com/x/v2.0"),
            InvalidIdToken::Issuer,
        );
        is_refused("iss", json!(null), InvalidIdToken::Issuer);
        for audience in [
            json!("other"),
            json!(["other"]),
            json!(["app", "other"]),
            json!([]),
            json!(null),
        ] {
            is_refused("aud", audience, InvalidIdToken::Audience);
        }
        is_refused("exp", json!(1_799_999_700), InvalidIdToken::Time);
        is_refused("exp", json!("1800003600"), InvalidIdToken::Time);
        is_refused("nbf", json!(1_800_000_301), InvalidIdToken::Time);
        is_refused("iat", json!(1_800_000_301), InvalidIdToken::Time);
        is_refused("nonce", json!("0"), InvalidIdToken::Nonce);
        is_refused("nonce", json!(null), InvalidIdToken::Nonce);
        is_refused("tid", json!(null), InvalidIdToken::Anonymous);
        is_refused("oid", json!(""), InvalidIdToken::Anonymous);
        is_refused(
            "preferred_username",
            json!(["billing@contoso.com"]),
            InvalidIdToken::Anonymous,
        );
    }

    #[test]
    fn clocks_may_be_five_minutes_apart_and_times_may_have_fractions() {
        for (name, value) in [
            ("exp", json!(1_799_999_701)),
            ("iat", json!(1_800_000_300)),
            ("exp", json!(1_800_003_600.5)),
            ("aud", json!(["app"])),
            ("tid", json!(TENANT.to_uppercase())),
        ] {
            assert!(read(&entra(), set(name, value)).is_ok(), "{name}");
        }
    }

    #[test]
    fn an_audience_of_several_names_the_app_as_the_authorized_party() {
        let several = |claims: &mut Map<String, Value>| {
            claims.insert("aud".to_owned(), json!(["app", "other"]));
            claims.insert("azp".to_owned(), json!("app"));
        };
        assert!(read(&entra(), several).is_ok());
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for token in ["", "a", "a.b", "a.b.c", "a.e30.c.d", "a.bnVsbA.c"] {
            assert!(claims(token).is_none(), "{token}");
        }
        assert!(claims("a.e30=.c").is_some());
    }
}
