//! The objects of one mailbox, as its messages name them.

use super::{Location, ObjectError, ObjectStore, Prefix, Reference};
use crate::class::Class;
use crate::digest;
use crate::mailbox::MailboxId;

/// The part of the stack's bucket that belongs to one mailbox.
#[derive(Debug)]
pub struct Shelf<'a, S> {
    store: &'a S,
    prefix: Prefix,
}

/// Why an object that a message names was not read.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// It is in a bucket that nobody here reads.
    #[error("is another bucket than the stack's own, which is meant without it")]
    OtherBucket,
    /// It is not the mailbox's.
    #[error("does not begin with {0}")]
    OutsidePrefix(Prefix),
    /// It does not have the size that was named.
    #[error("is not the size of the object")]
    OtherSize,
    /// It does not have the hash that was named.
    #[error("is not the SHA-256 of the object")]
    OtherHash,
    /// It could not be read.
    #[error(transparent)]
    Object(#[from] ObjectError),
}

impl ShelfError {
    /// What kind of failure it is; nothing where it may end by itself.
    #[must_use]
    pub fn class(&self) -> Option<Class> {
        match self {
            Self::OtherBucket | Self::OutsidePrefix(_) => Some(Class::InvalidMessage),
            Self::OtherSize
            | Self::OtherHash
            | Self::Object(ObjectError::Absent | ObjectError::Denied) => {
                Some(Class::AttachmentUnavailable)
            }
            Self::Object(ObjectError::TooLarge { .. }) => Some(Class::MessageTooLarge),
            Self::Object(ObjectError::Unavailable(_)) => None,
        }
    }

    /// The member of the reference that it is about, if not the whole.
    #[must_use]
    pub fn member(&self) -> Option<&'static str> {
        match self {
            Self::OtherBucket => Some("bucket"),
            Self::OutsidePrefix(_) => Some("key"),
            Self::OtherSize => Some("size"),
            Self::OtherHash => Some("sha256"),
            Self::Object(_) => None,
        }
    }
}

impl<'a, S: ObjectStore> Shelf<'a, S> {
    /// The objects of a mailbox.
    #[must_use]
    pub fn of(store: &'a S, mailbox: &MailboxId) -> Self {
        Self {
            store,
            prefix: Prefix::Mailbox(mailbox.clone()),
        }
    }

    /// Finds what a message names. Nothing is called.
    ///
    /// # Errors
    ///
    /// When it is in another bucket, or not the mailbox's.
    pub fn locate(&self, named: &Reference) -> Result<Location, ShelfError> {
        let bucket = named.bucket.as_deref();
        if bucket.is_some_and(|bucket| bucket != self.store.bucket()) {
            return Err(ShelfError::OtherBucket);
        }
        let located = self.prefix.locate(&named.key);
        located.map_err(|_| ShelfError::OutsidePrefix(self.prefix.clone()))
    }

    /// Reads what a message names, if it has up to `room` octets and is what the message says.
    ///
    /// # Errors
    ///
    /// When it is not the mailbox's, not there, too large or something else; or when the store does not answer.
    pub async fn read(&self, named: &Reference, room: usize) -> Result<Vec<u8>, ShelfError> {
        let location = self.locate(named)?;
        let limit = named.size.map_or(room, |size| size.min(room));
        let read = self
            .store
            .get(&location, named.version.as_ref(), limit)
            .await;
        let content = match read {
            Ok(object) => object.content,
            Err(ObjectError::TooLarge { .. }) if named.size.is_some_and(|size| size <= room) => {
                return Err(ShelfError::OtherSize);
            }
            Err(error) => return Err(error.into()),
        };
        if named.size.is_some_and(|size| size != content.len()) {
            return Err(ShelfError::OtherSize);
        }
        if named
            .sha256
            .is_some_and(|hash| hash != digest::sha256(&content))
        {
            return Err(ShelfError::OtherHash);
        }
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::fakes::MemoryObjects;
    use crate::notification::{Content, Mail, Notification, Opened};
    use crate::object::{ObjectKey, VersionId};

    const KEY: &str = "mailboxes/billing/invoice.pdf";

    fn billing() -> MailboxId {
        MailboxId::parse("billing").unwrap()
    }

    fn named(key: &str) -> Reference {
        Reference {
            bucket: None,
            key: ObjectKey::parse(key).unwrap(),
            version: None,
            size: None,
            sha256: None,
        }
    }

    /// The objects that a body names, in its pointer or in its files.
    fn references(body: &str) -> Vec<Reference> {
        match Notification::open(body) {
            Ok(Opened::Elsewhere(pointer)) => vec![pointer.object],
            Ok(Opened::Here(notification)) => match notification.mail {
                Mail::Letter(letter) => letter
                    .attachments
                    .into_iter()
                    .filter_map(|attachment| match attachment.content {
                        Content::Stored(named) => Some(*named),
                        Content::Given(_) => None,
                    })
                    .collect(),
                Mail::Form(_) | Mail::Raw(_) => Vec::new(),
            },
            Err(_) => Vec::new(),
        }
    }

    #[tokio::test]
    async fn an_object_is_read_if_it_is_what_the_message_says() {
        let store = MemoryObjects::default();
        let first = store.put(KEY, *b"first");
        store.put(KEY, *b"second");
        let billing = billing();
        let shelf = Shelf::of(&store, &billing);
        let read = async |named: &Reference, room| shelf.read(named, room).await;
        assert_eq!(read(&named(KEY), 6).await.unwrap(), b"second");
        let exact = Reference {
            bucket: Some(MemoryObjects::BUCKET.to_owned()),
            version: Some(first),
            size: Some(5),
            sha256: Some(digest::sha256(b"first")),
            ..named(KEY)
        };
        assert_eq!(read(&exact, 5).await.unwrap(), b"first");

        for size in [4, 6] {
            let other = Reference {
                size: Some(size),
                ..exact.clone()
            };
            let read = read(&other, 100).await;
            assert!(matches!(read, Err(ShelfError::OtherSize)), "{read:?}");
        }
        let other = Reference {
            sha256: Some([0; 32]),
            ..exact.clone()
        };
        let error = read(&other, 100).await.unwrap_err();
        assert!(matches!(error, ShelfError::OtherHash));
        assert_eq!(error.class(), Some(Class::AttachmentUnavailable));
        for named in [exact, named(KEY)] {
            let error = read(&named, 4).await.unwrap_err();
            assert_eq!(error.class(), Some(Class::MessageTooLarge));
        }
    }

    #[tokio::test]
    async fn what_is_not_there_is_final_and_what_is_not_answered_is_not() {
        let store = MemoryObjects::default();
        let version = store.put(KEY, *b"first");
        let billing = billing();
        let shelf = Shelf::of(&store, &billing);
        store.delete(KEY);
        store.put_denied("mailboxes/billing/secret", *b"x");
        let unknown = Reference {
            version: Some(VersionId::parse("unknown").unwrap()),
            ..named(KEY)
        };
        for named in [
            named(KEY),
            named("mailboxes/billing/other"),
            unknown,
            named("mailboxes/billing/secret"),
        ] {
            let error = shelf.read(&named, 100).await.unwrap_err();
            assert_eq!(error.class(), Some(Class::AttachmentUnavailable));
        }
        let kept = Reference {
            version: Some(version),
            ..named(KEY)
        };
        let read = shelf.read(&kept, 100).await;
        assert_eq!(read.unwrap(), b"first", "an earlier version stays");
        store.calls.break_after(0);
        let error = shelf.read(&kept, 100).await.unwrap_err();
        assert_eq!(error.class(), None);
    }

    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            8 => prop::sample::select(vec![
                "mailboxes/billing/", "mailboxes/payroll/", "mailboxes/", "templates/", "billing", "..", ".", "/", "\\", "%2e%2e",
                "%2f", "%5C", "%00", "\0", "https://", "file:///etc/passwd", "s3://other/", "?versionId=1", "#", " ", "a",
            ])
            .prop_map(str::to_owned),
            1 => ".{0,4}",
        ]
    }

    fn names() -> impl Strategy<Value = String> {
        prop_oneof![
            prop::collection::vec(piece(), 0..6).prop_map(|pieces| pieces.concat()),
            prop::collection::vec(piece(), 0..3)
                .prop_map(|pieces| format!("mailboxes/billing/{}a", pieces.concat())),
        ]
    }

    fn any_body() -> impl Strategy<Value = Value> {
        let bucket = prop_oneof![
            2 => Just(Value::Null),
            8 => Just(json!(MemoryObjects::BUCKET)),
            1 => names().prop_map(Value::from),
        ];
        (bucket, names(), any::<bool>(), "[!-~]{1,3}").prop_map(|(bucket, key, is_pointer, version)| {
            if is_pointer {
                json!(["software.amazon.payloadoffloading.PayloadS3Pointer", {"s3BucketName": bucket, "s3Key": key}])
            } else {
                json!({
                    "to": "anna@example.com", "subject": "Hello", "text": "Hello",
                    "attachments": [{"filename": "a", "s3": {"bucket": bucket, "key": key, "version_id": version}}],
                })
            }
        })
    }

    #[test]
    fn no_message_opens_anything_but_an_object_of_its_mailbox() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let asked = std::cell::Cell::new(0);
        let mut runner = proptest::test_runner::TestRunner::new_with_rng(
            ProptestConfig::with_cases(1000),
            proptest::test_runner::TestRng::deterministic_rng(
                proptest::test_runner::RngAlgorithm::ChaCha,
            ),
        );
        runner
            .run(&any_body(), |body| {
                let store = MemoryObjects::default();
                for named in references(&body.to_string()) {
                    let billing = billing();
                    let read = runtime.block_on(Shelf::of(&store, &billing).read(&named, 10));
                    prop_assert!(read.is_err(), "there is nothing in the bucket");
                    let is_own = named
                        .bucket
                        .is_none_or(|bucket| bucket == MemoryObjects::BUCKET);
                    prop_assert!(is_own || store.calls.made().is_empty());
                }
                for call in store.calls.made() {
                    let key = call.strip_prefix("get object mailboxes/billing/");
                    let names: Vec<_> = key.unwrap_or_default().split('/').collect();
                    let leads_out = names.iter().any(|name| matches!(*name, "" | "." | ".."));
                    prop_assert!(!leads_out && !call.contains(['%', '\\', '\0']), "{call}");
                    asked.set(asked.get() + 1);
                }
                Ok(())
            })
            .unwrap();
        assert!(asked.get() > 20, "{} were asked for", asked.get());
    }
}
