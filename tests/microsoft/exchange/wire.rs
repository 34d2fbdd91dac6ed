//! The octets of one connection: lines and bodies in, replies out, and the places where faults break it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// No line of the dialogue is longer, a credential included.
const LONGEST_LINE: usize = 256 * 1024;
/// How long a connection that we end waits for the peer to have read everything.
const LINGER: Duration = Duration::from_secs(5);

/// The connection is no more, by the peer, by an error or by a fault.
#[derive(Debug)]
pub(super) struct Gone;

impl From<io::Error> for Gone {
    fn from(_: io::Error) -> Self {
        Self
    }
}

pub(super) struct Wire {
    stream: Stream,
    input: Vec<u8>,
    taken: usize,
    output: Vec<u8>,
    receive_left: Option<u64>,
    send_left: Option<u64>,
    trickle: bool,
    has_answered: bool,
    flights: u64,
}

enum Stream {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    None,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream: Stream::Clear(stream),
            input: Vec::new(),
            taken: 0,
            output: Vec::new(),
            receive_left: None,
            send_left: None,
            trickle: false,
            has_answered: false,
            flights: 0,
        }
    }

    pub(super) fn flights(&self) -> u64 {
        self.flights
    }

    /// Queues octets; they leave when the peer's octets are used up, or by [`Wire::flush`].
    pub(super) fn queue(&mut self, octets: &[u8]) {
        self.output.extend_from_slice(octets);
    }

    /// Sends the next replies one octet at a time.
    pub(super) async fn trickle(&mut self) -> Result<(), Gone> {
        self.flush().await?;
        self.trickle = true;
        Ok(())
    }

    pub(super) fn break_after_receiving(&mut self, octets: u64) {
        self.receive_left = Some(octets);
    }

    pub(super) async fn break_after_sending(&mut self, octets: u64) -> Result<(), Gone> {
        self.flush().await?;
        self.send_left = Some(octets);
        Ok(())
    }

    /// Whether the peer sent more than was taken.
    pub(super) fn has_more(&self) -> bool {
        self.taken < self.input.len()
    }

    /// Takes one line with its line end, sending what is queued first if the line is not there yet.
    pub(super) async fn line(&mut self) -> Result<Vec<u8>, Gone> {
        let mut searched = 0;
        loop {
            let rest = &self.input[self.taken..];
            let end = rest[searched..].iter().position(|&octet| octet == b'\n');
            if let Some(end) = end {
                return self.take(searched + end + 1).map(<[u8]>::to_vec);
            }
            searched = rest.len();
            if searched > LONGEST_LINE {
                return Err(Gone);
            }
            self.fill().await?;
        }
    }

    /// Takes so many octets into the buffer, or just drops them.
    pub(super) async fn octets(
        &mut self,
        mut count: usize,
        mut into: Option<&mut Vec<u8>>,
    ) -> Result<(), Gone> {
        while count > 0 {
            let available = (self.input.len() - self.taken).min(count);
            let octets = self.take(available)?;
            if let Some(into) = &mut into {
                into.extend_from_slice(octets);
            }
            count -= available;
            if count > 0 {
                self.fill().await?;
            }
        }
        Ok(())
    }

    /// Takes a body up to CRLF, dot, CRLF, and removes the transparency dots.
    pub(super) async fn body(&mut self) -> Result<Vec<u8>, Gone> {
        let mut body = Vec::new();
        let mut is_line_start = true;
        loop {
            let rest = &self.input[self.taken..];
            if is_line_start {
                if rest.starts_with(b".\r\n") {
                    self.take(3)?;
                    return Ok(body);
                }
                if b".\r\n".starts_with(rest) {
                    self.fill().await?;
                    continue;
                }
                if rest[0] == b'.' {
                    self.take(1)?;
                    is_line_start = false;
                    continue;
                }
            }
            let end = rest.iter().position(|&octet| octet == b'\n');
            match end.map_or(rest.len(), |end| end + 1) {
                0 => self.fill().await?,
                length => {
                    body.extend_from_slice(self.take(length)?);
                    is_line_start = body.ends_with(b"\r\n");
                }
            }
        }
    }

    /// Sends what is queued.
    pub(super) async fn flush(&mut self) -> Result<(), Gone> {
        if self.output.is_empty() {
            return Ok(());
        }
        let mut output = std::mem::take(&mut self.output);
        let is_cut = match &mut self.send_left {
            None => false,
            Some(left) => {
                let allowed = usize::try_from(*left).unwrap_or(usize::MAX);
                let is_cut = allowed <= output.len();
                output.truncate(allowed);
                *left -= output.len() as u64;
                is_cut
            }
        };
        if std::mem::take(&mut self.trickle) {
            for octet in &output {
                self.stream.write(&[*octet]).await?;
            }
        } else {
            self.stream.write(&output).await?;
        }
        self.has_answered = true;
        if is_cut { Err(Gone) } else { Ok(()) }
    }

    /// Takes no notice of the peer until it is gone.
    pub(super) async fn ignore(&mut self) -> Gone {
        let mut sink = [0; 4096];
        while self
            .stream
            .read(&mut sink)
            .await
            .is_ok_and(|count| count > 0)
        {}
        Gone
    }

    /// Goes over to TLS. What the peer sent in clear after STARTTLS ends the connection.
    pub(super) async fn encrypt(&mut self, config: Arc<ServerConfig>) -> Result<(), Gone> {
        self.flush().await?;
        if self.has_more() {
            return Err(Gone);
        }
        let Stream::Clear(stream) = std::mem::replace(&mut self.stream, Stream::None) else {
            return Err(Gone);
        };
        let stream = TlsAcceptor::from(config).accept(stream).await?;
        self.stream = Stream::Tls(Box::new(stream));
        Ok(())
    }

    /// Ends the connection in order, so that the peer can read our last words.
    pub(super) async fn close(mut self) {
        if self.flush().await.is_ok() && self.stream.shut_down().await.is_ok() {
            // Nothing depends on how the peer takes its leave.
            let _ = tokio::time::timeout(LINGER, self.ignore()).await;
        }
    }

    fn take(&mut self, count: usize) -> Result<&[u8], Gone> {
        if let Some(left) = &mut self.receive_left {
            let count = count as u64;
            if *left < count {
                return Err(Gone);
            }
            *left -= count;
        }
        let from = self.taken;
        self.taken += count;
        Ok(&self.input[from..from + count])
    }

    async fn fill(&mut self) -> Result<(), Gone> {
        self.flush().await?;
        let untaken = self.input.len() - self.taken;
        if self.receive_left.is_some_and(|left| left <= untaken as u64) {
            return Err(Gone);
        }
        self.input.drain(..self.taken);
        self.taken = 0;
        let mut fresh = [0; 16 * 1024];
        let count = self.stream.read(&mut fresh).await?;
        if count == 0 {
            return Err(Gone);
        }
        if std::mem::take(&mut self.has_answered) {
            self.flights += 1;
        }
        self.input.extend_from_slice(&fresh[..count]);
        Ok(())
    }
}

impl Stream {
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.read(buffer).await,
            Self::Tls(stream) => stream.read(buffer).await,
            Self::None => Ok(0),
        }
    }

    async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match self {
            Self::Clear(stream) => stream.write_all(octets).await,
            Self::Tls(stream) => {
                stream.write_all(octets).await?;
                stream.flush().await
            }
            Self::None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    async fn shut_down(&mut self) -> io::Result<()> {
        match self {
            Self::Clear(stream) => stream.shutdown().await,
            Self::Tls(stream) => stream.shutdown().await,
            Self::None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}
