//! A peer that plays a script.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// One act of a script.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Reads lines until one that begins so.
    Hear(&'static str),
    /// Reads the rest of a message under DATA.
    HearMessage,
    /// Reads a BDAT command and its chunk.
    HearChunk,
    /// Reads some octets.
    HearOctets(usize),
    /// Says this in one write.
    Say(String),
    /// Says this octet by octet.
    Stutter(String),
    /// Says nothing until the other side has closed, and nothing then.
    Hang,
    /// Neither says nor reads anything, and does not close.
    Sleep,
}

pub(super) use Act::{Hang, Hear, HearChunk, HearMessage, HearOctets};

pub(super) fn say(text: &str) -> Act {
    Act::Say(format!("{text}\r\n"))
}

pub(super) fn raw(text: &str) -> Act {
    Act::Say(text.to_owned())
}

pub(super) fn stutter(text: &str) -> Act {
    Act::Stutter(format!("{text}\r\n"))
}

/// What the peer heard.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) lines: Vec<String>,
    pub(super) messages: Vec<Vec<u8>>,
    /// What came that the script did not ask for.
    pub(super) rest: Vec<u8>,
    /// How many times octets came after the peer had said something.
    pub(super) flights: usize,
}

/// Reads what the other side sends, and counts its flights.
struct Ear<S> {
    stream: S,
    heard: Heard,
    unread: Vec<u8>,
    has_spoken: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Ear<S> {
    /// Reads until there are this many octets; fewer mean that the other side has closed.
    async fn fill(&mut self, wanted: usize) -> bool {
        let mut octets = vec![0; 64 * 1024];
        while self.unread.len() < wanted {
            match self.stream.read(&mut octets).await {
                Ok(0) | Err(_) => return false,
                Ok(count) => {
                    self.heard.flights += usize::from(self.has_spoken);
                    self.has_spoken = false;
                    self.unread.extend_from_slice(&octets[..count]);
                }
            }
        }
        true
    }

    async fn line(&mut self) -> Option<String> {
        let mut wanted = 1;
        let end = loop {
            if let Some(at) = self.unread.windows(2).position(|pair| pair == b"\r\n") {
                break at;
            }
            wanted = wanted.max(self.unread.len() + 1);
            if !self.fill(wanted).await {
                return None;
            }
        };
        let line = self.unread.drain(..end + 2).take(end).collect();
        Some(String::from_utf8(line).unwrap())
    }

    async fn message(&mut self) -> bool {
        let mut searched = 0;
        loop {
            if self.unread.starts_with(b".\r\n") {
                self.unread.drain(..3);
                self.heard.messages.push(Vec::new());
                return true;
            }
            if let Some(at) = self.unread[searched..]
                .windows(5)
                .position(|octets| octets == b"\r\n.\r\n")
            {
                let end = searched + at + 2;
                self.heard
                    .messages
                    .push(self.unread.drain(..end + 3).take(end).collect());
                return true;
            }
            searched = self.unread.len().saturating_sub(4);
            if !self.fill(self.unread.len() + 1).await {
                return false;
            }
        }
    }

    async fn chunk(&mut self) -> bool {
        let Some(line) = self.line().await else {
            return false;
        };
        let length = line
            .strip_prefix("BDAT ")
            .unwrap()
            .strip_suffix(" LAST")
            .unwrap()
            .parse()
            .unwrap();
        self.heard.lines.push(line);
        if !self.fill(length).await {
            return false;
        }
        self.heard
            .messages
            .push(self.unread.drain(..length).collect());
        true
    }

    async fn play(&mut self, act: Act) -> bool {
        match act {
            Act::Hear(beginning) => loop {
                let Some(line) = self.line().await else {
                    return false;
                };
                let is_it = line.starts_with(beginning);
                self.heard.lines.push(line);
                if is_it {
                    return true;
                }
            },
            Act::HearMessage => self.message().await,
            Act::HearChunk => self.chunk().await,
            Act::HearOctets(count) => {
                let enough = self.fill(count).await;
                self.unread.drain(..count.min(self.unread.len()));
                enough
            }
            Act::Say(text) => {
                self.has_spoken = true;
                self.stream.write_all(text.as_bytes()).await.is_ok()
                    && self.stream.flush().await.is_ok()
            }
            Act::Stutter(text) => {
                self.has_spoken = true;
                for octet in text.bytes() {
                    if self.stream.write_all(&[octet]).await.is_err()
                        || self.stream.flush().await.is_err()
                    {
                        return false;
                    }
                    tokio::task::yield_now().await;
                }
                true
            }
            Act::Sleep => {
                tokio::time::sleep(std::time::Duration::from_secs(100_000)).await;
                true
            }
            Act::Hang => {
                while self.fill(self.unread.len() + 1).await {}
                true
            }
        }
    }
}

/// Plays a script to its end, or to the other side's, and closes.
pub(super) async fn play<S: AsyncRead + AsyncWrite + Unpin>(stream: S, script: Vec<Act>) -> Heard {
    let (mut heard, _stream) = perform(stream, script).await;
    heard.rest.shrink_to_fit();
    heard
}

/// Plays a script and hands the stream back, for what comes after it.
pub(super) async fn perform<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    script: Vec<Act>,
) -> (Heard, S) {
    let mut ear = Ear {
        stream,
        heard: Heard::default(),
        unread: Vec::new(),
        has_spoken: true,
    };
    for act in script {
        if !ear.play(act).await {
            break;
        }
    }
    ear.heard.rest = ear.unread;
    (ear.heard, ear.stream)
}
