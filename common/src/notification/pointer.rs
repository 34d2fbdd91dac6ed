//! Where the SQS extended client has put a body that is too large for the queue.
//!
//! It leaves a list on the queue: the name of a class, in Java's way, and where the body is. The client for Python leaves the
//! same. The attribute that they add, `ExtendedPayloadSize` or `SQSLargePayloadSize`, is not needed to know one.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-managing-large-messages.html>

use serde_json::Value;

use super::{
    InvalidNotification, Notification,
    fault::{Faults, Pointer},
    id::NotificationId,
};
use crate::object::{ObjectKey, Reference};

/// A pointer to the body of a queue message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyPointer {
    /// The object that holds it.
    pub object: Reference,
    /// The id that wrappers around the pointer give the notification.
    id: Option<NotificationId>,
}

impl BodyPointer {
    /// Reads the body that is there. Its faults are placed in it.
    ///
    /// # Errors
    ///
    /// When it is not a notification; a pointer to a pointer is none.
    pub fn follow(&self, body: &str) -> Result<Notification, InvalidNotification> {
        Notification::parse_named(body, self.id.clone())
    }

    /// The place of a member of the reference, as a JSON pointer.
    #[must_use]
    pub fn place(member: Option<&str>) -> &'static str {
        match member {
            Some("bucket") => "/1/s3BucketName",
            Some("key") => "/1/s3Key",
            Some(_) | None => "/1",
        }
    }

    /// Whether a list begins as a pointer does: with the name of a class that is one.
    pub(super) fn is_one(list: &[Value]) -> bool {
        let class = list.first().and_then(Value::as_str);
        class.is_some_and(|class| class.ends_with("S3Pointer"))
    }

    pub(super) fn read(value: &Value, id: Option<NotificationId>, faults: &Faults) -> Option<Self> {
        let member = |name: &str| {
            let text = value.get(1).and_then(|at| at.get(name)?.as_str());
            let at = Pointer::default().item(1).member(name);
            if text.is_none() {
                faults.add(&at, "is not a string, as the SQS extended client writes it");
            }
            text.map(|text| (text, at))
        };
        let (bucket, key) = (member("s3BucketName"), member("s3Key"));
        let key = key.and_then(|(text, at)| {
            let key = ObjectKey::parse(text);
            key.map_err(|problem| faults.add(&at, problem.to_string()))
                .ok()
        });
        Some(Self {
            object: Reference {
                bucket: Some(bucket?.0.to_owned()),
                key: key?,
                version: None,
                size: None,
                sha256: None,
            },
            id,
        })
    }
}
