//! The names a notification goes by: the producer's, and the one its content gives it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use super::fault::Problem;
use crate::digest;

/// The producer's name for a notification: 1 to 128 printable ASCII characters, no spaces.
///
/// Within one mailbox it makes repeats one mail, so it names the thing that happened and not the attempt to tell it:
/// `invoice-4711-issued`, a UUID, an order number. Case counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NotificationId(String);

impl NotificationId {
    /// The longest id, in characters.
    pub const MAX_LEN: usize = 128;

    /// Reads an id.
    ///
    /// # Errors
    ///
    /// When the text is empty, longer than 128 characters or has anything but printable ASCII.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text.is_empty() {
            Err(Problem::new("is empty; an id has 1 to 128 characters"))
        } else if text.chars().count() > Self::MAX_LEN {
            Err(Problem::new("is too long; an id has 1 to 128 characters"))
        } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Err(Problem::new(
                "has a space or a character outside printable ASCII; an id has neither",
            ))
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// Returns the id as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The SHA-256 of what a notification says, by which a repeat is told from another notification under the same id.
///
/// It is taken over the JSON in the canonical form of RFC 8785, without `id` and before any default is filled in: the
/// order of fields and white space make no difference, everything else does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContentHash(String);

impl ContentHash {
    /// Hashes the object that a body holds.
    pub(super) fn of(body: &mut Value) -> Result<Self, Problem> {
        let id = body
            .as_object_mut()
            .and_then(|fields| fields.remove_entry("id"));
        let canonical = serde_json_canonicalizer::to_vec(body);
        if let (Some(fields), Some((name, id))) = (body.as_object_mut(), id) {
            fields.insert(name, id);
        }
        let canonical = canonical.map_err(|_| Problem::new("has no canonical form (RFC 8785)"))?;
        Ok(Self(digest::hex(&digest::sha256(&canonical))))
    }

    /// Reads a hash back: 64 hexadecimal digits in lower case.
    ///
    /// # Errors
    ///
    /// When the text is anything else.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 64 && text.bytes().all(is_hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Problem::new("is not a SHA-256 in 64 hexadecimal digits"))
        }
    }

    /// Returns the hash in hexadecimal.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! text_form {
    ($type:ty) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $type {
            type Err = Problem;

            fn from_str(text: &str) -> Result<Self, Problem> {
                Self::parse(text)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }
    };
}

text_form!(NotificationId);
text_form!(ContentHash);
