//! What a copy in the failed queue says of itself: the attribute `pillarbox`.

use common::class::{Class, Concerning};
use common::ledger::{Reason, RecipientOutcome, Record};
use jiff::Timestamp;
use serde::Serialize;

/// The attribute's name.
pub(crate) const ATTRIBUTE: &str = "pillarbox";
/// The longest report, in octets. The queue's message size leaves room for it.
const LIMIT: usize = 8 * 1024;
/// The longest reply that is quoted, in characters.
const REPLY: usize = 2000;
/// How many refused recipients are named.
const RECIPIENTS: usize = 20;

/// Why a notification was set aside, for a person or a program to read.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    class: Class,
    reply: String,
    stage: String,
    remedy: String,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_attempt_at: Option<Timestamp>,
    failed_at: Timestamp,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<Refused>,
    #[serde(skip_serializing_if = "is_zero")]
    refused_more: usize,
    #[serde(skip_serializing_if = "is_zero")]
    accepted: usize,
}

#[derive(Debug, Serialize)]
struct Refused {
    recipient: String,
    reply: String,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Report {
    /// The report of `reason`, with what the ledger knows.
    pub(crate) fn new(
        reason: &Reason,
        record: Option<&Record>,
        about: &Concerning<'_>,
        now: Timestamp,
    ) -> Self {
        let settled = record.map_or(&[][..], |record| &record.settled);
        let refused = settled.iter().filter(|recipient| !recipient.accepted);
        let named = |recipient: &RecipientOutcome| Refused {
            recipient: recipient.address.clone(),
            reply: short(&recipient.reply, 120),
        };
        Self {
            class: reason.class,
            reply: short(&reason.reply, REPLY),
            stage: reason.stage.clone(),
            remedy: reason.class.remedy(about),
            attempts: record.map_or(0, |record| record.attempts),
            message_id: record.and_then(|record| record.message_id.clone()),
            first_attempt_at: record.map(|record| record.first_attempt_at),
            failed_at: now,
            refused: refused.clone().take(RECIPIENTS).map(named).collect(),
            refused_more: refused.count().saturating_sub(RECIPIENTS),
            accepted: settled
                .iter()
                .filter(|recipient| recipient.accepted)
                .count(),
        }
    }

    /// The attribute's value. A report that would be too long names no recipients.
    pub(crate) fn to_attribute(&self) -> String {
        let json = |report: &Self| serde_json::to_string(report).unwrap_or_default();
        let whole = json(self);
        if whole.len() <= LIMIT {
            return whole;
        }
        let count = self.refused.len() + self.refused_more;
        let shorter = Self {
            reply: short(&self.reply, REPLY / 4),
            remedy: short(&self.remedy, REPLY / 4),
            refused: Vec::new(),
            refused_more: count,
            class: self.class,
            stage: self.stage.clone(),
            message_id: self.message_id.clone(),
            ..*self
        };
        json(&shorter)
    }
}

/// A text cut at a character, without the control characters that SQS refuses in an attribute.
fn short(text: &str, limit: usize) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(limit)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::ledger::State;

    #[test]
    fn a_report_fits_its_attribute_whatever_the_server_said() {
        let recipient = |number: usize| RecipientOutcome {
            address: format!("{}{number}@contoso.com", "a".repeat(60)),
            accepted: false,
            reply: "ü".repeat(4000),
        };
        let record = Record {
            revision: 3,
            content: String::new(),
            attempts: 2,
            sent_again: false,
            message_id: None,
            first_attempt_at: Timestamp::UNIX_EPOCH,
            settled: (0..500).map(recipient).collect(),
            state: State::Waiting {
                not_before: Timestamp::UNIX_EPOCH,
            },
        };
        let reason = Reason {
            class: Class::RecipientRefused,
            reply: "ü\u{1}".repeat(4000),
            stage: "rcpt".to_owned(),
        };
        let about = Concerning::mailbox("billing", "billing@contoso.com");
        let attribute =
            Report::new(&reason, Some(&record), &about, Timestamp::UNIX_EPOCH).to_attribute();
        assert!(attribute.len() <= LIMIT, "{}", attribute.len());
        assert!(!attribute.chars().any(char::is_control));
        let report: serde_json::Value =
            serde_json::from_str(&attribute).expect("the attribute is JSON");
        assert_eq!(report["class"], "recipient_refused");
        assert_eq!(report["attempts"], 2);
        assert_eq!(report["refused_more"], 500);
    }
}
