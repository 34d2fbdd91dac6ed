//! What a copy in the failed queue says of itself: the attribute `pillarbox`.

use common::failed::{Refused, Report};
use common::ledger::{Reason, RecipientOutcome, Record};
use jiff::Timestamp;

/// The longest report, in octets. The queue's message size leaves room for it.
const LIMIT: usize = 8 * 1024;
/// The longest reply that is quoted, in characters.
const REPLY: usize = 2000;
/// How many refused recipients are named.
const RECIPIENTS: usize = 20;

/// The report of `reason`, with what the ledger knows.
pub(crate) fn report(
    reason: &Reason,
    record: Option<&Record>,
    remedy: String,
    now: Timestamp,
) -> Report {
    let settled = record.map_or(&[][..], |record| &record.settled);
    let unknown = record.map_or(&[][..], |record| &record.unknown);
    // What a person has to look for in Sent Items, of several parts.
    let looked_for = unknown.last().and_then(|part| part.message_id.clone());
    let refused = settled.iter().filter(|recipient| !recipient.accepted);
    let named = |recipient: &RecipientOutcome| Refused {
        recipient: recipient.address.clone(),
        reply: short(&recipient.reply, 120),
    };
    Report {
        class: Some(reason.class),
        reply: short(&reason.reply, REPLY),
        stage: reason.stage.clone(),
        remedy,
        attempts: record.map_or(0, |record| record.attempts),
        message_id: looked_for.or_else(|| record.and_then(|record| record.message_id.clone())),
        first_attempt_at: record.map(|record| record.first_attempt_at),
        failed_at: Some(now),
        refused: refused.clone().take(RECIPIENTS).map(named).collect(),
        refused_more: refused.count().saturating_sub(RECIPIENTS),
        accepted: settled
            .iter()
            .filter(|recipient| recipient.accepted)
            .count(),
        unknown: unknown.iter().map(|part| part.recipients.len()).sum(),
    }
}

/// The attribute's value. A report that would be too long names no recipients.
pub(crate) fn to_attribute(report: Report) -> String {
    let json = |report: &Report| serde_json::to_string(report).unwrap_or_default();
    let whole = json(&report);
    if whole.len() <= LIMIT {
        return whole;
    }
    json(&Report {
        reply: short(&report.reply, REPLY / 4),
        remedy: short(&report.remedy, REPLY / 4),
        refused_more: report.refused.len() + report.refused_more,
        refused: Vec::new(),
        ..report
    })
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
    use common::class::{Class, Concerning};
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
            delayed: false,
            message_id: None,
            first_attempt_at: Timestamp::UNIX_EPOCH,
            part: 1,
            recipients_per_part: Some(500),
            unknown: Vec::new(),
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
        let remedy = reason.class.remedy(&about);
        let report = report(&reason, Some(&record), remedy, Timestamp::UNIX_EPOCH);
        let attribute = to_attribute(report);
        assert!(attribute.len() <= LIMIT, "{}", attribute.len());
        assert!(!attribute.chars().any(char::is_control));
        let report: serde_json::Value =
            serde_json::from_str(&attribute).expect("the attribute is JSON");
        assert_eq!(report["class"], "recipient_refused");
        assert_eq!(report["attempts"], 2);
        assert_eq!(report["refused_more"], 500);
    }
}
