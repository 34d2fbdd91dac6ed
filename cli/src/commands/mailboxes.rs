//! `status`, `pause`, `resume`, `refresh` and `disconnect`.

use common::clock::{Clock, SystemClock};
use common::mailbox::MailboxId;
use jiff::Timestamp;
use serde_json::json;

use super::request;
use crate::answer::{self, Changed, Depth, Disconnected, Mailboxes, Renewed, Status};
use crate::arguments::{self, Disconnect};
use crate::screen::{Paper, Screen, Text, Tone};
use crate::stack::Stack;
use crate::trouble::{Trouble, Verdict};
use crate::waiting::Waiting;
use crate::words;

/// Shows how mailboxes do, once or again and again.
pub(super) async fn status(
    stack: &Stack,
    screen: &Screen,
    flags: &arguments::Status,
) -> Result<Verdict, Trouble> {
    let request = match &flags.mailbox {
        Some(mailbox) => request("status", mailbox),
        None => json!({ "command": "status" }),
    };
    loop {
        let answer = stack.ask(&request).await?;
        let Mailboxes { mailboxes } = answer::read(&answer)?;
        let tell = |paper: &mut Paper| tell(paper, &mailboxes, SystemClock.now());
        let Some(pause) = flags.watch else {
            screen.show(&answer, tell);
            return Ok(Verdict::of(mailboxes.iter().all(is_well)));
        };
        screen.show_again(&answer, tell);
        tokio::time::sleep(pause).await;
    }
}

/// Pauses or resumes a mailbox.
pub(super) async fn change(
    stack: &Stack,
    screen: &Screen,
    command: &str,
    mailbox: &MailboxId,
) -> Result<Verdict, Trouble> {
    let answer = stack.ask(&request(command, mailbox)).await?;
    let Changed { mailbox } = answer::read(&answer)?;
    screen.show(&answer, |paper| tell(paper, &[mailbox], SystemClock.now()));
    Ok(Verdict::Well)
}

/// Renews the token of a mailbox.
pub(super) async fn refresh(
    stack: &Stack,
    screen: &Screen,
    mailbox: &MailboxId,
) -> Result<Verdict, Trouble> {
    let waiting = Waiting::begin(screen, "renewing the token", Waiting::SHORT);
    let answer = stack.ask(&request("refresh", mailbox)).await?;
    drop(waiting);
    let Renewed { found, mailbox } = answer::read(&answer)?;
    let is_well = mailbox.sends || mailbox.paused;
    screen.show(&answer, |paper| {
        paper.facts([("found", Some(Text::from(words::words(&found))))]);
        tell(paper, &[mailbox], SystemClock.now());
    });
    Ok(Verdict::of(is_well))
}

/// Disconnects a mailbox.
pub(super) async fn disconnect(
    stack: &Stack,
    screen: &Screen,
    flags: &Disconnect,
) -> Result<Verdict, Trouble> {
    let mailbox = &flags.of.mailbox;
    let question = format!(
        "Forget the tokens of {mailbox}? It sends nothing until somebody connects it anew."
    );
    screen.ask(&question, flags.consent)?;
    let answer = stack.ask(&request("disconnect", mailbox)).await?;
    let Disconnected { withdraw, mailbox } = answer::read(&answer)?;
    screen.show(&answer, |paper| {
        tell(paper, &[mailbox], SystemClock.now());
        paper.gap();
        paper.line(withdraw);
    });
    Ok(Verdict::Well)
}

/// Whether nobody has to do anything about a mailbox. One that is paused is as somebody wants it.
pub(super) fn is_well(status: &Status) -> bool {
    let stopped = !status.sends && !status.paused;
    let failed = status.failed_queue.is_some_and(|queue| queue.all() > 0);
    !stopped && !failed && status.class.is_none() && status.faults.is_empty()
}

/// Writes a table of mailboxes, and below it what is to be done.
pub(super) fn tell(paper: &mut Paper, mailboxes: &[Status], now: Timestamp) {
    if mailboxes.is_empty() {
        paper.line("The stack has no mailbox.");
        return;
    }
    let head = [
        "MAILBOX", "STATE", "SINCE", "TOKEN", "QUEUE", "FAILED", "ADDRESS",
    ];
    paper.table(
        head,
        mailboxes.iter().map(|status| row(status, now)).collect(),
    );
    for status in mailboxes {
        let name = status.mailbox.as_str();
        if let Some(class) = status.class {
            paper.gap();
            paper.line(Text::from(format!("{name}: {class}")).toned(Tone::Bad));
            if let Some(reason) = &status.reason {
                paper.line(reason.as_str());
            }
            if let Some(remedy) = &status.remedy {
                paper.line(words::ours(remedy));
            }
        }
        for warning in &status.warnings {
            paper.gap();
            paper.line(Text::from(format!("{name}: {warning}")).toned(Tone::Doubtful));
        }
        for fault in &status.faults {
            paper.gap();
            paper.line(Text::from(format!("{name}: {fault}")).toned(Tone::Bad));
        }
    }
}

fn row(status: &Status, now: Timestamp) -> [Text; 7] {
    let state = status.state.as_deref().unwrap_or("no answer");
    let tone = match (status.sends, status.paused) {
        (true, _) => Tone::Good,
        (false, true) => Tone::Doubtful,
        (false, false) => Tone::Bad,
    };
    let state = if status.paused {
        format!("{} (paused)", words::words(state))
    } else {
        words::words(state)
    };
    let none = || Text::from("-").toned(Tone::Aside);
    let since = status
        .since
        .map(|since| words::span(now.duration_since(since)));
    let token = match status.token_expires_at {
        Some(ends) => {
            words::left(ends, now).map_or_else(|| Text::from("ended").toned(Tone::Bad), Text::from)
        }
        None => none(),
    };
    let depth =
        |queue: Option<Depth>| queue.map_or_else(none, |queue| Text::from(queue.all().to_string()));
    let failed = status.failed_queue.is_some_and(|queue| queue.all() > 0);
    let failed_tone = if failed { Tone::Bad } else { Tone::Plain };
    [
        status.mailbox.as_str().into(),
        Text::from(state).toned(tone),
        since.map_or_else(none, Text::from),
        token,
        depth(status.queue),
        depth(status.failed_queue).toned(failed_tone),
        status.address.as_deref().unwrap_or("-").into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::Medium;
    use crate::screen::tests::{seen, written};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn mailboxes() -> Vec<Status> {
        let answer = json!({ "mailboxes": [
            { "mailbox": "billing", "address": "billing@contoso.com", "state": "active", "sends": true, "paused": false,
              "token_expires_at": "2027-03-01T12:52:00Z", "queue": { "waiting": 1, "in_flight": 2, "delayed": 0 },
              "failed_queue": { "waiting": 0, "in_flight": 0, "delayed": 0 }, "something_newer": true },
            { "mailbox": "orders", "address": "orders@contoso.com", "state": "needs_consent",
              "sends": false, "paused": false, "class": "consent_revoked", "since": "2027-03-01T09:00:00Z",
              "reason": "AADSTS50173: The provided grant has expired due to it being revoked, and a fresh auth token is needed.",
              "remedy": "Sign in again as orders@contoso.com: run `operator connect orders` and open its link.",
              "failed_queue": { "waiting": 3, "in_flight": 0, "delayed": 0 } },
            { "mailbox": "broken", "faults": ["there is no mailbox broken in this stack"] },
        ]});
        answer::read::<Mailboxes>(&answer).unwrap().mailboxes
    }

    #[test]
    fn a_terminal_of_80_columns_shows_every_mailbox_and_what_to_do() {
        let now = at("2027-03-01T12:00:00Z");
        let text = seen(|paper| tell(paper, &mailboxes(), now));
        for said in [
            "MAILBOX",
            "active",
            "52 min",
            "needs consent",
            "3 h",
            "consent_revoked",
            "`pillarbox connect orders`",
            "no answer",
        ] {
            assert!(text.contains(said), "{said} is missing:\n{text}");
        }
    }

    #[test]
    fn the_longest_name_of_a_mailbox_stays_whole() {
        let mut mailboxes = mailboxes();
        mailboxes[1].mailbox = "a-mailbox-with-the-longest-name-".to_owned();
        let text = seen(|paper| tell(paper, &mailboxes, at("2027-03-01T12:00:00Z")));
        assert!(
            text.contains("\na-mailbox-with-the-longest-name-  needs"),
            "{text}"
        );
    }

    #[test]
    fn a_pipe_gets_one_mailbox_a_line() {
        let now = at("2027-03-01T12:00:00Z");
        let text = written(Medium::Lines, |paper| tell(paper, &mailboxes()[..1], now));
        assert_eq!(
            text,
            "billing\tactive\t-\t52 min\t3\t0\tbilling@contoso.com\n"
        );
    }

    #[test]
    fn a_mailbox_is_well_when_it_sends_or_is_paused_and_nothing_has_failed() {
        let verdicts: Vec<_> = mailboxes().iter().map(is_well).collect();
        assert_eq!(verdicts, [true, false, false]);
        let paused = Status {
            paused: true,
            ..Status::default()
        };
        assert!(is_well(&paused));
        let failed = Depth {
            waiting: 1,
            ..Depth::default()
        };
        assert!(!is_well(&Status {
            failed_queue: Some(failed),
            ..mailboxes()[0].clone()
        }));
    }
}
