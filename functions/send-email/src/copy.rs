//! One copy of a notification, as the queue gave it to us.

use aws_lambda_events::event::sqs::SqsMessage;
use common::notification::NotificationId;
use jiff::Timestamp;

/// The attribute that names the notification. Every copy that we make carries it, because a new copy has
/// a new id of the queue's.
pub(crate) const ID_ATTRIBUTE: &str = "pillarbox-id";

/// A received copy of a notification.
#[derive(Debug)]
pub(crate) struct Copy {
    /// The queue's id of the copy.
    pub(crate) id: String,
    /// What the copy is hidden or deleted by.
    pub(crate) receipt: String,
    /// The body, unchanged.
    pub(crate) body: String,
    /// The id that the attribute gives.
    pub(crate) named: Option<NotificationId>,
    /// When it was put on the queue.
    pub(crate) enqueued_at: Option<Timestamp>,
    /// How often it was received.
    pub(crate) receives: u32,
}

/// Says that a record cannot be told from the others of its batch.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a record of the batch has no message id or no receipt handle")]
pub(crate) struct NamelessRecord;

impl TryFrom<SqsMessage> for Copy {
    type Error = NamelessRecord;

    fn try_from(message: SqsMessage) -> Result<Self, NamelessRecord> {
        let present =
            |text: Option<String>| text.filter(|text| !text.is_empty()).ok_or(NamelessRecord);
        let attribute = |name: &str| message.attributes.get(name).map(String::as_str);
        let named = message
            .message_attributes
            .get(ID_ATTRIBUTE)
            .and_then(|value| value.string_value.as_deref());
        let milliseconds = attribute("SentTimestamp").and_then(|sent| sent.parse().ok());
        Ok(Self {
            named: named.and_then(|named| NotificationId::parse(named).ok()),
            enqueued_at: milliseconds.and_then(|sent| Timestamp::from_millisecond(sent).ok()),
            receives: attribute("ApproximateReceiveCount")
                .and_then(|count| count.parse().ok())
                .unwrap_or(1),
            id: present(message.message_id)?,
            receipt: present(message.receipt_handle)?,
            body: message.body.unwrap_or_default(),
        })
    }
}
