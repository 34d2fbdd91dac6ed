//! The states of mailboxes in DynamoDB.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::boxed;
use crate::class::Class;
use crate::event::Told;
use crate::grant::{Account, GrantId};
use crate::mailbox::{
    Connection, Consented, MailboxId, MailboxState, MailboxStates, Pause, Refreshed, Renewal, Seen,
    StateUnavailable, Stop, Trial,
};

/// The states in the stack's table.
#[derive(Debug, Clone)]
pub struct States {
    client: Client,
    table: String,
}

/// Attributes to set, by name.
type Changes = Vec<(&'static str, AttributeValue)>;

/// What is known of a grant and its account, and forgotten with them.
const OF_A_GRANT: [&str; 10] = [
    "account",
    "connected_at",
    "tenant_id",
    "object_id",
    "refreshed_at",
    "token_expires_at",
    "token_bytes",
    "probed_at",
    "trial_by",
    "renew_not_before",
];

/// What must hold for an item to be changed.
#[derive(Debug, Clone, Copy)]
enum Condition<'a> {
    /// Nothing.
    Always,
    /// It speaks of this grant, or of none.
    Grant(Option<&'a GrantId>),
    /// It speaks of this grant, and of no later refresh.
    Refresh(Seen<'a>),
    /// It is a trial of this grant, and nobody else has it at this time.
    Untried(&'a GrantId, &'a Trial, Timestamp),
    /// This worker has the trial.
    TriedBy(&'a str),
    /// It is not paused.
    NotPaused,
    /// Nobody else renews it at this time.
    NotRenewed(&'a Renewal, Timestamp),
    /// This visit has it in hand.
    RenewedBy(&'a Renewal),
}

impl Condition<'_> {
    /// The condition as DynamoDB writes it, and the values that it names.
    fn expression(self) -> (Option<String>, Vec<(&'static str, String)>) {
        const GRANT: &str = "grant_id = :seen_grant";
        /// Times are stored to the second here, so that they compare as texts do. One's own hold counts as free: the
        /// answer to a first try may have been lost.
        const UNTRIED: &str = "connection = :on_trial AND (NOT attribute_type(trial_until, :string) OR trial_until <= :now OR trial_by = :me)";
        let (expression, values) = match self {
            Self::Always => return (None, Vec::new()),
            Self::Grant(None) => ("attribute_not_exists(grant_id)".to_owned(), Vec::new()),
            Self::Grant(Some(grant)) => {
                (GRANT.to_owned(), vec![(":seen_grant", grant.to_string())])
            }
            // One's own hold counts as free: the answer to a first try may have been lost.
            Self::NotRenewed(renewal, now) => (
                "attribute_not_exists(renewing_until) OR renewing_until <= :now OR renewing_by = :me".to_owned(),
                vec![
                    (":now", seconds(now)),
                    (":me", renewal.by.clone()),
                ],
            ),
            Self::RenewedBy(renewal) => (
                "renewing_by = :me".to_owned(),
                vec![(":me", renewal.by.clone())],
            ),
            Self::Refresh(seen) => {
                let grant = (":seen_grant", seen.grant.to_string());
                match seen.refreshed_at {
                    None => (
                        format!("{GRANT} AND attribute_not_exists(refreshed_at)"),
                        vec![grant],
                    ),
                    Some(at) => (
                        format!("{GRANT} AND refreshed_at = :seen_refresh"),
                        vec![grant, (":seen_refresh", at.to_string())],
                    ),
                }
            }
            Self::Untried(grant, trial, now) => (
                format!("{GRANT} AND {UNTRIED}"),
                vec![
                    (":seen_grant", grant.to_string()),
                    (":on_trial", "on_trial".to_owned()),
                    (":string", "S".to_owned()),
                    (":now", seconds(now)),
                    (":me", trial.by.clone()),
                ],
            ),
            Self::TriedBy(worker) => (
                "trial_by = :worker".to_owned(),
                vec![(":worker", worker.to_owned())],
            ),
            // What is paused has the time at which it was.
            Self::NotPaused => (
                "NOT attribute_type(paused_at, :string)".to_owned(),
                vec![(":string", "S".to_owned())],
            ),
        };
        (Some(expression), values)
    }
}

impl States {
    /// The states in `table`.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            client: Client::new(config),
            table,
        }
    }

    /// Sets attributes of a mailbox's item, under a condition; answers whether it held.
    async fn update(
        &self,
        mailbox: &MailboxId,
        condition: Condition<'_>,
        changes: Changes,
    ) -> Result<bool, StateUnavailable> {
        self.update_and_remove(mailbox, condition, changes, &[])
            .await
    }

    /// The same, with attributes that are removed.
    async fn update_and_remove(
        &self,
        mailbox: &MailboxId,
        condition: Condition<'_>,
        changes: Changes,
        removed: &[&str],
    ) -> Result<bool, StateUnavailable> {
        let assignments: Vec<_> = changes
            .iter()
            .map(|(name, _)| format!("#{name} = :{name}"))
            .collect();
        let mut expression = format!("SET {}", assignments.join(", "));
        if !removed.is_empty() {
            expression = format!("{expression} REMOVE {}", removed.join(", "));
        }
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(&pk(mailbox)))
            .update_expression(expression);
        for (name, value) in changes {
            update = update.expression_attribute_names(format!("#{name}"), name);
            update = update.expression_attribute_values(format!(":{name}"), value);
        }
        let (expression, values) = condition.expression();
        update = update.set_condition_expression(expression);
        for (name, value) in values {
            update = update.expression_attribute_values(name, text(&value));
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
        consented: &Consented<'_>,
        connection: &Connection,
    ) -> Result<(), StateUnavailable> {
        let changes = grant_changes(consented, connection);
        self.update(mailbox, Condition::Always, changes)
            .await
            .map(|_| ())
    }

    async fn adopt(
        &self,
        mailbox: &MailboxId,
        seen: Option<&GrantId>,
        consented: &Consented<'_>,
        connection: &Connection,
    ) -> Result<bool, StateUnavailable> {
        let changes = grant_changes(consented, connection);
        self.update(mailbox, Condition::Grant(seen), changes).await
    }

    async fn change(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        connection: &Connection,
    ) -> Result<bool, StateUnavailable> {
        let changes = connection_changes(connection);
        self.update(mailbox, Condition::Grant(Some(seen)), changes)
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
        self.update(mailbox, Condition::Grant(Some(seen)), changes)
            .await
    }

    async fn refused(
        &self,
        mailbox: &MailboxId,
        seen: Seen<'_>,
        connection: &Connection,
        now: Timestamp,
    ) -> Result<bool, StateUnavailable> {
        let mut changes = connection_changes(connection);
        changes.push(("probed_at", text(&now.to_string())));
        self.update(mailbox, Condition::Refresh(seen), changes)
            .await
    }

    async fn probed(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        now: Timestamp,
    ) -> Result<bool, StateUnavailable> {
        let changes = vec![("probed_at", text(&now.to_string()))];
        self.update(mailbox, Condition::Grant(Some(seen)), changes)
            .await
    }

    async fn disconnect(
        &self,
        mailbox: &MailboxId,
        ended: &GrantId,
    ) -> Result<(), StateUnavailable> {
        let mut changes = connection_changes(&Connection::AwaitingConsent);
        changes.push(("grant_id", text(ended.as_str())));
        self.update_and_remove(mailbox, Condition::Always, changes, &OF_A_GRANT)
            .await
            .map(|_| ())
    }

    async fn begin_renewal(
        &self,
        mailbox: &MailboxId,
        renewal: &Renewal,
        now: Timestamp,
    ) -> Result<bool, StateUnavailable> {
        let changes = vec![
            ("renewing_by", text(&renewal.by)),
            ("renewing_until", text(&seconds(renewal.until))),
        ];
        self.update(mailbox, Condition::NotRenewed(renewal, now), changes)
            .await
    }

    async fn end_renewal(
        &self,
        mailbox: &MailboxId,
        renewal: &Renewal,
    ) -> Result<(), StateUnavailable> {
        let over = text(&seconds(Timestamp::UNIX_EPOCH));
        let changes = vec![("renewing_until", over)];
        self.update(mailbox, Condition::RenewedBy(renewal), changes)
            .await
            .map(|_| ())
    }

    async fn put_off(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        until: Timestamp,
    ) -> Result<bool, StateUnavailable> {
        let changes = vec![("renew_not_before", text(&until.to_string()))];
        self.update(mailbox, Condition::Grant(Some(seen)), changes)
            .await
    }

    async fn take_trial(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        trial: &Trial,
        now: Timestamp,
    ) -> Result<bool, StateUnavailable> {
        let changes = vec![
            ("trial_by", text(&trial.by)),
            ("trial_until", text(&seconds(trial.until))),
        ];
        self.update(mailbox, Condition::Untried(seen, trial, now), changes)
            .await
    }

    async fn leave_trial(&self, mailbox: &MailboxId, by: &str) -> Result<(), StateUnavailable> {
        self.update(mailbox, Condition::TriedBy(by), no_trial())
            .await
            .map(|_| ())
    }

    async fn pause(
        &self,
        mailbox: &MailboxId,
        pause: Pause,
        now: Timestamp,
    ) -> Result<(), StateUnavailable> {
        let paused = ("paused", AttributeValue::Bool(pause == Pause::Paused));
        let (condition, changes) = match pause {
            Pause::Paused => (
                Condition::NotPaused,
                vec![paused, ("paused_at", text(&now.to_string()))],
            ),
            Pause::Running => (
                Condition::Always,
                vec![paused, ("paused_at", nothing()), ("probed_at", nothing())],
            ),
        };
        self.update(mailbox, condition, changes).await.map(|_| ())
    }

    async fn told(&self, mailbox: &MailboxId, told: &Told) -> Result<(), StateUnavailable> {
        let told = serde_json::to_string(told).map_err(|error| StateUnavailable(boxed(error)))?;
        let changes = vec![("told", text(&told))];
        self.update(mailbox, Condition::Always, changes)
            .await
            .map(|_| ())
    }
}

fn grant_changes(consented: &Consented<'_>, connection: &Connection) -> Changes {
    let Consented { grant, account, at } = consented;
    let mut changes = connection_changes(connection);
    changes.extend([
        ("grant_id", text(grant.as_str())),
        ("account", text(&account.name)),
        ("tenant_id", text(&account.tenant_id)),
        ("object_id", text(&account.object_id)),
        ("connected_at", text(&at.to_string())),
    ]);
    changes
}

fn connection_changes(connection: &Connection) -> Changes {
    let stop = connection.stop();
    let part = |part: fn(&Stop) -> String| stop.map_or_else(nothing, |stop| text(&part(stop)));
    let mut changes = vec![
        ("connection", text(connection.as_str())),
        ("class", part(|stop| stop.class.to_string())),
        ("reason", part(|stop| stop.reason.clone())),
        ("since", part(|stop| stop.since.to_string())),
    ];
    changes.extend(no_trial());
    changes
}

/// Nobody has the trial.
fn no_trial() -> Changes {
    vec![("trial_by", nothing()), ("trial_until", nothing())]
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
        Some("on_trial") => stop().map_or(Connection::AwaitingConsent, Connection::OnTrial),
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
        paused_at: time("paused_at"),
        trial: string("trial_by")
            .zip(time("trial_until"))
            .map(|(by, until)| Trial { by, until }),
        grant_id: string("grant_id").map(GrantId::stored),
        account: account(),
        connected_at: time("connected_at"),
        refreshed_at: time("refreshed_at"),
        expires_at: time("token_expires_at"),
        token_bytes: item
            .get("token_bytes")
            .and_then(|value| value.as_n().ok()?.parse().ok()),
        probed_at: time("probed_at"),
        renew_not_before: time("renew_not_before"),
        told: string("told")
            .and_then(|told| serde_json::from_str(&told).ok())
            .unwrap_or_default(),
    }
}

fn pk(mailbox: &MailboxId) -> String {
    format!("mailbox#{mailbox}")
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn nothing() -> AttributeValue {
    AttributeValue::Null(true)
}

/// A time in whole seconds, which compare as texts as they do as times.
fn seconds(time: Timestamp) -> String {
    time.round(jiff::Unit::Second).unwrap_or(time).to_string()
}
