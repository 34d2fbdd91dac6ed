//! Secrets as types: what they do not implement is the point.
//!
//! A secret derives no `Debug`, no `Serialize` and no `PartialEq`, and opens through one method whose name
//! can be searched for: `expose`. The memory is wiped when the value is dropped.

use secrecy::{ExposeSecret, SecretString};
use std::fmt;

/// Lets its bearer submit mail as one mailbox until it expires.
///
/// Opaque and of any length: it is never decoded, measured against a limit or compared.
#[derive(Clone)]
pub struct AccessToken(SecretString);

impl AccessToken {
    /// Takes custody of a token.
    pub fn new(token: String) -> Self {
        Self(token.into())
    }

    /// Opens the secret. Called where it goes on the wire or into its store, and nowhere else.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The token's length in octets, which tells nothing but what a size limit would.
    pub fn len(&self) -> usize {
        self.expose().len()
    }

    /// Whether there is no token at all.
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_token() {
        let token = AccessToken::new(String::from("canary"));
        assert_eq!(format!("{token:?}"), "AccessToken([redacted])");
        assert_eq!((token.len(), token.is_empty()), (6, false));
    }
}
