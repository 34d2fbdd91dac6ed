//! Faults of the token endpoint and of the authorize page: what the simulated Entra does differently, how often and for
//! whom.
//!
//! Faults are kept in order. For each request the first one that matches and is not used up happens, and is counted as
//! used; one for each request.

use std::sync::Mutex;
use std::time::Duration;

use super::super::lock;
use super::aadsts::Refusal;

/// What is asked of the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrantType {
    /// A code is redeemed.
    AuthorizationCode,
    /// A refresh token is redeemed.
    RefreshToken,
}

/// A field of the token endpoint's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `scope`.
    Scope,
    /// `expires_in`, and `ext_expires_in` with it.
    ExpiresIn,
    /// `refresh_token`.
    RefreshToken,
    /// `id_token`.
    IdToken,
    /// `access_token`.
    AccessToken,
}

/// What the token endpoint does differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenEffect {
    /// Refuses.
    Refuse(Refusal),
    /// Answers with this status and body, and with `Retry-After` in seconds when given.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The content type.
        content_type: String,
        /// The body.
        body: String,
        /// The seconds of `Retry-After`.
        retry_after: Option<u32>,
    },
    /// Pauses, then works as usual.
    Pause(Duration),
    /// Never answers.
    Hang,
    /// Works as usual, and the answer breaks off on the way: what was used up is used up.
    LoseAnswer,
    /// Works as usual, and leaves a field out of the answer.
    Omit(Field),
    /// Works as usual, and puts another value into a field of the answer.
    Replace(Field, serde_json::Value),
}

/// One fault of the token endpoint. Without limits it happens every time.
#[derive(Clone, Debug)]
pub struct TokenFault {
    effect: TokenEffect,
    times: Option<u64>,
    skip: u64,
    account: Option<String>,
    grant_type: Option<GrantType>,
}

/// The faults in force, in order.
#[derive(Debug, Default)]
pub(super) struct TokenFaults(Mutex<Vec<TokenFault>>);

impl TokenFault {
    /// An effect for every request.
    #[must_use]
    pub fn new(effect: TokenEffect) -> Self {
        Self {
            effect,
            times: None,
            skip: 0,
            account: None,
            grant_type: None,
        }
    }

    /// The refusal with this AADSTS number.
    #[must_use]
    pub fn aadsts(number: u32) -> Self {
        Self::new(TokenEffect::Refuse(Refusal::numbered(number)))
    }

    /// 429 with `Retry-After`.
    #[must_use]
    pub fn too_many_requests(retry_after_seconds: u32) -> Self {
        Self::new(TokenEffect::Answer {
            status: 429,
            content_type: "application/json".to_owned(),
            body: r#"{"error":"temporarily_unavailable","error_description":"AADSTS90055: The server has terminated an operation because it encountered too many requests.","error_codes":[90055]}"#.to_owned(),
            retry_after: Some(retry_after_seconds),
        })
    }

    /// A page of a proxy instead of Entra's JSON.
    #[must_use]
    pub fn html(status: u16) -> Self {
        Self::new(TokenEffect::Answer {
            status,
            content_type: "text/html; charset=us-ascii".to_owned(),
            body: "<!DOCTYPE html><html><head><title>Service Unavailable</title></head><body><h2>Our services aren't available right now</h2></body></html>".to_owned(),
            retry_after: None,
        })
    }

    /// Happens once.
    #[must_use]
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// Happens so many times.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Spares so many matching requests first.
    #[must_use]
    pub fn after(mut self, requests: u64) -> Self {
        self.skip = requests;
        self
    }

    /// Happens only for codes and refresh tokens of this account.
    #[must_use]
    pub fn for_account(mut self, upn: &str) -> Self {
        self.account = Some(upn.to_owned());
        self
    }

    /// Happens only for this type of grant.
    #[must_use]
    pub fn for_grant(mut self, grant_type: GrantType) -> Self {
        self.grant_type = Some(grant_type);
        self
    }

    fn matches(&self, grant_type: GrantType, account: Option<&str>) -> bool {
        self.times != Some(0)
            && self.grant_type.is_none_or(|wanted| wanted == grant_type)
            && self.account.as_ref().is_none_or(|wanted| {
                account.is_some_and(|account| account.eq_ignore_ascii_case(wanted))
            })
    }
}

impl TokenFaults {
    pub(super) fn add(&self, fault: TokenFault) {
        lock(&self.0).push(fault);
    }

    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }

    pub(super) fn take(&self, grant_type: GrantType, account: Option<&str>) -> Option<TokenEffect> {
        let mut faults = lock(&self.0);
        for fault in faults
            .iter_mut()
            .filter(|fault| fault.matches(grant_type, account))
        {
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if let Some(times) = &mut fault.times {
                *times -= 1;
            }
            return Some(fault.effect.clone());
        }
        None
    }
}
