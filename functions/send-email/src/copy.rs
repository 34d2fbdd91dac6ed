//! One copy of a notification, as the queue gave it to us.

use aws_lambda_events::event::sqs::SqsMessage;
use common::notification::NotificationId;
use jiff::{SignedDuration, Timestamp};

/// The attribute that names the notification. Every copy that we make carries it, because a new copy has
/// a new id of the queue's.
pub(crate) const ID_ATTRIBUTE: &str = "pillarbox-id";
/// The attribute that says when the first of several copies was put on the queue.
pub(crate) const FIRST_ATTRIBUTE: &str = "pillarbox-first-enqueued-at";

/// How long a copy stays on the queue before a new one takes its place.
const RENEWED_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long a notification waits for a mailbox that is closed.
const WAITS_FOR: SignedDuration = SignedDuration::from_hours(12 * 24);
/// How long a copy may stay on the queue, whatever it waits for: SQS deletes it after 14 days.
const STAYS_FOR: SignedDuration = SignedDuration::from_hours(13 * 24);

/// A received copy of a notification.
#[derive(Debug)]
pub(crate) struct Copy {
    /// The queue's id of the copy.
    pub(crate) id: String,
    /// What the copy is hidden or deleted by.
    pub(crate) receipt: String,
    /// The body, unchanged.
    pub(crate) body: String,
    /// The attributes that its producer gave it, as texts.
    pub(crate) attributes: Vec<(String, String)>,
    /// When this copy was put on the queue.
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
        let milliseconds = attribute("SentTimestamp").and_then(|sent| sent.parse().ok());
        let receives = attribute("ApproximateReceiveCount").and_then(|count| count.parse().ok());
        let mut attributes: Vec<_> = message
            .message_attributes
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.string_value?)))
            .collect();
        attributes.sort();
        Ok(Self {
            attributes,
            enqueued_at: milliseconds.and_then(|sent| Timestamp::from_millisecond(sent).ok()),
            receives: receives.unwrap_or(1),
            id: present(message.message_id)?,
            receipt: present(message.receipt_handle)?,
            body: message.body.unwrap_or_default(),
        })
    }
}

impl Copy {
    /// The id that the attribute gives.
    pub(crate) fn named(&self) -> Option<NotificationId> {
        NotificationId::parse(self.attribute(ID_ATTRIBUTE)?).ok()
    }

    /// When the first copy of the notification was put on the queue.
    pub(crate) fn first_enqueued_at(&self) -> Option<Timestamp> {
        let first = self.attribute(FIRST_ATTRIBUTE);
        let first = first.and_then(|first| first.parse().ok());
        match (first, self.enqueued_at) {
            (Some(first), Some(enqueued)) => Some(enqueued.min(first)),
            (first, enqueued) => first.or(enqueued),
        }
    }

    /// Whether a copy that has to wait on is to be replaced by a new one.
    pub(crate) fn is_to_be_renewed(&self, now: Timestamp) -> bool {
        is_older(self.enqueued_at, RENEWED_AFTER, now)
    }

    /// Since when it could be sent: since its first copy is on the queue, or since the time that it was put there for.
    pub(crate) fn could_leave_at(&self, send_at: Option<Timestamp>) -> Option<Timestamp> {
        self.first_enqueued_at().max(send_at)
    }

    /// Whether it is too old to wait for a mailbox that is closed.
    pub(crate) fn is_overdue(&self, send_at: Option<Timestamp>, now: Timestamp) -> bool {
        is_older(self.could_leave_at(send_at), WAITS_FOR, now) || self.is_at_its_end(now)
    }

    /// Whether SQS is about to delete it.
    pub(crate) fn is_at_its_end(&self, now: Timestamp) -> bool {
        is_older(self.enqueued_at, STAYS_FOR, now)
    }

    /// The attributes of a new copy that takes the place of this one.
    pub(crate) fn renewed(&self, id: &NotificationId) -> Vec<(String, String)> {
        /// As many as SQS takes.
        const MOST: usize = 10;
        let mut attributes = vec![(ID_ATTRIBUTE.to_owned(), id.as_str().to_owned())];
        let first = self.first_enqueued_at();
        attributes.extend(first.map(|first| (FIRST_ATTRIBUTE.to_owned(), first.to_string())));
        let others = self
            .attributes
            .iter()
            .filter(|(name, _)| name != ID_ATTRIBUTE && name != FIRST_ATTRIBUTE);
        attributes.extend(others.cloned());
        attributes.truncate(MOST);
        attributes
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(attribute, _)| attribute == name)
            .map(|(_, value)| value.as_str())
    }
}

fn is_older(since: Option<Timestamp>, age: SignedDuration, now: Timestamp) -> bool {
    since.is_some_and(|since| now.duration_since(since) >= age)
}
