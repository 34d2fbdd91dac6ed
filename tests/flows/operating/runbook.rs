//! The commands of the runbook and of the alarms, on the local stack.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tests::contoso::Contoso;
use tests::required::is_required;
use tests::shell;
use tests::stack::{Environment, Packages, Progress};
use tokio::process::Command;

use super::{at_a_terminal, connect, ended, terminal};

/// The mailbox that stands for the runbook's `billing`, which the flows beside this one need as it is.
const MAILBOX: &str = "consulted";
/// Has the AWS command line in version 1, which is all that a registry has.
const PACKAGES: Packages = Packages {
    names: "the AWS command line",
    lock: include_str!("../../contract/libraries/requirements.txt"),
};
/// Not run here: it is how this stack came to be.
const DEPLOYS: &str = "sam build && sam deploy";
/// Only in version 2 of the AWS command line.
const ONLY_IN_2: &str = "aws logs tail ";

/// Every command that the runbook shows, and the first one of every alarm, gets an answer; whether the answer is good news
/// is another matter.
pub(crate) async fn every_command_gets_an_answer(contoso: &Contoso) -> Result<()> {
    connect(contoso, MAILBOX).await?;
    let aws = Aws::find().await?;
    let mut commands = of_the_runbook(&read("infra/README.md")?);
    for template in ["template.yaml", "infra/mailbox.yaml"] {
        commands.extend(of_the_alarms(&read(template)?));
    }
    let live = contoso.stack.live_version("send-email").await?;
    commands.retain(|command| !command.starts_with(DEPLOYS) && aws.knows(command));
    ensure!(commands.len() >= 40, "only {commands:#?}");
    for command in commands {
        // Nothing goes back here: what runs beside this flow needs the version that is there.
        let line = here(&command, contoso.stack.name()).replace(
            "--function-version 7",
            &format!("--function-version {live}"),
        );
        let words = shell::words(&line);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["aws", ref words @ ..] => {
                if let ["secretsmanager", "restore-secret", _, secret] = words {
                    lose(contoso, secret).await?;
                }
                // Versions 2 before 2.13 do not know the variable for it.
                let output = aws
                    .command()
                    .args(["--endpoint-url", &contoso.stack.endpoint()])
                    .args(words)
                    .envs(contoso.stack.client_environment())
                    .kill_on_drop(true)
                    .output()
                    .await?;
                let error = String::from_utf8_lossy(&output.stderr);
                ensure!(output.status.success(), "{line}: {error}");
            }
            ["pillarbox", ref words @ ..] => {
                let (code, text) = answered(contoso, words).await?;
                ensure!(matches!(code, Some(0 | 1)), "{line}: {code:?}\n{text}");
                if words[0] == "disconnect" {
                    connect(contoso, MAILBOX).await?;
                }
            }
            _ => ensure!(false, "nobody knows {line}"),
        }
    }
    let status = contoso.status(MAILBOX).await?;
    ensure!(status["sends"] == true, "it is not as it was: {status:#}");
    Ok(())
}

/// The AWS command line.
enum Aws {
    /// This machine's, version 2, which the README asks for.
    Two(PathBuf),
    /// Our own, version 1.
    One(Environment),
}

impl Aws {
    /// Finds version 2 on the path; where there is none and none is required, version 1 stands in for it.
    async fn find() -> Result<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        for folder in std::env::split_paths(&path) {
            let program = folder.join("aws");
            let version = Command::new(&program).arg("--version").output().await;
            if version.is_ok_and(|version| version.stdout.starts_with(b"aws-cli/2.")) {
                return Ok(Self::Two(program));
            }
        }
        let lack = "there is no AWS command line of version 2 on the PATH";
        ensure!(!is_required("commands"), lack);
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(std::io::stderr(), "`{ONLY_IN_2}…` is not tried: {lack}");
        Ok(Self::One(
            Environment::prepare(PACKAGES, Progress::detect()).await?,
        ))
    }

    /// Whether it knows a command.
    fn knows(&self, command: &str) -> bool {
        matches!(self, Self::Two(_)) || !command.starts_with(ONLY_IN_2)
    }

    fn command(&self) -> Command {
        match self {
            Self::Two(program) => Command::new(program),
            Self::One(environment) => {
                let mut python = Command::new(environment.python());
                python.args(["-m", "awscli"]);
                python
            }
        }
    }
}

/// Runs a command of ours; says yes where it asks.
async fn answered(contoso: &Contoso, words: &[&str]) -> Result<(Option<i32>, String)> {
    let cannot_be_undone = matches!(words, ["disconnect", ..] | ["failed", "drop", ..]);
    let asks = cannot_be_undone && !words.contains(&"--yes");
    if !asks {
        return at_a_terminal(contoso, words).await;
    }
    let mut terminal = terminal(contoso, words)?;
    terminal.wait_for("[y/N]").await?;
    terminal.type_line("y").await?;
    ended(terminal).await
}

/// Deletes a secret, as somebody might by mistake.
async fn lose(contoso: &Contoso, secret: &str) -> Result<()> {
    let secrets = aws_sdk_secretsmanager::Client::new(contoso.stack.sdk_config());
    let deleted = secrets.delete_secret().secret_id(secret).send().await?;
    ensure!(deleted.deletion_date().is_some(), "it is not deleted");
    let read = secrets.get_secret_value().secret_id(secret).send().await;
    ensure!(read.is_err(), "it is still there");
    Ok(())
}

/// What the runbook shows: whole blocks for a shell, and commands of ours between its sentences.
fn of_the_runbook(runbook: &str) -> Vec<String> {
    let mut commands = Vec::new();
    for (at, part) in runbook.split("```").enumerate() {
        if at % 2 == 1 {
            let lines = part.lines().skip(1).map(str::trim);
            commands.extend(lines.filter(|line| !line.is_empty()).map(str::to_owned));
        } else {
            let inline = part.split('`').skip(1).step_by(2);
            let ours = inline.filter(|text| text.starts_with("pillarbox "));
            commands.extend(ours.map(str::to_owned));
        }
    }
    commands
}

/// The first command that each alarm of a template names.
fn of_the_alarms(template: &str) -> Vec<String> {
    let firsts = template
        .lines()
        .filter_map(|line| line.split_once(". First: "));
    firsts.map(|(_, command)| command.to_owned()).collect()
}

/// A command as it has to be said here.
fn here(command: &str, stack: &str) -> String {
    command
        .replace("billing", MAILBOX)
        .replace("${Id}", MAILBOX)
        .replace("${Stack}", stack)
        .replace("${AWS::StackName}", stack)
        .replace("--stack pillarbox", &format!("--stack {stack}"))
        .replace("pillarbox/mailboxes", &format!("{stack}/mailboxes"))
        .replace("pillarbox-send-email", &format!("{stack}-send-email"))
}

fn read(path: &str) -> Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).context(path.to_owned())
}
