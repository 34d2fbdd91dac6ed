//! What other services wrap a notification in on its way to the queue.
//!
//! SNS puts it as a text into an envelope of its own, unless raw delivery is on; EventBridge puts it below `detail`; a text
//! that holds the JSON comes from whoever encodes it twice. Wrappers may be in each other. All are told by names that no
//! notification has. The faults of what was in a wrapper are placed by pointers that begin in it.
//!
//! The SQS extended client wraps nothing: it leaves a pointer to an object that holds the body. Whoever can read the object
//! [follows](BodyPointer::follow) it.
//!
//! A wrapper knows the copies of one thing by an id of its own, which serves where the notification has none: so what SNS
//! or EventBridge deliver twice, under two ids of the queue, is still one mail.

use serde_json::Value;

use super::{
    fault::{Faults, Pointer},
    id::NotificationId,
    json,
    pointer::BodyPointer,
};

/// How many wrappers may be in each other.
const MAX_DEPTH: usize = 4;

/// What was in the wrappers.
pub(super) struct Unwrapped {
    /// The notification, if it is one.
    pub(super) value: Value,
    /// The id that the wrappers give it.
    pub(super) id: Option<NotificationId>,
}

/// What is left when the wrappers are off.
pub(super) enum Content {
    /// The notification, if it is one.
    Here(Unwrapped),
    /// Where it is.
    Elsewhere(BodyPointer),
}

/// Takes the wrappers off.
pub(super) fn unwrapped(value: Value, faults: &Faults) -> Option<Content> {
    let mut unwrapped = Unwrapped { value, id: None };
    for _ in 0..MAX_DEPTH {
        let Some(wrapper) = Wrapper::of(&unwrapped.value) else {
            break;
        };
        match wrapper.open(unwrapped, faults)? {
            Content::Here(inner) => unwrapped = inner,
            pointer @ Content::Elsewhere(_) => return Some(pointer),
        }
    }
    Some(Content::Here(unwrapped))
}

/// A kind of wrapper.
enum Wrapper {
    /// The JSON of SNS around a text.
    Topic,
    /// The JSON of EventBridge around an object.
    Event,
    /// A text that holds JSON.
    Text,
    /// Where the SQS extended client has put a body that is too large.
    Pointer,
    /// What Step Functions waits to be answered.
    Task,
}

impl Wrapper {
    fn of(value: &Value) -> Option<Self> {
        let is_text = |name: &str| value.get(name).is_some_and(Value::is_string);
        match value {
            Value::String(_) => Some(Self::Text),
            Value::Array(items) => BodyPointer::is_one(items).then_some(Self::Pointer),
            Value::Object(_) if is_text("TopicArn") && is_text("Message") => Some(Self::Topic),
            Value::Object(fields) if is_text("detail-type") && fields.contains_key("detail") => {
                Some(Self::Event)
            }
            Value::Object(fields) if fields.contains_key("TaskToken") => Some(Self::Task),
            Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) => None,
        }
    }

    fn open(self, outer: Unwrapped, faults: &Faults) -> Option<Content> {
        let Unwrapped { mut value, id } = outer;
        let inner_id = |value: &Value, name: &str| {
            let id = value.get(name).and_then(Value::as_str)?;
            NotificationId::parse(id).ok()
        };
        match self {
            Self::Text => Some(Content::Here(Unwrapped {
                value: json::read(value.as_str()?, faults)?,
                id,
            })),
            Self::Topic => {
                let named = value.pointer("/MessageAttributes/pillarbox-id/Value");
                let named = match named.and_then(Value::as_str).map(NotificationId::parse) {
                    Some(Err(problem)) => {
                        let at = Pointer::default()
                            .member("MessageAttributes")
                            .member("pillarbox-id");
                        faults.add(&at.member("Value"), problem.to_string());
                        return None;
                    }
                    Some(Ok(named)) => Some(named),
                    None => None,
                };
                let id = named.or_else(|| inner_id(&value, "MessageId")).or(id);
                let text = value.get("Message").and_then(Value::as_str)?;
                Some(Content::Here(Unwrapped {
                    value: json::read(text, faults)?,
                    id,
                }))
            }
            Self::Event => {
                let id = inner_id(&value, "id").or(id);
                Some(Content::Here(Unwrapped {
                    value: value.get_mut("detail").map(Value::take)?,
                    id,
                }))
            }
            Self::Pointer => BodyPointer::read(&value, id, faults).map(Content::Elsewhere),
            Self::Task => {
                let problem = "has a TaskToken, which nobody here answers; send from Step Functions without waitForTaskToken";
                faults.add(&Pointer::default(), problem);
                None
            }
        }
    }
}
