//! A call of DynamoDB, Secrets Manager or EventBridge, and the errors of these services.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A call, as far as decisions go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Call {
    /// The target, such as `DynamoDB_20120810.PutItem`.
    pub(super) target: String,
    /// The key of the item, the name of the secret, or `event#` and the mailbox of the first event.
    pub(super) about: String,
}

impl Call {
    /// Reads a call of one of the services; `None` for one that is about no item, no secret and no event.
    pub(super) fn read(target: &str, body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let key = |part: &str| body[part]["pk"]["S"].as_str();
        let named = key("Key")
            .or_else(|| key("Item"))
            .or_else(|| body["SecretId"].as_str());
        let about = match named {
            Some(name) => name.to_owned(),
            None => {
                let event = body["Entries"][0]["Detail"].as_str()?;
                let event: Value = serde_json::from_str(event).ok()?;
                format!("event#{}", event["mailbox"].as_str()?)
            }
        };
        Some(Self {
            target: target.to_owned(),
            about,
        })
    }

    /// Whether events are put by it.
    pub(super) fn is_of_events(&self) -> bool {
        is_of_events(&self.target)
    }

    /// Whether the call is about this mailbox: it is one of the parts of the key or name.
    pub(super) fn concerns(&self, mailbox: &str) -> bool {
        self.about.split(['#', '/']).any(|part| part == mailbox)
    }
}

/// Whether the target is DynamoDB's, which has error names of its own.
fn is_of_dynamodb(target: &str) -> bool {
    target.starts_with("DynamoDB_")
}

fn is_of_events(target: &str) -> bool {
    target.starts_with("AWSEvents.")
}

/// The error with which the target's service says that it failed.
pub(super) fn failure(target: &str) -> Response {
    let kind = match is_of_dynamodb(target) {
        true => "com.amazonaws.dynamodb.v20120810#InternalServerError",
        false if is_of_events(target) => "InternalException",
        false => "InternalServiceError",
    };
    error(StatusCode::INTERNAL_SERVER_ERROR, kind)
}

/// The error with which the target's service slows its caller down.
pub(super) fn throttling(target: &str) -> Response {
    let kind = match is_of_dynamodb(target) {
        true => "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
        false => "ThrottlingException",
    };
    error(StatusCode::BAD_REQUEST, kind)
}

fn error(status: StatusCode, kind: &str) -> Response {
    let body = json!({ "__type": kind, "message": "a storm" }).to_string();
    let kind = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
    (status, kind, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_known_by_the_item_the_secret_or_the_events_that_it_is_about() {
        let about = |target: &str, body: Value| {
            Call::read(target, body.to_string().as_bytes()).map(|call| call.about)
        };
        let item =
            json!({ "TableName": "pillarbox", "Item": { "pk": { "S": "ledger#billing#a" } } });
        assert_eq!(
            about("DynamoDB_20120810.PutItem", item).as_deref(),
            Some("ledger#billing#a")
        );
        let secret = json!({ "SecretId": "pillarbox/mailboxes/billing/grant" });
        assert_eq!(
            about("secretsmanager.GetSecretValue", secret).as_deref(),
            Some("pillarbox/mailboxes/billing/grant")
        );
        let detail = json!({ "mailbox": "billing" }).to_string();
        let events = json!({ "Entries": [{ "Source": "pillarbox", "Detail": detail }] });
        assert_eq!(
            about("AWSEvents.PutEvents", events).as_deref(),
            Some("event#billing")
        );
        assert_eq!(about("DynamoDB_20120810.ListTables", json!({})), None);
    }
}
