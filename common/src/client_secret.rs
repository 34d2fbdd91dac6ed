//! The client secret of an app registration, as a person put it into Secrets Manager.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// The secret of an app registration.
#[derive(Clone)]
pub struct ClientSecret(SecretString);

/// Why a stored value is not a client secret.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum InvalidClientSecret {
    /// Nothing was stored yet.
    #[error("is empty: put the secret's value into it")]
    Empty,
    /// The portal shows two columns, and the wrong one was copied.
    #[error(
        "looks like the secret's id, not its value: copy the column `Value` of the app registration, or make a new secret"
    )]
    Id,
    /// A JSON value of another shape.
    #[error("is JSON, but not an object with the one key `client_secret` and a text")]
    Json,
}

impl ClientSecret {
    /// Parses what is stored: the bare secret, or a JSON object with the one key `client_secret`.
    ///
    /// Outer white space and a byte order mark, which editors and shells add, are removed; everything
    /// else is kept as it stands.
    ///
    /// # Errors
    ///
    /// When the value is empty, a GUID, or JSON of another shape.
    pub fn parse(stored: &str) -> Result<Self, InvalidClientSecret> {
        let text = trimmed(stored);
        if text.starts_with('{') {
            return match serde_json::from_str(text) {
                Ok(serde_json::Value::Object(object)) if object.len() == 1 => {
                    let secret = object
                        .get("client_secret")
                        .and_then(|value| value.as_str())
                        .ok_or(InvalidClientSecret::Json)?;
                    Self::bare(trimmed(secret))
                }
                _ => Err(InvalidClientSecret::Json),
            };
        }
        Self::bare(text)
    }

    fn bare(text: &str) -> Result<Self, InvalidClientSecret> {
        match text {
            "" => Err(InvalidClientSecret::Empty),
            guid if is_guid(guid) => Err(InvalidClientSecret::Id),
            secret => Ok(Self(secret.to_owned().into())),
        }
    }

    /// Opens the secret, for the token request.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret([redacted])")
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}')
}

/// Whether a text is a GUID, in either case.
pub(crate) fn is_guid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups
            .iter()
            .all(|group| group.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(stored: &str) -> Result<String, InvalidClientSecret> {
        ClientSecret::parse(stored).map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn what_editors_add_is_removed_and_nothing_else() {
        for stored in [
            "a~+&%= b",
            "\u{feff} a~+&%= b\r\n",
            r#"{"client_secret": "a~+&%= b\n"}"#,
        ] {
            assert_eq!(parse(stored).as_deref(), Ok("a~+&%= b"), "{stored:?}");
        }
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused_with_the_reason() {
        assert_eq!(parse(" \n").err(), Some(InvalidClientSecret::Empty));
        assert_eq!(
            parse("2f1c0a7e-5b9d-4a3e-9c1d-0e8f7a6b5c4d\n").err(),
            Some(InvalidClientSecret::Id)
        );
        assert_eq!(
            parse(r#"{"secret": "x"}"#).err(),
            Some(InvalidClientSecret::Json)
        );
        assert_eq!(
            parse(r#"{"client_secret": "x", "other": 1}"#).err(),
            Some(InvalidClientSecret::Json)
        );
    }

    #[test]
    fn no_secret_is_shown() {
        let secret = ClientSecret::parse("canary").expect("a client secret");
        assert!(!format!("{secret:?}").contains("canary"));
    }
}
