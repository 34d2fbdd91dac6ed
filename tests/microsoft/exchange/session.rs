//! One dialogue with one client.

use std::net::SocketAddr;
use std::sync::Arc;

use smtp_proto::{
    AUTH_LOGIN, AUTH_XOAUTH2, Error, MAIL_BODY_7BIT, MAIL_BODY_8BITMIME, MAIL_BODY_BINARYMIME,
    MAIL_SMTPUTF8, MailFrom, RcptTo, Request,
};
use tokio::net::TcpStream;

use super::super::inbox::{Body, Envelope, Transfer};
use super::super::lock;
use super::auth::Credential;
use super::faults::{Effect, Moment, Stage};
use super::verdict::Submission;
use super::wire::{Gone, Wire};
use super::{Shared, words};

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

/// What a fault leaves of a stage.
enum Course {
    /// The work is to be done.
    AsUsual,
    /// The reply was given; the work is not to be done.
    Replied(String),
    /// Octets were given; the work is not to be done.
    Raw,
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

/// Which certificate the handshake shows.
enum Certificate {
    Right,
    WrongName,
    Impostor,
}

/// A message on its way.
#[derive(Default)]
struct Transaction {
    envelope: Envelope,
    octets: Vec<u8>,
    progress: Progress,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Progress {
    #[default]
    Envelope,
    Chunks,
    Failed,
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
            connection.closed_at = Some(now);
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

    async fn hello(&mut self, octets: usize, is_extended: bool) -> Result<(), End> {
        let stage = if self.is_encrypted {
            Stage::EhloTls
        } else {
            Stage::Ehlo
        };
        if !self.as_usual(stage, octets).await? {
            return Ok(());
        }
        self.is_greeted = true;
        self.transaction = None;
        if is_extended {
            let limits = lock(&self.shared.limits).clone();
            let list = words::ehlo(
                &self.peer.ip().to_string(),
                self.is_encrypted,
                &limits,
                &self.withheld,
            );
            self.say(&list);
        } else {
            self.say(&words::helo(&self.peer.ip().to_string()));
        }
        Ok(())
    }

    async fn start_tls(&mut self, octets: usize) -> Result<(), End> {
        if !self.as_usual(Stage::StartTls, octets).await? {
            return Ok(());
        }
        if self.is_withheld("STARTTLS") {
            return self.unrecognized("STARTTLS").await;
        }
        if !self.is_greeted {
            self.say(words::HELO_FIRST);
            return Ok(());
        }
        if self.is_encrypted {
            self.say(words::TLS_ALREADY);
            return Ok(());
        }
        self.say(words::TLS_READY);
        if !self.as_usual(Stage::Handshake, 0).await? {
            return Ok(());
        }
        let config = match self.certificate {
            Certificate::Right => &self.shared.tls.right,
            Certificate::WrongName => &self.shared.tls.wrong_name,
            Certificate::Impostor => &self.shared.tls.impostor,
        };
        self.wire.encrypt(Arc::clone(config)).await?;
        self.is_encrypted = true;
        self.is_greeted = false;
        self.shared
            .log
            .note(self.number, |connection| connection.encrypted = true);
        Ok(())
    }

    async fn auth(&mut self, octets: usize, mechanism: u64, initial: &str) -> Result<(), End> {
        if !self.as_usual(Stage::Auth, octets).await? {
            return Ok(());
        }
        if !self.is_encrypted {
            self.say(words::STARTTLS_FIRST);
            return Ok(());
        }
        let refusal = if !self.is_greeted {
            Some(words::HELO_FIRST)
        } else if self.account.is_some() {
            Some(words::AUTHENTICATED_ALREADY)
        } else if self.transaction.is_some() {
            Some(words::BAD_SEQUENCE)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.say(refusal);
            return Ok(());
        }
        if mechanism == AUTH_LOGIN {
            return self.auth_login().await;
        }
        if mechanism != AUTH_XOAUTH2 || self.is_withheld("XOAUTH2") || self.is_withheld("AUTH") {
            self.say(words::AUTH_UNKNOWN);
            return Ok(());
        }
        let line = match initial {
            "" => {
                self.say("334 ");
                self.credential_line().await?
            }
            initial => initial.to_owned(),
        };
        if line == "*" {
            self.say(words::AUTH_CANCELLED);
            return Ok(());
        }
        self.credential(&line).await
    }

    /// A password is asked for and never accepted.
    async fn auth_login(&mut self) -> Result<(), End> {
        for prompt in ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"] {
            self.say(prompt);
            self.credential_line().await?;
        }
        self.say(&words::known("basic authentication disabled"));
        Ok(())
    }

    async fn credential_line(&mut self) -> Result<String, End> {
        let line = self.wire.line().await?;
        self.shared.log.note(self.number, |connection| {
            connection.commands.push("(credential)".to_owned());
            connection.flights = self.wire.flights();
        });
        let line = String::from_utf8_lossy(&line);
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    async fn credential(&mut self, line: &str) -> Result<(), End> {
        let credential = Credential::parse(line);
        let mut moment = self.moment(Stage::Credential);
        moment.octets = line.len();
        moment.account = credential
            .as_ref()
            .map(|credential| credential.user.clone());
        if !self.is_as_usual(moment).await? {
            return Ok(());
        }
        let Some(credential) = credential else {
            self.say(words::AUTH_MALFORMED);
            return Ok(());
        };
        let account = match self.shared.authenticate(&credential) {
            Ok(account) => account,
            Err(refusal) => {
                self.say(&refusal);
                return Ok(());
            }
        };
        lock(&self.shared.usage).authenticated(&account, self.number);
        self.shared.log.note(self.number, |connection| {
            connection.account = Some(account.clone());
        });
        self.account = Some(account);
        match self.is_beyond_connections_at(Stage::Credential) {
            true => self.say(&words::known("too many connections")),
            false => self.say(words::AUTHENTICATED),
        }
        Ok(())
    }

    async fn mail(&mut self, octets: usize, from: MailFrom<String>) -> Result<(), End> {
        let mut moment = self.moment(Stage::Mail);
        moment.octets = octets;
        moment.reverse_path = Some(from.address.clone());
        if !self.is_as_usual(moment).await? {
            return Ok(());
        }
        let limits = lock(&self.shared.limits).clone();
        let refusal = if !self.is_greeted {
            Some(words::HELO_FIRST.to_owned())
        } else if !self.is_encrypted {
            Some(words::STARTTLS_FIRST.to_owned())
        } else if self.account.is_none() {
            Some(words::not_authenticated())
        } else if self.transaction.is_some() {
            Some(words::SENDER_ALREADY.to_owned())
        } else if from.size > limits.advertised_octets {
            Some(words::TOO_LARGE.to_owned())
        } else if !from.address.is_ascii() && from.flags & MAIL_SMTPUTF8 == 0 {
            Some(words::SENDER_INVALID.to_owned())
        } else if self.is_beyond_connections_at(Stage::Mail) {
            Some(words::known("too many connections"))
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.say(&refusal);
            return Ok(());
        }
        let account = self.account.clone().unwrap_or_default();
        let now = self.shared.world.clock.now();
        if !lock(&self.shared.usage).begin(&account, now, &limits) {
            self.say(&words::known("message rate exceeded"));
            return Err(End::Close);
        }
        self.transaction = Some(Transaction {
            envelope: Envelope {
                body: body_of(from.flags),
                smtputf8: from.flags & MAIL_SMTPUTF8 != 0,
                size: from.size,
                reverse_path: from.address,
                forward_paths: Vec::new(),
            },
            ..Transaction::default()
        });
        self.say(words::SENDER_OK);
        Ok(())
    }

    async fn rcpt(&mut self, octets: usize, to: RcptTo<String>) -> Result<(), End> {
        let mut moment = self.moment(Stage::Rcpt);
        moment.octets = octets;
        moment.recipient = Some(to.address.clone());
        if !self.is_as_usual(moment).await? {
            return Ok(());
        }
        let limits = lock(&self.shared.limits).clone();
        let Some(transaction) = &mut self.transaction else {
            self.say(words::MAIL_FIRST);
            return Ok(());
        };
        let envelope = &mut transaction.envelope;
        let domain = domain(&to.address);
        let of_domain = envelope
            .forward_paths
            .iter()
            .filter(|path| self::domain(path) == domain);
        let reply = if transaction.progress != Progress::Envelope {
            words::BAD_SEQUENCE.to_owned()
        } else if domain.is_none() || (!to.address.is_ascii() && !envelope.smtputf8) {
            words::RECIPIENT_INVALID.to_owned()
        } else if of_domain.count() >= limits.recipients_of_a_domain {
            words::known("too many recipients of a domain")
        } else if envelope.forward_paths.len() >= limits.recipients {
            words::known("too many recipients")
        } else {
            envelope.forward_paths.push(to.address);
            words::RECIPIENT_OK.to_owned()
        };
        self.say(&reply);
        Ok(())
    }

    async fn data(&mut self, octets: usize) -> Result<(), End> {
        let mut moment = self.moment(Stage::Data);
        moment.octets = octets;
        let is_invited = match self.consult(moment).await? {
            Course::Raw => return Ok(()),
            // Such a reply invites the body, whatever there is to say against it.
            Course::Replied(reply) if reply.starts_with("354") => true,
            Course::Replied(_) => return Ok(()),
            Course::AsUsual => false,
        };
        if !is_invited {
            if let Err(refusal) = self.ready_for_body() {
                self.say(refusal);
                return Ok(());
            }
            self.say(words::START_INPUT);
        }
        if !self.as_usual(Stage::Body, 0).await? {
            return Ok(());
        }
        let body = self.wire.body().await?;
        self.note_flights();
        let transaction = self.transaction.take().unwrap_or_default();
        self.end_of_message(transaction.envelope, Transfer::Data, body)
            .await
    }

    /// Whether DATA may come now. After a chunk, only chunks may.
    fn ready_for_body(&self) -> Result<(), &'static str> {
        match &self.transaction {
            None => Err(words::MAIL_FIRST),
            Some(transaction) if transaction.progress != Progress::Envelope => {
                Err(words::BAD_SEQUENCE)
            }
            Some(transaction) if transaction.envelope.forward_paths.is_empty() => {
                Err(words::RCPT_FIRST)
            }
            Some(_) => Ok(()),
        }
    }

    async fn bdat(&mut self, count: usize, is_last: bool) -> Result<(), End> {
        let mut moment = self.moment(Stage::Bdat);
        moment.octets = count;
        let refusal = match self.consult(moment).await? {
            // The ill-behaved peer: it runs the octets as commands.
            Course::Raw => return Ok(()),
            Course::Replied(_) => Some(None),
            Course::AsUsual if self.is_withheld("CHUNKING") => {
                return self.unrecognized("BDAT").await;
            }
            Course::AsUsual => self.refusal_of_chunk().map(Some),
        };
        if let Some(refusal) = refusal {
            // RFC 3030: the octets come whatever we say, and are dropped.
            self.wire.octets(count, None).await?;
            if let Some(transaction) = &mut self.transaction {
                transaction.progress = Progress::Failed;
            }
            if let Some(refusal) = refusal {
                self.say(refusal);
            }
            return Ok(());
        }
        let Some(transaction) = &mut self.transaction else {
            return Ok(());
        };
        transaction.progress = Progress::Chunks;
        let mut octets = std::mem::take(&mut transaction.octets);
        self.wire.octets(count, Some(&mut octets)).await?;
        self.note_flights();
        let limit = lock(&self.shared.limits).advertised_octets;
        let Some(mut transaction) = self.transaction.take() else {
            return Ok(());
        };
        if octets.len() > limit {
            transaction.progress = Progress::Failed;
            self.transaction = Some(transaction);
            self.say(words::TOO_LARGE);
            return Ok(());
        }
        if is_last {
            return self
                .end_of_message(transaction.envelope, Transfer::Bdat, octets)
                .await;
        }
        transaction.octets = octets;
        self.transaction = Some(transaction);
        self.say(&words::chunk(count));
        Ok(())
    }

    fn refusal_of_chunk(&self) -> Option<&'static str> {
        match &self.transaction {
            None => Some(words::MAIL_FIRST),
            Some(transaction) if transaction.progress == Progress::Failed => {
                Some(words::BAD_SEQUENCE)
            }
            Some(transaction) if transaction.envelope.forward_paths.is_empty() => {
                Some(words::RCPT_FIRST)
            }
            Some(_) => None,
        }
    }

    async fn end_of_message(
        &mut self,
        envelope: Envelope,
        transfer: Transfer,
        octets: Vec<u8>,
    ) -> Result<(), End> {
        let mut moment = self.moment(Stage::EndOfMessage);
        moment.octets = octets.len();
        moment.reverse_path = Some(envelope.reverse_path.clone());
        if !self.is_as_usual(moment).await? {
            return Ok(());
        }
        if envelope.forward_paths.is_empty() {
            self.say(words::RCPT_FIRST);
            return Ok(());
        }
        let verdict = self.shared.take(Submission {
            account: self.account.clone().unwrap_or_default(),
            connection: self.number,
            envelope,
            transfer,
            octets,
        });
        match verdict {
            Ok(reply) => {
                self.accepted += 1;
                self.shared
                    .log
                    .note(self.number, |connection| connection.accepted += 1);
                self.say(&reply);
            }
            Err(refusal) => self.say(&refusal),
        }
        Ok(())
    }

    async fn rset(&mut self, octets: usize) -> Result<(), End> {
        if self.as_usual(Stage::Rset, octets).await? {
            self.transaction = None;
            self.say(words::RESET);
        }
        Ok(())
    }

    async fn unrecognized(&mut self, verb: &str) -> Result<(), End> {
        let tarpit = lock(&self.shared.limits).tarpit;
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

    fn moment(&self, stage: Stage) -> Moment {
        let transaction = self.transaction.as_ref();
        Moment {
            stage,
            connection: self.number,
            account: self.account.clone(),
            reverse_path: transaction.map(|transaction| transaction.envelope.reverse_path.clone()),
            recipient: None,
            accepted: self.accepted,
            octets: 0,
        }
    }

    async fn as_usual(&mut self, stage: Stage, octets: usize) -> Result<bool, End> {
        let mut moment = self.moment(stage);
        moment.octets = octets;
        self.is_as_usual(moment).await
    }

    async fn is_as_usual(&mut self, moment: Moment) -> Result<bool, End> {
        match self.consult(moment).await? {
            Course::AsUsual => Ok(true),
            Course::Replied(_) | Course::Raw => Ok(false),
        }
    }

    /// Lets the fault of the moment happen, if there is one.
    async fn consult(&mut self, moment: Moment) -> Result<Course, End> {
        let Some(effect) = self.shared.faults.take(&moment) else {
            return Ok(Course::AsUsual);
        };
        match effect {
            Effect::Reply(text) => {
                let text = text.replace("\r\n", "\n").replace('\n', "\r\n");
                self.say(&text);
                return Ok(Course::Replied(text));
            }
            Effect::ReplyAndClose(text) => {
                self.say(&text);
                return Err(End::Close);
            }
            Effect::Raw(octets) => {
                self.wire.queue(&octets);
                return Ok(Course::Raw);
            }
            Effect::HangUp => return Err(End::Gone),
            Effect::Hang => {
                self.wire.flush().await?;
                return Err(self.wire.ignore().await.into());
            }
            Effect::Pause(pause) => {
                self.wire.flush().await?;
                tokio::time::sleep(pause).await;
            }
            Effect::Lie(text) => self.lie = Some(text),
            Effect::Inject(octets) => self.injection = Some(octets),
            Effect::Trickle => self.wire.trickle().await?,
            Effect::BreakAfterReceiving(octets) => self.wire.break_after_receiving(octets),
            Effect::BreakAfterSending(octets) => self.wire.break_after_sending(octets).await?,
            Effect::Withhold(keyword) => self.withheld.push(keyword),
            Effect::WrongName => self.certificate = Certificate::WrongName,
            Effect::Impostor => self.certificate = Certificate::Impostor,
        }
        Ok(Course::AsUsual)
    }

    fn is_beyond_connections_at(&self, stage: Stage) -> bool {
        let limits = lock(&self.shared.limits).clone();
        let account = self.account.as_deref().unwrap_or_default();
        limits.connections_told_at == stage
            && lock(&self.shared.usage).is_beyond(account, self.number, limits.connections)
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

fn body_of(flags: u64) -> Body {
    match flags {
        flags if flags & MAIL_BODY_BINARYMIME != 0 => Body::BinaryMime,
        flags if flags & MAIL_BODY_8BITMIME != 0 => Body::EightBitMime,
        flags if flags & MAIL_BODY_7BIT != 0 => Body::SevenBit,
        _ => Body::Unstated,
    }
}

fn domain(address: &str) -> Option<String> {
    let (_, domain) = address.rsplit_once('@')?;
    (!domain.is_empty()).then(|| domain.to_ascii_lowercase())
}
