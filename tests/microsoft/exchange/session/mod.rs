//! One dialogue with one client.

mod course;
mod opening;
mod transaction;

use std::net::SocketAddr;
use std::sync::Arc;

use smtp_proto::{Error, Request};
use tokio::net::TcpStream;

use self::course::Course;
use self::opening::Certificate;
use self::transaction::Transaction;
use super::super::lock;
use super::faults::Stage;
use super::wire::{Gone, Wire};
use super::{Limits, Shared, words};

/// Why a dialogue ends.
enum End {
    /// In order: our last words are queued.
    Close,
    /// The connection is no more.
    Gone,
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

struct Session {
    shared: Arc<Shared>,
    number: u64,
    peer: SocketAddr,
    wire: Wire,
    is_greeted: bool,
    is_encrypted: bool,
    account: Option<String>,
    transaction: Option<Transaction>,
    accepted: u64,
    withheld: Vec<String>,
    lie: Option<String>,
    injection: Option<Vec<u8>>,
    certificate: Certificate,
}

/// Notes that the connection is over, however its dialogue ended.
struct Open {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Open {
    fn drop(&mut self) {
        let now = self.shared.world.clock.now();
        let mut account = None;
        self.shared.log.note(self.number, |connection| {
            connection.closed_at.get_or_insert(now);
            account = connection.account.clone();
        });
        if let Some(account) = account {
            lock(&self.shared.usage).closed(&account, self.number);
        }
    }
}

pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let number = shared.log.open(peer, shared.world.clock.now());
    let open = Open {
        shared: Arc::clone(&shared),
        number,
    };
    let mut session = Session {
        shared,
        number,
        peer,
        wire: Wire::new(stream),
        is_greeted: false,
        is_encrypted: false,
        account: None,
        transaction: None,
        accepted: 0,
        withheld: Vec::new(),
        lie: None,
        injection: None,
        certificate: Certificate::Right,
    };
    let end = session.run().await;
    session.note_flights();
    if let Err(End::Close) = end {
        session.wire.close().await;
    }
    drop(open);
}

impl Session {
    async fn run(&mut self) -> Result<(), End> {
        match self.consult(self.moment(Stage::Greeting)).await? {
            Course::AsUsual => self.say(&words::greeting(self.shared.world.clock.now())),
            Course::Replied(_) | Course::Raw => {}
        }
        loop {
            let line = self.wire.line().await?;
            self.command(&line).await?;
        }
    }

    async fn command(&mut self, line: &[u8]) -> Result<(), End> {
        let verb = verb(line);
        self.shared.log.note(self.number, |connection| {
            connection.commands.push(verb.to_owned());
            connection.flights = self.wire.flights();
        });
        if !line.ends_with(b"\r\n") {
            return self.unrecognized(verb).await;
        }
        let octets = line.len();
        match Request::parse(&mut line.iter()) {
            Ok(Request::Ehlo { .. }) => self.hello(octets, true).await,
            Ok(Request::Helo { .. }) => self.hello(octets, false).await,
            Ok(Request::StartTls) => self.start_tls(octets).await,
            Ok(Request::Auth {
                mechanism,
                initial_response,
            }) => {
                let initial_response = initial_response.into_owned();
                self.auth(octets, mechanism, &initial_response).await
            }
            Ok(Request::Mail { from }) => self.mail(octets, from.into_owned()).await,
            Ok(Request::Rcpt { to }) => self.rcpt(octets, to.into_owned()).await,
            Ok(Request::Data) => self.data(octets).await,
            Ok(Request::Bdat {
                chunk_size,
                is_last,
            }) => self.bdat(chunk_size, is_last).await,
            Ok(Request::Rset) => self.rset(octets).await,
            Ok(Request::Noop { .. }) => {
                if self.as_usual(Stage::Noop, octets).await? {
                    self.say(words::OK);
                }
                Ok(())
            }
            Ok(Request::Vrfy { .. }) => {
                self.say(words::CANNOT_VERIFY);
                Ok(())
            }
            Ok(Request::Quit) => {
                if self.as_usual(Stage::Quit, octets).await? {
                    self.leave();
                    self.say(words::GOODBYE);
                }
                Err(End::Close)
            }
            Ok(
                Request::Lhlo { .. }
                | Request::Expn { .. }
                | Request::Help { .. }
                | Request::Etrn { .. }
                | Request::Atrn { .. }
                | Request::Burl { .. },
            )
            | Err(Error::UnknownCommand) => self.unrecognized(verb).await,
            Err(Error::InvalidSenderAddress) => {
                self.say(words::SENDER_INVALID);
                Ok(())
            }
            Err(Error::InvalidRecipientAddress) => {
                self.say(words::RECIPIENT_INVALID);
                Ok(())
            }
            Err(Error::UnsupportedParameter { .. }) => {
                self.say(words::BAD_PARAMETER);
                Ok(())
            }
            Err(
                Error::SyntaxError { .. }
                | Error::InvalidParameter { .. }
                | Error::NeedsMoreData { .. }
                | Error::ResponseTooLong
                | Error::InvalidResponse { .. },
            ) => {
                self.say(words::BAD_ARGUMENTS);
                Ok(())
            }
        }
    }

    /// The mailbox has one connection fewer from the goodbye on, which a client may take for the end (RFC 5321 §4.1.1.10),
    /// and not only from when we have seen the client go.
    fn leave(&self) {
        let now = self.shared.world.clock.now();
        self.shared.log.note(self.number, |connection| {
            connection.closed_at = Some(now);
        });
        if let Some(account) = &self.account {
            lock(&self.shared.usage).closed(account, self.number);
        }
    }

    async fn unrecognized(&mut self, verb: &str) -> Result<(), End> {
        let tarpit = self.limits().tarpit;
        if !tarpit.is_zero() {
            tokio::time::sleep(tarpit).await;
        }
        self.say(&words::unrecognized(verb));
        Ok(())
    }

    fn say(&mut self, reply: &str) {
        let lie = self.lie.take();
        self.wire.queue(lie.as_deref().unwrap_or(reply).as_bytes());
        self.wire.queue(b"\r\n");
        if let Some(injection) = self.injection.take() {
            self.wire.queue(&injection);
        }
    }

    fn is_beyond_connections_at(&self, stage: Stage, account: &str) -> bool {
        let limits = self.limits();
        limits.connections_told_at == stage
            && lock(&self.shared.usage).is_beyond(account, self.number, limits.connections)
    }

    /// The limits of the account, or everybody's before it is known.
    fn limits(&self) -> Limits {
        self.shared.limits_of(self.account.as_deref())
    }

    fn is_withheld(&self, keyword: &str) -> bool {
        self.withheld
            .iter()
            .any(|withheld| withheld.eq_ignore_ascii_case(keyword))
    }

    fn note_flights(&self) {
        let flights = self.wire.flights();
        self.shared
            .log
            .note(self.number, |connection| connection.flights = flights);
    }
}

/// The verb of a line, if it is one; a line may be anything, and nothing of it is kept.
fn verb(line: &[u8]) -> &'static str {
    const VERBS: [&str; 13] = [
        "EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "QUIT",
        "VRFY", "EXPN",
    ];
    let word = line
        .split(|octet| octet.is_ascii_whitespace())
        .next()
        .unwrap_or_default();
    let known = VERBS
        .into_iter()
        .find(|verb| word.eq_ignore_ascii_case(verb.as_bytes()));
    known.unwrap_or("(unknown)")
}
