//! A grant and the access token that was last made of it.
//!
//! A consent starts a grant under a new [`GrantId`]; every refresh continues it with the next
//! `seq`. The two numbers order everything: another grant wins by being newer consent, a higher
//! `seq` by being the later refresh.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use crate::digest;
use crate::secret::AccessToken;

/// Names one consent and everything that was refreshed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantId(String);

impl GrantId {
    /// A new id that nobody else has.
    #[must_use]
    pub fn random() -> Self {
        Self(digest::random_hex::<16>())
    }

    /// The id that a stored record names.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The token that renews a grant. It opens a mailbox for months, so only `token-refresh` reads it.
#[derive(Clone)]
pub struct RefreshToken(SecretString);

impl RefreshToken {
    /// Wraps a refresh token.
    #[must_use]
    pub fn new(token: String) -> Self {
        Self(token.into())
    }

    /// Opens the token, for the token request and the vault.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken([redacted])")
    }
}

/// The account that consented, as the id token names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The directory, by its GUID (`tid`).
    pub tenant_id: String,
    /// The account within the directory (`oid`), which no renaming changes.
    pub object_id: String,
    /// The user principal name at the time of the consent.
    pub name: String,
}

/// The standing permission that a consent left behind.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The consent.
    pub grant_id: GrantId,
    /// How many refreshes lie between the consent and this grant.
    pub seq: u64,
    /// What the next refresh redeems.
    pub refresh_token: RefreshToken,
    /// The scopes as granted, separated by spaces.
    pub scopes: String,
    /// Who consented.
    pub account: Account,
    /// When this refresh token was issued.
    pub obtained_at: Timestamp,
}

/// An access token and how long it lives.
#[derive(Debug, Clone)]
pub struct TokenSet {
    /// The consent that it comes from.
    pub grant_id: GrantId,
    /// The refresh that it comes from.
    pub seq: u64,
    /// The token, opaque and of any length.
    pub access_token: AccessToken,
    /// When it was asked for.
    pub obtained_at: Timestamp,
    /// When it ends, counted from the start of the request that brought it.
    pub expires_at: Timestamp,
}

impl TokenSet {
    /// With less life than this left a token is renewed. An outage of 20 minutes hides four ticks; the one
    /// after them still finds the leeway in a token that the one before them left alone.
    pub const MARGIN: SignedDuration = SignedDuration::from_mins(30);
    /// With less life than this left a token is treated as ended, so that it cannot lapse between our
    /// check and the provider's.
    pub const LEEWAY: SignedDuration = SignedDuration::from_mins(5);

    /// A token that is older than this is renewed however long it still lives: a provider forgets a refresh token
    /// that nobody uses.
    pub const KEEP_ALIVE: SignedDuration = SignedDuration::from_hours(24);

    /// Whether the token has enough life to begin a session with.
    ///
    /// A token that never lived twice the leeway counts as fresh for the first half of its life.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        let half = self.expires_at.duration_since(self.obtained_at) / 2;
        self.expires_at.duration_since(now) > Self::LEEWAY.min(half)
    }

    /// Whether the token should be renewed: it has less left than 30 minutes, or than half of its life
    /// when that is shorter, or it is a day old.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        let half = self.expires_at.duration_since(self.obtained_at) / 2;
        self.expires_at.duration_since(now) < Self::MARGIN.min(half)
            || now.duration_since(self.obtained_at) >= Self::KEEP_ALIVE
    }

    /// Whether this token comes from `grant` as it stands now.
    #[must_use]
    pub fn is_of(&self, grant: &Grant) -> bool {
        self.grant_id == grant.grant_id && self.seq >= grant.seq
    }
}

impl Grant {
    /// The grant and the tokens that a refresh at `start` brought.
    ///
    /// A missing refresh token keeps the old one; missing scopes mean the scopes that were asked for
    /// (RFC 6749 §5.1 and §6).
    #[must_use]
    pub fn continued(&self, tokens: IssuedTokens) -> (Self, TokenSet) {
        let grant = Self {
            grant_id: self.grant_id.clone(),
            seq: self.seq + 1,
            refresh_token: tokens
                .refresh_token
                .unwrap_or_else(|| self.refresh_token.clone()),
            scopes: tokens.scopes.unwrap_or_else(|| self.scopes.clone()),
            account: self.account.clone(),
            obtained_at: tokens.obtained_at,
        };
        let access = TokenSet {
            grant_id: grant.grant_id.clone(),
            seq: grant.seq,
            access_token: tokens.access_token,
            obtained_at: tokens.obtained_at,
            expires_at: tokens.expires_at,
        };
        (grant, access)
    }
}

/// What the token endpoint issued in one answer.
#[derive(Debug)]
pub struct IssuedTokens {
    /// The access token.
    pub access_token: AccessToken,
    /// The next refresh token, where the answer brought one.
    pub refresh_token: Option<RefreshToken>,
    /// The granted scopes, where the answer named them.
    pub scopes: Option<String>,
    /// The id token, where the answer brought one.
    pub id_token: Option<IdToken>,
    /// The start of the request.
    pub obtained_at: Timestamp,
    /// The start of the request and the life that the answer states.
    pub expires_at: Timestamp,
}

/// A signed statement of who signed in. It names a person, so it is kept out of every log.
#[derive(Clone)]
pub struct IdToken(SecretString);

impl IdToken {
    /// Wraps an id token.
    #[must_use]
    pub fn new(token: String) -> Self {
        Self(token.into())
    }

    /// Opens the token, to read its claims.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdToken([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(life: SignedDuration) -> TokenSet {
        TokenSet {
            grant_id: GrantId::stored("g".to_owned()),
            seq: 1,
            access_token: AccessToken::new("t".to_owned()),
            obtained_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::UNIX_EPOCH + life,
        }
    }

    #[test]
    fn a_token_is_due_in_its_last_30_minutes_and_fresh_until_the_last_5() {
        let tokens = tokens(SignedDuration::from_mins(75));
        let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        assert!(!tokens.is_due(at(45)) && tokens.is_due(at(46)));
        assert!(tokens.is_fresh(at(69)) && !tokens.is_fresh(at(70)));
    }

    #[test]
    fn a_short_token_is_due_at_half_its_life() {
        let tokens = tokens(SignedDuration::from_secs(60));
        let at = |seconds| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        assert!(!tokens.is_due(at(30)) && tokens.is_due(at(31)));
        assert!(tokens.is_fresh(at(29)) && !tokens.is_fresh(at(30)));
    }

    #[test]
    fn a_token_that_lives_for_weeks_is_renewed_every_day() {
        let tokens = tokens(SignedDuration::from_hours(24 * 30));
        let at = |hours| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        assert!(!tokens.is_due(at(23)) && tokens.is_due(at(24)));
    }

    #[test]
    fn no_secret_is_shown() {
        let shown = format!(
            "{:?} {:?}",
            RefreshToken::new("canary".to_owned()),
            IdToken::new("canary".to_owned())
        );
        assert!(!shown.contains("canary"), "{shown}");
    }
}
