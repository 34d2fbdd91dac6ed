//! The id of a connected mailbox.

use std::fmt;

/// The id of a connected mailbox: `^[a-z0-9][a-z0-9-]{0,31}$`.
///
/// It stands in the names of queues, secrets and parameters, so nothing else may.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MailboxId(String);

/// Says that a text is not a [`MailboxId`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "is not a mailbox id of up to 32 lower-case letters, digits and hyphens that begins with a letter or digit"
)]
pub struct InvalidMailboxId;

impl MailboxId {
    /// Parses a mailbox id.
    ///
    /// # Errors
    ///
    /// When `text` is not of the form that the type states.
    pub fn parse(text: &str) -> Result<Self, InvalidMailboxId> {
        let plain = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let valid = (1..=32).contains(&text.len())
            && text.bytes().next().is_some_and(plain)
            && text.bytes().all(|letter| plain(letter) || letter == b'-');
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidMailboxId)
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MailboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_holds_nothing_that_a_name_could_misread() {
        assert!(MailboxId::parse("billing-2").is_ok());
        for text in ["", "-a", "a_failed", "A", "a/b", "ä", &"a".repeat(33)] {
            assert_eq!(MailboxId::parse(text), Err(InvalidMailboxId), "{text}");
        }
    }
}
