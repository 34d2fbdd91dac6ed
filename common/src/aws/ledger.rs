//! The ledger's records in DynamoDB.
//!
//! One item a record: its revision beside it, for the condition of the next write, and the time at
//! which it may be forgotten. Both are judged in conditions; DynamoDB deletes late.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::boxed;
use crate::ledger::{Key, LedgerError, LedgerStore, RETENTION, Record, Written};

/// The ledger in the stack's table.
#[derive(Debug, Clone)]
pub struct Ledger {
    client: Client,
    table: String,
}

impl Ledger {
    /// The ledger in `table`.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            client: Client::new(config),
            table,
        }
    }
}

impl LedgerStore for Ledger {
    async fn read(&self, key: &Key, now: Timestamp) -> Result<Option<Record>, LedgerError> {
        let get = self
            .client
            .get_item()
            .table_name(&self.table)
            .consistent_read(true);
        let item = get
            .key("pk", text(&pk(key)))
            .send()
            .await
            .map_err(|error| LedgerError(boxed(error)))?
            .item;
        let Some(item) = item else { return Ok(None) };
        let kept_until = item
            .get("expires_at")
            .and_then(|value| value.as_n().ok()?.parse::<i64>().ok());
        if kept_until.is_none_or(|until| until <= now.as_second()) {
            return Ok(None);
        }
        let record = item
            .get("record")
            .and_then(|record| record.as_s().ok())
            .map_or("", String::as_str);
        serde_json::from_str(record)
            .map(Some)
            .map_err(|error| LedgerError(boxed(error)))
    }

    async fn write(
        &self,
        key: &Key,
        record: &Record,
        now: Timestamp,
    ) -> Result<Written, LedgerError> {
        let json = serde_json::to_string(record).map_err(|error| LedgerError(boxed(error)))?;
        let forget_at = now.checked_add(RETENTION).unwrap_or(Timestamp::MAX);
        let put = self.client.put_item().table_name(&self.table);
        let put = put
            .item("pk", text(&pk(key)))
            .item("revision", number(record.revision))
            .item("record", text(&json))
            .item("expires_at", number(forget_at.as_second()));
        let put = if record.revision == 1 {
            put.condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
                .expression_attribute_values(":now", number(now.as_second()))
        } else {
            put.condition_expression("revision = :seen")
                .expression_attribute_values(":seen", number(record.revision - 1))
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
            Err(error) => Err(LedgerError(boxed(error))),
        }
    }
}

fn pk(key: &Key) -> String {
    format!("ledger#{}#{}", key.mailbox, key.notification)
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
