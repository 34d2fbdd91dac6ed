//! The stored form of a grant and of tokens: JSON with a schema number. A tombstone stands where a mailbox was
//! disconnected, and holds nothing.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::grant::{Account, Grant, GrantId, RefreshToken, TokenSet};
use crate::secret::AccessToken;

const SCHEMA: u32 = 1;

#[derive(Serialize, Deserialize)]
struct StoredGrant {
    schema: u32,
    grant_id: String,
    seq: u64,
    refresh_token: String,
    scopes: String,
    tenant_id: String,
    object_id: String,
    account: String,
    obtained_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct StoredTokens {
    schema: u32,
    grant_id: String,
    seq: u64,
    access_token: String,
    obtained_at: Timestamp,
    expires_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Tombstone {
    schema: u32,
    grant_id: String,
    disconnected: bool,
}

/// What a secret holds, if it can be read.
pub(super) enum Stored<T> {
    /// A value.
    Value(T),
    /// Nothing any more.
    Tombstone,
}

/// Reads a stored value with `parse`, or a tombstone.
pub(super) fn read<T>(json: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<Stored<T>> {
    if let Some(value) = parse(json) {
        return Some(Stored::Value(value));
    }
    let tombstone: Tombstone = serde_json::from_str(json).ok()?;
    (tombstone.schema == SCHEMA && tombstone.disconnected).then_some(Stored::Tombstone)
}

pub(super) fn tombstone(grant_id: &GrantId) -> SecretString {
    json(&Tombstone {
        schema: SCHEMA,
        grant_id: grant_id.to_string(),
        disconnected: true,
    })
}

pub(super) fn from_grant(grant: &Grant) -> SecretString {
    json(&StoredGrant {
        schema: SCHEMA,
        grant_id: grant.grant_id.to_string(),
        seq: grant.seq,
        refresh_token: grant.refresh_token.expose().to_owned(),
        scopes: grant.scopes.clone(),
        tenant_id: grant.account.tenant_id.clone(),
        object_id: grant.account.object_id.clone(),
        account: grant.account.name.clone(),
        obtained_at: grant.obtained_at,
    })
}

pub(super) fn grant(json: &str) -> Option<Grant> {
    let stored: StoredGrant = serde_json::from_str(json).ok()?;
    (stored.schema == SCHEMA).then(|| Grant {
        grant_id: GrantId::stored(stored.grant_id),
        seq: stored.seq,
        refresh_token: RefreshToken::new(stored.refresh_token),
        scopes: stored.scopes,
        account: Account {
            tenant_id: stored.tenant_id,
            object_id: stored.object_id,
            name: stored.account,
        },
        obtained_at: stored.obtained_at,
    })
}

pub(super) fn from_tokens(tokens: &TokenSet) -> SecretString {
    json(&StoredTokens {
        schema: SCHEMA,
        grant_id: tokens.grant_id.to_string(),
        seq: tokens.seq,
        access_token: tokens.access_token.expose().to_owned(),
        obtained_at: tokens.obtained_at,
        expires_at: tokens.expires_at,
    })
}

pub(super) fn tokens(json: &str) -> Option<TokenSet> {
    let stored: StoredTokens = serde_json::from_str(json).ok()?;
    (stored.schema == SCHEMA).then(|| TokenSet {
        grant_id: GrantId::stored(stored.grant_id),
        seq: stored.seq,
        access_token: AccessToken::new(stored.access_token),
        obtained_at: stored.obtained_at,
        expires_at: stored.expires_at,
    })
}

#[expect(
    clippy::expect_used,
    reason = "a struct of texts, numbers and timestamps always has a JSON form"
)]
fn json(stored: &impl Serialize) -> SecretString {
    serde_json::to_string(stored)
        .expect("a flat struct is valid JSON")
        .into()
}
