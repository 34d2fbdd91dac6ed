//! One copy of a notification, as the queue gave it to us.

use aws_lambda_events::event::sqs::{SqsMessage, SqsMessageAttribute};
use common::failed::{Attribute, ID_ATTRIBUTE, MOST_ATTRIBUTES, REPORT_ATTRIBUTE, Value};
use common::notification::{NotificationId, Problem};
use jiff::{SignedDuration, Timestamp};

/// The attribute that says when the first of several copies was put on the queue.
pub(crate) const FIRST_ATTRIBUTE: &str = "pillarbox-first-enqueued-at";

/// How long a notification that says nothing of its end is worth sending: SQS deletes it after 14 days.
pub(crate) const WORTH_SENDING: SignedDuration = SignedDuration::from_hours(13 * 24);
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
    /// Its attributes: those that its producer gave it, and ours.
    pub(crate) attributes: Vec<Attribute>,
    /// When this copy was put on the queue.
    pub(crate) enqueued_at: Option<Timestamp>,
    /// How often it was received.
    pub(crate) receives: u32,
}

/// Says that a record cannot be told from the others of its batch.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a record of the batch has no message id or no receipt handle")]
pub(crate) struct NamelessRecord;

/// What is wrong with the attribute that names a notification.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Misnamed {
    /// It is of another kind.
    #[error("the attribute `{ID_ATTRIBUTE}` is no text")]
    NoText,
    /// Its text is no id.
    #[error("the attribute `{ID_ATTRIBUTE}` {0}")]
    NoId(Problem),
}

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
            .filter_map(|(name, given)| given_as(name, given))
            .collect();
        attributes.sort_by(|one, other| one.name.cmp(&other.name));
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
    /// The id that the attribute gives, if it is there.
    ///
    /// # Errors
    ///
    /// When what it gives is no id.
    pub(crate) fn named(&self) -> Result<Option<NotificationId>, Misnamed> {
        let Some(name) = self.attribute(ID_ATTRIBUTE) else {
            return Ok(None);
        };
        let text = name.as_text().ok_or(Misnamed::NoText)?;
        NotificationId::parse(text)
            .map(Some)
            .map_err(Misnamed::NoId)
    }

    /// When the first copy of the notification was put on the queue.
    pub(crate) fn first_enqueued_at(&self) -> Option<Timestamp> {
        let first = self.attribute(FIRST_ATTRIBUTE);
        let first = first.and_then(|first| first.as_text()?.parse().ok());
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
    pub(crate) fn renewed(&self, id: &NotificationId) -> Vec<Attribute> {
        let mut ours = vec![Attribute::text(ID_ATTRIBUTE, id.as_str())];
        let first = self.first_enqueued_at();
        ours.extend(first.map(|first| Attribute::text(FIRST_ATTRIBUTE, &first.to_string())));
        self.with_its_own(ours)
    }

    /// The attributes of the copy in the failed queue that says why. Without an `id` the copy keeps what it was named by.
    pub(crate) fn set_aside(&self, report: &str, id: Option<&NotificationId>) -> Vec<Attribute> {
        let mut ours = vec![Attribute::text(REPORT_ATTRIBUTE, report)];
        match id {
            Some(id) => ours.push(Attribute::text(ID_ATTRIBUTE, id.as_str())),
            None => ours.extend(self.attribute(ID_ATTRIBUTE).cloned()),
        }
        self.with_its_own(ours)
    }

    /// Adds its producer's attributes to ours, as many as SQS takes.
    fn with_its_own(&self, mut ours: Vec<Attribute>) -> Vec<Attribute> {
        let its_own = self
            .attributes
            .iter()
            .filter(|attribute| !attribute.is_ours());
        ours.extend(its_own.cloned());
        ours.truncate(MOST_ATTRIBUTES);
        ours
    }

    fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes
            .iter()
            .find(|attribute| attribute.name == name)
    }
}

/// An attribute as the event of the queue tells of it; `None` for a kind that SQS does not have yet.
fn given_as(name: String, given: SqsMessageAttribute) -> Option<Attribute> {
    let value = match (given.string_value, given.binary_value) {
        (Some(text), _) => Value::Text(text),
        (None, Some(octets)) => Value::Octets(octets.0),
        (None, None) => return None,
    };
    Some(Attribute {
        name,
        kind: given.data_type?,
        value,
    })
}

fn is_older(since: Option<Timestamp>, age: SignedDuration, now: Timestamp) -> bool {
    since.is_some_and(|since| now.duration_since(since) >= age)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn received(attributes: &serde_json::Value) -> Copy {
        let record = json!({
            "messageId": "5e1b",
            "receiptHandle": "receipt",
            "body": "{}",
            "attributes": { "SentTimestamp": "0", "ApproximateReceiveCount": "3" },
            "messageAttributes": attributes,
        });
        let message: SqsMessage = serde_json::from_value(record).expect("a record");
        Copy::try_from(message).expect("it has a name")
    }

    #[test]
    fn its_producers_attributes_stay_what_they_were() {
        let copy = received(&json!({
            "trace": { "dataType": "String.id", "stringValue": "t-1" },
            "weight": { "dataType": "Number", "stringValue": "7" },
            "seal": { "dataType": "Binary", "binaryValue": "AAE=" },
            "pillarbox-id": { "dataType": "String", "stringValue": "invoice-1" },
        }));
        let its_own = [
            Attribute {
                name: "seal".to_owned(),
                kind: "Binary".to_owned(),
                value: Value::Octets(vec![0, 1]),
            },
            Attribute {
                kind: "String.id".to_owned(),
                ..Attribute::text("trace", "t-1")
            },
            Attribute {
                kind: "Number".to_owned(),
                ..Attribute::text("weight", "7")
            },
        ];
        let id = copy.named().expect("it is an id").expect("it is named");
        assert_eq!(copy.renewed(&id)[2..], its_own);
        let set_aside = copy.set_aside("{}", Some(&id));
        assert_eq!(set_aside[0], Attribute::text(REPORT_ATTRIBUTE, "{}"));
        assert_eq!(set_aside[1], Attribute::text(ID_ATTRIBUTE, "invoice-1"));
        assert_eq!(set_aside[2..], its_own);
    }

    #[test]
    fn ours_come_before_its_producers_where_sqs_does_not_take_all() {
        let ten: serde_json::Map<_, _> = (0..10)
            .map(|number| {
                let value = json!({ "dataType": "String", "stringValue": "x" });
                (format!("a{number}"), value)
            })
            .collect();
        let copy = received(&ten.into());
        let set_aside = copy.set_aside("{}", copy.named().expect("it has none").as_ref());
        let names: Vec<_> = set_aside.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names.len(), 10);
        assert_eq!(names[..2], ["pillarbox", "a0"]);
    }
}
