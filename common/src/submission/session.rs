//! The typed states of a connection.

use super::{
    Cause, EhloName, Envelope, Failure, Recipient, Reply, Server, Stage, Submission, auth,
    capabilities::Capabilities,
    dialogue::Dialogue,
    wire::{Wire, within},
};
use crate::secret::AccessToken;
use rustls::pki_types::ServerName;
use std::{io, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::Instant,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// A connection that has read the greeting and the first answer to EHLO, in clear text.
///
/// It cannot sign in:
///
/// ```compile_fail
/// # use common::{secret::AccessToken, submission::Connected};
/// async fn in_clear_text(connected: Connected, token: &AccessToken) {
///     let _ = connected.authenticate("billing@contoso.com", token).await;
/// }
/// ```
#[derive(Debug)]
pub struct Connected {
    wire: Wire<TcpStream>,
    name: ServerName<'static>,
    ehlo: String,
    server: Server,
    /// How long it took to resolve the name and connect.
    pub reached_in: Duration,
    connect: Duration,
}

/// A connection inside TLS, with the server's name verified.
///
/// It cannot submit:
///
/// ```compile_fail
/// # use common::submission::{Encrypted, Envelope};
/// # use tokio::time::Instant;
/// async fn before_auth(mut encrypted: Encrypted, envelope: &Envelope, deadline: Instant) {
///     let _ = encrypted.submit(envelope, b"Subject: a\r\n", deadline).await;
/// }
/// ```
#[derive(Debug)]
pub struct Encrypted {
    wire: Wire<TlsStream<TcpStream>>,
    offered: Capabilities,
    server: Server,
    /// How long it took to agree on TLS and verify the certificate.
    pub verified_in: Duration,
    connect: Duration,
    tls: Duration,
}

/// How long the phases took that lead to an authenticated connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phases {
    /// From the name's resolution to the answer to the first EHLO.
    pub connect: Duration,
    /// From STARTTLS to the answer to the EHLO inside TLS.
    pub tls: Duration,
    /// From AUTH to 235.
    pub auth: Duration,
}

/// An authenticated connection, which submits messages one after the other.
///
/// ```
/// # use common::{secret::AccessToken, submission::{Connected, Envelope, Failure, Server, Submission}};
/// # use tokio::time::Instant;
/// async fn one_message(
///     server: &Server,
///     token: &AccessToken,
///     envelope: &Envelope,
///     deadline: Instant,
/// ) -> Result<Submission, Failure> {
///     let encrypted = Connected::open(server).await?.encrypt().await?;
///     let mut session = encrypted.authenticate("billing@contoso.com", token).await?;
///     let submission = session.submit(envelope, b"Subject: a\r\n", deadline).await;
///     session.quit().await;
///     submission
/// }
/// ```
///
/// Once anything went wrong that leaves the replies in doubt, the connection is gone, and every further call
/// answers [`Cause::Stale`].
#[derive(Debug)]
pub struct Session {
    dialogue: Option<Dialogue<TlsStream<TcpStream>>>,
    /// How long it took to open it.
    pub opened_in: Phases,
}

impl Connected {
    /// Connects, reads the greeting and says EHLO.
    ///
    /// # Errors
    ///
    /// When there is no connection, the server does not greet, or it does not offer STARTTLS.
    pub async fn open(server: &Server) -> Result<Self, Failure> {
        let stage = Stage::Connect;
        let name = ServerName::try_from(server.host.clone()).map_err(|_| {
            Failure::new(
                stage,
                Cause::Tls(rustls::Error::General(
                    "the host is not a server name".to_owned(),
                )),
            )
        })?;
        let started = Instant::now();
        let stream = within(stage, Some(server.timeouts.connect), None, async {
            let connected = TcpStream::connect((server.host.as_str(), server.port)).await;
            connected.map_err(|e| Failure::new(stage, Cause::Io(e)))
        })
        .await?;
        let reached_in = started.elapsed();
        // Small flights must not wait for the acknowledgment of the one before.
        stream
            .set_nodelay(true)
            .map_err(|e| Failure::new(stage, Cause::Io(e)))?;
        let ehlo = match &server.ehlo_name {
            Some(name) => name.clone(),
            None => EhloName::from(
                stream
                    .local_addr()
                    .map_err(|e| Failure::new(stage, Cause::Io(e)))?
                    .ip(),
            ),
        };
        let ehlo = format!("EHLO {ehlo}\r\n");
        let mut wire = Wire::new(stream, server.timeouts);
        let offered = greet(&mut wire, &ehlo).await?;
        if !offered.starttls {
            return Err(Failure::new(Stage::Ehlo, Cause::NoStartTls));
        }
        Ok(Self {
            wire,
            name,
            ehlo,
            server: server.clone(),
            reached_in,
            connect: started.elapsed(),
        })
    }

    /// Turns to TLS and says EHLO again.
    ///
    /// # Errors
    ///
    /// When anything follows the reply to STARTTLS in clear text, TLS cannot be agreed, the certificate is not
    /// the server's, or XOAUTH2 is not offered.
    pub async fn encrypt(self) -> Result<Encrypted, Failure> {
        let Self {
            mut wire,
            name,
            ehlo,
            server,
            reached_in: _,
            connect,
        } = self;
        let begun = Instant::now();
        start_tls(&mut wire).await?;
        let stage = Stage::Handshake;
        let started = Instant::now();
        let connector = TlsConnector::from(server.tls());
        let stream = within(stage, Some(server.timeouts.handshake), None, async {
            connector
                .connect(name, wire.into_stream())
                .await
                .map_err(|e| Failure::new(stage, tls_cause(e)))
        })
        .await?;
        let verified_in = started.elapsed();
        let mut wire = Wire::new(stream, server.timeouts);
        let offered = offer(&mut wire, &ehlo).await?;
        if !offered.xoauth2 {
            return Err(Failure::new(Stage::Ehlo, Cause::NoXoauth2));
        }
        Ok(Encrypted {
            wire,
            offered,
            server,
            verified_in,
            connect,
            tls: begun.elapsed(),
        })
    }
}

impl Encrypted {
    /// Signs in with XOAUTH2.
    ///
    /// # Errors
    ///
    /// When the server does not answer 235; [`Cause::Token`] when it refused the token.
    pub async fn authenticate(
        self,
        username: &str,
        token: &AccessToken,
    ) -> Result<Session, Failure> {
        let Self {
            mut wire,
            offered,
            server,
            verified_in: _,
            connect,
            tls,
        } = self;
        let begun = Instant::now();
        auth::authenticate(&mut wire, username, token).await?;
        let auth = begun.elapsed();
        Ok(Session {
            dialogue: Some(Dialogue::new(wire, offered, server)),
            opened_in: Phases { connect, tls, auth },
        })
    }
}

impl Session {
    /// Connects, encrypts and signs in.
    ///
    /// # Errors
    ///
    /// When any of the three fails.
    pub async fn open(
        server: &Server,
        username: &str,
        token: &AccessToken,
    ) -> Result<Self, Failure> {
        Connected::open(server)
            .await?
            .encrypt()
            .await?
            .authenticate(username, token)
            .await
    }

    /// Whether the connection is sound and silent, so that a message may be begun on it.
    pub async fn is_ready(&mut self) -> bool {
        match self.dialogue.take() {
            Some(mut dialogue) => {
                let is_ready = dialogue.is_ready().await;
                self.dialogue = is_ready.then_some(dialogue);
                is_ready
            }
            None => false,
        }
    }

    /// Submits one message, and waits for its final reply until the deadline.
    ///
    /// CR and LF of the message go out as CRLF, however they come.
    ///
    /// # Errors
    ///
    /// When the message certainly was not taken and no reply to it says why.
    pub async fn submit(
        &mut self,
        envelope: &Envelope,
        message: &[u8],
        deadline: Instant,
    ) -> Result<Submission, Failure> {
        let dialogue = self
            .dialogue
            .take()
            .ok_or(Failure::new(Stage::Mail, Cause::Stale))?;
        let (result, dialogue) = dialogue.submit(envelope, message, deadline).await;
        self.dialogue = dialogue;
        result
    }

    /// Asks how the server takes sender and recipients, by MAIL, RCPT and RSET without a message.
    ///
    /// # Errors
    ///
    /// When MAIL was refused, or the dialogue broke.
    pub async fn probe(
        &mut self,
        envelope: &Envelope,
        deadline: Instant,
    ) -> Result<Vec<Recipient>, Failure> {
        let dialogue = self
            .dialogue
            .take()
            .ok_or(Failure::new(Stage::Mail, Cause::Stale))?;
        let (result, dialogue) = dialogue.probe(envelope, deadline).await;
        self.dialogue = dialogue;
        result
    }

    /// Says goodbye. Whatever the answer is, the connection is closed.
    pub async fn quit(self) {
        if let Some(dialogue) = self.dialogue {
            dialogue.quit().await;
        }
    }
}

/// Reads the greeting and asks what the server offers.
pub(super) async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    ehlo: &str,
) -> Result<Capabilities, Failure> {
    expect(220, wire.greeting().await?)?;
    offer(wire, ehlo).await
}

/// Says EHLO.
pub(super) async fn offer<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    ehlo: &str,
) -> Result<Capabilities, Failure> {
    let answer = wire.ask(Stage::Ehlo, ehlo.to_owned()).await?;
    let offered = Capabilities::read(&answer);
    expect(250, answer.into_reply(Stage::Ehlo))?;
    Ok(offered)
}

/// Announces TLS, and makes sure that the server says nothing more in clear text.
pub(super) async fn start_tls<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
) -> Result<(), Failure> {
    expect(
        220,
        wire.command(Stage::StartTls, "STARTTLS\r\n".to_owned())
            .await?,
    )?;
    // The server has to wait for our first octet. What comes before it would pass for a reply from inside TLS.
    if wire.has_unread().await {
        Err(Failure::new(Stage::StartTls, Cause::Injection))
    } else {
        Ok(())
    }
}

/// Requires a code.
fn expect(code: u16, reply: Reply) -> Result<(), Failure> {
    let stage = reply.stage;
    if reply.code == code {
        Ok(())
    } else if reply.is_negative() {
        Err(Failure::new(stage, Cause::Reply(reply)))
    } else {
        Err(Failure::new(
            stage,
            Cause::Violation("a reply that does not answer the command"),
        ))
    }
}

/// Tells a failure of TLS from one of the network below it.
fn tls_cause(error: io::Error) -> Cause {
    match error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    {
        Some(tls) => Cause::Tls(tls.clone()),
        None => Cause::Io(error),
    }
}
