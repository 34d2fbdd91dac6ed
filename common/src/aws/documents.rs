//! Documents in the stack's table, each written only over the revision that was read.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::boxed;
use crate::ledger::Written;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The attribute that holds the revision, for the condition of the next write.
const REVISION: &str = "revision";
/// The attribute that holds the document, as JSON.
const DOCUMENT: &str = "record";
/// The attribute that says when DynamoDB may delete the item, in seconds. It deletes late, so this is judged in
/// conditions too.
const EXPIRES_AT: &str = "expires_at";

/// The documents in a table.
#[derive(Debug, Clone)]
pub(super) struct Documents {
    client: Client,
    table: String,
}

impl Documents {
    /// The documents in `table`.
    pub(super) fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            client: Client::new(config),
            table,
        }
    }

    /// Reads a document, consistently. One whose time is over counts as absent.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        pk: &str,
        now: Timestamp,
    ) -> Result<Option<T>, Error> {
        let get = self
            .client
            .get_item()
            .table_name(&self.table)
            .consistent_read(true)
            .key("pk", text(pk));
        let Some(item) = get.send().await.map_err(boxed)?.item else {
            return Ok(None);
        };
        let expires_at = item
            .get(EXPIRES_AT)
            .and_then(|value| value.as_n().ok()?.parse::<i64>().ok());
        if expires_at.is_some_and(|until| until <= now.as_second()) {
            return Ok(None);
        }
        let json = item
            .get(DOCUMENT)
            .and_then(|document| document.as_s().ok())
            .map_or("", String::as_str);
        serde_json::from_str(json).map(Some).map_err(boxed)
    }

    /// Writes a document over the revision before it, or where there is none if it is the first; answers whether
    /// it did. It is kept until `until`, or for ever.
    pub(super) async fn write(
        &self,
        pk: &str,
        (revision, document): (u64, &(impl Serialize + Sync)),
        now: Timestamp,
        until: Option<Timestamp>,
    ) -> Result<Written, Error> {
        let json = serde_json::to_string(document).map_err(boxed)?;
        let mut put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", text(pk))
            .item(REVISION, number(revision))
            .item(DOCUMENT, text(&json));
        if let Some(until) = until {
            put = put.item(EXPIRES_AT, number(until.as_second()));
        }
        let put = if revision == 1 {
            put.condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
                .expression_attribute_values(":now", number(now.as_second()))
        } else {
            put.condition_expression("revision = :seen")
                .expression_attribute_values(":seen", number(revision - 1))
        };
        match put.send().await {
            Ok(_) => Ok(Written::Done),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PutItemError::is_conditional_check_failed_exception) =>
            {
                Ok(Written::Lost)
            }
            Err(error) => Err(boxed(error)),
        }
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
