//! Hashes and chance, from aws-lc.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::rand;

/// The SHA-256 of `parts`, each told apart from its neighbours by its length, in 64 hexadecimal digits.
#[must_use]
pub fn sha256_hex(parts: &[&[u8]]) -> String {
    let mut input = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        input.extend_from_slice(&(part.len() as u64).to_be_bytes());
        input.extend_from_slice(part);
    }
    hex(digest(&SHA256, &input).as_ref())
}

/// The SHA-256 of `bytes` as they stand.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// The HMAC-SHA256 of `message` under `key` (RFC 2104), in 64 hexadecimal digits.
#[must_use]
pub fn hmac_sha256_hex(key: &[u8], message: &[u8]) -> String {
    hex(hmac::sign(&hmac::Key::new(HMAC_SHA256, key), message).as_ref())
}

/// `N` unguessable bytes in hexadecimal digits.
///
/// # Panics
///
/// When the operating system has no random bytes to give, which ends the process: nothing safe can be
/// done without them.
#[must_use]
pub fn random_hex<const N: usize>() -> String {
    hex(&random::<N>())
}

/// `N` unguessable bytes.
///
/// # Panics
///
/// As [`random_hex`].
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "a process without random bytes must not go on"
)]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// `bytes` in hexadecimal digits, in lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing into a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart() {
        assert_ne!(sha256_hex(&[b"ab", b"c"]), sha256_hex(&[b"a", b"bc"]));
        assert_eq!(sha256_hex(&[b"a"]).len(), 64);
    }

    #[test]
    fn a_plain_hash_is_that_of_the_bytes_alone() {
        assert_eq!(hex(&sha256(b"abc"))[..16], *"ba7816bf8f01cfea");
    }

    #[test]
    fn a_keyed_hash_is_that_of_the_standard() {
        // RFC 4231 §4.3.
        let hash = hmac_sha256_hex(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(
            hash,
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn chance_does_not_repeat_itself() {
        assert_ne!(random_hex::<16>(), random_hex::<16>());
    }
}
