//! What the demo shows: tables and colour on a terminal, plain lines on a pipe.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::path::Path;

use anyhow::Result;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Attribute, Cell, Color, Table};
use mail_parser::MimeHeaders;
use serde_json::Value;
use tests::contoso::{Contoso, MAILBOX};
use tests::microsoft::inbox::Message;
use tests::stack::{REGION, ROOT};

/// Where the demo shows things.
pub(crate) struct Show {
    terminal: bool,
}

impl Show {
    /// Looks whether a person watches standard output.
    pub(crate) fn detect() -> Self {
        Self {
            terminal: std::io::stdout().is_terminal(),
        }
    }

    /// Shows a text.
    pub(crate) fn text(&self, text: &str) {
        // Nobody is left to tell when standard output is gone.
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    /// Shows why the demo failed.
    pub(crate) fn failure(&self, text: &str) {
        let red = std::io::stderr().is_terminal();
        let text = if red {
            format!("\u{1b}[31m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        };
        // Nobody is left to tell when standard error is gone.
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    /// Shows a person how to consent.
    pub(crate) fn consent(&self, link: &str, upn: &str, authority: &Path) {
        self.text(&format!(
            "\nOpen this link and sign in as {upn}:\n\n  {link}\n\n\
             Your browser will warn of the certificates, because their authority was made on this machine: accept them,\n\
             or trust the certificate in {} first.\n",
            authority.display()
        ));
    }

    /// Shows the mails that arrived.
    pub(crate) fn mails(&self, messages: &[Message]) -> Result<()> {
        self.heading("The mail that Exchange accepted");
        for message in messages {
            let parsed = message.parsed()?;
            let mut rows = vec![
                ("From", addresses(parsed.from())),
                ("To", addresses(parsed.to())),
                ("Cc", addresses(parsed.cc())),
                ("Subject", message.subject()),
                (
                    "Text",
                    parsed.body_text(0).unwrap_or_default().trim().to_owned(),
                ),
                (
                    "HTML",
                    if has_html(&parsed) {
                        "yes".to_owned()
                    } else {
                        String::new()
                    },
                ),
            ];
            for part in parsed.attachments() {
                let name = part.attachment_name().unwrap_or("(no name)");
                rows.push(("File", format!("{name}, {} octets", part.contents().len())));
            }
            rows.push(("Message-ID", message.message_id()));
            rows.push(("Signed in as", message.account.clone()));
            self.table(&rows);
        }
        Ok(())
    }

    /// Shows the state of the mailbox and of its queues.
    pub(crate) fn status(&self, status: &Value) {
        self.heading("The mailbox");
        let text = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        let queue = |queue: &Value| {
            format!(
                "{} waiting, {} in flight",
                queue["waiting"], queue["in_flight"]
            )
        };
        self.table(&[
            (
                "Mailbox",
                format!(
                    "{} ({})",
                    text(&status["mailbox"]),
                    text(&status["address"])
                ),
            ),
            ("State", text(&status["state"])),
            ("Account", text(&status["account"])),
            ("Token ends", text(&status["token_expires_at"])),
            ("Queue", queue(&status["queue"])),
            ("Failed queue", queue(&status["failed_queue"])),
        ]);
    }

    /// Shows how to go on.
    pub(crate) async fn onward(&self, contoso: &Contoso, inbox: &Path, keep: bool) -> Result<()> {
        self.heading("How to go on");
        let mut text = format!("The mails are files in {}.\n", inbox.display());
        if keep {
            let endpoint = contoso.stack.endpoint();
            let queue = contoso
                .queue(&format!("{}_{MAILBOX}", contoso.stack.name()))
                .await?;
            let body = r#"{"to":"you@fabrikam.com","subject":"Hello","text":"From the queue"}"#;
            write!(
                text,
                "Everything stays up until Ctrl-C.\n\n\
                 Read the mail:      {inbox}\n\
                 Put more on the queue, with the AWS CLI:\n\n  \
                 AWS_ACCESS_KEY_ID={ROOT} AWS_SECRET_ACCESS_KEY={ROOT} aws --region {REGION} --endpoint-url {endpoint} \\\n    \
                 sqs send-message --queue-url {queue} \\\n    --message-body '{body}'\n\n\
                 or without it:\n\n  \
                 curl -s {endpoint} --aws-sigv4 aws:amz:{REGION}:sqs --user {ROOT}:{ROOT} \\\n    -H 'Content-Type: application/x-amz-json-1.0' -H 'X-Amz-Target: AmazonSQS.SendMessage' \\\n    \
                 -d '{request}'",
                inbox = contoso.microsoft.inbox_url(),
                request = serde_json::json!({ "QueueUrl": queue, "MessageBody": body }),
            )?;
        } else {
            text.push_str(
                "`cargo demo --keep` leaves everything up and says how to enqueue more;\n\
                 `cargo demo --browser` lets you consent yourself; the README says how to deploy to AWS.",
            );
        }
        self.text(&text);
        Ok(())
    }

    fn heading(&self, text: &str) {
        self.text(&if self.terminal {
            format!("\n\u{1b}[1m{text}\u{1b}[0m")
        } else {
            format!("\n{text}")
        });
    }

    /// Shows named values; empty ones are left out.
    fn table(&self, rows: &[(&str, String)]) {
        let rows = rows.iter().filter(|(_, value)| !value.is_empty());
        if !self.terminal {
            for (name, value) in rows {
                self.text(&format!("  {name}: {}", value.replace('\n', "\n    ")));
            }
            self.text("");
            return;
        }
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        for (name, value) in rows {
            let name = Cell::new(name)
                .fg(Color::Cyan)
                .add_attribute(Attribute::Bold);
            table.add_row(vec![name, Cell::new(value)]);
        }
        self.text(&table.to_string());
    }
}

/// Whether the message itself brought HTML; `mail_parser` makes some of text where it did not.
fn has_html(message: &mail_parser::Message<'_>) -> bool {
    message.parts.iter().any(|part| part.is_text_html())
}

fn addresses(address: Option<&mail_parser::Address<'_>>) -> String {
    let shown = |address: &mail_parser::Addr<'_>| {
        let email = address.address().unwrap_or_default();
        address
            .name()
            .map_or_else(|| email.to_owned(), |name| format!("{name} <{email}>"))
    };
    address
        .map(|list| list.iter().map(shown).collect::<Vec<_>>().join(", "))
        .unwrap_or_default()
}
