//! The command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand};
use clap_complete::Shell;
use common::class::Class;
use common::mailbox::MailboxId;
use common::naming::StackName;

const AFTER: &str = "\
Exit status:
    0  it is as it should be
    1  it is not: a check failed, a mailbox does not send, a notification was
       not accepted, not all of the failed queue could be moved
    2  the command line is wrong, or the notification is none
    3  no answer: no stack was found, AWS refused, or the operator failed
    4  --timeout was over first
  130  Ctrl-C, as the shell sees it

Credentials and region are found in the environment, the profile or the role,
as by other AWS tools. With --stack all it takes is lambda:InvokeFunction on
<stack>-operator; `send` takes sqs:GetQueueUrl and sqs:SendMessage on the
queue of the mailbox too. To find the stack takes cloudformation:DescribeStacks.";

/// Connects mailboxes, sends, and looks after what does not go well.
#[derive(Debug, Parser)]
#[command(name = "pillarbox", version, after_help = AFTER, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Print the answers as JSON, for programs.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the stack is.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Name of the stack; the only one of the account and region when left out.
    #[arg(long, global = true, env = "PILLARBOX_STACK", value_name = "NAME", value_parser = stack)]
    pub(crate) stack: Option<StackName>,
    /// Tag of the stack, where there are several.
    #[arg(
        long,
        global = true,
        value_name = "KEY=VALUE",
        conflicts_with = "stack"
    )]
    pub(crate) tag: Option<Tag>,
    /// AWS region, where it is not the usual one.
    #[arg(long, global = true)]
    pub(crate) region: Option<String>,
    /// AWS profile, where it is not the usual one.
    #[arg(long, global = true)]
    pub(crate) profile: Option<String>,
}

/// A tag of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Open the link with which a person connects a mailbox, wait, and show the checks.
    Connect(Connect),
    /// Show how the mailboxes do.
    Status(Status),
    /// Open a page with all mailboxes, which can be seen once.
    StatusLink(StatusLink),
    /// Walk the way to the mail server, step by step, without sending.
    Check(Mailbox),
    /// Put a notification on a mailbox's queue.
    Send(Box<Send>),
    /// Send a mail from the mailbox to itself.
    SendTest(SendTest),
    /// Show how a notification would look, without sending it.
    Render(Render),
    /// Show what has become of a notification.
    Trace(Trace),
    /// Look through the failed queue of a mailbox, put back what was repaired, drop the rest.
    #[command(subcommand)]
    Failed(Failed),
    /// Send nothing until `resume`; notifications wait on their queue.
    Pause(Mailbox),
    /// Send what waits.
    Resume(Mailbox),
    /// Renew the access token now, whatever its age.
    Refresh(Mailbox),
    /// Forget the tokens; nothing is sent until somebody connects the mailbox anew.
    Disconnect(Disconnect),
    /// Say whether the stack is healthy, and what to repair first.
    Doctor,
    /// Print the completions of a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// A mailbox.
#[derive(Debug, Args)]
pub(crate) struct Mailbox {
    /// Id of the mailbox.
    #[arg(value_parser = mailbox)]
    pub(crate) mailbox: MailboxId,
}

#[derive(Debug, Args)]
pub(crate) struct Connect {
    #[command(flatten)]
    pub(crate) of: Mailbox,
    /// Print a link with which an administrator approves the app for the whole directory.
    #[arg(long)]
    pub(crate) admin: bool,
    /// Only print the link, for somebody else to open; do not wait.
    #[arg(long)]
    pub(crate) link_only: bool,
    /// How long to wait for the consent, in seconds. The link is good for 15 minutes.
    #[arg(long, value_name = "SECONDS", default_value = "900", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Id of the mailbox; all of them when left out.
    #[arg(value_parser = mailbox)]
    pub(crate) mailbox: Option<MailboxId>,
    /// Look again and again, after so many seconds each time.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "5", value_parser = seconds)]
    pub(crate) watch: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct StatusLink {
    /// Only print the link, for another browser. It is good for 5 minutes.
    #[arg(long)]
    pub(crate) link_only: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    #[command(flatten)]
    pub(crate) of: Mailbox,
    /// A notification as JSON: a file, or - for standard input.
    #[arg(long, short = 'f', conflicts_with_all = ["to", "cc", "bcc", "from", "reply_to", "subject", "text", "html", "attach"])]
    pub(crate) file: Option<PathBuf>,
    /// Recipient; may be given several times.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) to: Vec<String>,
    /// Recipient of a copy.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) cc: Vec<String>,
    /// Recipient of a copy whom the others do not see.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) bcc: Vec<String>,
    /// Sender, where it is not the mailbox's own address.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) from: Option<String>,
    /// Where answers go.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) reply_to: Option<String>,
    /// Subject.
    #[arg(long, short)]
    pub(crate) subject: Option<String>,
    /// Text of the mail.
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// HTML of the mail.
    #[arg(long)]
    pub(crate) html: Option<String>,
    /// File to attach; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) attach: Vec<PathBuf>,
    /// Id of the notification, which makes repeats one mail; a new one when left out.
    #[arg(long)]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

#[derive(Debug, Args)]
pub(crate) struct SendTest {
    #[command(flatten)]
    pub(crate) of: Mailbox,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

#[derive(Debug, Args)]
pub(crate) struct Trace {
    #[command(flatten)]
    pub(crate) of: Mailbox,
    /// Id of the notification.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

/// What to do with a failed queue.
#[derive(Debug, Subcommand)]
pub(crate) enum Failed {
    /// List what is in it, with the reasons.
    List(List),
    /// Show one notification of it, with the server's reply and the remedy.
    Show(Show),
    /// Put notifications back on the mailbox's queue, once their cause is repaired.
    Redrive(Redrive),
    /// Delete notifications for good.
    Drop(Drop),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) of: Mailbox,
    /// How many to list.
    #[arg(long, default_value = "100", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    pub(crate) of: Mailbox,
    /// Id of the notification.
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct Redrive {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Send again what may have been sent already; look into Sent Items first.
    #[arg(long)]
    pub(crate) resend: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Drop {
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

/// Which notifications of a failed queue are meant: those that fit everything that is said.
#[derive(Debug, Args)]
#[command(group(
    ArgGroup::new("which")
        .args(["ids", "class", "older_than", "newer_than", "all"])
        .multiple(true)
        .required(true)
))]
pub(crate) struct Selection {
    #[command(flatten)]
    pub(crate) of: Mailbox,
    /// Ids of notifications.
    pub(crate) ids: Vec<String>,
    /// Class of the failure; may be given several times.
    #[arg(long, value_name = "CLASS", value_parser = class)]
    pub(crate) class: Vec<Class>,
    /// They failed at least so long ago: "2 days", 36h.
    #[arg(long, value_name = "TIME")]
    pub(crate) older_than: Option<String>,
    /// They failed at most so long ago.
    #[arg(long, value_name = "TIME")]
    pub(crate) newer_than: Option<String>,
    /// All of them.
    #[arg(long, conflicts_with_all = ["ids", "class", "older_than", "newer_than"])]
    pub(crate) all: bool,
    /// Only say what would be done.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Disconnect {
    #[command(flatten)]
    pub(crate) of: Mailbox,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

/// Whether somebody has said yes to what cannot be taken back.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Consent {
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Render {
    #[command(flatten)]
    pub(crate) of: Mailbox,
    /// A notification as JSON, - for standard input.
    #[arg(long, value_name = "PATH", required_unless_present = "template")]
    pub(crate) file: Option<PathBuf>,
    /// In place of a file: a template and its version, such as invoice/3.
    #[arg(long, value_name = "NAME/VERSION", conflicts_with = "file", value_parser = template)]
    pub(crate) template: Option<(String, String)>,
    /// What the template is filled with: a file with a JSON object, - for
    /// standard input.
    #[arg(long, value_name = "PATH", requires = "template")]
    pub(crate) data: Option<PathBuf>,
    /// The language of the reader.
    #[arg(long, requires = "template")]
    pub(crate) locale: Option<String>,
    /// Who would get it.
    #[arg(
        long,
        value_name = "ADDRESS",
        requires = "template",
        default_value = "reader@example.com"
    )]
    pub(crate) to: String,
    /// Print the whole message, as it would be submitted.
    #[arg(long)]
    pub(crate) eml: bool,
}

/// Whether to see a notification through.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Patience {
    /// Wait until it is accepted, or has failed.
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long to wait, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

impl FromStr for Tag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').ok_or("a tag is KEY=VALUE")?;
        Ok(Self {
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }
}

fn stack(text: &str) -> Result<StackName, String> {
    StackName::parse(text).map_err(|fault| format!("it {fault}"))
}

fn template(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('/');
    let (name, version) = parts.ok_or("a template is named with its version, as in invoice/3")?;
    Ok((name.to_owned(), version.to_owned()))
}

fn mailbox(text: &str) -> Result<MailboxId, String> {
    MailboxId::parse(text).map_err(|fault| fault.to_string())
}

fn class(text: &str) -> Result<Class, String> {
    text.parse()
        .map_err(|_| "it is not the name of a class".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .map(Duration::from_secs)
        .map_err(|_| "it is not a number of seconds".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound_and_its_help_fits_80_columns() {
        let mut command = Arguments::command().term_width(80);
        command.clone().debug_assert();
        let help = command.render_long_help().to_string();
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn flags_of_the_stack_stand_before_and_behind_the_command() {
        let before = ["pillarbox", "--stack", "mail", "check", "billing"];
        let behind = ["pillarbox", "check", "billing", "--stack", "mail"];
        for line in [before, behind] {
            let arguments = Arguments::try_parse_from(line).unwrap();
            assert_eq!(arguments.place.stack.unwrap().to_string(), "mail");
        }
    }

    #[test]
    fn all_of_a_failed_queue_is_said_alone() {
        let redrive = |more: &[&str]| {
            let line = ["pillarbox", "failed", "redrive", "billing"];
            Arguments::try_parse_from(line.iter().chain(more))
        };
        assert!(redrive(&["--all"]).is_ok());
        assert!(redrive(&["invoice-1", "invoice-2", "--class", "expired"]).is_ok());
        assert!(redrive(&["--all", "--class", "expired"]).is_err());
        assert!(redrive(&["--dry-run"]).is_err(), "nothing is selected");
        assert!(redrive(&["--class", "of-another-time"]).is_err());
    }

    #[test]
    fn a_notification_is_given_by_flags_or_by_a_file_and_not_by_both() {
        let line = [
            "pillarbox",
            "send",
            "billing",
            "--file",
            "-",
            "--to",
            "a@b.example",
        ];
        assert!(Arguments::try_parse_from(line).is_err());
    }
}
