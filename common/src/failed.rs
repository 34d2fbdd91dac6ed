//! Copies in the failed queue of a mailbox: what they carry, and what of it goes back to the mailbox's queue.
//!
//! A copy is there because a worker handed it over, with its reason in the attribute `pillarbox`, or because SQS moved
//! it after too many receives; then it has no reason, and the attributes that its producer gave it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::class::Class;
use crate::notification::NotificationId;

/// The attribute that names the notification. Every copy that we make carries it, because a new copy has a new id of
/// the queue's.
pub const ID_ATTRIBUTE: &str = "pillarbox-id";
/// The attribute that holds the [`Report`]. Others of ours begin with it.
pub const REPORT_ATTRIBUTE: &str = "pillarbox";

/// A copy that was taken from the failed queue, and is hidden there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedCopy {
    /// The queue's id of the copy.
    pub copy: String,
    /// What the copy is released or deleted by.
    pub receipt: String,
    /// The body, as its producer sent it.
    pub body: String,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
    /// When it was put on a queue first.
    pub enqueued_at: Option<Timestamp>,
}

/// An attribute of a message on a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// Its type, with the producer's own word behind a dot where there is one: `String`, `Number.int`.
    pub kind: String,
    /// Its value.
    pub value: Value,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text or a number.
    Text(String),
    /// Octets.
    Octets(Vec<u8>),
}

/// Why a copy is in the failed queue, as far as it says so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The class of the failure; none where SQS moved the copy.
    #[serde(default)]
    pub class: Option<Class>,
    /// What the server replied, or what else was met.
    #[serde(default)]
    pub reply: String,
    /// Where it was met.
    #[serde(default)]
    pub stage: String,
    /// What a person has to do.
    #[serde(default)]
    pub remedy: String,
    /// How often a message was begun to be sent.
    #[serde(default)]
    pub attempts: u32,
    /// The `Message-ID`, once an attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// When the notification was first claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_attempt_at: Option<Timestamp>,
    /// When it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Timestamp>,
    /// Recipients that were refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    /// How many more were refused.
    #[serde(default)]
    pub refused_more: usize,
    /// For how many the server took the message.
    #[serde(default)]
    pub accepted: usize,
    /// For how many nobody knows whether it did.
    #[serde(default)]
    pub unknown: usize,
}

/// A recipient that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The address.
    pub recipient: String,
    /// The server's reply.
    pub reply: String,
}

/// The largest message that a mailbox's queue takes, in octets, attributes included. The template says the same.
pub const LARGEST_MESSAGE: usize = 1_032_192;
/// How many attributes SQS takes with a message.
pub const MOST_ATTRIBUTES: usize = 10;

/// Says that a copy and the attribute that names it are too much for the mailbox's queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the body has no `id` and leaves no room for the attribute `{ID_ATTRIBUTE}`, without which it would be another notification"
)]
pub struct NoRoom;

impl Attribute {
    /// A text attribute.
    #[must_use]
    pub fn text(name: &str, value: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: "String".to_owned(),
            value: Value::Text(value.to_owned()),
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Octets(_) => None,
        }
    }

    /// Whether it is one of ours, and not its producer's.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        let rest = self.name.strip_prefix(REPORT_ATTRIBUTE);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    /// What SQS counts of it.
    fn len(&self) -> usize {
        let value = match &self.value {
            Value::Text(text) => text.len(),
            Value::Octets(octets) => octets.len(),
        };
        self.name.len() + self.kind.len() + value
    }
}

impl FailedCopy {
    /// Why it is there. A reason that cannot be read is as good as none.
    #[must_use]
    pub fn report(&self) -> Report {
        let report = self.text(REPORT_ATTRIBUTE);
        report
            .and_then(|report| serde_json::from_str(report).ok())
            .unwrap_or_default()
    }

    /// The id that the notification goes by: the body's own, else the attribute's, else the queue's.
    #[must_use]
    pub fn notification(&self, own: Option<&NotificationId>) -> Option<NotificationId> {
        let named = || NotificationId::parse(self.text(ID_ATTRIBUTE)?).ok();
        own.cloned()
            .or_else(named)
            .or_else(|| NotificationId::parse(&self.copy).ok())
    }

    /// The attributes with which it goes back to the mailbox's queue: its producer's, and the one that names it. Ours
    /// are left behind, so that its time begins anew. Where a body with an `id` of its own leaves no room, it goes
    /// without the name that it does not need.
    ///
    /// # Errors
    ///
    /// When the body has no `id` and the name does not fit beside it.
    pub fn put_back(
        &self,
        id: Option<&NotificationId>,
        own: Option<&NotificationId>,
    ) -> Result<Vec<Attribute>, NoRoom> {
        let mut attributes: Vec<_> = self
            .attributes
            .iter()
            .filter(|attribute| !attribute.is_ours())
            .cloned()
            .collect();
        let Some(id) = id else {
            return Ok(attributes);
        };
        let name = Attribute::text(ID_ATTRIBUTE, id.as_str());
        let used: usize = attributes.iter().map(Attribute::len).sum();
        let fits = self.body.len() + used + name.len() <= LARGEST_MESSAGE
            && attributes.len() < MOST_ATTRIBUTES;
        if fits {
            attributes.push(name);
        } else if own.is_none() {
            return Err(NoRoom);
        }
        Ok(attributes)
    }

    fn text(&self, name: &str) -> Option<&str> {
        let found = self
            .attributes
            .iter()
            .find(|attribute| attribute.name == name);
        found.and_then(Attribute::as_text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(octets: usize, attributes: Vec<Attribute>) -> FailedCopy {
        FailedCopy {
            copy: "5e1b".to_owned(),
            receipt: "receipt".to_owned(),
            body: "x".repeat(octets),
            attributes,
            enqueued_at: None,
        }
    }

    fn id(text: &str) -> NotificationId {
        NotificationId::parse(text).expect("an id")
    }

    #[test]
    fn a_copy_goes_back_with_its_name_and_its_producers_attributes_and_nothing_else_of_ours() {
        let octets = Attribute {
            name: "seal".to_owned(),
            kind: "Binary".to_owned(),
            value: Value::Octets(vec![0, 1]),
        };
        let given = vec![
            Attribute::text(REPORT_ATTRIBUTE, r#"{"class":"expired"}"#),
            Attribute::text("pillarbox-first-enqueued-at", "2027-03-01T12:00:00Z"),
            Attribute::text("pillarboxes", "2"),
            octets.clone(),
            Attribute::text(ID_ATTRIBUTE, "invoice-1"),
        ];
        let copy = copy(100, given);
        assert_eq!(copy.report().class, Some(Class::Expired));
        let named = copy.notification(None);
        assert_eq!(named, Some(id("invoice-1")));
        let expected = vec![
            Attribute::text("pillarboxes", "2"),
            octets,
            Attribute::text(ID_ATTRIBUTE, "invoice-1"),
        ];
        assert_eq!(copy.put_back(named.as_ref(), None), Ok(expected));
    }

    #[test]
    fn a_body_that_leaves_no_room_for_its_name_goes_back_only_if_it_names_itself() {
        let name = id("5e1b");
        let named = ID_ATTRIBUTE.len() + "String".len() + name.as_str().len();
        let fits = copy(LARGEST_MESSAGE - named, Vec::new());
        let attributes = fits.put_back(Some(&name), None);
        assert_eq!(attributes.map(|attributes| attributes.len()), Ok(1));
        let full = copy(LARGEST_MESSAGE - named + 1, Vec::new());
        assert_eq!(full.put_back(Some(&name), None), Err(NoRoom));
        assert_eq!(full.put_back(Some(&name), Some(&name)), Ok(Vec::new()));
        let many = (0..10).map(|number| Attribute::text(&format!("a{number}"), "1"));
        let many = copy(100, many.collect());
        assert_eq!(many.put_back(Some(&name), None), Err(NoRoom));
        let attributes = many.put_back(Some(&name), Some(&name));
        assert_eq!(attributes.map(|attributes| attributes.len()), Ok(10));
    }

    #[test]
    fn a_copy_without_a_reason_that_can_be_read_has_no_class() {
        let reason = |text| copy(1, vec![Attribute::text(REPORT_ATTRIBUTE, text)]).report();
        assert_eq!(copy(1, Vec::new()).report(), Report::default());
        assert_eq!(reason("not JSON"), Report::default());
        assert_eq!(reason(r#"{"class":"of another time"}"#), Report::default());
        let report = reason(r#"{"class":"expired","attempts":2,"newer":true}"#);
        assert_eq!((report.class, report.attempts), (Some(Class::Expired), 2));
    }
}
