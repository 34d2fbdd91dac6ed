//! What the simulated Exchange accepted.
//!
//! The truth of a test about sending: each message is here exactly as its octets arrived, with the envelope, the account
//! and the time, before its sender hears 250. Nothing else writes here. With a directory, each message is also a pair of
//! files, `NNNN.eml` and `NNNN.json`. A person reads it all on the pages under `/inbox`.

mod pages;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use mail_parser::MessageParser;
use serde::Serialize;
use tokio::sync::watch;

pub(super) use pages::router;

/// The messages that the simulated Exchange accepted. Clones are the same inbox.
#[derive(Clone, Debug)]
pub struct Inbox {
    messages: watch::Sender<Vec<Message>>,
    directory: Option<Arc<PathBuf>>,
}

/// One message that the simulated Exchange accepted.
#[derive(Clone, Debug, Serialize)]
pub struct Message {
    /// Counts from 1 in the order of acceptance.
    pub number: usize,
    /// When it was accepted, by the simulator's clock.
    pub accepted_at: Timestamp,
    /// The user principal name of the account that submitted it.
    pub account: String,
    /// The number of the connection that carried it.
    pub connection: u64,
    /// What SMTP said about it.
    pub envelope: Envelope,
    /// How it was carried.
    pub transfer: Transfer,
    /// The message, octet for octet as sent, without the transparency dots of DATA.
    #[serde(skip)]
    pub raw: Arc<[u8]>,
}

/// The envelope of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Envelope {
    /// The address of MAIL FROM, empty for `<>`.
    pub reverse_path: String,
    /// The addresses of the RCPT TO commands that were accepted, in their order.
    pub forward_paths: Vec<String>,
    /// The parameter SIZE, 0 when absent.
    pub size: usize,
    /// The parameter BODY.
    pub body: Body,
    /// Whether the parameter SMTPUTF8 was there.
    pub smtputf8: bool,
}

/// The parameter BODY of MAIL FROM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Body {
    /// Absent.
    #[default]
    Unstated,
    /// `7BIT`.
    SevenBit,
    /// `8BITMIME`.
    EightBitMime,
    /// `BINARYMIME`.
    BinaryMime,
}

/// How the octets of a message were carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Transfer {
    /// DATA and a final dot.
    Data,
    /// BDAT chunks.
    Bdat,
}

impl Inbox {
    /// An inbox in memory, and in files when a directory is given.
    pub(super) fn new(directory: Option<PathBuf>) -> Result<Self> {
        if let Some(directory) = &directory {
            fs::create_dir_all(directory)
                .with_context(|| format!("cannot make {}", directory.display()))?;
        }
        Ok(Self {
            messages: watch::Sender::default(),
            directory: directory.map(Arc::new),
        })
    }

    /// All messages so far, in the order of acceptance.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.messages.borrow().clone()
    }

    /// The number of messages so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.messages.borrow().len()
    }

    /// Waits until there are at least this many messages and gives all of them.
    ///
    /// # Errors
    ///
    /// When the time is over first.
    pub async fn wait_for(&self, count: usize, patience: Duration) -> Result<Vec<Message>> {
        self.wait_until(|messages| messages.len() >= count, patience)
            .await
            .with_context(|| format!("waited for {count} messages"))
    }

    /// Waits until the messages are as asked for and gives all of them.
    ///
    /// # Errors
    ///
    /// When the time is over first.
    pub async fn wait_until(
        &self,
        are_enough: impl Fn(&[Message]) -> bool,
        patience: Duration,
    ) -> Result<Vec<Message>> {
        let mut updates = self.messages.subscribe();
        let enough = updates.wait_for(|messages| are_enough(messages));
        match tokio::time::timeout(patience, enough).await {
            Ok(messages) => Ok(messages?.clone()),
            Err(_) => anyhow::bail!("{} messages after {patience:?}", self.count()),
        }
    }

    /// Forgets all messages; files stay.
    pub fn clear(&self) {
        self.messages.send_modify(Vec::clear);
    }

    /// Takes a message in and gives it its number.
    pub(super) fn accept(&self, mut message: Message) -> Result<()> {
        let mut outcome = Ok(());
        self.messages.send_modify(|messages| {
            message.number = messages.len() + 1;
            outcome = self.write(&message);
            if outcome.is_ok() {
                messages.push(message);
            }
        });
        outcome
    }

    fn write(&self, message: &Message) -> Result<()> {
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        let name = format!("{:04}", message.number);
        fs::write(directory.join(&name).with_extension("eml"), &message.raw)?;
        fs::write(
            directory.join(&name).with_extension("json"),
            serde_json::to_vec_pretty(message)?,
        )?;
        Ok(())
    }
}

impl Message {
    /// The parsed message.
    ///
    /// # Errors
    ///
    /// When the octets are no message at all.
    pub fn parsed(&self) -> Result<mail_parser::Message<'_>> {
        MessageParser::default()
            .parse(&self.raw[..])
            .with_context(|| format!("message {} has no header", self.number))
    }

    /// The subject, decoded; empty when there is none.
    #[must_use]
    pub fn subject(&self) -> String {
        self.parsed()
            .ok()
            .and_then(|parsed| parsed.subject().map(str::to_owned))
            .unwrap_or_default()
    }

    /// The Message-ID without its angle brackets; empty when there is none.
    #[must_use]
    pub fn message_id(&self) -> String {
        self.parsed()
            .ok()
            .and_then(|parsed| parsed.message_id().map(str::to_owned))
            .unwrap_or_default()
    }
}
