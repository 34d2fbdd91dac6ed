//! Flows of the `pillarbox` command: the real program, in a terminal of 80 columns and on a pipe.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::contoso::Contoso;
use tests::microsoft::Person;
use tests::microsoft::exchange::{Fault, Stage};
use tests::shell;
use tests::terminal::{COLUMNS, Terminal};

use crate::town::address;

/// The command.
const PILLARBOX: &str = env!("CARGO_BIN_EXE_pillarbox-of-the-flows");
/// The mailboxes of these flows.
const MAILBOX: &str = "operated";
const REPAIRED: &str = "repaired";

/// A new operator connects a mailbox, sends, is told why a mail was refused, and finds it in the failed queue.
pub(crate) async fn an_operator_connects_sends_and_finds_what_failed(
    contoso: &Contoso,
) -> Result<()> {
    let upn = address(MAILBOX);

    let (code, text) = at_a_terminal(contoso, &["status", MAILBOX]).await?;
    assert_eq!(code, 1, "a mailbox that awaits its consent does not send");
    assert!(text.contains("awaiting consent"), "{text}");

    let text = connect(contoso, MAILBOX).await?;
    assert!(text.contains("AUTH XOAUTH2: signed in"), "{text}");

    let (code, text) = send(
        contoso,
        MAILBOX,
        "a mail from the command line",
        "erika@fabrikam.com",
    )
    .await?;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("accepted"), "{text}");

    // Exchange does not know the recipient: the sender hears of it at once, with the remedy.
    let nobody = "nobody@fabrikam.com";
    let refusal =
        "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup";
    let fault = Fault::reply(Stage::Rcpt, refusal).for_account(&upn);
    contoso
        .microsoft
        .exchange()
        .inject(fault.for_recipient(nobody).once());
    let (code, text) = send(contoso, MAILBOX, "to nobody", nobody).await?;
    assert_eq!(code, 1, "{text}");
    for said in [
        "recipient_refused",
        "RecipientNotFound",
        "Correct or remove",
    ] {
        assert!(text.contains(said), "{said} is missing:\n{text}");
    }

    let (code, text) = at_a_terminal(contoso, &["status", MAILBOX]).await?;
    assert_eq!(code, 1, "something has failed: {text}");
    let (code, text) = at_a_terminal(contoso, &["failed", "list", MAILBOX]).await?;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("to-nobody  recipient_refused"), "{text}");
    Ok(())
}

/// A refusal that was of the moment: the notification is put back, and accepted.
pub(crate) async fn a_failed_notification_is_sent_again(contoso: &Contoso) -> Result<()> {
    let upn = address(REPAIRED);
    connect(contoso, REPAIRED).await?;

    let nobody = "nobody@fabrikam.com";
    let fault =
        Fault::reply(Stage::Rcpt, "550 5.1.10 RESOLVER.ADR.RecipientNotFound").for_account(&upn);
    let exchange = contoso.microsoft.exchange();
    exchange.inject(fault.for_recipient(nobody).once());
    let (code, text) = send(contoso, REPAIRED, "to nobody", nobody).await?;
    assert_eq!(code, 1, "{text}");
    let redrive = ["failed", "redrive", REPAIRED, "to-nobody"];
    let (code, text) = at_a_terminal(contoso, &redrive).await?;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("1 (recipient_refused 1)"), "{text}");
    let (code, text) = at_a_terminal(contoso, &["trace", REPAIRED, "to-nobody", "--wait"]).await?;
    assert_eq!(code, 0, "{text}");
    let (_, text) = at_a_terminal(contoso, &["failed", "list", REPAIRED]).await?;
    assert!(text.contains("The failed queue is empty."), "{text}");
    Ok(())
}

/// A pipe gets plain lines, a program gets JSON, and a mistake a status of its own.
pub(crate) async fn a_program_reads_what_the_command_says(contoso: &Contoso) -> Result<()> {
    let mailbox = "stranger";
    let (code, text) = on_a_pipe(contoso, &["status", mailbox]).await?;
    assert_eq!(code, 1);
    let fields: Vec<_> = text.trim_end().split('\t').collect();
    assert_eq!(fields.len(), 7, "{text}");
    assert_eq!((fields[0], fields[6]), (mailbox, "stranger@contoso.com"));
    assert!(!text.contains('\u{1b}'), "{text}");

    let (_, text) = on_a_pipe(contoso, &["status", mailbox, "--json"]).await?;
    let status: Value = serde_json::from_str(&text)?;
    assert_eq!(status["mailboxes"][0]["mailbox"], mailbox);

    let (code, text) = on_a_pipe(contoso, &["trace", mailbox, "never-sent", "--json"]).await?;
    let trace: Value = serde_json::from_str(&text)?;
    assert_eq!((code, &trace["state"]), (0, &Value::from("unseen")));

    let (code, _) = on_a_pipe(
        contoso,
        &["send", mailbox, "--to", "nobody", "--text", "Hi"],
    )
    .await?;
    assert_eq!(code, 2, "what is no notification is not sent");
    assert_eq!(contoso.waiting(mailbox).await?, 0);
    let (code, text) = on_a_pipe(contoso, &["failed", "list", mailbox]).await?;
    assert_eq!((code, text.as_str()), (0, ""));
    for irrevocable in [
        &["failed", "drop", mailbox, "--all"][..],
        &["disconnect", mailbox],
    ] {
        let (code, _) = on_a_pipe(contoso, irrevocable).await?;
        assert_eq!(code, 2, "nobody has said yes");
    }
    let drop = ["failed", "drop", mailbox, "--all", "--yes", "--json"];
    let (code, text) = on_a_pipe(contoso, &drop).await?;
    let dropped: Value = serde_json::from_str(&text)?;
    assert_eq!((code, &dropped["dropped"]["count"]), (0, &Value::from(0)));
    let (code, _) = on_a_pipe(contoso, &["status", "--tag", "stage=none"]).await?;
    assert_eq!(code, 3, "there is no such stack");
    Ok(())
}

/// Every `pillarbox` command that the runbook shows as a block gets an answer; whether the answer is good news is another
/// matter.
pub(crate) async fn the_commands_of_the_runbook_run(contoso: &Contoso) -> Result<()> {
    let runbook = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/README.md");
    let runbook = fs::read_to_string(runbook)?;
    let blocks = runbook.split("```").skip(1).step_by(2);
    let commands = blocks
        .filter_map(|block| block.strip_prefix("sh\n"))
        .flat_map(str::lines)
        .filter_map(|line| line.trim().strip_prefix("pillarbox "));
    let mut run = 0;
    for command in commands {
        // The flows beside this one need the mailbox of the runbook as it is.
        let words = shell::words(command);
        let line: Vec<_> = words
            .iter()
            .map(|word| match word.as_str() {
                "billing" => "consulted",
                "pillarbox" => contoso.stack.name(),
                other => other,
            })
            .collect();
        let (code, text) = on_a_pipe(contoso, &line).await?;
        ensure!(code == 0 || code == 1, "{command}: {code}\n{text}");
        run += 1;
    }
    ensure!(run >= 12, "{run} commands were found");
    Ok(())
}

/// Connects the mailbox: the command opens a browser, in which the person consents, and waits for it.
async fn connect(contoso: &Contoso, mailbox: &str) -> Result<String> {
    let upn = address(mailbox);
    let directory = tempfile::tempdir()?;
    let browser = directory.path().join("browser");
    let opened = directory.path().join("opened");
    let script = format!(
        "#!/bin/sh\nprintf %s \"$1\" > {0}.part && mv {0}.part {0}\n",
        opened.display()
    );
    fs::write(&browser, script)?;
    make_executable(&browser)?;
    let mut environment = contoso.stack.client_environment();
    environment.push(("BROWSER".to_owned(), browser.display().to_string()));
    let mut terminal = Terminal::run(Path::new(PILLARBOX), &["connect", mailbox], environment)?;
    terminal.wait_for("waiting for the consent").await?;
    let link = appeared(&opened).await.context("no browser was opened")?;
    Person::new(&contoso.microsoft, &upn)?
        .connect(&link)
        .await?;
    let (status, text) = terminal.end().await?;
    ensure!(status.success(), "{status}: {text}");
    ensure!(text.contains(&link), "the link is not shown:\n{text}");
    Ok(console_text(&text))
}

async fn appeared(file: &Path) -> Result<String> {
    let looks = async {
        loop {
            if let Ok(text) = fs::read_to_string(file) {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    Ok(tokio::time::timeout(crate::SOON, looks).await?)
}

#[cfg(unix)]
fn make_executable(file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::set_permissions(
        file,
        fs::Permissions::from_mode(0o755),
    )?)
}

/// Sends a mail whose id is its subject, and sees it through.
async fn send(contoso: &Contoso, mailbox: &str, subject: &str, to: &str) -> Result<(i32, String)> {
    let id = subject.replace(' ', "-");
    let mut line = vec![
        "send",
        mailbox,
        "--subject",
        subject,
        "--text",
        "Hello",
        "--id",
        &id,
        "--wait",
        "--to",
    ];
    line.extend(to.split(' '));
    at_a_terminal(contoso, &line).await
}

/// Runs the command in a terminal, of which no line is wider than it.
async fn at_a_terminal(contoso: &Contoso, line: &[&str]) -> Result<(i32, String)> {
    let environment = contoso.stack.client_environment();
    let terminal = Terminal::run(Path::new(PILLARBOX), line, environment)?;
    let (status, text) = terminal.end().await?;
    let text = console_text(&text);
    for line in text.lines() {
        ensure!(
            line.chars().count() <= usize::from(COLUMNS),
            "too wide: {line}"
        );
    }
    Ok((status.code().context("the command was killed")?, text))
}

async fn on_a_pipe(contoso: &Contoso, line: &[&str]) -> Result<(i32, String)> {
    let output = tokio::process::Command::new(PILLARBOX)
        .args(line)
        .envs(contoso.stack.client_environment())
        .kill_on_drop(true)
        .output()
        .await?;
    let code = output.status.code().context("the command was killed")?;
    Ok((code, String::from_utf8(output.stdout)?))
}

/// What a terminal shows of a text, without its colours; what was written over is there too.
fn console_text(text: &str) -> String {
    let mut shown = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' && letters.peek() == Some(&'[') {
            // A control sequence ends with its first letter; whatever moves the cursor begins something new.
            let end = letters
                .by_ref()
                .skip(1)
                .find(|letter| letter.is_ascii_alphabetic());
            if end != Some('m') {
                shown.push('\n');
            }
        } else {
            shown.push(letter);
        }
    }
    shown
}
