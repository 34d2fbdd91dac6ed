//! With which mailbox the next tick begins, in DynamoDB.
//!
//! Written by a tick that did not get through its list, read by the next. Two ticks that overlap may overwrite
//! each other: somebody is visited twice then, and nobody is left out for long.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

use super::boxed;
use crate::mailbox::{MailboxId, StateUnavailable};

const PK: &str = "rota";

/// The rota in the stack's table.
#[derive(Debug, Clone)]
pub struct Rota {
    client: Client,
    table: String,
}

impl Rota {
    /// The rota in `table`.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            client: Client::new(config),
            table,
        }
    }

    /// The mailbox whose turn it is; `None` when nobody was ever left over.
    ///
    /// # Errors
    ///
    /// When the table does not answer.
    pub async fn first(&self) -> Result<Option<MailboxId>, StateUnavailable> {
        let get = self.client.get_item().table_name(&self.table);
        let get = get.key("pk", AttributeValue::S(PK.to_owned()));
        let answer = get
            .send()
            .await
            .map_err(|error| StateUnavailable(boxed(error)))?;
        let item = answer.item.unwrap_or_default();
        let first = item.get("mailbox").and_then(|value| value.as_s().ok());
        Ok(first.and_then(|mailbox| MailboxId::parse(mailbox).ok()))
    }

    /// Lets the next tick begin with `mailbox`.
    ///
    /// # Errors
    ///
    /// When the table does not answer.
    pub async fn leave_to(&self, mailbox: &MailboxId) -> Result<(), StateUnavailable> {
        let update = self.client.update_item().table_name(&self.table);
        let update = update
            .key("pk", AttributeValue::S(PK.to_owned()))
            .update_expression("SET mailbox = :mailbox")
            .expression_attribute_values(":mailbox", AttributeValue::S(mailbox.to_string()));
        let updated = update.send().await;
        updated
            .map(|_| ())
            .map_err(|error| StateUnavailable(boxed(error)))
    }
}
