//! Whatever the peer does, nothing but the message's own final 250 is an acceptance.
//!
//! The peer here is a server with whims: it may answer any command with another code, hang, hang up, talk
//! nonsense, talk twice, or run the content of a chunk that it refused as commands. It labels each final reply
//! with the message that it took for the message, and remembers what it took responsibility for.

use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What the peer feels like doing about a command.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Whim {
    /// What the standard says.
    Obey,
    /// Refuses for now.
    Later,
    /// Refuses for good.
    No,
    /// Says 421 and hangs up.
    Bye,
    /// Does what it should, with another code.
    Odd(u16),
    /// Does what it should, and answers with nonsense.
    Babble,
    /// Does what it should, and answers twice.
    Twice,
    /// Does what it should, and never speaks again.
    Hang,
    /// Does what it should, and hangs up without an answer.
    HangUp,
    /// Does what it should, and hangs up in the middle of the answer.
    Half,
    /// Does what it should, and leaves the answer out. Under BDAT, where the number of replies is all there is
    /// to go by, it hangs.
    Skip,
    /// Refuses a chunk and takes its content for commands.
    Run,
}

fn whims() -> impl Strategy<Value = Vec<Whim>> {
    use Whim::*;
    let whim = prop_oneof![
        12 => Just(Obey),
        1 => Just(Later),
        2 => Just(No),
        1 => Just(Bye),
        1 => prop_oneof![Just(200), Just(220), Just(250), Just(251), Just(252), Just(334), Just(354)].prop_map(Odd),
        1 => Just(Babble),
        1 => Just(Twice),
        1 => Just(Hang),
        1 => Just(HangUp),
        1 => Just(Half),
        1 => Just(Skip),
        3 => Just(Run),
    ];
    proptest::collection::vec(whim, 0..16)
}

/// Messages that would do harm as commands, and some that would not.
fn message() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("RSET"),
        Just("MAIL FROM:<x@evil.example>"),
        Just("RCPT TO:<y@evil.example>"),
        Just("BDAT 4 LAST"),
        Just("DATA"),
        Just("."),
        Just("..."),
        Just(""),
        Just("Subject: hello"),
        Just("QUIT"),
    ];
    proptest::collection::vec(line, 1..8).prop_map(|lines| lines.join("\r\n") + "\r\n")
}

#[derive(Debug, Default)]
struct Record {
    /// Every message the peer has heard to its end, with its recipients.
    heard: Vec<(Vec<u8>, Vec<String>)>,
    /// Which of them it took responsibility for.
    taken: Vec<usize>,
}

struct Whimsical {
    stream: DuplexStream,
    whims: VecDeque<Whim>,
    offers_chunking: bool,
    unread: Vec<u8>,
    unsaid: String,
    sender: bool,
    recipients: Vec<String>,
    record: Record,
}

/// The connection is over, or might as well be.
struct Over;

impl Whimsical {
    async fn flush(&mut self) {
        // The other side may be gone.
        let _ = self.stream.write_all(self.unsaid.as_bytes()).await;
        self.unsaid.clear();
    }

    /// Reads more. What was to be said is said first, all at once.
    async fn fill(&mut self) -> Result<(), Over> {
        self.flush().await;
        let mut octets = vec![0; 1 << 16];
        match self.stream.read(&mut octets).await {
            Ok(0) | Err(_) => Err(Over),
            Ok(count) => {
                self.unread.extend_from_slice(&octets[..count]);
                Ok(())
            }
        }
    }

    async fn until(&mut self, end: &[u8]) -> Result<Vec<u8>, Over> {
        loop {
            if let Some(at) = self
                .unread
                .windows(end.len())
                .position(|octets| octets == end)
            {
                return Ok(self.unread.drain(..at + end.len()).collect());
            }
            self.fill().await?;
        }
    }

    /// Answers as the whim has it. True means that the command is to be obeyed.
    async fn answer(&mut self, whim: Whim, code: u16, label: &str) -> Result<bool, Over> {
        let subject = match label {
            "mail" => "1.0",
            "rcpt" => "1.5",
            _ => "0.0",
        };
        let labelled = |code: u16| format!("{code} {}.{subject} {label}\r\n", code / 100);
        let reply = labelled(code);
        match whim {
            Whim::Obey => self.unsaid += &reply,
            Whim::Later => self.unsaid += "451 4.3.0 later\r\n",
            Whim::No => self.unsaid += "550 5.0.0 no\r\n",
            Whim::Run => self.unsaid += "503 5.5.1 what\r\n",
            Whim::Odd(code) => self.unsaid += &labelled(code),
            Whim::Babble => self.unsaid += "hello there\r\n",
            Whim::Twice => self.unsaid += &reply.repeat(2),
            Whim::Half => self.unsaid += &reply[..reply.len() / 2],
            Whim::Bye => self.unsaid += "421 4.3.2 bye\r\n",
            Whim::Hang | Whim::HangUp | Whim::Skip => {}
        }
        match whim {
            Whim::Bye | Whim::Half | Whim::HangUp => {
                self.flush().await;
                Err(Over)
            }
            Whim::Hang => self.hang().await,
            Whim::Skip if self.offers_chunking => self.hang().await,
            Whim::Later | Whim::No | Whim::Run => Ok(false),
            Whim::Obey | Whim::Odd(_) | Whim::Babble | Whim::Twice | Whim::Skip => Ok(code < 400),
        }
    }

    async fn hang(&mut self) -> Result<bool, Over> {
        loop {
            self.fill().await?;
        }
    }

    /// Says what becomes of a message that was heard to its end.
    async fn conclude(&mut self, whim: Whim, content: Vec<u8>) -> Result<(), Over> {
        let recipients = std::mem::take(&mut self.recipients);
        self.sender = false;
        let number = self.record.heard.len();
        let is_wanted = !recipients.is_empty();
        self.record.heard.push((content, recipients));
        if is_wanted
            && !matches!(
                whim,
                Whim::Later | Whim::No | Whim::Bye | Whim::Run | Whim::Odd(_)
            )
        {
            self.record.taken.push(number);
        }
        let code = if is_wanted { 250 } else { 554 };
        self.answer(whim, code, &format!("final-{number}")).await?;
        Ok(())
    }

    async fn serve(mut self) -> Record {
        while self.command().await.is_ok() {}
        self.record
    }

    async fn command(&mut self) -> Result<(), Over> {
        let line = String::from_utf8(self.until(b"\r\n").await?).unwrap();
        let line = line.trim_end();
        let whim = self.whims.pop_front().unwrap_or(Whim::Obey);
        match line.split(' ').next().unwrap() {
            "MAIL" => {
                let code = if self.sender { 503 } else { 250 };
                self.sender |= self.answer(whim, code, "mail").await?;
            }
            "RCPT" => {
                let code = if self.sender { 250 } else { 503 };
                if self.answer(whim, code, "rcpt").await? {
                    self.recipients
                        .push(line["RCPT TO:<".len()..line.len() - 1].to_owned());
                }
            }
            "DATA" => {
                let is_wanted = self.sender && !self.recipients.is_empty();
                let code = if is_wanted || whim == Whim::Odd(354) {
                    354
                } else {
                    503
                };
                // Whoever says something else than 354 does not listen to a message.
                if self.answer(whim, code, "data").await?
                    && !matches!(whim, Whim::Odd(code) if code != 354)
                {
                    self.unread.splice(..0, *b"\r\n");
                    let dotted = String::from_utf8(self.until(b"\r\n.\r\n").await?).unwrap();
                    let content = dotted[2..dotted.len() - 3].split_inclusive("\r\n");
                    let content: String = content
                        .map(|line| line.strip_prefix('.').unwrap_or(line))
                        .collect();
                    let whim = self.whims.pop_front().unwrap_or(Whim::Obey);
                    self.conclude(whim, content.into_bytes()).await?;
                }
            }
            "BDAT" => {
                let length = line
                    .split(' ')
                    .nth(1)
                    .and_then(|n| n.parse().ok())
                    .unwrap_or(0);
                if whim == Whim::Run {
                    self.answer(whim, 250, "").await?;
                    return Ok(());
                }
                while self.unread.len() < length {
                    self.fill().await?;
                }
                let content = self.unread.drain(..length).collect();
                self.conclude(whim, content).await?;
            }
            "RSET" => {
                self.sender = false;
                self.recipients.clear();
                self.answer(whim, 250, "rset").await?;
            }
            "QUIT" => {
                self.answer(whim, 221, "bye").await?;
                return Err(Over);
            }
            _ => {
                self.answer(whim, 500, "what").await?;
            }
        }
        Ok(())
    }
}

/// Submits messages until the connection is gone, and compares what was said of each with what the peer knows.
async fn check(offers: &str, transfer: Transfer, whims: Vec<Whim>, messages: Vec<(String, usize)>) {
    let is_doubtful = whims.contains(&Whim::Twice);
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let peer = Whimsical {
        stream: theirs,
        whims: whims.into(),
        offers_chunking: offers.contains("CHUNKING"),
        unread: Vec::new(),
        unsaid: String::new(),
        sender: false,
        recipients: Vec::new(),
        record: Record::default(),
    };
    let peer = tokio::spawn(peer.serve());
    let server = server(transfer);
    let mut dialogue = Some(Dialogue::new(
        Wire::new(ours, server.timeouts),
        offered(offers),
        server,
    ));
    let mut results = Vec::new();
    for (message, recipients) in &messages {
        let Some(taken) = dialogue.take() else { break };
        let deadline = Instant::now() + Duration::from_secs(300);
        let (result, rest) = taken
            .submit(&envelope(*recipients), message.as_bytes(), deadline)
            .await;
        results.push(result);
        dialogue = rest;
    }
    drop(dialogue);
    let record = peer.await.unwrap();

    for (result, (message, _)) in results.iter().zip(&messages) {
        let heard_at = |at: &usize| record.heard[*at].0 == message.as_bytes();
        match result {
            Ok(Submission {
                verdict: Verdict::Accepted(reply),
                recipients,
            }) => {
                let number: usize = reply
                    .text
                    .strip_prefix("final-")
                    .expect("its own final reply")
                    .parse()
                    .unwrap();
                assert_eq!(reply.code, 250);
                assert!(heard_at(&number), "another message was accepted");
                let accepted: Vec<_> = recipients
                    .iter()
                    .filter(|recipient| matches!(recipient.outcome, Outcome::Accepted(_)))
                    .map(|recipient| recipient.address.clone())
                    .collect();
                assert!(!accepted.is_empty());
                // A reply left out and another given twice make up for each other.
                if !is_doubtful {
                    assert_eq!(accepted, record.heard[number].1, "accepted for others");
                }
            }
            Ok(Submission {
                verdict: Verdict::Unknown(_),
                ..
            }) => {}
            Ok(Submission {
                verdict: Verdict::Refused(_) | Verdict::Deferred(_),
                ..
            })
            | Err(_) => {
                let is_unique = messages
                    .iter()
                    .filter(|(other, _)| other == message)
                    .count()
                    == 1;
                if is_unique && !is_doubtful {
                    assert!(
                        !record.taken.iter().any(heard_at),
                        "what was taken was called refused: {result:?}"
                    );
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(campaign(6))]

    #[test]
    fn nothing_but_its_own_final_250_is_an_acceptance(
        whims in whims(),
        messages in proptest::collection::vec((message(), 1usize..4), 1..5),
        is_pipelined in any::<bool>(),
        is_chunked in any::<bool>(),
    ) {
        let mut offers = String::from("hello SIZE");
        if is_pipelined {
            offers += " PIPELINING";
        }
        if is_chunked {
            offers += " CHUNKING";
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(check(&offers, Transfer::Bdat, whims, messages));
    }
}
