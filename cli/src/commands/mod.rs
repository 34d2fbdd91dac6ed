//! What each command does.

mod check;
mod connect;
mod doctor;
mod failed;
mod mailboxes;
mod notifications;
mod render;
mod status_link;

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;
use common::mailbox::MailboxId;
use serde_json::{Value, json};

use crate::arguments::{Arguments, Command};
use crate::letter::Letter;
use crate::screen::Screen;
use crate::stack::Stack;
use crate::trouble::{Trouble, Verdict};

/// Does what the command line says.
pub(crate) async fn run(arguments: Arguments, screen: &Screen) -> Result<Verdict, Trouble> {
    let stack = async || Stack::find(&arguments.place).await;
    match &arguments.command {
        Command::Connect(connect) => connect::connect(&stack().await?, screen, connect).await,
        Command::Status(status) => mailboxes::status(&stack().await?, screen, status).await,
        Command::StatusLink(flags) => {
            status_link::status_link(&stack().await?, screen, flags).await
        }
        Command::Check(of) => check::check(&stack().await?, screen, &of.mailbox).await,
        Command::Send(send) => {
            // Before anybody is asked for anything: what is no notification is not sent.
            let letter = Letter::read(send)?;
            notifications::send(&stack().await?, screen, send, &letter).await
        }
        Command::SendTest(test) => notifications::send_test(&stack().await?, screen, test).await,
        Command::Render(flags) => render::render(&stack().await?, screen, flags).await,
        Command::Trace(trace) => notifications::trace(&stack().await?, screen, trace).await,
        Command::Failed(failed) => failed::failed(&stack().await?, screen, failed).await,
        Command::Pause(of) => {
            mailboxes::change(&stack().await?, screen, "pause", &of.mailbox).await
        }
        Command::Resume(of) => {
            mailboxes::change(&stack().await?, screen, "resume", &of.mailbox).await
        }
        Command::Refresh(of) => mailboxes::refresh(&stack().await?, screen, &of.mailbox).await,
        Command::Disconnect(flags) => mailboxes::disconnect(&stack().await?, screen, flags).await,
        Command::Doctor => doctor::doctor(&stack().await?, screen).await,
        Command::Completions { shell } => Ok(completions(*shell)),
    }
}

/// A request about a mailbox.
fn request(command: &str, mailbox: &MailboxId) -> Value {
    json!({ "command": command, "mailbox": mailbox.as_str() })
}

fn completions(shell: Shell) -> Verdict {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "pillarbox", &mut text);
    // Nobody is left to tell when standard output is gone.
    let _ = std::io::stdout().write_all(&text);
    Verdict::Well
}
