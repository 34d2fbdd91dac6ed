//! `doctor`: whether the stack is healthy, and what to repair first.
//!
//! It asks for the status of all mailboxes, and walks the way of each one that should send.

use serde_json::{Value, json};

use super::mailboxes::is_well;
use crate::answer::{self, Mailboxes, Status, Steps};
use crate::screen::{Paper, Screen, Text, Tone};
use crate::stack::Stack;
use crate::trouble::{Trouble, Verdict};
use crate::waiting::Waiting;
use crate::words;

/// A mailbox, as far as it was examined.
struct Examined {
    status: Status,
    steps: Option<Steps>,
}

/// Examines the stack.
pub(super) async fn doctor(stack: &Stack, screen: &Screen) -> Result<Verdict, Trouble> {
    let waiting = Waiting::begin(screen, "asking for all mailboxes", Waiting::SHORT);
    let status = stack.ask(&json!({ "command": "status" })).await?;
    let Mailboxes { mailboxes } = answer::read(&status)?;
    let mut examined = Vec::new();
    let mut checks = serde_json::Map::new();
    for status in mailboxes {
        let mut steps = None;
        if status.sends {
            waiting.note(&format!("walking the way of {}", status.mailbox));
            let check = json!({ "command": "check", "mailbox": status.mailbox });
            let answer = stack.ask(&check).await?;
            steps = Some(answer::read(&answer)?);
            checks.insert(status.mailbox.clone(), answer);
        }
        examined.push(Examined { status, steps });
    }
    drop(waiting);
    let findings = findings(&examined);
    let answer = json!({
        "ok": findings.is_empty(),
        "findings": findings.iter().map(|finding| json!({ "mailbox": finding.mailbox, "found": finding.found, "remedy": finding.remedy })).collect::<Vec<Value>>(),
        "mailboxes": status["mailboxes"],
        "checks": checks,
    });
    screen.show(&answer, |paper| tell(paper, &examined, &findings));
    Ok(Verdict::of(findings.is_empty()))
}

/// Something that somebody has to do something about.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    mailbox: String,
    found: String,
    remedy: Option<String>,
}

/// What was found, the most pressing first: mailboxes that do not send, ways that are not open, then what failed.
fn findings(examined: &[Examined]) -> Vec<Finding> {
    let mut stopped = Vec::new();
    let mut failed = Vec::new();
    for Examined { status, steps } in examined {
        let mailbox = &status.mailbox;
        let finding = |found: String, remedy: Option<String>| Finding {
            mailbox: mailbox.clone(),
            found,
            remedy,
        };
        stopped.extend(
            status
                .faults
                .iter()
                .map(|fault| finding(fault.clone(), None)),
        );
        if let (false, false, Some(state)) = (status.sends, status.paused, &status.state) {
            let class = status
                .class
                .map_or_else(String::new, |class| format!(": {class}"));
            let remedy = status.remedy.clone();
            let remedy =
                remedy.or_else(|| Some(format!("Connect it: `pillarbox connect {mailbox}`.")));
            stopped.push(finding(format!("{}{class}", words::words(state)), remedy));
        }
        let failed_steps = steps
            .iter()
            .flat_map(|steps| &steps.steps)
            .filter(|step| !step.ok);
        stopped.extend(failed_steps.map(|step| {
            finding(
                format!("{}: {}", step.step, step.found),
                step.remedy.clone(),
            )
        }));
        let set_aside = status.failed_queue.map_or(0, |queue| queue.all());
        if set_aside > 0 {
            let remedy = format!("`pillarbox failed list {mailbox}` says why.");
            failed.push(finding(
                format!("{set_aside} in the failed queue"),
                Some(remedy),
            ));
        }
    }
    stopped.append(&mut failed);
    stopped
}

fn tell(paper: &mut Paper, examined: &[Examined], findings: &[Finding]) {
    let mailboxes: Vec<_> = examined.iter().map(|examined| &examined.status).collect();
    let well = mailboxes.iter().filter(|status| is_well(status)).count();
    let count = mailboxes.len();
    if findings.is_empty() {
        paper.line(Text::from(format!("healthy: {count} of {count} mailboxes")).toned(Tone::Good));
    } else {
        paper.line(
            Text::from(format!("not healthy: {well} of {count} mailboxes are well"))
                .toned(Tone::Bad),
        );
    }
    for (number, finding) in findings.iter().enumerate() {
        paper.gap();
        let found = format!("{}. {}: {}", number + 1, finding.mailbox, finding.found);
        paper.line(Text::from(found).toned(Tone::Bad));
        if let Some(remedy) = &finding.remedy {
            paper.line(words::ours(remedy));
        }
    }
    for status in &mailboxes {
        for warning in &status.warnings {
            paper.gap();
            let text = format!("{}: {warning}", status.mailbox);
            paper.line(Text::from(text).toned(Tone::Doubtful));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::tests::seen;

    fn status(answer: Value) -> Status {
        answer::read(&answer).unwrap()
    }

    #[test]
    fn what_stops_mail_comes_before_what_has_failed() {
        let depth = json!({ "waiting": 2, "in_flight": 0, "delayed": 0 });
        let examined = [
            Examined {
                status: status(
                    json!({ "mailbox": "billing", "state": "active", "sends": true, "failed_queue": depth }),
                ),
                steps: Some(Steps {
                    ok: true,
                    steps: Vec::new(),
                    not_proven: Vec::new(),
                }),
            },
            Examined {
                status: status(
                    json!({ "mailbox": "orders", "state": "awaiting_consent", "sends": false }),
                ),
                steps: None,
            },
        ];
        let findings = findings(&examined);
        let found: Vec<_> = findings
            .iter()
            .map(|finding| (finding.mailbox.as_str(), finding.found.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("orders", "awaiting consent"),
                ("billing", "2 in the failed queue")
            ]
        );
        let text = seen(|paper| tell(paper, &examined, &findings));
        assert!(
            text.contains("not healthy: 0 of 2") && text.contains("`pillarbox connect orders`"),
            "{text}"
        );
    }

    #[test]
    fn a_mailbox_that_somebody_paused_is_no_finding() {
        let paused = status(
            json!({ "mailbox": "billing", "state": "active", "paused": true, "sends": false }),
        );
        assert_eq!(
            findings(&[Examined {
                status: paused,
                steps: None
            }]),
            []
        );
    }
}
