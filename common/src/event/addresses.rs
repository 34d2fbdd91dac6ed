//! How events show addresses: as they are, or as hashes under a key.

use std::fmt;
use std::future::Future;

use crate::digest;

/// How the events of a mailbox show the addresses of recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EventAddresses {
    /// As they are.
    #[default]
    Clear,
    /// As hashes.
    Hashed,
}

/// The key under which a stack hashes addresses. Who has it can find out whether a hash is that of an address that he
/// guesses.
#[derive(Clone)]
pub struct HashKey([u8; Self::LENGTH]);

/// Says that the key cannot be read, and no hash be made.
#[derive(Debug, thiserror::Error)]
#[error("the key of the hashes cannot be reached")]
pub struct HashKeyUnavailable(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Keeps the key.
pub trait HashKeys: Sync {
    /// The stack's key; made at the first call, and the same ever after.
    fn hash_key(&self) -> impl Future<Output = Result<HashKey, HashKeyUnavailable>> + Send;
}

impl HashKey {
    /// Its length in octets, that of the hash (RFC 2104 §3).
    pub const LENGTH: usize = 32;
    /// What stands before every hash.
    const PREFIX: &str = "hmac-sha256:";

    /// A key that nobody knows yet.
    #[must_use]
    pub fn random() -> Self {
        Self(digest::random())
    }

    /// Takes custody of a key.
    #[must_use]
    pub fn new(key: [u8; Self::LENGTH]) -> Self {
        Self(key)
    }

    /// Opens the key. Called where it goes into its store, and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// The hash of an address, whatever case it is written in.
    #[must_use]
    pub fn hash(&self, address: &str) -> String {
        let address = address.to_lowercase();
        let hash = digest::hmac_sha256_hex(&self.0, address.as_bytes());
        format!("{}{hash}", Self::PREFIX)
    }

    /// A text with hashes in the place of everything that looks like an address, but for `own`, which may stay.
    #[must_use]
    pub fn hash_within(&self, text: &str, own: Option<&str>) -> String {
        let own = own.map(|own| own.trim_matches(['<', '>']));
        let mut hidden = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((local, domain, end)) = first_address(rest) {
            let address = &rest[local..end];
            hidden.push_str(&rest[..local]);
            if Some(address) == own {
                hidden.push_str(address);
            } else {
                hidden.push_str(&self.hash(address));
            }
            debug_assert!(local < domain && domain < end);
            rest = &rest[end..];
        }
        hidden + rest
    }
}

/// Where the first thing that looks like an address begins, has its domain and ends.
fn first_address(text: &str) -> Option<(usize, usize, usize)> {
    let is_local = |letter: char| {
        letter.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(letter) || !letter.is_ascii()
    };
    let is_domain = |letter: char| letter.is_alphanumeric() || "-._".contains(letter);
    text.match_indices('@').find_map(|(at, _)| {
        let local = text[..at].trim_end_matches(is_local).len();
        let domain = &text[at + 1..];
        let length = domain.len() - domain.trim_start_matches(is_domain).len();
        let length = domain[..length].trim_end_matches(['.', '-', '_']).len();
        (local < at && length > 0).then_some((local, at + 1, at + 1 + length))
    })
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> HashKey {
        HashKey::new(*b"canary-canary-canary-canary-cana")
    }

    #[test]
    fn an_address_has_one_hash_under_one_key() {
        let hash = key().hash("a@fabrikam.com");
        assert_eq!(hash, key().hash("A@Fabrikam.com"));
        assert_ne!(hash, key().hash("b@fabrikam.com"));
        assert_ne!(hash, HashKey::random().hash("a@fabrikam.com"));
        let digits = hash.strip_prefix("hmac-sha256:").unwrap();
        assert_eq!(digits.len(), 64);
        assert!(digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    }

    #[test]
    fn what_a_reply_says_of_addresses_is_hidden() {
        let [a, b] = ["a@fabrikam.com", "o'brien@fabrikam.com"].map(|address| key().hash(address));
        let table = [
            (
                "250 2.1.5 Recipient OK",
                "250 2.1.5 Recipient OK".to_owned(),
            ),
            (
                "550 5.1.10 <A@fabrikam.com>: no",
                format!("550 5.1.10 <{a}>: no"),
            ),
            (
                "no a@fabrikam.com, and no o'brien@fabrikam.com.",
                format!("no {a}, and no {b}."),
            ),
            ("@ a@ @b @@", "@ a@ @b @@".to_owned()),
            ("ü@fabrikam.com", key().hash("ü@fabrikam.com")),
        ];
        for (said, shown) in table {
            assert_eq!(key().hash_within(said, None), shown);
        }
        let said = "250 2.6.0 <1@contoso.com> queued for a@fabrikam.com";
        let shown = format!("250 2.6.0 <1@contoso.com> queued for {a}");
        assert_eq!(key().hash_within(said, Some("<1@contoso.com>")), shown);
    }

    #[test]
    fn debug_shows_nothing_of_the_key() {
        assert_eq!(format!("{:?}", key()), "HashKey([redacted])");
    }
}
