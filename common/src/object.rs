//! Objects: files and bodies that the stack's bucket holds for notifications.
//!
//! Whoever names an object in a message names a key, and a key opens nothing by itself: a store reads by a [`Location`],
//! which only a [`Prefix`] gives, and only for keys that stand below it. So a message of one mailbox reaches that mailbox's
//! objects, and nothing beside them. There is no way from a message to another bucket, a URL or a file.
//!
//! An object is read whole, into memory once, and never more of it than the reader has room for.

mod shelf;

use std::fmt;
use std::future::Future;

pub use self::shelf::{Shelf, ShelfError};

use crate::mailbox::MailboxId;

/// The key of an object: 1 to 1,024 octets of UTF-8, as a path of names with single slashes between them.
///
/// No name is empty, `.` or `..`, and there is no backslash, percent sign or control character: S3 takes them as they are,
/// but what stands between may not, and Amazon advises against them.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectKey(String);

/// Says that a text is not an [`ObjectKey`].
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum InvalidObjectKey {
    /// It has no octets, or too many.
    #[error("is empty or too long; a key has 1 to 1,024 octets")]
    Length,
    /// It has a name that is no name.
    #[error(
        "has a name between its slashes that is empty, . or ..; a key is a path such as mailboxes/billing/invoice.pdf"
    )]
    Name,
    /// It has a character that is read differently on the way.
    #[error("has a backslash, a percent sign or a control character; a key has none of them")]
    Character,
}

/// The version of an object: 1 to 1,024 printable ASCII characters, given by S3 when the object was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionId(String);

/// Says that a text is not a [`VersionId`].
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("is not a version id, which has 1 to 1,024 printable ASCII characters without spaces")]
pub struct InvalidVersionId;

/// The part of the bucket that somebody may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prefix {
    /// `mailboxes/<id>/`: what the producers of one mailbox put there for its mail.
    Mailbox(MailboxId),
    /// `templates/`: what all mail of the stack may be made of.
    Templates,
}

/// The key of an object that its reader may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location(ObjectKey);

/// Says that a key stands outside a prefix.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("does not begin with {0}")]
pub struct OutsidePrefix(Prefix);

/// An object as a message names it, and how it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The bucket, where it is named; nothing but the stack's own is read.
    pub bucket: Option<String>,
    /// The key.
    pub key: ObjectKey,
    /// The version; the newest, if none is named.
    pub version: Option<VersionId>,
    /// How many octets it has to have.
    pub size: Option<usize>,
    /// The SHA-256 that it has to have.
    pub sha256: Option<[u8; 32]>,
}

/// An object as it was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Object {
    /// What it holds.
    pub content: Vec<u8>,
    /// Which version of it that is; a bucket without versions tells none.
    pub version: Option<VersionId>,
}

/// Why there is no object.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// There is none of this key, or none of this version.
    #[error("is not there, or not in this version")]
    Absent,
    /// It may not be read. S3 answers this for an absent object too, to those who may not list the bucket.
    #[error("is not there, or may not be read")]
    Denied,
    /// It is larger than there is room for; no more of it was read than that.
    #[error("has more than {limit} octets, which is all that there is room for")]
    TooLarge {
        /// How many octets there was room for.
        limit: usize,
    },
    /// S3 did not answer, or not to the end; later it may.
    #[error("cannot be read now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Where objects are.
pub trait ObjectStore: Sync {
    /// The name of the bucket.
    fn bucket(&self) -> &str;

    /// Reads an object of up to `limit` octets: the given version, or else the newest.
    ///
    /// # Errors
    ///
    /// When it is absent, denied or too large, which a repeat will not change; or when the store does not answer.
    fn get(
        &self,
        location: &Location,
        version: Option<&VersionId>,
        limit: usize,
    ) -> impl Future<Output = Result<Object, ObjectError>> + Send;
}

impl ObjectKey {
    /// The longest key, in octets.
    pub const MAX_LEN: usize = 1024;

    /// Reads a key.
    ///
    /// # Errors
    ///
    /// When the text is not of the form that the type states.
    pub fn parse(text: &str) -> Result<Self, InvalidObjectKey> {
        if text.is_empty() || text.len() > Self::MAX_LEN {
            Err(InvalidObjectKey::Length)
        } else if text.contains(|letter: char| letter.is_control() || matches!(letter, '\\' | '%'))
        {
            Err(InvalidObjectKey::Character)
        } else if text.split('/').any(|name| matches!(name, "" | "." | "..")) {
            Err(InvalidObjectKey::Name)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl VersionId {
    /// The longest version id, in characters.
    pub const MAX_LEN: usize = 1024;

    /// Reads a version id.
    ///
    /// # Errors
    ///
    /// When the text is not of the form that the type states.
    pub fn parse(text: &str) -> Result<Self, InvalidVersionId> {
        let has_room = (1..=Self::MAX_LEN).contains(&text.len());
        if has_room && text.bytes().all(|octet| octet.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidVersionId)
        }
    }

    /// The version id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Prefix {
    /// Finds a key below the prefix.
    ///
    /// # Errors
    ///
    /// When the key stands elsewhere.
    pub fn locate(&self, key: &ObjectKey) -> Result<Location, OutsidePrefix> {
        match key.0.strip_prefix(&self.to_string()) {
            // No name of a key is empty, so what is left is one.
            Some(_) => Ok(Location(key.clone())),
            None => Err(OutsidePrefix(self.clone())),
        }
    }
}

impl Location {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mailbox(mailbox) => write!(f, "mailboxes/{mailbox}/"),
            Self::Templates => f.write_str("templates/"),
        }
    }
}

/// Shows what a log may hold of it.
impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object")
            .field("length", &self.content.len())
            .field("version", &self.version)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn billing() -> Prefix {
        Prefix::Mailbox(MailboxId::parse("billing").unwrap())
    }

    #[test]
    fn a_key_leads_nowhere_but_down() {
        for (text, fault) in [
            ("", InvalidObjectKey::Length),
            (&*"a".repeat(1025), InvalidObjectKey::Length),
            ("/mailboxes/billing/a", InvalidObjectKey::Name),
            ("mailboxes/billing/", InvalidObjectKey::Name),
            ("mailboxes//billing/a", InvalidObjectKey::Name),
            ("mailboxes/billing/../payroll/a", InvalidObjectKey::Name),
            ("mailboxes/billing/./a", InvalidObjectKey::Name),
            (
                "mailboxes/billing/..%2fpayroll/a",
                InvalidObjectKey::Character,
            ),
            (
                "mailboxes/billing/..\\payroll\\a",
                InvalidObjectKey::Character,
            ),
            ("mailboxes/billing/a\nb", InvalidObjectKey::Character),
        ] {
            assert_eq!(ObjectKey::parse(text), Err(fault), "{text}");
        }
        for text in [
            "a",
            "mailboxes/billing/Rechnung für März (1).pdf",
            "a/..b/c..",
        ] {
            assert_eq!(ObjectKey::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn a_mailbox_reads_below_its_own_prefix() {
        let key = |text| ObjectKey::parse(text).unwrap();
        let own = billing().locate(&key("mailboxes/billing/2026/invoice.pdf"));
        assert_eq!(own.unwrap().key(), "mailboxes/billing/2026/invoice.pdf");
        for other in [
            "mailboxes/billing",
            "mailboxes/billing-2/invoice.pdf",
            "mailboxes/payroll/invoice.pdf",
            "mailboxes/Billing/invoice.pdf",
            "templates/invoice.html",
            "invoice.pdf",
        ] {
            let fault = billing().locate(&key(other)).unwrap_err();
            assert_eq!(fault.to_string(), "does not begin with mailboxes/billing/");
        }
    }

    #[test]
    fn a_version_is_what_s3_gave() {
        assert!(
            VersionId::parse("3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY.MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo")
                .is_ok()
        );
        for text in ["", "a b", "ä", &"a".repeat(1025)] {
            assert_eq!(VersionId::parse(text), Err(InvalidVersionId), "{text}");
        }
    }

    proptest! {
        /// Whatever is put together of what paths are misread by, what is located stands below the prefix by whichever
        /// way of reading: as it is, decoded once or twice, with backslashes for slashes, and with its dots resolved.
        #[test]
        fn no_key_leads_out_of_its_prefix(
            begin in prop::sample::select(vec!["", "/", "mailboxes/", "mailboxes/billing", "mailboxes/billing/", "https://", "file:///"]),
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "..", ".", "/", "//", "\\", "%2e", "%2F", "%5c", "%252e", "%25", "payroll", "a", "?versionId=1", "#", "\0",
                    "mailboxes", "billing", ":", "@", "\u{2215}", "\u{ff0e}", " ", "+", "&",
                ]),
                0..12,
            ),
        ) {
            let text = begin.to_owned() + &pieces.concat();
            if let Ok(location) = ObjectKey::parse(&text).map_err(drop).and_then(|key| billing().locate(&key).map_err(drop)) {
                let mut path: Vec<&str> = Vec::new();
                prop_assert!(!location.key().contains(['%', '\\', '\0']));
                for name in location.key().split('/') {
                    match name {
                        ".." => { path.pop(); }
                        "" | "." => {}
                        name => path.push(name),
                    }
                }
                prop_assert_eq!(path.join("/"), location.key());
                prop_assert!(location.key().starts_with("mailboxes/billing/") && path.len() > 2);
            }
        }
    }
}
