//! One SMTP dialogue, word by word.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::Microsoft;
use super::PATIENCE;

/// A client that sends what it is told and reads what comes.
pub(super) struct Dialogue {
    stream: Stream,
    buffer: Vec<u8>,
}

enum Stream {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Dialogue {
    pub(super) async fn open(microsoft: &Microsoft) -> Self {
        let stream = TcpStream::connect(microsoft.exchange().address())
            .await
            .unwrap();
        let mut dialogue = Self {
            stream: Stream::Clear(stream),
            buffer: Vec::new(),
        };
        let greeting = dialogue.reply().await.expect("a greeting");
        assert!(greeting.starts_with("220 "), "{greeting}");
        dialogue
    }

    pub(super) async fn start_tls(&mut self, microsoft: &Microsoft) {
        self.ask("EHLO client.example").await;
        assert_eq!(
            self.ask("STARTTLS").await,
            "220 2.0.0 SMTP server ready\r\n"
        );
        self.shake_hands(microsoft).await.unwrap();
    }

    pub(super) async fn shake_hands(&mut self, microsoft: &Microsoft) -> std::io::Result<()> {
        assert!(
            self.buffer.is_empty(),
            "nothing may come before the handshake"
        );
        let config = microsoft.authority().client_config().unwrap();
        let name = microsoft.exchange().host().to_owned().try_into().unwrap();
        let Stream::Clear(stream) = std::mem::replace(&mut self.stream, dead().await) else {
            panic!("TLS already");
        };
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await?;
        self.stream = Stream::Tls(Box::new(stream));
        Ok(())
    }

    pub(super) async fn authenticate(&mut self, upn: &str, token: &str) -> String {
        assert_eq!(self.ask("AUTH XOAUTH2").await, "334 \r\n");
        self.ask(&blob(upn, token)).await
    }

    /// Sends a line and waits for its reply.
    pub(super) async fn ask(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes()).await;
        self.reply()
            .await
            .unwrap_or_else(|| panic!("no reply to {line}"))
    }

    /// Sends one message the plain way and gives the last reply.
    pub(super) async fn submit(&mut self, from: &str, to: &str, message: &str) -> String {
        assert_eq!(
            self.ask(&format!("MAIL FROM:<{from}>")).await,
            "250 2.1.0 Sender OK\r\n"
        );
        assert_eq!(
            self.ask(&format!("RCPT TO:<{to}>")).await,
            "250 2.1.5 Recipient OK\r\n"
        );
        assert!(self.ask("DATA").await.starts_with("354 "));
        self.ask(&format!("{message}\r\n.")).await
    }

    pub(super) async fn send(&mut self, octets: &[u8]) {
        match &mut self.stream {
            Stream::Clear(stream) => stream.write_all(octets).await.unwrap(),
            Stream::Tls(stream) => {
                stream.write_all(octets).await.unwrap();
                stream.flush().await.unwrap();
            }
        }
    }

    /// The next reply, with all its lines; `None` when the connection is over.
    pub(super) async fn reply(&mut self) -> Option<String> {
        loop {
            if let Some(length) = reply_length(&self.buffer) {
                let reply = self.buffer.drain(..length).collect();
                return Some(String::from_utf8(reply).unwrap());
            }
            if self.read().await == 0 {
                return None;
            }
        }
    }

    pub(super) async fn replies(&mut self, count: usize) -> Vec<String> {
        let mut replies = Vec::new();
        for _ in 0..count {
            replies.push(self.reply().await.expect("one more reply"));
        }
        replies
    }

    /// What arrives until the connection is over.
    pub(super) async fn rest(&mut self) -> String {
        while self.read().await > 0 {}
        String::from_utf8(std::mem::take(&mut self.buffer)).unwrap()
    }

    pub(super) async fn read(&mut self) -> usize {
        let mut fresh = [0; 4096];
        let read = async {
            match &mut self.stream {
                Stream::Clear(stream) => stream.read(&mut fresh).await,
                Stream::Tls(stream) => stream.read(&mut fresh).await,
            }
        };
        let count = tokio::time::timeout(PATIENCE, read)
            .await
            .expect("no answer at all")
            .unwrap_or(0);
        self.buffer.extend_from_slice(&fresh[..count]);
        count
    }
}

/// A stream to nobody, to stand in while the real one changes.
async fn dead() -> Stream {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    Stream::Clear(TcpStream::connect(address).await.unwrap())
}

fn reply_length(buffer: &[u8]) -> Option<usize> {
    let mut length = 0;
    for line in buffer.split_inclusive(|&octet| octet == b'\n') {
        if !line.ends_with(b"\r\n") {
            return None;
        }
        length += line.len();
        if line.get(3) != Some(&b'-') {
            return Some(length);
        }
    }
    None
}

pub(super) fn blob(upn: &str, token: &str) -> String {
    STANDARD.encode(format!("user={upn}\u{1}auth=Bearer {token}\u{1}\u{1}"))
}
