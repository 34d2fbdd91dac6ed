//! Runs the main job of Pillarbox on this machine: consent, refresh, three notifications, three mails.
//!
//! ```text
//! cargo demo              everything, by itself
//! cargo demo --browser    the consent is yours: the link is printed, and your browser does the rest
//! cargo demo --keep       everything stays up until Ctrl-C
//! ```

mod arguments;
mod letters;
mod show;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::contoso::{ADDRESS, Contoso, MAILBOX, Setup};
use tests::stack::Progress;

use crate::arguments::Arguments;
use crate::show::Show;

/// How long the demo waits for the mailbox to open, and for the mails to arrive.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it waits for a person to consent.
const A_PERSONS_PATIENCE: Duration = Duration::from_mins(15);

#[tokio::main]
async fn main() -> ExitCode {
    let show = Show::detect();
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(usage) => {
            show.failure(&usage);
            return ExitCode::from(2);
        }
    };
    if arguments.help {
        show.text(arguments::USAGE);
        return ExitCode::SUCCESS;
    }
    let contoso = tokio::select! {
        outcome = run(&arguments, &show) => outcome,
        _ = tokio::signal::ctrl_c() => {
            show.failure("interrupted; everything is taken down");
            return ExitCode::from(130);
        }
    };
    let outcome = match contoso {
        Ok(contoso) => end(contoso, &arguments, &show).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            show.failure(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Takes everything down, at once or when the person has seen enough.
async fn end(contoso: Contoso, arguments: &Arguments, show: &Show) -> Result<()> {
    if arguments.keep {
        tokio::signal::ctrl_c().await?;
        show.text("Taking everything down.");
    }
    contoso.stop().await
}

/// Does the main job, and shows what came of it.
async fn run(arguments: &Arguments, show: &Show) -> Result<Contoso> {
    let progress = Progress::detect();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let home = workspace
        .context("the package has no parent directory")?
        .join(".pillarbox");
    let inbox_directory = home.join("inbox");
    empty(&inbox_directory)?;
    let setup = Setup {
        inbox_directory: Some(inbox_directory.clone()),
        authority_directory: Some(home.join("authority")),
        ..Setup::default()
    };
    let contoso = Contoso::start(setup, progress).await?;

    if arguments.browser {
        let link = contoso.link(MAILBOX).await?;
        show.consent(&link, ADDRESS, &home.join("authority"));
        let step = progress.step("Wait for your consent");
        contoso
            .wait_for_status(MAILBOX, A_PERSONS_PATIENCE, sends)
            .await
            .context("nobody connected the mailbox")?;
        step.done("");
    } else {
        let step = progress.step("Connect the mailbox by consent");
        let page = contoso.connect(MAILBOX, ADDRESS).await?;
        let status = contoso.wait_for_status(MAILBOX, PATIENCE, sends).await;
        status.with_context(|| format!("the consent ended on this page:\n{}", page.text))?;
        step.done("");
    }

    let step = progress.step("Put three notifications on the queue");
    for letter in letters::all() {
        contoso.enqueue(MAILBOX, &letter.to_string()).await?;
    }
    step.done("");
    let step = progress.step("Wait for the mail");
    let inbox = contoso.microsoft.inbox();
    let messages = inbox
        .wait_until(|messages| messages.len() >= 3, PATIENCE)
        .await?;
    let status = contoso.wait_for_status(MAILBOX, PATIENCE, is_empty).await?;
    step.done("");

    ensure!(
        messages.len() == 3,
        "{} mails arrived, and three were asked for",
        messages.len()
    );
    show.mails(&messages)?;
    show.status(&status);
    show.onward(&contoso, &inbox_directory, arguments.keep)
        .await?;
    Ok(contoso)
}

/// Whether the mailbox sends.
fn sends(status: &Value) -> bool {
    status["sends"] == true
}

/// Whether nothing is left on the queue.
fn is_empty(status: &Value) -> bool {
    let queue = &status["queue"];
    [&queue["waiting"], &queue["in_flight"], &queue["delayed"]]
        .into_iter()
        .all(|count| *count == 0)
}

/// Empties the directory of an earlier run's mail.
fn empty(directory: &Path) -> Result<()> {
    if directory.exists() {
        std::fs::remove_dir_all(directory)?;
    }
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot make {}", directory.display()))
}
