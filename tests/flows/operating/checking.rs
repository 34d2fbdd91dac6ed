//! `pillarbox check`: a server that takes its time, and a person who sees how far the check is.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tests::contoso::Contoso;
use tests::microsoft::exchange::{Effect, Fault, Stage};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::{PILLARBOX, ended, terminal};
use crate::connected;
use crate::town::address;

/// How long the server takes over MAIL: long for a person, and not too long for the check.
const PAUSE: Duration = Duration::from_secs(8);
/// What the steps are called.
const STEPS: [&str; 10] = [
    "settings: ",
    "access token: ",
    "audience and scopes: ",
    "DNS: ",
    "TCP: ",
    "greeting and EHLO: ",
    "STARTTLS: ",
    "certificate: ",
    "AUTH XOAUTH2: ",
    "MAIL FROM walked@contoso.com, ",
];
/// What is found by the last one.
const LAST: &str = "taken back";

/// While the server takes its time over the last step, the steps before it are on the screen, or have come through the
/// pipe; in the end each is there once. Ctrl-C leaves at once, and what was seen stays.
pub(crate) async fn the_steps_appear_while_the_check_is_under_way(contoso: &Contoso) -> Result<()> {
    let mailbox = "walked";
    connected(contoso, mailbox).await?;
    let pause = Fault::new(Stage::Mail, Effect::Pause(PAUSE)).for_account(&address(mailbox));
    contoso.microsoft.exchange().inject(pause.times(3));

    let mut terminal = terminal(contoso, &["check", mailbox])?;
    terminal.wait_for("signed in as").await?;
    let so_far = terminal.seen();
    assert!(!so_far.contains(LAST), "it has ended:\n{so_far}");
    let (code, text) = ended(terminal).await?;
    assert_eq!(code, Some(0), "{text}");
    for step in STEPS {
        assert_eq!(text.matches(step).count(), 1, "{step}:\n{text}");
    }
    assert!(text.contains(LAST), "{text}");
    assert!(text.contains("Only a real mail can show:"), "{text}");

    let lines = on_a_pipe(contoso, mailbox).await?;
    let names = lines.iter().map(|(line, _)| line.split('\t').nth(2));
    for (name, step) in names.zip(STEPS) {
        let name = name.unwrap_or_default();
        assert!(name.starts_with(step), "{lines:#?}");
    }
    assert_eq!(lines.len(), STEPS.len(), "{lines:#?}");
    let [.., (_, before), (_, last)] = lines.as_slice() else {
        panic!("there are not two lines");
    };
    let between = last.duration_since(*before);
    assert!(between > PAUSE / 8, "they came together: {lines:#?}");

    let mut terminal = super::terminal(contoso, &["check", mailbox])?;
    terminal.wait_for("signed in as").await?;
    terminal.interrupt().await?;
    let (code, text) = ended(terminal).await?;
    assert_eq!(code, None, "a signal ended it:\n{text}");
    assert!(
        text.contains("signed in as") && !text.contains(LAST),
        "{text}"
    );
    Ok(())
}

/// The lines of a check on a pipe, each with when it came.
async fn on_a_pipe(contoso: &Contoso, mailbox: &str) -> Result<Vec<(String, Instant)>> {
    let mut child = Command::new(PILLARBOX)
        .args(["check", mailbox])
        .envs(contoso.stack.client_environment())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let output = child.stdout.take().context("there is no pipe")?;
    let mut output = BufReader::new(output).lines();
    let mut lines = Vec::new();
    while let Some(line) = output.next_line().await? {
        lines.push((line, Instant::now()));
    }
    let status = child.wait().await?;
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    Ok(lines)
}
