//! Whatever becomes of the server's octets on the way, the session neither panics nor hangs nor lies.
//!
//! The peer here is honest, and somebody meddles with what it says: octets are dropped, changed, put in and repeated,
//! replies are cut anywhere, merged, delayed and broken off. Every octet in both directions is on a tape. When all is
//! over the tape is read again, by rules that know nothing of the session: the n-th reply answers the n-th command. So
//! it is known which reply each message got, and what may be said of it.

use super::{
    super::{auth, session},
    *,
};
use proptest::prelude::*;
use std::{
    collections::VecDeque,
    io,
    ops::Range,
    pin::Pin,
    sync::Mutex,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

/// What is done to the octets of the server.
#[derive(Clone, Debug)]
enum Deed {
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

fn deed() -> impl Strategy<Value = Deed> {
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
struct Meddled {
    stream: DuplexStream,
    offers: String,
    /// Each after so many octets.
    deeds: VecDeque<(usize, Deed)>,
    unread: Vec<u8>,
    /// What has passed the meddler and was not sent yet.
    unsent: Vec<u8>,
    passed: Vec<u8>,
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

    async fn serve(mut self) {
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

/// All that was written and read, in order.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Recording>>);

#[derive(Clone, Default)]
struct Recording {
    told: Vec<u8>,
    said: Vec<u8>,
    /// How much had been told when so much had been said, after each read.
    read_at: Vec<(usize, usize)>,
}

impl Tape {
    fn recording(&self) -> Recording {
        self.0.lock().unwrap().clone()
    }
}

/// A connection with a tape.
struct Taped<S> {
    stream: S,
    tape: Tape,
}

impl<S: AsyncRead + Unpin> AsyncRead for Taped<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let mut tape = self.tape.0.lock().unwrap();
        tape.said.extend_from_slice(&buffer.filled()[before..]);
        let moment = (tape.said.len(), tape.told.len());
        tape.read_at.push(moment);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Taped<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, octets);
        if let Poll::Ready(Ok(count)) = polled {
            let mut tape = self.tape.0.lock().unwrap();
            tape.told.extend_from_slice(&octets[..count]);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

fn position(octets: &[u8], wanted: &[u8]) -> Option<usize> {
    octets.windows(wanted.len()).position(|part| part == wanted)
}

/// How much of a message may leave in one write.
const WRITE: usize = 64 * 1024;

/// A command on the tape: its verb, or `.` for what ends a message, and where it ends.
struct Told {
    verb: String,
    end: usize,
}

/// Reads the commands off the tape. Every message of the campaign begins with "Subject: ", as no command does.
fn commands(told: &[u8]) -> Vec<Told> {
    let mut commands = Vec::new();
    let mut at = 0;
    while let Some(length) = position(&told[at..], b"\r\n") {
        let line = String::from_utf8_lossy(&told[at..at + length]).into_owned();
        let (verb, end) = if line.starts_with("Subject: ") {
            match position(&told[at..], b"\r\n.\r\n") {
                Some(length) => (".".to_owned(), at + length + 5),
                None => break,
            }
        } else {
            let verb = line.split(' ').next().unwrap_or_default().to_owned();
            let content = match line.strip_prefix("BDAT ") {
                Some(rest) => rest.trim_end_matches(" LAST").parse().unwrap(),
                None => 0,
            };
            (verb, at + length + 2 + content)
        };
        if end > told.len() {
            break;
        }
        commands.push(Told { verb, end });
        at = end;
    }
    commands
}

/// Reads the codes of the replies off the tape, and where each ends, as far as they are replies.
fn replies(said: &[u8]) -> Vec<(u16, usize)> {
    let mut replies = Vec::new();
    let mut at = 0;
    let mut begun = None;
    while let Some(length) = position(&said[at..], b"\r\n") {
        let line = &said[at..at + length];
        at += length + 2;
        let code = line
            .get(..3)
            .filter(|code| code.iter().all(u8::is_ascii_digit))
            .and_then(|code| std::str::from_utf8(code).ok()?.parse().ok());
        if begun.is_some_and(|begun| Some(begun) != code) {
            break;
        }
        match (code, line.get(3)) {
            (Some(code), Some(b'-')) => begun = Some(code),
            (Some(code), Some(b' ') | None) => {
                begun = None;
                replies.push((code, at));
            }
            (Some(_), Some(_)) | (None, _) => break,
        }
    }
    replies
}

/// The commands of one transaction with the codes of their replies.
struct Transaction {
    codes: Vec<(String, Option<u16>)>,
    /// The message was told to its end.
    is_complete: bool,
    /// Its final reply was not read before the write that ended it.
    is_in_order: bool,
    /// More was said than was asked for, and it is no goodbye.
    has_surplus: bool,
}

impl Transaction {
    /// What was told in this range, and what was said to it.
    fn read(tape: &Recording, range: Range<usize>) -> Self {
        let replies = replies(&tape.said);
        // The greeting answers nothing.
        let commands: Vec<_> = commands(&tape.told).into_iter().zip(1..).collect();
        let surplus = replies.get(commands.len() + 1);
        let own: Vec<_> = commands
            .into_iter()
            .filter(|(command, _)| range.contains(&(command.end - 1)))
            .collect();
        let last = own
            .iter()
            .find(|(command, _)| matches!(command.verb.as_str(), "." | "BDAT"));
        let is_in_order = last.is_some_and(|(message, at)| {
            replies.get(*at).is_some_and(|(_, end)| {
                let read = tape.read_at.iter().find(|(said, _)| said >= end);
                read.is_some_and(|(_, told)| *told + WRITE >= message.end)
            })
        });
        Self {
            is_complete: last.is_some(),
            is_in_order,
            has_surplus: surplus.is_some_and(|(code, _)| *code != 421),
            codes: own
                .into_iter()
                .map(|(command, at)| (command.verb, replies.get(at).map(|(code, _)| *code)))
                .collect(),
        }
    }

    fn codes<'a>(&'a self, verb: &'a str) -> impl Iterator<Item = Option<u16>> + 'a {
        let own = self.codes.iter().filter(move |(known, _)| known == verb);
        own.map(|(_, code)| *code)
    }

    fn is(&self, verb: &str, wanted: u16) -> bool {
        self.codes(verb).all(|code| code == Some(wanted))
    }

    /// Whether a reply proves that the message was not taken.
    fn is_refused(&self) -> bool {
        let negative = |code: Option<u16>| code.is_some_and(|code| code >= 400);
        self.codes.iter().any(|(_, code)| *code == Some(421))
            || ["MAIL", "DATA", ".", "BDAT"]
                .into_iter()
                .any(|verb| self.codes(verb).any(negative))
            || (self.codes("RCPT").count() > 0 && self.codes("RCPT").all(negative))
    }

    /// Compares what was said of a message with what is on the tape.
    fn judge(&self, result: &Result<Submission, Failure>) {
        let story = || format!("{result:?} of {:?}", self.codes);
        match result {
            Ok(Submission {
                verdict: Verdict::Accepted(_),
                recipients,
            }) => {
                assert!(self.is_complete && self.is_in_order, "{}", story());
                assert!(self.is("MAIL", 250) && self.is("DATA", 354), "{}", story());
                assert!(self.is(".", 250) && self.is("BDAT", 250), "{}", story());
                let closing = self.codes.iter().any(|(_, code)| *code == Some(421));
                assert!(!closing, "{}", story());
                // A 354 shows that replies and commands go in step. Under BDAT their number has to.
                let is_chunk = self.codes("BDAT").count() > 0;
                assert!(!(is_chunk && self.has_surplus), "{}", story());
                let accepted: Vec<_> = self
                    .codes("RCPT")
                    .map(|code| code.is_some_and(|code| (250..260).contains(&code)))
                    .collect();
                let told: Vec<_> = recipients
                    .iter()
                    .map(|recipient| matches!(recipient.outcome, Outcome::Accepted(_)))
                    .collect();
                assert_eq!(accepted, told, "{}", story());
                assert!(told.contains(&true), "{}", story());
            }
            Ok(Submission {
                verdict: Verdict::Unknown(_),
                ..
            }) => assert!(self.is("DATA", 354), "{}", story()),
            Ok(Submission {
                verdict: Verdict::Refused(_) | Verdict::Deferred(_),
                ..
            }) => assert!(self.is_refused(), "{}", story()),
            Err(_) => assert!(!self.is_complete || self.is_refused(), "{}", story()),
        }
    }
}

/// Opens a session, submits messages as long as the connection goes on, and says goodbye.
async fn converse(
    offers: &str,
    transfer: Transfer,
    deeds: Vec<(usize, Deed)>,
    messages: Vec<usize>,
    buffer: usize,
) {
    let (ours, theirs) = tokio::io::duplex(buffer);
    let meddled = Meddled {
        stream: theirs,
        offers: format!("250-hello\r\n250-STARTTLS\r\n250-AUTH XOAUTH2\r\n{offers}250 SIZE"),
        deeds: deeds.into(),
        unread: Vec::new(),
        unsent: Vec::new(),
        passed: Vec::new(),
    };
    let peer = tokio::spawn(meddled.serve());
    let tape = Tape::default();
    let stream = Taped {
        stream: ours,
        tape: tape.clone(),
    };
    let server = server(transfer);
    let mut wire = Wire::new(stream, server.timeouts);
    if let Ok(offered) = open(&mut wire).await {
        let said = tape.recording().said;
        let codes: Vec<_> = replies(&said).iter().map(|(code, _)| *code).collect();
        assert!(
            codes.starts_with(&[220, 250, 220, 250, 334, 235]),
            "{codes:?}"
        );
        let mut dialogue = Some(Dialogue::new(wire, offered, server));
        for (number, lines) in messages.into_iter().enumerate() {
            let Some(taken) = dialogue.take() else { break };
            let envelope = envelope(1 + number % 4);
            let lines = ".\r\nRSET\r\n250 2.0.0 queued\r\n".repeat(lines);
            let message = format!("Subject: {number}\r\n\r\n{lines}");
            let begun = tape.recording().told.len();
            let deadline = Instant::now() + Duration::from_secs(900);
            let (result, rest) = taken.submit(&envelope, message.as_bytes(), deadline).await;
            let recording = tape.recording();
            Transaction::read(&recording, begun..recording.told.len()).judge(&result);
            dialogue = rest;
        }
        if let Some(dialogue) = dialogue {
            dialogue.quit().await;
        }
    } else {
        drop(wire);
    }
    peer.await.unwrap();
}

/// Everything before the first message, but for TLS, whose octets are not the server's to choose.
async fn open(wire: &mut Wire<Taped<DuplexStream>>) -> Result<Capabilities, Failure> {
    session::greet(wire, "EHLO a\r\n").await?;
    session::start_tls(wire).await?;
    let offered = session::offer(wire, "EHLO a\r\n").await?;
    auth::authenticate(wire, USER, &token()).await?;
    Ok(offered)
}

proptest! {
    #![proptest_config(campaign(8))]

    #[test]
    fn no_meddling_makes_the_session_panic_hang_or_lie(
        first in 0usize..700,
        deeds in proptest::collection::vec((0usize..80, deed()), 0..5),
        messages in proptest::collection::vec(prop_oneof![19 => 0usize..3, 1 => 0usize..3_000], 1..6),
        buffer in prop_oneof![Just(1 << 20), 64usize..100_000],
        is_pipelined in any::<bool>(),
        is_chunked in any::<bool>(),
    ) {
        let pipelining = if is_pipelined { "250-PIPELINING\r\n" } else { "" };
        let (chunking, transfer) = if is_chunked {
            ("250-CHUNKING\r\n", Transfer::Bdat)
        } else {
            ("", Transfer::Data)
        };
        let mut deeds = deeds;
        if let Some((gap, _)) = deeds.first_mut() {
            *gap = first;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let offers = format!("{pipelining}{chunking}");
        // No time passes but what somebody waits for, and nobody may wait for longer than a day.
        let day = Duration::from_secs(24 * 60 * 60);
        let ended = runtime.block_on(async { tokio::time::timeout(day, converse(&offers, transfer, deeds, messages, buffer)).await });
        prop_assert!(ended.is_ok(), "somebody waits for ever");
    }
}
