//! `failed`: what is in the failed queue of a mailbox, and what becomes of it.
//!
//! The operator goes through a queue for as long as its function may run, and says whether there may be more. It is
//! asked again until there is not. What was done stays done when somebody presses Ctrl-C in between.

use common::clock::{Clock, SystemClock};
use common::mailbox::MailboxId;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::request;
use crate::answer::{self, Failed, Group, Listed, Mailboxes, Moved};
use crate::arguments::{self, Drop, List, Redrive, Selection, Show};
use crate::screen::{Medium, Paper, Screen, Text, Tone};
use crate::stack::Stack;
use crate::trouble::{Trouble, Verdict};
use crate::waiting::{Progress, Waiting};
use crate::words;

/// The most that the operator lists.
const ALL: u16 = 1000;

/// Does what is said of a failed queue.
pub(super) async fn failed(
    stack: &Stack,
    screen: &Screen,
    command: &arguments::Failed,
) -> Result<Verdict, Trouble> {
    match command {
        arguments::Failed::List(flags) => list(stack, screen, flags).await,
        arguments::Failed::Show(flags) => show(stack, screen, flags).await,
        arguments::Failed::Redrive(flags) => redrive(stack, screen, flags).await,
        arguments::Failed::Drop(flags) => drop_them(stack, screen, flags).await,
    }
}

async fn list(stack: &Stack, screen: &Screen, flags: &List) -> Result<Verdict, Trouble> {
    let (answer, listed) = listed(stack, screen, &flags.of.mailbox, flags.limit).await?;
    screen.show(&answer, |paper| {
        tell_list(paper, &listed, SystemClock.now());
    });
    Ok(Verdict::of(listed.end.fault.is_none()))
}

async fn show(stack: &Stack, screen: &Screen, flags: &Show) -> Result<Verdict, Trouble> {
    let mailbox = &flags.of.mailbox;
    let (answer, listed) = listed(stack, screen, mailbox, ALL).await?;
    let among = answer["failed"].as_array().into_iter().flatten();
    let found = among
        .zip(&listed.failed)
        .find(|(_, failed)| failed.id == flags.id);
    let Some((answer, failed)) = found else {
        let seen = if listed.end.again {
            format!(" among the {} that were looked at", listed.failed.len())
        } else {
            String::new()
        };
        return Err(Trouble::NotThere(format!(
            "the failed queue of {mailbox} has no notification {}{seen}",
            flags.id
        )));
    };
    screen.show(answer, |paper| tell_one(paper, failed));
    Ok(Verdict::Well)
}

async fn redrive(stack: &Stack, screen: &Screen, flags: &Redrive) -> Result<Verdict, Trouble> {
    let mut request = selected("redrive", &flags.selection);
    if flags.resend {
        request["resend"] = json!(true);
    }
    walk(stack, screen, &flags.selection.of.mailbox, &request).await
}

async fn drop_them(stack: &Stack, screen: &Screen, flags: &Drop) -> Result<Verdict, Trouble> {
    let selection = &flags.selection;
    let mailbox = &selection.of.mailbox;
    if !selection.dry_run {
        let question = format!("Delete them from the failed queue of {mailbox} for good?");
        screen.ask(&question, flags.consent)?;
    }
    walk(stack, screen, mailbox, &selected("drop", selection)).await
}

async fn listed(
    stack: &Stack,
    screen: &Screen,
    mailbox: &MailboxId,
    limit: u16,
) -> Result<(Value, Listed), Trouble> {
    let mut request = request("failed", mailbox);
    request["limit"] = json!(limit);
    let _waiting = Waiting::begin(screen, "looking through the failed queue", Waiting::SHORT);
    let answer = stack.ask(&request).await?;
    let listed = answer::read(&answer)?;
    Ok((answer, listed))
}

/// The request that a selection makes. What the operator refuses, such as a selection of nothing, it says itself.
fn selected(command: &str, selection: &Selection) -> Value {
    let mut request = request(command, &selection.of.mailbox);
    let classes: Vec<_> = selection.class.iter().map(|class| class.as_str()).collect();
    let said = [
        ("class", (!classes.is_empty()).then(|| json!(classes))),
        (
            "ids",
            (!selection.ids.is_empty()).then(|| json!(selection.ids)),
        ),
        (
            "older_than",
            selection.older_than.as_ref().map(|age| json!(age)),
        ),
        (
            "newer_than",
            selection.newer_than.as_ref().map(|age| json!(age)),
        ),
        ("all", selection.all.then(|| json!(true))),
        ("dry_run", selection.dry_run.then(|| json!(true))),
    ];
    for (name, value) in said {
        if let Some(value) = value {
            request[name] = value;
        }
    }
    request
}

/// Asks again and again until the queue has been gone through, or an answer has moved nothing.
async fn walk(
    stack: &Stack,
    screen: &Screen,
    mailbox: &MailboxId,
    request: &Value,
) -> Result<Verdict, Trouble> {
    let progress = Progress::begin(screen, depth(stack, mailbox).await?);
    let mut together = Moved::default();
    loop {
        let answer = asked(stack, mailbox, request, &progress).await?;
        let moved: Moved = answer::read(&answer)?;
        // A program gets the answers as they come, one a line.
        if screen.medium() == Medium::Json {
            screen.show(&answer, |_| {});
        }
        let goes_on = moved.end.again && moved.end.fault.is_none() && moved.went() > 0;
        together.add(moved);
        if !goes_on {
            break;
        }
    }
    drop(progress);
    if screen.medium() != Medium::Json {
        screen.show(&Value::Null, |paper| tell_moved(paper, &together));
    }
    let is_done = together.stays.count == 0 && !together.end.again;
    Ok(Verdict::of(is_done && together.end.fault.is_none()))
}

/// Waits for one answer; meanwhile the bar moves as the queue gets shorter.
async fn asked(
    stack: &Stack,
    mailbox: &MailboxId,
    request: &Value,
    progress: &Progress,
) -> Result<Value, Trouble> {
    let answer = stack.ask(request);
    tokio::pin!(answer);
    loop {
        tokio::select! {
            answer = &mut answer => return answer,
            () = progress.beat() => progress.left(depth(stack, mailbox).await?),
        }
    }
}

async fn depth(stack: &Stack, mailbox: &MailboxId) -> Result<u64, Trouble> {
    let answer = stack.ask(&request("status", mailbox)).await?;
    let Mailboxes { mailboxes } = answer::read(&answer)?;
    let depth = mailboxes.first().and_then(|status| status.failed_queue);
    Ok(depth.map_or(0, |depth| depth.all()))
}

impl Moved {
    /// How many have left the failed queue.
    fn went(&self) -> u64 {
        self.put_back.count + self.already_accepted.count + self.dropped.count
    }

    /// Counts in what another answer says. How far that one went is how far all went.
    fn add(&mut self, more: Self) {
        self.dry_run = more.dry_run;
        self.put_back.add(more.put_back);
        self.already_accepted.add(more.already_accepted);
        self.dropped.add(more.dropped);
        self.stays.count += more.stays.count;
        self.stays.notifications.extend(more.stays.notifications);
        self.not_meant += more.not_meant;
        self.end = more.end;
    }
}

impl Group {
    fn add(&mut self, more: Self) {
        self.count += more.count;
        for (class, count) in more.by_class {
            *self.by_class.entry(class).or_default() += count;
        }
    }

    /// Its number, and what it is made of.
    fn said(&self) -> Option<Text> {
        let classes: Vec<_> = self
            .by_class
            .iter()
            .map(|(class, count)| format!("{class} {count}"))
            .collect();
        (self.count > 0).then(|| Text::from(format!("{} ({})", self.count, classes.join(", "))))
    }
}

fn tell_list(paper: &mut Paper, listed: &Listed, now: Timestamp) {
    if listed.failed.is_empty() && paper.is_for_a_person() {
        paper.line("The failed queue is empty.");
        return;
    }
    let row = |failed: &Failed| {
        let class = failed.class.map_or("-", |class| class.as_str());
        let ago = failed
            .failed_at
            .or(failed.enqueued_at)
            .map(|at| words::span(now.duration_since(at)));
        [
            Text::from(failed.id.as_str()),
            Text::from(class).toned(Tone::Bad),
            Text::from(ago.unwrap_or_else(|| "-".to_owned())),
            Text::from(failed.reply.as_str()),
        ]
    };
    paper.table(
        ["ID", "CLASS", "AGO", "REPLY"],
        listed.failed.iter().map(row).collect(),
    );
    tell_end(paper, &listed.end, "There may be more: see --limit.");
}

fn tell_one(paper: &mut Paper, failed: &Failed) {
    let some = |text: &str| (!text.is_empty()).then(|| Text::from(text));
    let clock = |at: Option<Timestamp>| at.map(|at| Text::from(words::clock(at)));
    let class = failed
        .class
        .map(|class| Text::from(class.as_str()).toned(Tone::Bad));
    let accepted = (failed.accepted > 0).then(|| {
        let count = failed.accepted;
        Text::from(format!("for {count} other recipients"))
    });
    let unknown = (failed.unknown > 0).then(|| {
        let count = failed.unknown;
        Text::from(format!("for {count} recipients"))
    });
    paper.facts([
        ("notification", Some(Text::from(failed.id.as_str()))),
        ("class", class),
        ("stage", some(&failed.stage)),
        ("reply", some(&failed.reply)),
        ("attempts", Some(Text::from(failed.attempts.to_string()))),
        ("failed at", clock(failed.failed_at)),
        ("enqueued at", clock(failed.enqueued_at)),
        ("bytes", Some(Text::from(failed.bytes.to_string()))),
        ("Message-ID", failed.message_id.as_deref().map(Text::from)),
        ("accepted", accepted),
        ("unknown", unknown),
    ]);
    for refused in &failed.refused {
        let refused = format!("{}: {}", refused.recipient, refused.reply);
        paper.facts([("refused", Some(Text::from(refused)))]);
    }
    if failed.refused_more > 0 {
        let more = format!("and {} more", failed.refused_more);
        paper.facts([("refused", Some(Text::from(more)))]);
    }
    if !failed.remedy.is_empty() {
        paper.gap();
        paper.line(words::ours(&failed.remedy));
    }
}

fn tell_moved(paper: &mut Paper, moved: &Moved) {
    if moved.dry_run {
        paper.line(Text::from("Nothing was done; this is what would be:").toned(Tone::Aside));
    }
    let good = |group: &Group| group.said().map(|text| text.toned(Tone::Good));
    let count = |count: u64| (count > 0).then(|| Text::from(count.to_string()));
    paper.facts([
        ("put back", good(&moved.put_back)),
        ("accepted before", moved.already_accepted.said()),
        ("dropped", good(&moved.dropped)),
        (
            "not moved",
            count(moved.stays.count).map(|text| text.toned(Tone::Bad)),
        ),
        ("not meant", count(moved.not_meant)),
    ]);
    if moved.went() == 0 && moved.stays.count == 0 {
        paper.line("No notification in the failed queue was meant.");
    }
    for staying in &moved.stays.notifications {
        paper.facts([(
            staying.id.as_str(),
            Some(Text::from(staying.detail.as_str())),
        )]);
    }
    tell_end(
        paper,
        &moved.end,
        "There may be more: the same command goes on.",
    );
}

fn tell_end(paper: &mut Paper, end: &answer::End, more: &str) {
    if let Some(fault) = &end.fault {
        paper.line(Text::from(fault.as_str()).toned(Tone::Bad));
    }
    if end.again && paper.is_for_a_person() {
        paper.line(Text::from(more).toned(Tone::Doubtful));
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Command};
    use crate::screen::tests::{seen, written};

    fn request_of(more: &[&str]) -> Value {
        let line = ["pillarbox", "failed", "redrive", "billing"];
        let arguments = Arguments::try_parse_from(line.iter().chain(more)).unwrap();
        let Command::Failed(arguments::Failed::Redrive(redrive)) = arguments.command else {
            panic!("it is another command");
        };
        selected("redrive", &redrive.selection)
    }

    #[test]
    fn only_what_was_said_is_asked() {
        assert_eq!(
            request_of(&["--all"]),
            json!({ "command": "redrive", "mailbox": "billing", "all": true })
        );
        assert_eq!(
            request_of(&[
                "a",
                "b",
                "--class",
                "expired",
                "--older-than",
                "2 days",
                "--dry-run"
            ]),
            json!({
                "command": "redrive", "mailbox": "billing", "ids": ["a", "b"], "class": ["expired"],
                "older_than": "2 days", "dry_run": true,
            })
        );
    }

    fn listed() -> Listed {
        let answer = json!({ "again": true, "failed": [
            { "id": "invoice-1", "bytes": 312, "enqueued_at": "2027-03-01T11:00:00Z", "class": "recipient_refused",
              "reply": "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
              "stage": "RCPT", "remedy": "Correct or remove the recipient's address.", "attempts": 1,
              "failed_at": "2027-03-01T11:58:00Z", "refused_more": 3, "accepted": 2,
              "refused": [{ "recipient": "nobody@fabrikam.com", "reply": "550 5.1.10" }] },
            { "id": "of-sqs", "bytes": 12, "enqueued_at": null, "class": null, "reply": "", "stage": "", "remedy": "",
              "attempts": 0, "refused_more": 0, "accepted": 0 },
        ]});
        answer::read(&answer).unwrap()
    }

    #[test]
    fn a_failed_queue_is_listed_with_the_reasons() {
        let now = "2027-03-01T12:00:00Z".parse().unwrap();
        let text = seen(|paper| tell_list(paper, &listed(), now));
        for said in [
            "\ninvoice-1  recipient_refused  2 min",
            "RecipientNotFound",
            "\nof-sqs",
            "--limit",
        ] {
            assert!(text.contains(said), "{said} is missing:\n{text}");
        }
        let text = written(Medium::Lines, |paper| tell_list(paper, &listed(), now));
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.ends_with("of-sqs\t-\t-\t\n"), "{text}");
    }

    #[test]
    fn one_notification_is_shown_with_its_remedy() {
        let text = seen(|paper| tell_one(paper, &listed().failed[0]));
        for said in [
            "RCPT",
            "nobody@fabrikam.com: 550",
            "and 3 more",
            "for 2 other recipients",
            "\nCorrect or",
        ] {
            assert!(text.contains(said), "{said} is missing:\n{text}");
        }
    }

    #[test]
    fn several_answers_are_told_as_one() {
        let group = |count| json!({ "count": count, "by_class": { "expired": count } });
        let answer = |put_back, again| -> Moved {
            let staying = json!({ "count": 1, "notifications": [{ "id": "a", "detail": "it may have been sent" }] });
            let answer = json!({ "put_back": group(put_back), "stays": staying, "not_meant": 1, "again": again });
            answer::read(&answer).unwrap()
        };
        let mut together = Moved::default();
        together.add(answer(2, true));
        assert!(together.end.again);
        together.add(answer(3, false));
        assert_eq!((together.went(), together.end.again), (5, false));
        let text = written(Medium::Lines, |paper| tell_moved(paper, &together));
        assert_eq!(
            text,
            "put back\t5 (expired 5)\nnot moved\t2\nnot meant\t2\na\tit may have been sent\na\tit may have been sent\n"
        );
    }

    #[test]
    fn a_selection_that_meets_nothing_says_so() {
        let text = written(Medium::Lines, |paper| tell_moved(paper, &Moved::default()));
        assert_eq!(text, "No notification in the failed queue was meant.\n");
    }
}
