//! What it costs to hold a message while it is submitted: the message once, and next to nothing beside it.
//!
//! The measure is the peak of the heap of the whole process, so this test has a process to itself, and the peer in it
//! forgets what it reads.

#![expect(
    clippy::unwrap_used,
    reason = "a peer that hears something else than it expects has failed the test"
)]

use std::sync::Arc;
use std::time::Duration;

use common::secret::AccessToken;
use common::submission::{Envelope, Server, Session, Transfer, Verdict};
use peak_alloc::PeakAlloc;
use tests::microsoft::Authority;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

const MEBIBYTE: usize = 1024 * 1024;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// A server that takes every message of one connection and keeps none.
async fn forgetful(listener: TcpListener, acceptor: TlsAcceptor) {
    let mut clear = BufStream::new(listener.accept().await.unwrap().0);
    let mut line = String::new();
    say(&mut clear, "220 hello").await;
    clear.read_line(&mut line).await.unwrap();
    say(&mut clear, "250-hello\r\n250 STARTTLS").await;
    clear.read_line(&mut line).await.unwrap();
    say(&mut clear, "220 go").await;
    let stream = acceptor.accept(clear.into_inner()).await.unwrap();
    let mut stream: BufStream<tokio_rustls::server::TlsStream<TcpStream>> = BufStream::new(stream);
    loop {
        line.clear();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let mut words = line.split_ascii_whitespace();
        let reply = match words.next().unwrap_or_default() {
            "EHLO" => "250-hello\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 AUTH XOAUTH2",
            "AUTH" => "334 ",
            "MAIL" | "RCPT" | "RSET" => "250 ok",
            "DATA" => {
                say(&mut stream, "354 go").await;
                while line != ".\r\n" {
                    line.clear();
                    stream.read_line(&mut line).await.unwrap();
                }
                "250 taken"
            }
            "BDAT" => {
                let length = words.next().unwrap().parse().unwrap();
                let mut chunk = (&mut stream).take(length);
                let read = tokio::io::copy(&mut chunk, &mut tokio::io::sink()).await;
                assert_eq!(read.unwrap(), length);
                "250 taken"
            }
            "QUIT" => "221 bye",
            // The line of the token.
            _ => "235 welcome",
        };
        say(&mut stream, reply).await;
    }
}

/// Says a reply.
async fn say(stream: &mut (impl AsyncBufReadExt + AsyncWriteExt + Unpin), reply: &str) {
    stream
        .write_all(format!("{reply}\r\n").as_bytes())
        .await
        .unwrap();
    stream.flush().await.unwrap();
}

async fn signed_in(transfer: Transfer) -> Session {
    let authority = Arc::new(Authority::new().unwrap());
    let acceptor = TlsAcceptor::from(authority.server_config(&[]).unwrap());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(forgetful(listener, acceptor));
    let tls = common::tls::client_config(Some(authority.pem())).unwrap();
    let mut server = Server::new("localhost", port, Arc::new(tls));
    server.transfer = transfer;
    let token = AccessToken::new("token".to_owned());
    Session::open(&server, "billing@contoso.com", &token)
        .await
        .unwrap()
}

/// Submits a message, and tells how much more than before there was at the peak, in octets.
async fn growth(session: &mut Session, recipients: usize, message: &[u8]) -> usize {
    let to = (0..recipients)
        .map(|number| format!("r{number}@fabrikam.com").parse().unwrap())
        .collect();
    let envelope = Envelope::new(Some("billing@contoso.com".parse().unwrap()), to).unwrap();
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    let deadline = Instant::now() + Duration::from_secs(60);
    let submission = session.submit(&envelope, message, deadline).await.unwrap();
    assert!(matches!(submission.verdict, Verdict::Accepted(_)));
    HEAP.peak_usage() - before
}

#[tokio::test]
async fn a_message_is_held_once() {
    let small = b"Subject: small\r\n\r\nsmall\r\n".repeat(10);
    let large = [
        b"Subject: large\r\n\r\n",
        &b".0123456789 abcdefghijk\r\n".repeat(1_000_000)[..],
    ]
    .concat();
    let stray = large
        .iter()
        .copied()
        .filter(|&octet| octet != b'\r')
        .collect::<Vec<_>>();
    for transfer in [Transfer::Data, Transfer::Bdat] {
        let mut session = signed_in(transfer).await;
        growth(&mut session, 1, &small).await;
        let figures = [
            ("25 MB", growth(&mut session, 1, &large).await, MEBIBYTE / 2),
            (
                "4,000 recipients",
                growth(&mut session, 4_000, &small).await,
                MEBIBYTE,
            ),
            // Only what has to be put right is copied, and only once.
            (
                "25 MB to be put right",
                growth(&mut session, 1, &stray).await,
                large.len() + MEBIBYTE,
            ),
        ];
        for (what, growth, limit) in figures {
            assert!(growth < limit, "{transfer:?}, {what}: {growth} octets more");
        }
        session.quit().await;
    }
}
