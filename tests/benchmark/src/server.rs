//! The server that all clients send to: STARTTLS with TLS 1.3, XOAUTH2, PIPELINING and CHUNKING, and no limits.
//!
//! It checks the token, throws messages away, answers at once, and notes how many round trips had passed when it had
//! accepted the token and each message.

use std::net::{IpAddr, TcpListener as Listener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use memchr::memmem;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio_rustls::TlsAcceptor;

use crate::tally::Tally;

/// How many octets the access token has: as many as one of Entra's with some groups.
const TOKEN: usize = 1800;

/// A running server. It serves until the process ends.
pub(crate) struct Server {
    /// The authority to trust, in PEM.
    pub(crate) certificate: String,
    /// The token to bring.
    pub(crate) token: String,
    pub(crate) port: u16,
    seen: Arc<Mutex<Seen>>,
}

/// What the server has seen of a client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Round trips up to the accepted token.
    pub(crate) setup: u64,
    /// Round trips up to each accepted message.
    pub(crate) accepted: Vec<u64>,
    /// The octets of the messages, as sent.
    pub(crate) octets: usize,
    /// Why a connection did not end well.
    pub(crate) trouble: Option<String>,
}

/// What serves.
struct Desk {
    tls: TlsAcceptor,
    token: String,
    tally: Arc<Tally>,
    seen: Arc<Mutex<Seen>>,
}

impl Server {
    /// Starts a server on a thread of its own.
    pub(crate) fn start(address: IpAddr, tally: Arc<Tally>) -> Result<Self> {
        let listener = Listener::bind((address, 0))?;
        listener.set_nonblocking(true)?;
        let (certificate, tls) = identity(address)?;
        let token = "x".repeat(TOKEN);
        let server = Self {
            certificate,
            token: token.clone(),
            port: listener.local_addr()?.port(),
            seen: Arc::default(),
        };
        let desk = Desk {
            tls: TlsAcceptor::from(Arc::new(tls)),
            token,
            tally,
            seen: Arc::clone(&server.seen),
        };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        thread::spawn(move || runtime.block_on(desk.serve(listener)));
        Ok(server)
    }

    /// Takes what has been seen since the last time.
    pub(crate) fn seen(&self) -> Seen {
        std::mem::take(&mut *lock(&self.seen))
    }
}

impl Desk {
    /// Serves one client after the other.
    async fn serve(&self, listener: Listener) -> Result<()> {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            if let Err(error) = self.session(stream).await {
                self.lock().trouble = Some(format!("{error:#}"));
            }
        }
    }

    async fn session(&self, stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        let mut clear = Wire::new(stream);
        clear.say("220 benchmark ESMTP\r\n");
        loop {
            match verb(&clear.line().await?).as_str() {
                "EHLO" => clear.say("250-benchmark\r\n250-PIPELINING\r\n250 STARTTLS\r\n"),
                "STARTTLS" => break,
                other => bail!("{other} in clear text"),
            }
        }
        clear.say("220 go ahead\r\n");
        clear.flush().await?;
        ensure!(
            clear.input.is_empty(),
            "octets in clear text behind STARTTLS"
        );
        let stream = self.tls.accept(clear.stream).await?;
        let mut wire = Wire::new(stream);
        // A client that hangs up after its last message has not failed.
        while let Ok(line) = wire.line().await {
            let verb = verb(&line);
            let size = line.split_ascii_whitespace().nth(1).unwrap_or_default();
            match verb.as_str() {
                "EHLO" => {
                    let offers = "250-PIPELINING\r\n250-CHUNKING\r\n250-8BITMIME\r\n250-SIZE 157286400\r\n250 AUTH XOAUTH2\r\n";
                    wire.say(&format!("250-benchmark\r\n{offers}"));
                }
                "AUTH" => self.authenticate(&mut wire, &line).await?,
                "MAIL" | "RCPT" | "RSET" | "NOOP" => wire.say("250 2.1.0 ok\r\n"),
                "DATA" => {
                    wire.say("354 go ahead\r\n");
                    let octets = wire.dotted().await?;
                    self.accept(&mut wire, octets);
                }
                "BDAT" => {
                    ensure!(line.ends_with("LAST"), "{line}");
                    let octets = size.parse()?;
                    wire.skip(octets).await?;
                    self.accept(&mut wire, octets);
                }
                "QUIT" => {
                    wire.say("221 bye\r\n");
                    return wire.flush().await;
                }
                other => bail!("{other} is not known here"),
            }
        }
        Ok(())
    }

    async fn authenticate(&self, wire: &mut Wire<impl Stream>, line: &str) -> Result<()> {
        let blob = match line
            .strip_prefix("AUTH XOAUTH2")
            .context("another mechanism")?
            .trim()
        {
            "" => {
                wire.say("334 \r\n");
                wire.line().await?
            }
            blob => blob.to_owned(),
        };
        let expected = format!("auth=Bearer {}\x01\x01", self.token);
        ensure!(
            STANDARD.decode(blob)?.ends_with(expected.as_bytes()),
            "another token"
        );
        self.lock().setup = self.tally.round_trips();
        wire.say("235 2.7.0 welcome\r\n");
        Ok(())
    }

    fn accept(&self, wire: &mut Wire<impl Stream>, octets: usize) {
        let mut seen = self.lock();
        seen.accepted.push(self.tally.round_trips());
        seen.octets += octets;
        wire.say("250 2.0.0 accepted\r\n");
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn verb(line: &str) -> String {
    line.split(' ')
        .next()
        .unwrap_or_default()
        .to_ascii_uppercase()
}

/// An authority, and a TLS 1.3 server whose certificate it has signed.
fn identity(address: IpAddr) -> Result<(String, ServerConfig)> {
    let key = KeyPair::generate()?;
    let mut authority = CertificateParams::new([])?;
    // Of another name than the server's, or OpenSSL takes the server's certificate for a self-signed one.
    authority
        .distinguished_name
        .push(DnType::CommonName, "benchmark authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&key)?.pem();
    let issuer = Issuer::new(authority, key);

    let key = KeyPair::generate()?;
    let mut server = CertificateParams::new([])?;
    server.subject_alt_names = vec![SanType::IpAddress(address)];
    server.use_authority_key_identifier_extension = true;
    let certificate = server.signed_by(&key, &issuer)?.der().clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok((pem, tls))
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// One connection, what was read from it, and the replies that leave when that is used up.
struct Wire<S> {
    stream: S,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl<S: Stream> Wire<S> {
    fn new(stream: S) -> Self {
        Self {
            stream,
            input: Vec::new(),
            output: Vec::new(),
        }
    }

    /// Reads one line, without its end.
    async fn line(&mut self) -> Result<String> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.input) {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                return Ok(String::from_utf8(line)?.trim_end().to_owned());
            }
            self.fill().await?;
        }
    }

    /// Throws the content of DATA away, up to its dot.
    async fn dotted(&mut self) -> Result<usize> {
        const END: &[u8] = b"\r\n.\r\n";
        let mut octets = 0;
        loop {
            if let Some(at) = memmem::find(&self.input, END) {
                self.input.drain(..at + END.len());
                return Ok(octets + at + 2);
            }
            let done = self.input.len().saturating_sub(END.len() - 1);
            self.input.drain(..done);
            octets += done;
            self.fill().await?;
        }
    }

    /// Throws a chunk away.
    async fn skip(&mut self, mut octets: usize) -> Result<()> {
        loop {
            let now = octets.min(self.input.len());
            self.input.drain(..now);
            octets -= now;
            if octets == 0 {
                return Ok(());
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<()> {
        self.flush().await?;
        let mut fresh = [0; 64 * 1024];
        let count = self.stream.read(&mut fresh).await?;
        ensure!(count > 0, "the client has hung up");
        self.input.extend_from_slice(&fresh[..count]);
        Ok(())
    }

    fn say(&mut self, reply: &str) {
        self.output.extend_from_slice(reply.as_bytes());
    }

    async fn flush(&mut self) -> Result<()> {
        self.stream.write_all(&self.output).await?;
        self.output.clear();
        self.stream.flush().await.map_err(Into::into)
    }
}
