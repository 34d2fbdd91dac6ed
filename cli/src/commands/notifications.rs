//! `send`, `send-test` and `trace`: a notification on its way.

use common::clock::{Clock, SystemClock};
use common::mailbox::MailboxId;
use jiff::Timestamp;
use serde_json::json;

use super::request;
use crate::answer::{self, Enqueued, Fate, Traced};
use crate::arguments::{Patience, Send, SendTest, Trace};
use crate::letter::Letter;
use crate::screen::{Medium, Paper, Screen, Text, Tone};
use crate::stack::Stack;
use crate::trouble::{Trouble, Verdict};
use crate::waiting::Waiting;
use crate::words;

/// Puts a notification on the queue.
pub(super) async fn send(
    stack: &Stack,
    screen: &Screen,
    flags: &Send,
    letter: &Letter,
) -> Result<Verdict, Trouble> {
    let mailbox = &flags.of.mailbox;
    let queue = stack.name.queue(mailbox);
    stack.queues.send(&queue, &letter.body, &[]).await?;
    enqueued(stack, screen, mailbox, &letter.id, flags.patience).await
}

/// Has a mail sent from the mailbox to itself.
pub(super) async fn send_test(
    stack: &Stack,
    screen: &Screen,
    flags: &SendTest,
) -> Result<Verdict, Trouble> {
    let mailbox = &flags.of.mailbox;
    let answer = stack.ask(&request("send-test", mailbox)).await?;
    let Enqueued { id } = answer::read(&answer)?;
    enqueued(stack, screen, mailbox, &id, flags.patience).await
}

/// Shows what has become of a notification.
pub(super) async fn trace(
    stack: &Stack,
    screen: &Screen,
    flags: &Trace,
) -> Result<Verdict, Trouble> {
    follow(stack, screen, &flags.of.mailbox, &flags.id, flags.patience).await
}

async fn enqueued(
    stack: &Stack,
    screen: &Screen,
    mailbox: &MailboxId,
    id: &str,
    patience: Patience,
) -> Result<Verdict, Trouble> {
    // With --wait a program gets one answer, and it is the last.
    if !(patience.wait && screen.medium() == Medium::Json) {
        screen.show(&json!({ "mailbox": mailbox.as_str(), "id": id }), |paper| {
            paper.facts([("enqueued", Some(Text::from(id)))]);
        });
    }
    if patience.wait {
        follow(stack, screen, mailbox, id, patience).await
    } else {
        Ok(Verdict::Well)
    }
}

/// Looks what has become of a notification, until it has ended or the patience has.
async fn follow(
    stack: &Stack,
    screen: &Screen,
    mailbox: &MailboxId,
    id: &str,
    patience: Patience,
) -> Result<Verdict, Trouble> {
    let mut request = request("trace", mailbox);
    request["id"] = json!(id);
    let waiting = Waiting::begin(screen, "looking it up", patience.timeout);
    loop {
        let answer = stack.ask(&request).await?;
        let traced: Traced = answer::read(&answer)?;
        let verdict = verdict(&traced);
        let over = patience.wait && verdict.is_none() && !waiting.goes_on().await;
        if patience.wait && verdict.is_none() && !over {
            waiting.note(&said(&traced, SystemClock.now()));
            continue;
        }
        drop(waiting);
        screen.show(&answer, |paper| tell(paper, &traced, SystemClock.now()));
        if over {
            return Err(Trouble::TooLate(format!(
                "notification {id} has not ended yet; `pillarbox trace {mailbox} {id}` shows it later"
            )));
        }
        // Without --wait, a notification that is still on its way is as it should be.
        return Ok(verdict.unwrap_or(Verdict::Well));
    }
}

/// Whether it ended well; nothing while it has not ended.
fn verdict(traced: &Traced) -> Option<Verdict> {
    match traced.state {
        Fate::Unseen | Fate::Waiting | Fate::Claimed | Fate::Sending => None,
        Fate::Accepted => Some(Verdict::of(traced.class.is_none())),
        Fate::Refused | Fate::Unknown => Some(Verdict::NotSo),
    }
}

fn said(traced: &Traced, now: Timestamp) -> String {
    match traced.state {
        Fate::Unseen => "not seen by a worker yet".to_owned(),
        Fate::Waiting => match traced.not_before.and_then(|at| words::left(at, now)) {
            Some(left) => format!("waiting, tried again in {left}"),
            None => "waiting for its turn".to_owned(),
        },
        Fate::Claimed => "being prepared".to_owned(),
        Fate::Sending => "being sent".to_owned(),
        Fate::Accepted => "accepted".to_owned(),
        Fate::Refused => "refused".to_owned(),
        Fate::Unknown => "unknown: it may or may not have been sent".to_owned(),
    }
}

fn tell(paper: &mut Paper, traced: &Traced, now: Timestamp) {
    let tone = match verdict(traced) {
        None => Tone::Doubtful,
        Some(Verdict::Well) => Tone::Good,
        Some(Verdict::NotSo) => Tone::Bad,
    };
    let some = |text: &Option<String>| text.as_deref().map(Text::from);
    paper.facts([
        ("notification", Some(Text::from(traced.id.as_str()))),
        ("state", Some(Text::from(said(traced, now)).toned(tone))),
        ("at", traced.at.map(|at| Text::from(words::clock(at)))),
        ("attempts", Some(Text::from(traced.attempts.to_string()))),
        (
            "class",
            traced.class.map(|class| Text::from(class.as_str())),
        ),
        ("stage", some(&traced.stage)),
        ("reply", some(&traced.reply)),
        ("Message-ID", some(&traced.message_id)),
    ]);
    for refused in &traced.refused {
        paper.facts([(
            "refused",
            Some(Text::from(format!(
                "{}: {}",
                refused.address, refused.reply
            ))),
        )]);
    }
    for unknown in &traced.unknown {
        let first = unknown.recipients.first().map_or("", String::as_str);
        let whom = match unknown.recipients.len() {
            0 | 1 => first.to_owned(),
            count => format!("{first} and {} more", count - 1),
        };
        let message = unknown.message_id.as_deref().unwrap_or_default();
        paper.facts([("unknown", Some(Text::from(format!("{whom} {message}"))))]);
    }
    if let Some(remedy) = &traced.remedy {
        paper.gap();
        paper.line(words::ours(remedy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::tests::{seen, written};

    fn traced(state: &str, more: serde_json::Value) -> Traced {
        let mut answer = json!({ "mailbox": "billing", "id": "order-1", "state": state });
        let fields = answer.as_object_mut().unwrap();
        fields.extend(more.as_object().cloned().unwrap());
        answer::read(&answer).unwrap()
    }

    fn now() -> Timestamp {
        "2027-03-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn it_has_ended_when_it_is_accepted_refused_or_unknown() {
        for on_its_way in ["unseen", "waiting", "claimed", "sending"] {
            assert_eq!(
                verdict(&traced(on_its_way, json!({}))),
                None,
                "{on_its_way}"
            );
        }
        assert_eq!(verdict(&traced("accepted", json!({}))), Some(Verdict::Well));
        let partly = traced("accepted", json!({ "class": "recipient_refused" }));
        assert_eq!(verdict(&partly), Some(Verdict::NotSo), "not for everybody");
        assert_eq!(verdict(&traced("refused", json!({}))), Some(Verdict::NotSo));
        assert_eq!(verdict(&traced("unknown", json!({}))), Some(Verdict::NotSo));
    }

    #[test]
    fn a_failure_is_shown_with_its_reply_and_its_remedy() {
        let refused = traced(
            "refused",
            json!({
                "attempts": 1, "class": "recipient_refused", "stage": "RCPT",
                "reply": "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup at the far end",
                "remedy": "Correct or remove the recipient's address.",
                "refused": [{ "address": "nobody@fabrikam.com", "reply": "550 5.1.10" }],
                "unknown": [{ "message_id": "<2@contoso.com>", "recipients": ["a@fabrikam.com", "b@fabrikam.com"] }],
            }),
        );
        let text = seen(|paper| tell(paper, &refused, now()));
        for said in [
            "order-1",
            "recipient_refused",
            "550 5.1.10 RESOLVER",
            "nobody@fabrikam.com: 550 5.1.10",
            "a@fabrikam.com and 1 more <2@contoso.com>",
            "\nCorrect or remove",
        ] {
            assert!(text.contains(said), "{said} is missing:\n{text}");
        }
    }

    #[test]
    fn a_wait_says_until_when() {
        let waiting = traced("waiting", json!({ "not_before": "2027-03-01T12:05:00Z" }));
        let text = written(Medium::Lines, |paper| tell(paper, &waiting, now()));
        assert!(
            text.contains("state\twaiting, tried again in 5 min\n"),
            "{text}"
        );
    }
}
