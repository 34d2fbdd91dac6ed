//! The answer that holds tokens.

use anyhow::Result;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::directory::SignIn;
use super::super::id::named_guid;
use super::super::lock;
use super::Shared;
use super::aadsts::Refusal;
use super::grants::Grant;
use super::scope::Scopes;

impl Shared {
    /// Issues an access token, and with it what else was asked for.
    pub(super) fn tokens(
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
            "sub": named_guid(&grant.client_id, &grant.account),
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
}
