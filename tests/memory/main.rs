//! What it costs to hold a message while it is submitted: the message once, and next to nothing beside it; and what it costs
//! to make one of a file in the bucket.
//!
//! The measure is the peak of the heap of the whole process, so these tests have a process to themselves and take turns in it,
//! and the peers in it forget what they read.

#![expect(
    clippy::unwrap_used,
    reason = "a peer that hears something else than it expects has failed the test"
)]

use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use common::address::EmailAddress;
use common::aws::Objects;
use common::mailbox::MailboxId;
use common::message::{MessageIdentity, SenderPolicy, compose, decoded_len};
use common::notification::{Content, Mail, Notification, NotificationId};
use common::object::Shelf;
use common::secret::AccessToken;
use common::submission::{Envelope, Server, Session, Transfer, Verdict};
use jiff::Timestamp;
use peak_alloc::PeakAlloc;
use serde_json::json;
use tests::microsoft::Authority;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

const MEBIBYTE: usize = 1024 * 1024;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Whose turn it is to measure.
static TURN: Mutex<()> = Mutex::const_new(());

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
    let _turn = TURN.lock().await;
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

/// A bucket whose objects are as large as their keys say, made while they are sent.
async fn bucket(listener: TcpListener) {
    let (mut stream, _) = listener.accept().await.unwrap();
    loop {
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let Ok(octet) = stream.read_u8().await else {
                return;
            };
            asked.push(octet);
        }
        let asked = String::from_utf8(asked).unwrap();
        let (_, key) = asked.split_once("/mailboxes/billing/").unwrap();
        let digits = key.split(|letter: char| !letter.is_ascii_digit()).next();
        let mut left: usize = digits.unwrap().parse().unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {left}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let piece = [7; 8192];
        while left > 0 {
            let sent = left.min(piece.len());
            stream.write_all(&piece[..sent]).await.unwrap();
            left -= sent;
        }
    }
}

/// A notification whose file, of so many octets, was read from the bucket.
async fn fetched(shelf: &Shelf<'_, Objects>, octets: usize) -> Notification {
    let body = json!({
        "to": "anna@example.com", "subject": "Hello", "text": "Hello",
        "attachments": [{
            "filename": "a.pdf",
            "s3": {"key": format!("mailboxes/billing/{octets}"), "version_id": "v", "size": octets},
        }],
    });
    let mut notification = Notification::parse(&body.to_string()).unwrap();
    if let Mail::Letter(letter) = &mut notification.mail {
        for attachment in &mut letter.attachments {
            if let Content::Stored(named) = &attachment.content {
                let content = shelf.read(named, octets).await.unwrap();
                attachment.content = Content::Given(content);
            }
        }
    }
    notification
}

#[tokio::test]
async fn a_file_of_the_bucket_is_held_once_until_its_message_is_written() {
    let _turn = TURN.lock().await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(bucket(listener));
    let credentials = Credentials::new("key", "secret", None, None, "the test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let objects = Objects::new(&config, "bucket".to_owned());
    let billing = MailboxId::parse("billing").unwrap();
    let shelf = Shelf::of(&objects, &billing);
    let policy = SenderPolicy {
        address: EmailAddress::parse("billing@contoso.com").unwrap(),
        senders: Vec::new(),
        recipient_domains: Vec::new(),
        message_bytes: 35 * MEBIBYTE,
    };
    let id = NotificationId::parse("n").unwrap();
    let identity = MessageIdentity::derive(&billing, &id, Timestamp::UNIX_EPOCH);
    // What a first call costs, it costs once.
    drop(fetched(&shelf, 10).await);

    let octets = decoded_len(policy.message_bytes - MEBIBYTE);
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    let notification = fetched(&shelf, octets).await;
    let reading = HEAP.peak_usage() - before;
    assert!(reading < octets + MEBIBYTE, "{octets}: {reading} octets");
    let message = compose(&notification, &policy, &identity).unwrap();
    let composing = HEAP.peak_usage() - before;
    let length = message.bytes.len();
    assert!(composing < 5 * length, "{length}: {composing} octets");
}
