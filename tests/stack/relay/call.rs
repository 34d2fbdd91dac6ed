//! A call of DynamoDB or Secrets Manager, and the errors of the two services.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A call, as far as decisions go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Call {
    /// The target, such as `DynamoDB_20120810.PutItem`.
    pub(super) target: String,
    /// The key of the item, or the name of the secret.
    pub(super) about: String,
}

impl Call {
    /// Reads a call of one of the two services; `None` for one that is about no item and no secret.
    pub(super) fn read(target: &str, body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let key = |part: &str| body[part]["pk"]["S"].as_str();
        let about = key("Key")
            .or_else(|| key("Item"))
            .or_else(|| body["SecretId"].as_str())?;
        Some(Self {
            target: target.to_owned(),
            about: about.to_owned(),
        })
    }

    /// Whether the call is about this mailbox: it is one of the parts of the key or name.
    pub(super) fn concerns(&self, mailbox: &str) -> bool {
        self.about.split(['#', '/']).any(|part| part == mailbox)
    }
}

/// Whether the target is DynamoDB's; it is Secrets Manager's otherwise.
fn is_of_dynamodb(target: &str) -> bool {
    target.starts_with("DynamoDB_")
}

/// The error with which the target's service says that it failed.
pub(super) fn failure(target: &str) -> Response {
    let kind = match is_of_dynamodb(target) {
        true => "com.amazonaws.dynamodb.v20120810#InternalServerError",
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
    fn a_call_is_known_by_the_item_or_the_secret_that_it_is_about() {
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
        assert_eq!(about("DynamoDB_20120810.ListTables", json!({})), None);
    }
}
