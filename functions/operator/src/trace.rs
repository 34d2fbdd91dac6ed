//! What has become of a notification, out of its record in the ledger. Nothing is changed by looking.

use common::class::Class;
use common::ledger::{HandOver, Record, State};
use common::mailbox::Settings;
use jiff::Timestamp;
use serde::Serialize;

/// What has become of a notification.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Trace {
    mailbox: String,
    id: String,
    /// `unseen` when no worker has seen it in the last 30 days, else the state of its record.
    state: &'static str,
    /// How often a message was begun to be sent.
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Time>"))]
    first_attempt_at: Option<Timestamp>,
    /// When the server accepted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Time>"))]
    at: Option<Timestamp>,
    /// The earliest moment of the next attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Time>"))]
    not_before: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    /// Why it, or a part of it, was not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::ClassName>"))]
    class: Option<Class>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
    /// How many recipients the server accepted and will not be tried again.
    accepted: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<Refused>,
    /// The messages of which nobody knows whether the server took them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<Unknown>,
}

/// A recipient whom the server refused.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Refused {
    address: String,
    reply: String,
}

/// A message of which nobody knows whether the server took it. A notification to many goes out in several.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Unknown {
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    recipients: Vec<String>,
    reply: String,
}

impl Trace {
    /// The trace of the notification `id`, whose record is `record`.
    pub(crate) fn of(settings: &Settings, id: String, record: Option<Record>) -> Self {
        let mut trace = Self {
            mailbox: settings.mailbox.to_string(),
            id,
            state: "unseen",
            attempts: 0,
            first_attempt_at: None,
            at: None,
            not_before: None,
            message_id: None,
            class: None,
            stage: None,
            reply: None,
            remedy: None,
            accepted: 0,
            refused: Vec::new(),
            unknown: Vec::new(),
        };
        let Some(record) = record else { return trace };
        trace.attempts = record.attempts;
        trace.first_attempt_at = Some(record.first_attempt_at);
        trace.message_id = record.message_id;
        for recipient in record.settled {
            if recipient.accepted {
                trace.accepted += 1;
            } else {
                trace.refused.push(Refused {
                    address: recipient.address,
                    reply: recipient.reply,
                });
            }
        }
        let unknown = record.unknown.into_iter().map(|part| Unknown {
            message_id: part.message_id,
            recipients: part.recipients,
            reply: part.reply,
        });
        trace.unknown.extend(unknown);
        match record.state {
            State::Waiting { not_before } => {
                trace.state = "waiting";
                trace.not_before = Some(not_before);
            }
            State::Claimed { .. } => trace.state = "claimed",
            State::Sending { .. } => trace.state = "sending",
            State::Accepted {
                at,
                reply,
                hand_over,
                copy: _,
            } => {
                trace.state = "accepted";
                trace.at = Some(at);
                trace.reply = Some(reply);
                if let Some(hand_over) = hand_over {
                    trace.ended(hand_over, settings);
                }
            }
            State::WouldBeAccepted { at } => {
                trace.state = "would_be_accepted";
                trace.at = Some(at);
            }
            State::Refused { hand_over } => {
                trace.state = "refused";
                trace.ended(hand_over, settings);
            }
            State::Unknown { hand_over } => {
                trace.state = "unknown";
                trace.ended(hand_over, settings);
            }
        }
        trace
    }

    fn ended(&mut self, hand_over: HandOver, settings: &Settings) {
        let reason = hand_over.reason;
        self.remedy = Some(reason.class.remedy(&settings.concerning()));
        self.class = Some(reason.class);
        self.stage = Some(reason.stage);
        self.reply = Some(reason.reply);
    }
}

#[cfg(test)]
mod tests {
    use common::ledger::{Claim, Reason, RecipientOutcome, Worker, claim};
    use common::mailbox::MailboxId;
    use serde_json::{Value, json};

    use super::*;

    fn trace(record: Option<Record>) -> Value {
        let mailbox = MailboxId::parse("billing").expect("a mailbox id");
        let json = r#"{"address":"billing@contoso.com","tenant":"contoso.com","client_id":"app"}"#;
        let settings = Settings::parse(mailbox, json).expect("settings");
        serde_json::to_value(Trace::of(&settings, "order-1".to_owned(), record)).expect("JSON")
    }

    fn claimed() -> (Worker, Record) {
        let worker = Worker {
            copy: "copy".to_owned(),
            name: "worker".to_owned(),
            lease_until: Timestamp::UNIX_EPOCH,
        };
        let claim = claim(None, "content", &worker, Timestamp::UNIX_EPOCH);
        let Claim::Granted(record) = claim else {
            panic!("a notification that nobody knows is granted");
        };
        (worker, record)
    }

    fn refused_recipient() -> RecipientOutcome {
        RecipientOutcome {
            address: "nobody@fabrikam.com".to_owned(),
            accepted: false,
            reply: "550 5.1.10".to_owned(),
        }
    }

    #[test]
    fn what_nobody_has_seen_is_unseen() {
        let trace = trace(None);
        assert_eq!(
            (&trace["state"], &trace["attempts"]),
            (&json!("unseen"), &json!(0))
        );
    }

    #[test]
    fn a_refusal_has_its_reply_its_recipients_and_its_remedy() {
        let (worker, record) = claimed();
        let reason = Reason {
            class: Class::RecipientRefused,
            reply: "550 5.1.10 not found".to_owned(),
            stage: "RCPT".to_owned(),
        };
        let record = record
            .sending(&worker, "<1@contoso.com>".to_owned())
            .refused("copy".to_owned(), reason, vec![refused_recipient()]);
        let trace = trace(Some(record));
        assert_eq!(trace["state"], "refused");
        assert_eq!(trace["attempts"], 1);
        assert_eq!(trace["reply"], "550 5.1.10 not found");
        assert_eq!(trace["refused"][0]["address"], "nobody@fabrikam.com");
        assert!(
            trace["remedy"]
                .as_str()
                .is_some_and(|remedy| !remedy.is_empty())
        );
    }

    #[test]
    fn an_acceptance_has_the_servers_reply_and_no_remedy() {
        let (worker, record) = claimed();
        let record = record.sending(&worker, "<1@contoso.com>".to_owned());
        let at = Timestamp::UNIX_EPOCH;
        let trace = trace(Some(record.accepted(
            at,
            "250 2.0.0 OK".to_owned(),
            Vec::new(),
            None,
        )));
        assert_eq!(trace["state"], "accepted");
        assert_eq!(trace["reply"], "250 2.0.0 OK");
        assert_eq!(trace["remedy"], Value::Null);
    }
}
