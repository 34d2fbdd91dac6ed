//! The states of mailboxes in DynamoDB.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::boxed;
use crate::class::Class;
use crate::grant::{Account, GrantId};
use crate::mailbox::{
    Connection, MailboxId, MailboxState, MailboxStates, Pause, Refreshed, StateUnavailable, Stop,
};

/// The states in the stack's table.
#[derive(Debug, Clone)]
pub struct States {
    client: Client,
    table: String,
}

/// Attributes to set, by name.
type Changes = Vec<(&'static str, AttributeValue)>;

impl States {
    /// The states in `table`.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            client: Client::new(config),
            table,
        }
    }

    /// Sets attributes of a mailbox's item, under the condition that its grant is `seen`; answers
    /// whether it was.
    async fn update(
        &self,
        mailbox: &MailboxId,
        seen: Option<&GrantId>,
        changes: Changes,
    ) -> Result<bool, StateUnavailable> {
        let assignments: Vec<_> = changes
            .iter()
            .map(|(name, _)| format!("#{name} = :{name}"))
            .collect();
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(&pk(mailbox)))
            .update_expression(format!("SET {}", assignments.join(", ")));
        for (name, value) in changes {
            update = update.expression_attribute_names(format!("#{name}"), name);
            update = update.expression_attribute_values(format!(":{name}"), value);
        }
        if let Some(seen) = seen {
            update = update
                .condition_expression("grant_id = :seen")
                .expression_attribute_values(":seen", text(seen.as_str()));
        }
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(StateUnavailable(boxed(error))),
        }
    }
}

impl MailboxStates for States {
    async fn state(&self, mailbox: &MailboxId) -> Result<MailboxState, StateUnavailable> {
        let get = self
            .client
            .get_item()
            .table_name(&self.table)
            .consistent_read(true)
            .key("pk", text(&pk(mailbox)));
        let item = get
            .send()
            .await
            .map_err(|error| StateUnavailable(boxed(error)))?
            .item;
        Ok(item.map(|item| read(&item)).unwrap_or_default())
    }

    async fn connect(
        &self,
        mailbox: &MailboxId,
        grant: &GrantId,
        account: &Account,
        connection: &Connection,
    ) -> Result<(), StateUnavailable> {
        let mut changes = connection_changes(connection);
        changes.extend([
            ("grant_id", text(grant.as_str())),
            ("account", text(&account.name)),
            ("tenant_id", text(&account.tenant_id)),
            ("object_id", text(&account.object_id)),
        ]);
        self.update(mailbox, None, changes).await.map(|_| ())
    }

    async fn change(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        connection: &Connection,
    ) -> Result<bool, StateUnavailable> {
        self.update(mailbox, Some(seen), connection_changes(connection))
            .await
    }

    async fn refreshed(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        refreshed: &Refreshed,
    ) -> Result<bool, StateUnavailable> {
        let changes = vec![
            ("refreshed_at", text(&refreshed.at.to_string())),
            ("token_expires_at", text(&refreshed.expires_at.to_string())),
            (
                "token_bytes",
                AttributeValue::N(refreshed.token_bytes.to_string()),
            ),
        ];
        self.update(mailbox, Some(seen), changes).await
    }

    async fn pause(&self, mailbox: &MailboxId, pause: Pause) -> Result<(), StateUnavailable> {
        let paused = AttributeValue::Bool(pause == Pause::Paused);
        self.update(mailbox, None, vec![("paused", paused)])
            .await
            .map(|_| ())
    }
}

fn connection_changes(connection: &Connection) -> Changes {
    let stop = connection.stop();
    let part = |part: fn(&Stop) -> String| {
        stop.map_or(AttributeValue::Null(true), |stop| text(&part(stop)))
    };
    vec![
        ("connection", text(connection.as_str())),
        ("class", part(|stop| stop.class.to_string())),
        ("reason", part(|stop| stop.reason.clone())),
        ("since", part(|stop| stop.since.to_string())),
    ]
}

/// Reads an item. What cannot be read counts as not known, and a connection that cannot be read as
/// awaiting its consent: nothing is sent by mistake.
fn read(item: &HashMap<String, AttributeValue>) -> MailboxState {
    let string = |name: &str| {
        item.get(name)
            .and_then(|value| value.as_s().ok())
            .filter(|value| !value.is_empty())
            .cloned()
    };
    let time = |name: &str| string(name).and_then(|value| value.parse::<Timestamp>().ok());
    let account = || {
        Some(Account {
            tenant_id: string("tenant_id")?,
            object_id: string("object_id")?,
            name: string("account")?,
        })
    };
    let stop = || {
        let class = string("class").and_then(|class| class.parse::<Class>().ok())?;
        Some(Stop {
            class,
            reason: string("reason").unwrap_or_default(),
            since: time("since")?,
        })
    };
    let connection = match string("connection").as_deref() {
        Some("active") => Connection::Active,
        Some("blocked") => stop().map_or(Connection::AwaitingConsent, Connection::Blocked),
        Some("needs_consent") => {
            stop().map_or(Connection::AwaitingConsent, Connection::NeedsConsent)
        }
        Some(_) | None => Connection::AwaitingConsent,
    };
    MailboxState {
        connection,
        paused: item
            .get("paused")
            .and_then(|value| value.as_bool().ok())
            .copied()
            .unwrap_or_default(),
        grant_id: string("grant_id").map(GrantId::stored),
        account: account(),
        refreshed_at: time("refreshed_at"),
        expires_at: time("token_expires_at"),
        token_bytes: item
            .get("token_bytes")
            .and_then(|value| value.as_n().ok()?.parse().ok()),
    }
}

fn pk(mailbox: &MailboxId) -> String {
    format!("mailbox#{mailbox}")
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}
