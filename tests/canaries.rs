//! The search for secrets in what was shown: plain, in base64, and as a list of bytes.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// How much of a secret gives it away, in octets. Whatever shows so much of one is found, however it goes on.
const PIECE: usize = 24;
/// How many octets have a base64 form of that length.
const IN_BASE64: usize = PIECE / 4 * 3;

/// Secrets to look for.
#[derive(Debug, Default)]
pub struct Canaries(HashSet<[u8; PIECE]>);

impl Canaries {
    /// Looks for another secret. One that is too short to be one is left out.
    pub fn watch_for(&mut self, secret: &str) {
        // The beginning may be the same for many, as that of a signed token is.
        let inner = &secret.as_bytes()[secret.len() / 8..];
        let Some(plain) = inner.first_chunk::<PIECE>() else {
            return;
        };
        self.0.insert(*plain);
        // What stands before it in an encoded text may shift it by one or two octets.
        for shift in 0..3 {
            let encoded = STANDARD_NO_PAD.encode(&inner[shift..][..IN_BASE64]);
            self.0.extend(encoded.as_bytes().first_chunk::<PIECE>());
        }
        let listed = format!("{:?}", &inner[..IN_BASE64]);
        self.0.extend(listed.as_bytes()[1..].first_chunk::<PIECE>());
    }

    /// How many things are looked for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a text shows any of the secrets.
    #[must_use]
    pub fn sing_at(&self, text: &str) -> bool {
        text.as_bytes()
            .windows(PIECE)
            .any(|window| self.0.contains(window))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "1.AVkA0a1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S9t0U1v2W3x4Y5z6";

    fn canaries() -> Canaries {
        let mut canaries = Canaries::default();
        canaries.watch_for(SECRET);
        canaries
    }

    #[test]
    fn a_secret_is_found_in_every_form() {
        let canaries = canaries();
        assert!(canaries.sing_at(&format!("the token {SECRET} was refused")));
        assert!(canaries.sing_at(&format!("cut off: {}", &SECRET[..40])));
        assert!(canaries.sing_at(&format!("{:?}", SECRET.as_bytes())));
        for before in ["", "u", "us", "user=billing@contoso.com\u{1}auth=Bearer "] {
            let line = STANDARD_NO_PAD.encode(format!("{before}{SECRET}\u{1}\u{1}"));
            assert!(canaries.sing_at(&line), "{before:?}");
        }
    }

    #[test]
    fn what_shows_no_secret_is_none() {
        let canaries = canaries();
        assert!(!canaries.sing_at("AccessToken([redacted]), 2048 octets"));
        assert!(!canaries.sing_at(&SECRET[..20]));
        assert!(!canaries.sing_at(""));
    }

    #[test]
    fn what_is_too_short_is_not_looked_for() {
        let mut canaries = Canaries::default();
        canaries.watch_for("secret");
        assert!(canaries.is_empty());
    }
}
