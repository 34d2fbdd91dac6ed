//! Hashes and chance, from aws-lc.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
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
    fn chance_does_not_repeat_itself() {
        assert_ne!(random_hex::<16>(), random_hex::<16>());
    }
}
