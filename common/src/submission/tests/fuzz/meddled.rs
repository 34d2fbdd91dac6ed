//! The honest server, and what is done to its octets.

use super::{super::*, position};
use proptest::prelude::*;
use std::collections::VecDeque;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What is done to the octets of the server.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    /// Puts these in.
    Inject(Vec<u8>),
    /// Takes this many away.
    Drop(usize),
    /// Flips bits of the next one.
    Flip(u8),
    /// Puts these in the place of the reply that is being said.
    Replace(Vec<u8>),
    /// Says the last ones again.
    Repeat(usize),
    /// Lets what has come so far arrive by itself.
    Split,
    /// Lets it arrive, and the rest so many seconds later.
    Pause(u64),
    /// Lets it arrive, and hangs up.
    HangUp,
}

fn reply() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "(2[0-9]{2}|25[0-9]|354|334|421|[45][0-9]{2})[ -]([245]\\.[015]\\.[0-9] )?[ -~]{0,12}\r\n"
            .prop_map(String::into_bytes),
        Just(b"250 2.0.0 ok\r\n".to_vec()),
        Just(b"354 go\r\n".to_vec()),
        Just(b"421 4.3.2 bye\r\n".to_vec()),
    ]
}

pub(super) fn deed() -> impl Strategy<Value = Deed> {
    let some = proptest::collection::vec(any::<u8>(), 1..8);
    prop_oneof![
        3 => prop_oneof![reply(), some].prop_map(Deed::Inject),
        3 => reply().prop_map(Deed::Replace),
        2 => (1usize..60).prop_map(Deed::Drop),
        2 => any::<u8>().prop_map(Deed::Flip),
        2 => (1usize..60).prop_map(Deed::Repeat),
        3 => Just(Deed::Split),
        2 => (1u64..400).prop_map(Deed::Pause),
        1 => Just(Deed::HangUp),
    ]
}

/// The connection is over.
struct Over;

/// An honest server behind somebody who meddles.
pub(super) struct Meddled {
    pub(super) stream: DuplexStream,
    pub(super) offers: String,
    /// Each after so many octets.
    pub(super) deeds: VecDeque<(usize, Deed)>,
    pub(super) unread: Vec<u8>,
    /// What has passed the meddler and was not sent yet.
    pub(super) unsent: Vec<u8>,
    pub(super) passed: Vec<u8>,
}

impl Meddled {
    async fn send(&mut self) -> Result<(), Over> {
        let sent = self.stream.write_all(&self.unsent).await;
        self.unsent.clear();
        sent.map_err(|_| Over)
    }

    async fn say(&mut self, reply: &str) -> Result<(), Over> {
        let mut octets = VecDeque::from(format!("{reply}\r\n").into_bytes());
        loop {
            while let Some((0, deed)) = self.deeds.front().cloned() {
                self.deeds.pop_front();
                self.meddle(deed, &mut octets).await?;
            }
            let Some(octet) = octets.pop_front() else {
                return Ok(());
            };
            if let Some((gap, _)) = self.deeds.front_mut() {
                *gap -= 1;
            }
            self.unsent.push(octet);
            self.passed.push(octet);
        }
    }

    async fn meddle(&mut self, deed: Deed, octets: &mut VecDeque<u8>) -> Result<(), Over> {
        match deed {
            Deed::Inject(more) => self.unsent.extend(more),
            Deed::Drop(count) => drop(octets.drain(..count.min(octets.len()))),
            Deed::Flip(bits) => {
                if let Some(next) = octets.front_mut() {
                    *next ^= bits;
                }
            }
            Deed::Replace(other) => {
                octets.clear();
                self.unsent.extend(other);
            }
            Deed::Repeat(count) => {
                let from = self.passed.len().saturating_sub(count);
                self.unsent.extend_from_slice(&self.passed[from..]);
            }
            Deed::Split => {
                self.send().await?;
                tokio::task::yield_now().await;
            }
            Deed::Pause(seconds) => {
                self.send().await?;
                tokio::time::sleep(Duration::from_secs(seconds)).await;
            }
            Deed::HangUp => {
                self.send().await?;
                return Err(Over);
            }
        }
        Ok(())
    }

    /// Reads until there are so many octets. What was to be said is said first, all at once.
    async fn fill(&mut self, wanted: usize) -> Result<(), Over> {
        let mut octets = [0; 4096];
        while self.unread.len() < wanted {
            self.send().await?;
            match self.stream.read(&mut octets).await {
                Ok(0) | Err(_) => return Err(Over),
                Ok(count) => self.unread.extend_from_slice(&octets[..count]),
            }
        }
        Ok(())
    }

    async fn until(&mut self, end: &[u8]) -> Result<String, Over> {
        let mut searched = 0;
        loop {
            if let Some(at) = position(&self.unread[searched..], end) {
                let octets = self.unread.drain(..searched + at + end.len()).collect();
                return Ok(String::from_utf8(octets).unwrap());
            }
            searched = self.unread.len().saturating_sub(end.len());
            self.fill(self.unread.len() + 1).await?;
        }
    }

    pub(super) async fn serve(mut self) {
        // However it ends, it has ended.
        let _ = self.serve_until_over().await;
    }

    async fn serve_until_over(&mut self) -> Result<(), Over> {
        let mut recipients = 0;
        self.say("220 hello").await?;
        loop {
            let line = self.until(b"\r\n").await?;
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.first().copied().unwrap_or_default() {
                "EHLO" => {
                    let offers = self.offers.clone();
                    self.say(&offers).await?;
                }
                "STARTTLS" => self.say("220 2.0.0 go").await?,
                "AUTH" => {
                    self.say("334 ").await?;
                    self.until(b"\r\n").await?;
                    self.say("235 2.7.0 welcome").await?;
                }
                "MAIL" => {
                    recipients = 0;
                    self.say("250 2.1.0 sender ok").await?;
                }
                // Every third recipient is unknown.
                "RCPT" if line.contains("<r3@") => self.say("550 5.1.1 unknown").await?,
                "RCPT" => {
                    recipients += 1;
                    self.say("250 2.1.5 recipient ok").await?;
                }
                "DATA" if recipients > 0 => {
                    self.say("354 go on").await?;
                    self.until(b"\r\n.\r\n").await?;
                    self.say("250 2.0.0 queued").await?;
                }
                "BDAT" => {
                    let length = words[1].parse().unwrap();
                    self.fill(length).await?;
                    self.unread.drain(..length);
                    self.say("250 2.0.0 queued").await?;
                }
                "RSET" => self.say("250 2.0.0 forgotten").await?,
                "QUIT" => {
                    self.say("221 2.0.0 bye").await?;
                    return self.send().await;
                }
                _ => self.say("503 5.5.1 not now").await?,
            }
        }
    }
}
