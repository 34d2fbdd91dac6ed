//! `pillarbox check`: a server that takes its time, and a person who sees how far the check is.

use std::process::Stdio;

use anyhow::{Context, Result};
use tests::contoso::Contoso;
use tests::microsoft::exchange::{Effect, Fault, Gate, Stage};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::{PILLARBOX, ended, terminal};
use crate::connected;
use crate::town::address;

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
/// What is found by the last but one, and by the last.
const BEFORE_LAST: &str = "signed in as";
const LAST: &str = "taken back";

/// While the server takes its time over the last step, the steps before it are on the screen, or have come through the
/// pipe; in the end each is there once. Ctrl-C leaves at once, and what was seen stays.
pub(crate) async fn the_steps_appear_while_the_check_is_under_way(contoso: &Contoso) -> Result<()> {
    let mailbox = "walked";
    connected(contoso, mailbox).await?;
    // The server answers MAIL when the step before it was seen, and else not before the check gives it up and fails.
    let gate = Gate::closed();
    let wait = Fault::new(Stage::Mail, Effect::Wait(gate.clone())).for_account(&address(mailbox));
    contoso.microsoft.exchange().inject(wait.times(3));

    let mut terminal = terminal(contoso, &["check", mailbox])?;
    terminal.wait_for(BEFORE_LAST).await?;
    let so_far = terminal.seen();
    assert!(!so_far.contains(LAST), "it has ended:\n{so_far}");
    gate.let_one_through();
    let (code, text) = ended(terminal).await?;
    assert_eq!(code, Some(0), "{text}");
    for step in STEPS {
        assert_eq!(text.matches(step).count(), 1, "{step}:\n{text}");
    }
    assert!(text.contains(LAST), "{text}");
    assert!(text.contains("Only a real mail can show:"), "{text}");

    let lines = on_a_pipe(contoso, mailbox, &gate).await?;
    let names = lines.iter().map(|line| line.split('\t').nth(2));
    for (name, step) in names.zip(STEPS) {
        let name = name.unwrap_or_default();
        assert!(name.starts_with(step), "{lines:#?}");
    }
    assert_eq!(lines.len(), STEPS.len(), "{lines:#?}");

    let mut terminal = super::terminal(contoso, &["check", mailbox])?;
    terminal.wait_for(BEFORE_LAST).await?;
    terminal.interrupt().await?;
    let (code, text) = ended(terminal).await?;
    gate.let_one_through();
    assert_eq!(code, None, "a signal ended it:\n{text}");
    assert!(text.contains(BEFORE_LAST) && !text.contains(LAST), "{text}");
    Ok(())
}

/// The lines of a check on a pipe. The gate opens when the last but one has come.
async fn on_a_pipe(contoso: &Contoso, mailbox: &str, gate: &Gate) -> Result<Vec<String>> {
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
        if line.contains(BEFORE_LAST) {
            gate.let_one_through();
        }
        lines.push(line);
    }
    let status = child.wait().await?;
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    Ok(lines)
}
