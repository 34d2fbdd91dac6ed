//! The secrets of a consent: 256 bits each, made here, known to one party, stored as hashes.
//!
//! A secret derives no `Debug`, `Serialize` or `PartialEq` and opens through `expose`. Two are compared by their
//! hashes, which tells an observer of the time it takes nothing.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use crate::digest;

/// Whether a text is 256 bits in lower-case hexadecimal digits.
fn is_256_bits(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

macro_rules! secrets {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl $name {
            /// A new one that nobody can guess.
            #[must_use]
            pub fn random() -> Self {
                Self(digest::random_hex::<32>().into())
            }

            /// Takes one back from where it was sent; `None` for what cannot be one of ours.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                is_256_bits(text).then(|| Self(text.to_owned().into()))
            }

            /// Opens the secret, for the one party that it is meant for.
            #[must_use]
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    )*};
}

macro_rules! hashes {
    ($($(#[$doc:meta])* $name:ident of $secret:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// The hash that a stored record names; `None` for what cannot be one.
            #[must_use]
            pub fn stored(text: &str) -> Option<Self> {
                is_256_bits(text).then(|| Self(text.to_owned()))
            }

            /// The hash as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl $secret {
            /// The hash under which the secret is known to the store.
            #[must_use]
            pub fn hash(&self) -> $name {
                $name(digest::sha256_hex(&[stringify!($secret).as_bytes(), self.expose().as_bytes()]))
            }
        }
    )*};
}

secrets! {
    /// Opens the way to connect one mailbox; stands in the link that an operator passes on.
    Ticket;
    /// Shows how the mailboxes are; stands in the link that an operator opens.
    StatusTicket;
    /// Binds the provider's answer to an attempt (RFC 6749 §10.12).
    State;
    /// Binds an attempt to the browser that began it; stands in its cookie.
    Browser;
    /// Binds the id token to an attempt (OpenID Connect Core §3.1.2.1).
    Nonce;
    /// Proves that the code is redeemed by who asked for it (RFC 7636 §4.1).
    Verifier;
}

hashes! {
    /// The hash of a [`Ticket`].
    TicketHash of Ticket;
    /// The hash of a [`StatusTicket`].
    StatusTicketHash of StatusTicket;
    /// The hash of a [`State`].
    StateHash of State;
    /// The hash of a [`Browser`].
    BrowserHash of Browser;
}

impl StateHash {
    /// What tells the attempts of one browser apart, and no more than that.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.0[..8]
    }
}

impl Verifier {
    /// What is sent in place of the verifier, by S256 (RFC 7636 §4.2).
    #[must_use]
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest::sha256(self.expose().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_256_bits_in_our_spelling_is_taken_back() {
        let ticket = Ticket::random();
        let text = ticket.expose().to_owned();
        assert_eq!(Ticket::parse(&text).unwrap().hash(), ticket.hash());
        for wrong in [
            "",
            &text[1..],
            &format!("{text}0"),
            &text.replace(char::is_numeric, "g"),
            &"A".repeat(64),
        ] {
            assert!(Ticket::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn one_text_has_a_hash_of_its_own_in_each_role() {
        let text = "0".repeat(64);
        let hashes = [
            Ticket::parse(&text).unwrap().hash().0,
            StatusTicket::parse(&text).unwrap().hash().0,
            State::parse(&text).unwrap().hash().0,
            Browser::parse(&text).unwrap().hash().0,
        ];
        let different: std::collections::BTreeSet<_> = hashes.iter().collect();
        assert_eq!(different.len(), hashes.len());
        assert!(hashes.iter().all(|hash| !hash.contains("00000000")));
    }

    #[test]
    fn no_secret_is_shown() {
        let verifier = Verifier::random();
        assert_eq!(format!("{verifier:?}"), "Verifier([redacted])");
    }

    #[test]
    fn the_challenge_is_that_of_rfc_7636() {
        // The hash is of the verifier's letters, not of the bytes that they spell.
        let verifier = Verifier::parse(&"0".repeat(64)).unwrap();
        assert_eq!(
            verifier.challenge(),
            "YOBb0bGVry-UES-nGXpciCiQWIQM58bflpN1a8YlD1U"
        );
    }
}
