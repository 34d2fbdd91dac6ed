//! Tickets, attempts and outcomes of consents in DynamoDB.
//!
//! One item each, under `ticket#`, `attempt#` and `outcome#` with the hash that names it. `expires_at` is both what
//! the conditions judge and what the table deletes by, later. An attempt is given out by one conditional update that
//! returns it, takes its secrets away, and leaves behind that it was used.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure,
};
use jiff::Timestamp;

use super::boxed;
use crate::consent::{
    ATTEMPTS, Attempt, BrowserHash, Consents, ConsentsUnavailable, Nonce, Outcome, Purpose,
    Standing, StateHash, Taken, TicketHash, Verifier,
};
use crate::mailbox::MailboxId;

/// The consents in the stack's table.
#[derive(Debug, Clone)]
pub struct ConsentTable {
    client: Client,
    table: String,
}

type Item = HashMap<String, AttributeValue>;

/// Says that an item is not one that we wrote.
#[derive(Debug, thiserror::Error)]
#[error("the item cannot be read")]
struct Unreadable;

impl ConsentTable {
    /// The consents in `table`.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            client: Client::new(config),
            table,
        }
    }

    async fn get(&self, pk: String) -> Result<Option<Item>, ConsentsUnavailable> {
        let get = self.client.get_item().table_name(&self.table);
        let get = get.consistent_read(true).key("pk", AttributeValue::S(pk));
        let answer = get.send().await.map_err(unavailable)?;
        Ok(answer.item)
    }

    async fn put(
        &self,
        pk: String,
        expires_at: Timestamp,
        attributes: impl IntoIterator<Item = (&'static str, AttributeValue)>,
    ) -> Result<(), ConsentsUnavailable> {
        let put = self.client.put_item().table_name(&self.table);
        let put = put
            .item("pk", AttributeValue::S(pk))
            .item("expires_at", number(expires_at.as_second()));
        let put = attributes
            .into_iter()
            .fold(put, |put, (name, value)| put.item(name, value));
        put.send().await.map(|_| ()).map_err(unavailable)
    }
}

impl Consents for ConsentTable {
    async fn create(
        &self,
        ticket: &TicketHash,
        mailbox: &MailboxId,
        expires_at: Timestamp,
    ) -> Result<(), ConsentsUnavailable> {
        let attributes = [("mailbox", text(mailbox.as_str())), ("attempts", number(0))];
        self.put(ticket_pk(ticket), expires_at, attributes).await
    }

    async fn standing(
        &self,
        ticket: &TicketHash,
        now: Timestamp,
    ) -> Result<Standing, ConsentsUnavailable> {
        let Some(item) = self.get(ticket_pk(ticket)).await? else {
            return Ok(Standing::Unknown);
        };
        standing(&item, now).ok_or_else(|| unavailable(Unreadable))
    }

    async fn count(
        &self,
        ticket: &TicketHash,
        now: Timestamp,
    ) -> Result<Standing, ConsentsUnavailable> {
        let update = self.client.update_item().table_name(&self.table);
        let update = update
            .key("pk", AttributeValue::S(ticket_pk(ticket)))
            .update_expression("SET attempts = attempts + :one")
            .condition_expression(
                "expires_at > :now AND attempts < :most AND attribute_not_exists(burnt)",
            )
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":now", number(now.as_second()))
            .expression_attribute_values(":most", number(ATTEMPTS))
            .return_values(ReturnValue::AllNew);
        match update.send().await {
            Ok(updated) => updated
                .attributes
                .as_ref()
                .and_then(mailbox)
                .map(Standing::Good)
                .ok_or_else(|| unavailable(Unreadable)),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(match self.standing(ticket, now).await? {
                    // It was not good when it was asked, whatever it looks like now.
                    Standing::Good(_) => Standing::Exhausted,
                    other @ (Standing::Unknown
                    | Standing::Expired
                    | Standing::Exhausted
                    | Standing::Burnt) => other,
                })
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn burn(&self, ticket: &TicketHash) -> Result<(), ConsentsUnavailable> {
        let update = self.client.update_item().table_name(&self.table);
        let update = update
            .key("pk", AttributeValue::S(ticket_pk(ticket)))
            .update_expression("SET burnt = :yes")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":yes", AttributeValue::Bool(true));
        match update.send().await {
            Ok(_) => Ok(()),
            // The table has deleted it, which is as good.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn begin(&self, state: &StateHash, attempt: &Attempt) -> Result<(), ConsentsUnavailable> {
        let attributes = [
            ("purpose", text(attempt.purpose.as_str())),
            ("mailbox", text(attempt.mailbox.as_str())),
            ("ticket", text(attempt.ticket.as_str())),
            ("browser", text(attempt.browser.as_str())),
            ("verifier", text(attempt.verifier.expose())),
            ("nonce", text(attempt.nonce.expose())),
        ];
        self.put(attempt_pk(state), attempt.expires_at, attributes)
            .await
    }

    async fn take(
        &self,
        state: &StateHash,
        browser: &BrowserHash,
        now: Timestamp,
    ) -> Result<Taken, ConsentsUnavailable> {
        let update = self.client.update_item().table_name(&self.table);
        let update = update
            .key("pk", AttributeValue::S(attempt_pk(state)))
            .update_expression("SET taken = :yes REMOVE verifier, nonce")
            .condition_expression(
                "browser = :browser AND expires_at > :now AND attribute_not_exists(taken)",
            )
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":browser", text(browser.as_str()))
            .expression_attribute_values(":now", number(now.as_second()))
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(OnFailure::AllOld);
        let error = match update.send().await {
            Ok(updated) => {
                let item = updated.attributes.unwrap_or_default();
                let attempt = attempt(&item).ok_or_else(|| unavailable(Unreadable))?;
                return Ok(Taken::Attempt(attempt));
            }
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                Ok(match failed.item() {
                    None => Taken::Unknown,
                    Some(item) if item.contains_key("taken") => Taken::Used,
                    Some(item) if string(item, "browser") != Some(browser.as_str()) => {
                        Taken::Foreign
                    }
                    Some(_) => Taken::Expired,
                })
            }
            Some(_) | None => Err(unavailable(error)),
        }
    }

    async fn conclude(
        &self,
        browser: &BrowserHash,
        outcome: &Outcome,
    ) -> Result<(), ConsentsUnavailable> {
        let ending = serde_json::to_string(&outcome.ending).map_err(unavailable)?;
        let attributes = [
            ("purpose", text(outcome.purpose.as_str())),
            ("mailbox", text(outcome.mailbox.as_str())),
            ("ticket", text(outcome.ticket.as_str())),
            ("ending", text(&ending)),
        ];
        self.put(outcome_pk(browser), outcome.expires_at, attributes)
            .await
    }

    async fn outcome(
        &self,
        browser: &BrowserHash,
        now: Timestamp,
    ) -> Result<Option<Outcome>, ConsentsUnavailable> {
        let Some(item) = self.get(outcome_pk(browser)).await? else {
            return Ok(None);
        };
        let outcome = outcome(&item).ok_or_else(|| unavailable(Unreadable))?;
        Ok(Some(outcome).filter(|outcome| outcome.expires_at > now))
    }
}

fn standing(item: &Item, now: Timestamp) -> Option<Standing> {
    Some(match () {
        () if item.contains_key("burnt") => Standing::Burnt,
        () if expires_at(item)? <= now => Standing::Expired,
        () if integer(item, "attempts")? >= i64::from(ATTEMPTS) => Standing::Exhausted,
        () => Standing::Good(mailbox(item)?),
    })
}

fn attempt(item: &Item) -> Option<Attempt> {
    Some(Attempt {
        purpose: Purpose::parse(string(item, "purpose")),
        mailbox: mailbox(item)?,
        ticket: TicketHash::stored(string(item, "ticket")?)?,
        browser: BrowserHash::stored(string(item, "browser")?)?,
        verifier: Verifier::parse(string(item, "verifier")?)?,
        nonce: Nonce::parse(string(item, "nonce")?)?,
        expires_at: expires_at(item)?,
    })
}

fn outcome(item: &Item) -> Option<Outcome> {
    Some(Outcome {
        purpose: Purpose::parse(string(item, "purpose")),
        mailbox: mailbox(item)?,
        ticket: TicketHash::stored(string(item, "ticket")?)?,
        ending: serde_json::from_str(string(item, "ending")?).ok()?,
        expires_at: expires_at(item)?,
    })
}

fn ticket_pk(ticket: &TicketHash) -> String {
    format!("ticket#{}", ticket.as_str())
}

fn attempt_pk(state: &StateHash) -> String {
    format!("attempt#{}", state.as_str())
}

fn outcome_pk(browser: &BrowserHash) -> String {
    format!("outcome#{}", browser.as_str())
}

fn mailbox(item: &Item) -> Option<MailboxId> {
    MailboxId::parse(string(item, "mailbox")?).ok()
}

fn expires_at(item: &Item) -> Option<Timestamp> {
    Timestamp::from_second(integer(item, "expires_at")?).ok()
}

fn string<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

fn integer(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> ConsentsUnavailable {
    ConsentsUnavailable(boxed(error))
}
