//! Flows of the `pillarbox` command: the real program, in a terminal of 80 columns and on a pipe.

pub(crate) mod checking;
pub(crate) mod redriving;
pub(crate) mod runbook;
pub(crate) mod session;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::contoso::Contoso;
use tests::microsoft::Person;
use tests::terminal::{COLUMNS, Terminal};

use crate::letters::drained;
use crate::town::address;

/// The command.
const PILLARBOX: &str = env!("CARGO_BIN_EXE_pillarbox-of-the-flows");

/// A person changes their mind about what cannot be taken back, pauses, resumes, watches, and does not wait for ever.
pub(crate) async fn a_person_is_asked_and_can_leave(contoso: &Contoso) -> Result<()> {
    let mailbox = "operated";
    connect(contoso, mailbox).await?;

    let mut terminal = terminal(contoso, &["disconnect", mailbox])?;
    terminal.wait_for("[y/N]").await?;
    terminal.type_line("n").await?;
    let (code, text) = ended(terminal).await?;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("nothing was done"), "{text}");

    let (code, text) = at_a_terminal(contoso, &["pause", mailbox]).await?;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("active (paused)"), "{text}");
    let line = ["send-test", mailbox, "--wait", "--timeout", "1"];
    let (code, text) = at_a_terminal(contoso, &line).await?;
    assert_eq!(code, Some(4), "nobody sends while it is paused:\n{text}");
    let (code, text) = at_a_terminal(contoso, &["resume", mailbox]).await?;
    assert_eq!(code, Some(0), "{text}");
    drained(contoso, mailbox, crate::SOON).await?;

    let mut terminal = self::terminal(contoso, &["status", mailbox, "--watch"])?;
    terminal.wait_for("active").await?;
    terminal.interrupt().await?;
    let (code, text) = ended(terminal).await?;
    assert_eq!(code, None, "a signal ended it:\n{text}");

    let mut terminal = self::terminal(contoso, &["disconnect", mailbox])?;
    terminal.wait_for("[y/N]").await?;
    terminal.type_line("y").await?;
    let (code, text) = ended(terminal).await?;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("awaiting consent"), "{text}");
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

/// Connects the mailbox at a terminal.
async fn connect(contoso: &Contoso, mailbox: &str) -> Result<()> {
    let (code, text) = at_a_terminal(contoso, &["connect", mailbox]).await?;
    ensure!(code == Some(0), "{code:?}: {text}");
    Ok(())
}

/// Lets the command open a browser, in which the person consents.
async fn consent(contoso: &Contoso, mailbox: &str, line: &[&str]) -> Result<Terminal> {
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
    let mut terminal = Terminal::run(Path::new(PILLARBOX), line, environment)?;
    terminal.wait_for("waiting for the consent").await?;
    let link = appeared(&opened).await.context("no browser was opened")?;
    Person::new(&contoso.microsoft, &address(mailbox))?
        .connect(&link)
        .await?;
    Ok(terminal)
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

/// Runs the command in a terminal; whoever it asks to consent does. Answers its exit status, if it had time to have one,
/// and what is on the screen then.
pub(crate) async fn at_a_terminal(
    contoso: &Contoso,
    line: &[&str],
) -> Result<(Option<i32>, String)> {
    ended(match line {
        ["connect", mailbox, ..] if !line.contains(&"--link-only") => {
            consent(contoso, mailbox, line).await?
        }
        _ => terminal(contoso, line)?,
    })
    .await
}

fn terminal(contoso: &Contoso, line: &[&str]) -> Result<Terminal> {
    let environment = contoso.stack.client_environment();
    Terminal::run(Path::new(PILLARBOX), line, environment)
}

/// Waits for the end of the command, which has written no line that is wider than the terminal, but for a link. What the
/// terminal shows of Ctrl-C is not the command's.
async fn ended(terminal: Terminal) -> Result<(Option<i32>, String)> {
    let (status, text) = terminal.end().await?;
    for line in text.lines().filter(|line| !line.starts_with("https://")) {
        ensure!(
            line.trim_end_matches("^C").chars().count() <= usize::from(COLUMNS),
            "too wide: {line}"
        );
    }
    Ok((status.code(), text))
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
