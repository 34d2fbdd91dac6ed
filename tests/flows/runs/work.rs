//! What the workers had to do for a mailbox, by the log of `send-email`.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;
use tests::contoso::Contoso;
use tokio::time::interval;

/// The work for one mailbox.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// How often the queue had shown each message until it was accepted.
    pub(super) receives: Vec<u64>,
    /// Invocations for the mailbox.
    invocations: u64,
    /// How long they lasted together, in milliseconds.
    milliseconds: f64,
}

impl Work {
    /// Reads it from the log, as soon as that tells of `messages`: the queue is empty a moment before the log is written.
    pub(super) async fn of(contoso: &Contoso, mailbox: &str, messages: usize) -> Result<Self> {
        let mut rounds = interval(Duration::from_secs(5));
        for _ in 0..6 {
            rounds.tick().await;
            let work = Self::told(&contoso.stack.logs("send-email").await?, mailbox);
            if work.receives.len() >= messages {
                return Ok(work);
            }
        }
        bail!("the log of send-email does not tell of {messages} messages of {mailbox}")
    }

    /// Reads the lines of a log. Those of an invocation stand together, from `START` to `REPORT`.
    fn told(lines: &[String], mailbox: &str) -> Self {
        let mut work = Self::default();
        let mut is_of_mailbox = false;
        for line in lines {
            if line.starts_with("START ") {
                is_of_mailbox = false;
            } else if let Some(lasted) = duration(line).filter(|_| is_of_mailbox) {
                work.invocations += 1;
                work.milliseconds += lasted;
            } else {
                is_of_mailbox |= line.contains(&format!("\"{mailbox}\""));
                work.receives.extend(receives(line, mailbox));
            }
        }
        work
    }

    pub(super) fn mean_receives(&self) -> f64 {
        self.receives.iter().sum::<u64>() as f64 / self.receives.len().max(1) as f64
    }

    pub(super) fn most_receives(&self) -> u64 {
        self.receives.iter().copied().max().unwrap_or(0)
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages = self.receives.len().max(1) as f64;
        write!(
            f,
            "{:.1} receives a message and {} at most, {} invocations, {:.0} ms of a worker a message",
            self.mean_receives(),
            self.most_receives(),
            self.invocations,
            self.milliseconds / messages,
        )
    }
}

/// How long an invocation lasted, in milliseconds, by the line with which its log ends.
fn duration(line: &str) -> Option<f64> {
    let report = line.strip_prefix("REPORT ")?;
    let after = report.split_once("\tDuration: ")?.1;
    after.split_once(" ms")?.0.parse().ok()
}

/// How often a message of the mailbox was received that a line says was accepted.
fn receives(line: &str, mailbox: &str) -> Option<u64> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields").unwrap_or(&line);
    let is_accepted = fields["message"] == "the message was accepted";
    let is_of_mailbox = fields["mailbox.id"] == mailbox;
    fields["receives"]
        .as_u64()
        .filter(|_| is_accepted && is_of_mailbox)
}
