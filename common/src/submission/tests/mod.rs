//! What the session promises, against peers that answer, delay, split, inject and drop as they are told.
//!
//! Two of them do it by chance, in `lies` and `fuzz`. `PROPTEST_CASES` sets the length of these campaigns: with 256, the
//! default, they take some seconds.

/// Runs one step of the opening against a peer in memory, with the clock paused.
macro_rules! step {
    ($script:expr, |$wire:ident| $step:expr) => {{
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let peer = tokio::spawn(play(theirs, $script));
        let limits = Timeouts {
            greeting: Duration::from_secs(1),
            ehlo: Duration::from_secs(2),
            starttls: Duration::from_secs(3),
            auth: Duration::from_secs(4),
            ..Timeouts::default()
        };
        let mut wire = Wire::new(ours, limits);
        let $wire = &mut wire;
        let result = $step.await;
        drop(wire);
        (result, peer.await.unwrap())
    }};
}

mod chunks;
mod classes;
mod extents;
mod fuzz;
mod lies;
mod losses;
mod opening;
mod peer;
mod signing_in;
mod transactions;

use super::{
    Cause, Envelope, Failure, Outcome, Server, Submission, Timeouts, Transfer, Verdict,
    capabilities::Capabilities, dialogue::Dialogue, reply::Answer, wire::Wire,
};
use crate::secret::AccessToken;
use peer::{Act, Hang, Hear, HearChunk, HearMessage, Heard, say};
use proptest::prelude::ProptestConfig;
use std::{sync::Arc, time::Duration};
use tokio::{io::DuplexStream, time::Instant};

const USER: &str = "billing@contoso.com";

fn token() -> AccessToken {
    AccessToken::new("canary".repeat(500))
}

/// What Exchange offers after AUTH.
const EXCHANGE: &str = "hello SIZE=157286400 PIPELINING 8BITMIME CHUNKING SMTPUTF8";
/// What the plainest of servers offers.
const PLAIN: &str = "hello";

const MESSAGE: &[u8] = b"Subject: a\r\n\r\nb\r\n.c\r\n";

fn envelope(recipients: usize) -> Envelope {
    let to = (1..=recipients)
        .map(|n| format!("r{n}@fabrikam.com").parse().unwrap())
        .collect();
    Envelope::new(Some("billing@contoso.com".parse().unwrap()), to).unwrap()
}

/// A server that is never connected to.
fn server(transfer: Transfer) -> Server {
    let tls = Arc::new(crate::tls::client_config(None).unwrap());
    let mut server = Server::new("localhost", 587, tls);
    server.transfer = transfer;
    server
}

fn offered(words: &str) -> Capabilities {
    let lines = words
        .split(' ')
        .map(|word| word.replace('=', " "))
        .collect();
    Capabilities::read(&Answer { code: 250, lines })
}

/// How a submission ended: what is said of it, what the peer heard, and whether the connection goes on.
struct Ended {
    result: Result<Submission, Failure>,
    heard: Heard,
    goes_on: bool,
}

/// A dialogue with a peer that plays a script.
struct Scene {
    dialogue: Option<Dialogue<DuplexStream>>,
    peer: tokio::task::JoinHandle<Heard>,
}

impl Scene {
    fn set(offers: &str, server: Server, script: Vec<Act>) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let dialogue = Dialogue::new(Wire::new(ours, server.timeouts), offered(offers), server);
        Self {
            dialogue: Some(dialogue),
            peer: tokio::spawn(peer::play(theirs, script)),
        }
    }

    async fn submit(&mut self, envelope: &Envelope, message: &[u8]) -> Result<Submission, Failure> {
        let dialogue = self.dialogue.take().unwrap();
        let (result, dialogue) = dialogue
            .submit(envelope, message, Instant::now() + Duration::from_secs(900))
            .await;
        self.dialogue = dialogue;
        result
    }

    async fn end(self, result: Result<Submission, Failure>) -> Ended {
        let goes_on = match self.dialogue {
            Some(mut dialogue) => dialogue.is_ready().await,
            None => false,
        };
        Ended {
            result,
            heard: self.peer.await.unwrap(),
            goes_on,
        }
    }
}

/// Submits one message to a peer that plays a script.
async fn submit(offers: &str, transfer: Transfer, recipients: usize, script: Vec<Act>) -> Ended {
    let mut stage = Scene::set(offers, server(transfer), script);
    let result = stage.submit(&envelope(recipients), MESSAGE).await;
    stage.end(result).await
}

impl Ended {
    /// The ending in a few words: verdict, then one letter a recipient, then whether the connection goes on.
    fn in_short(&self) -> String {
        let verdict = match &self.result {
            Ok(submission) => {
                let verdict = match &submission.verdict {
                    Verdict::Accepted(reply) => format!("accepted {reply}"),
                    Verdict::Refused(reply) => format!("refused at {}: {reply}", reply.stage),
                    Verdict::Deferred(reply) => format!("deferred at {}: {reply}", reply.stage),
                    Verdict::Unknown(failure) => format!("unknown: {}", kind(failure)),
                };
                let recipients: String = submission
                    .recipients
                    .iter()
                    .map(|r| letter(&r.outcome))
                    .collect();
                format!("{verdict} [{recipients}]")
            }
            Err(failure) => format!("failed: {}", kind(failure)),
        };
        format!("{verdict}{}", if self.goes_on { ", goes on" } else { "" })
    }
}

fn letter(outcome: &Outcome) -> char {
    match outcome {
        Outcome::Accepted(_) => 'A',
        Outcome::Refused(_) => 'R',
        Outcome::Deferred(_) => 'D',
        Outcome::Unknown => '?',
    }
}

fn kind(failure: &Failure) -> String {
    let kind = match &failure.cause {
        Cause::Reply(reply) => format!("reply {reply}"),
        Cause::Token {
            reply,
            challenge,
            line,
        } => format!("token {reply} {challenge:?} {line}"),
        Cause::Timeout(limit) => format!("timeout {limit:?}"),
        Cause::Deadline => "deadline".to_owned(),
        Cause::Io(error) => format!("io {:?}", error.kind()),
        Cause::Tls(_) => "tls".to_owned(),
        Cause::Injection => "injection".to_owned(),
        Cause::NoStartTls => "no STARTTLS".to_owned(),
        Cause::NoXoauth2 => "no XOAUTH2".to_owned(),
        Cause::Needs(what) => format!("needs {what}"),
        Cause::TooLarge { size, limit } => format!("{size} exceeds {limit}"),
        Cause::Unspeakable(what) => format!("unspeakable {what}"),
        Cause::Violation(what) => format!("violation {what}"),
        Cause::Chunking(reply) => format!("chunking {reply}"),
        Cause::Stale => "stale".to_owned(),
    };
    format!("{kind} at {}", failure.stage)
}

/// The replies to MAIL, RCPT and DATA in one flight, then to the message.
fn by_data(mail: &str, rcpt: &[&str], data: &str, last: &str) -> Vec<Act> {
    vec![
        Hear("DATA"),
        say(&replies(mail, rcpt, &[data])),
        HearMessage,
        say(last),
        Hang,
    ]
}

/// The replies to MAIL, RCPT and BDAT in one flight.
fn by_bdat(mail: &str, rcpt: &[&str], last: &str) -> Vec<Act> {
    let last: &[&str] = if last.is_empty() { &[] } else { &[last] };
    vec![
        Hear("RCPT"),
        HearChunk,
        say(&replies(mail, rcpt, last)),
        Hang,
    ]
}

fn replies(mail: &str, rcpt: &[&str], rest: &[&str]) -> String {
    [&[mail], rcpt, rest].concat().join("\r\n")
}

async fn check_data(mail: &str, rcpt: &[&str], data: &str, last: &str, expected: &str) {
    let ended = submit(
        EXCHANGE,
        Transfer::Data,
        rcpt.len(),
        by_data(mail, rcpt, data, last),
    )
    .await;
    assert_eq!(ended.in_short(), expected);
}

async fn check_bdat(mail: &str, rcpt: &[&str], last: &str, expected: &str) {
    let recipients = rcpt.len();
    // Only the last RCPT of a flight may be awaited, for the chunk begins right behind it.
    let mut script = vec![];
    script.extend(std::iter::repeat_n(
        Hear("RCPT"),
        recipients.saturating_sub(1),
    ));
    script.extend(by_bdat(mail, rcpt, last));
    let ended = submit(EXCHANGE, Transfer::Bdat, recipients, script).await;
    assert_eq!(ended.in_short(), expected);
    assert_eq!(ended.heard.rest, b"", "something follows the chunk");
}

/// A campaign of so many times the cases that `PROPTEST_CASES` asks for.
fn campaign(times: u32) -> ProptestConfig {
    ProptestConfig::with_cases(ProptestConfig::default().cases.saturating_mul(times))
}

const OK: &str = "250 2.1.0 OK";
const QUEUED: &str = "250 2.0.0 queued";
const GO: &str = "354 go";
