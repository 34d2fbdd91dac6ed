//! What Entra has handed out and remembers: codes, refresh tokens, consents, ended access tokens.

use std::collections::{BTreeSet, HashMap, HashSet};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};

use super::super::id::random_string;
use super::aadsts::Refusal;
use super::scope::Scopes;
use super::{Behaviour, Rotation};

/// What an account gave an application.
#[derive(Clone)]
pub(super) struct Grant {
    pub(super) client_id: String,
    pub(super) tenant: String,
    pub(super) account: String,
    pub(super) scopes: Scopes,
}

/// One authorization code.
#[derive(Clone)]
pub(super) struct Code {
    pub(super) grant: Grant,
    pub(super) redirect_uri: String,
    pub(super) nonce: Option<String>,
    pub(super) challenge: Option<Challenge>,
    pub(super) expires_at: Timestamp,
    pub(super) redeemed: bool,
}

/// The code challenge of an authorization request (RFC 7636).
#[derive(Clone)]
pub(super) enum Challenge {
    S256(String),
    Plain(String),
}

#[derive(Clone)]
struct RefreshToken {
    grant: Grant,
    used_at: Timestamp,
    revoked: bool,
}

#[derive(Default)]
pub(super) struct Grants {
    codes: HashMap<String, Code>,
    refresh_tokens: HashMap<String, RefreshToken>,
    consents: HashSet<(String, String, String)>,
    tenant_consents: HashSet<(String, String)>,
    access_tokens: Vec<(String, String)>,
    ended: HashSet<String>,
    issued: BTreeSet<String>,
    repeats: HashMap<Vec<u8>, Vec<Timestamp>>,
}

impl Challenge {
    fn is_met_by(&self, verifier: &str) -> bool {
        match self {
            Self::Plain(challenge) => challenge == verifier,
            Self::S256(challenge) => {
                let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
                *challenge == URL_SAFE_NO_PAD.encode(hash)
            }
        }
    }
}

impl Grants {
    pub(super) fn issue_code(&mut self, code: Code) -> String {
        let value = format!("1.{}", random_string(640));
        self.issued.insert(value.clone());
        self.codes.insert(value.clone(), code);
        value
    }

    pub(super) fn issue_refresh_token(
        &mut self,
        grant: Grant,
        now: Timestamp,
        characters: usize,
    ) -> String {
        let value = format!("1.{}", random_string(characters.saturating_sub(2)));
        self.issued.insert(value.clone());
        let token = RefreshToken {
            grant,
            used_at: now,
            revoked: false,
        };
        self.refresh_tokens.insert(value.clone(), token);
        value
    }

    pub(super) fn note_access_token(&mut self, id: String, account: &str, value: &str) {
        self.issued.insert(value.to_owned());
        self.access_tokens.push((id, account.to_ascii_lowercase()));
    }

    pub(super) fn note_issued(&mut self, value: &str) {
        self.issued.insert(value.to_owned());
    }

    pub(super) fn issued(&self) -> Vec<String> {
        self.issued.iter().cloned().collect()
    }

    /// Whose code or refresh token it is, whatever its state.
    pub(super) fn owner(&self, value: &str) -> Option<&str> {
        let code = self.codes.get(value).map(|code| &code.grant);
        let token = self.refresh_tokens.get(value).map(|token| &token.grant);
        code.or(token).map(|grant| grant.account.as_str())
    }

    /// Takes a code out of use, and says whether it may be exchanged.
    pub(super) fn redeem_code(
        &mut self,
        value: &str,
        client_id: &str,
        tenant: &str,
        redirect_uri: &str,
        verifier: Option<&str>,
        now: Timestamp,
    ) -> Result<Code, Refusal> {
        let code = self.codes.get_mut(value).ok_or_else(|| {
            Refusal::numbered(70000)
                .saying("The provided value for the 'code' parameter is not valid.")
        })?;
        if code.grant.client_id != client_id {
            return Err(
                Refusal::numbered(70000).saying("The code was issued to another application.")
            );
        }
        if code.grant.tenant != tenant {
            return Err(Refusal::numbered(700_005));
        }
        if std::mem::replace(&mut code.redeemed, true) {
            return Err(Refusal::numbered(54005));
        }
        if code.expires_at <= now {
            return Err(Refusal::numbered(70008));
        }
        if code.redirect_uri != redirect_uri {
            return Err(Refusal::numbered(500_112).saying(format!(
                "The reply address '{redirect_uri}' does not match the reply address '{}' provided when requesting \
                 Authorization code.",
                code.redirect_uri
            )));
        }
        match (&code.challenge, verifier) {
            (None, None) => Ok(code.clone()),
            (Some(challenge), Some(verifier)) if challenge.is_met_by(verifier) => Ok(code.clone()),
            (Some(_), _) => Err(Refusal::numbered(501_481)),
            (None, Some(_)) => Err(Refusal::numbered(50147)),
        }
    }

    /// Uses a refresh token, and says whether it may be exchanged.
    pub(super) fn redeem_refresh_token(
        &mut self,
        value: &str,
        client_id: &str,
        tenant: &str,
        behaviour: &Behaviour,
        now: Timestamp,
    ) -> Result<Grant, Refusal> {
        let token = self.refresh_tokens.get_mut(value).ok_or_else(|| {
            Refusal::numbered(70000)
                .saying("The provided value for the 'refresh_token' parameter is not valid.")
        })?;
        if token.grant.client_id != client_id {
            return Err(Refusal::numbered(70000)
                .saying("The refresh token was issued to another application."));
        }
        if token.grant.tenant != tenant {
            return Err(
                Refusal::numbered(70000).saying("The refresh token was issued for another tenant.")
            );
        }
        if token.revoked {
            return Err(Refusal::numbered(50173));
        }
        let idle =
            SignedDuration::try_from(behaviour.refresh_token_idle).unwrap_or(SignedDuration::MAX);
        if now.duration_since(token.used_at) >= idle {
            return Err(Refusal::numbered(700_082));
        }
        token.used_at = now;
        token.revoked = behaviour.rotation == Rotation::OldDies;
        let grant = token.grant.clone();
        if !self.has_consented(
            &grant.account,
            &grant.client_id,
            &grant.tenant,
            &grant.scopes,
        ) {
            return Err(Refusal::numbered(65001));
        }
        Ok(grant)
    }

    /// Ends the refresh tokens of an account.
    pub(super) fn revoke(&mut self, account: &str) {
        for token in self.refresh_tokens.values_mut() {
            token.revoked |= token.grant.account.eq_ignore_ascii_case(account);
        }
    }

    /// Ends the access tokens that an account has so far.
    pub(super) fn end_access_tokens(&mut self, account: &str) {
        let account = account.to_ascii_lowercase();
        let theirs = self
            .access_tokens
            .iter()
            .filter(|(_, owner)| *owner == account);
        self.ended.extend(theirs.map(|(id, _)| id.clone()));
    }

    /// Takes it back that the account's access tokens were ended.
    pub(super) fn restore_access_tokens(&mut self, account: &str) {
        let account = account.to_ascii_lowercase();
        for (id, _) in self
            .access_tokens
            .iter()
            .filter(|(_, owner)| *owner == account)
        {
            self.ended.remove(id);
        }
    }

    pub(super) fn is_ended(&self, access_token_id: &str) -> bool {
        self.ended.contains(access_token_id)
    }

    pub(super) fn consent(&mut self, account: &str, client_id: &str, scopes: &Scopes) {
        for permission in scopes.permissions() {
            self.consents.insert((
                account.to_ascii_lowercase(),
                client_id.to_owned(),
                permission.to_string(),
            ));
        }
    }

    pub(super) fn consent_for_tenant(&mut self, tenant: &str, client_id: &str) {
        self.tenant_consents
            .insert((tenant.to_owned(), client_id.to_owned()));
    }

    pub(super) fn withdraw_consent(&mut self, account: &str) {
        let account = account.to_ascii_lowercase();
        self.consents
            .retain(|(consenting, _, _)| *consenting != account);
    }

    pub(super) fn has_consented(
        &self,
        account: &str,
        client_id: &str,
        tenant: &str,
        scopes: &Scopes,
    ) -> bool {
        let for_all = (tenant.to_owned(), client_id.to_owned());
        self.tenant_consents.contains(&for_all)
            || scopes.permissions().all(|permission| {
                self.consents.contains(&(
                    account.to_ascii_lowercase(),
                    client_id.to_owned(),
                    permission.to_string(),
                ))
            })
    }

    /// Counts a request, and says whether the same one came too often in five minutes.
    pub(super) fn is_a_loop(&mut self, request: &[u8], limit: usize, now: Timestamp) -> bool {
        let hash = digest::digest(&digest::SHA256, request).as_ref().to_vec();
        let times = self.repeats.entry(hash).or_default();
        times.retain(|&at| now.duration_since(at) < SignedDuration::from_mins(5));
        times.push(now);
        times.len() > limit
    }
}
