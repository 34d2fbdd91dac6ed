//! Identifiers: GUIDs and unguessable strings.

use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Makes a GUID that is always the same for the same name, so that a directory is the same in every run.
#[must_use]
pub fn named_guid(kind: &str, name: &str) -> String {
    let hash = digest::digest(&digest::SHA256, format!("{kind}\n{name}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_ref()[..16]);
    guid(bytes)
}

/// Makes a random GUID.
pub(super) fn random_guid() -> String {
    let mut bytes = [0; 16];
    fill(&mut bytes);
    guid(bytes)
}

/// Makes an unguessable string of URL-safe characters.
pub(super) fn random_string(characters: usize) -> String {
    let mut bytes = vec![0; characters.div_ceil(4) * 3];
    fill(&mut bytes);
    let mut text = URL_SAFE_NO_PAD.encode(bytes);
    text.truncate(characters);
    text
}

/// Picks a number from `0..bound`, evenly enough for a simulation.
pub(super) fn random_below(bound: u64) -> u64 {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    u64::from_le_bytes(bytes) % bound.max(1)
}

#[expect(
    clippy::expect_used,
    reason = "a machine without randomness runs nothing"
)]
fn fill(bytes: &mut [u8]) {
    rand::fill(bytes).expect("the system has no randomness");
}

fn guid(mut bytes: [u8; 16]) -> String {
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_guid() {
        assert_eq!(
            named_guid("tenant", "contoso.com"),
            named_guid("tenant", "contoso.com")
        );
        assert_ne!(
            named_guid("tenant", "contoso.com"),
            named_guid("app", "contoso.com")
        );
        assert_eq!(named_guid("tenant", "contoso.com").len(), 36);
    }

    #[test]
    fn random_strings_have_the_length_asked_for() {
        for length in [0, 1, 42, 43, 44, 2000] {
            assert_eq!(random_string(length).len(), length);
        }
    }
}
