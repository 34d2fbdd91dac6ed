//! Opening a session: greeting, EHLO, STARTTLS, AUTH.

use super::{
    super::{Connected, Encrypted, Session, auth, session},
    peer::{self, Act, Hang, Hear, HearMessage, perform, play, raw, say},
    *,
};
use crate::secret::AccessToken;
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{net::Ipv4Addr, sync::Mutex};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// A certification authority, and a server certificate it gave for a name.
struct Authority {
    pem: String,
    acceptor: TlsAcceptor,
}

impl Authority {
    fn vouching_for(name: &str) -> Self {
        let ca_key = rcgen::KeyPair::generate().unwrap();
        let mut ca = rcgen::CertificateParams::new([]).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let pem = ca.self_signed(&ca_key).unwrap().pem();
        let issuer = rcgen::Issuer::new(ca, ca_key);
        let key = rcgen::KeyPair::generate().unwrap();
        let leaf = rcgen::CertificateParams::new([name.to_owned()])
            .unwrap()
            .signed_by(&key, &issuer)
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.into()],
                rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap();
        Self {
            pem,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }
    }
}

/// Plays one script in clear text and one inside TLS, over TCP, for one connection.
async fn peer_over_tls(
    clear: Vec<Act>,
    encrypted: Vec<Act>,
) -> (Server, JoinHandle<(Heard, Option<Heard>)>) {
    let authority = Authority::vouching_for("localhost");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let tls = Arc::new(crate::tls::client_config(Some(&authority.pem)).unwrap());
    let peer = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (heard, stream) = perform(stream, clear).await;
        match authority.acceptor.accept(stream).await {
            Ok(stream) => (heard, Some(play(stream, encrypted).await)),
            Err(_) => (heard, None),
        }
    });
    (Server::new("localhost", port, tls), peer)
}

fn ehlo(offers: &[&str]) -> Act {
    let lines: String = offers
        .iter()
        .map(|offer| format!("250-{offer}\r\n"))
        .collect();
    raw(&format!("250-hello\r\n{lines}250 OK\r\n"))
}

fn clear() -> Vec<Act> {
    vec![
        say("220 hello"),
        Hear("EHLO"),
        ehlo(&["SIZE", "STARTTLS"]),
        Hear("STARTTLS"),
        say("220 2.0.0 go"),
    ]
}

const XOAUTH2: &[&str] = &[
    "SIZE 157286400",
    "PIPELINING",
    "AUTH LOGIN XOAUTH2",
    "8BITMIME",
];

fn signed_in() -> Vec<Act> {
    vec![
        Hear("EHLO"),
        ehlo(XOAUTH2),
        Hear("AUTH"),
        say("334 "),
        Hear(""),
        say("235 2.7.0 Authentication successful"),
    ]
}

fn token() -> AccessToken {
    AccessToken::new("canary".repeat(500))
}

const USER: &str = "billing@contoso.com";

#[tokio::test]
async fn a_session_goes_from_greeting_to_goodbye() {
    let mut encrypted = signed_in();
    for _ in 0..2 {
        encrypted.extend([
            Hear("DATA"),
            say("250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go"),
            HearMessage,
            say("250 2.0.0 queued"),
        ]);
    }
    encrypted.extend([Hear("QUIT"), say("221 2.0.0 bye")]);
    let (mut server, peer) = peer_over_tls(clear(), encrypted).await;
    server.ehlo_name = Some("mail.contoso.com".parse().unwrap());

    let connected = Connected::open(&server).await.unwrap();
    let encrypted: Encrypted = connected.encrypt().await.unwrap();
    let mut session: Session = encrypted.authenticate(USER, &token()).await.unwrap();
    for _ in 0..2 {
        assert!(session.is_ready().await);
        let deadline = Instant::now() + Duration::from_secs(60);
        let submission = session
            .submit(&envelope(1), MESSAGE, deadline)
            .await
            .unwrap();
        assert!(
            matches!(submission.verdict, Verdict::Accepted(reply) if reply.to_string() == "250 2.0.0 queued")
        );
    }
    session.quit().await;

    let (before, after) = peer.await.unwrap();
    let after = after.unwrap();
    assert_eq!(before.lines, ["EHLO mail.contoso.com", "STARTTLS"]);
    assert_eq!(after.lines[..2], ["EHLO mail.contoso.com", "AUTH XOAUTH2"]);
    let blob = STANDARD.decode(&after.lines[2]).unwrap();
    assert_eq!(
        blob,
        format!("user={USER}\x01auth=Bearer {}\x01\x01", token().expose()).as_bytes()
    );
    assert_eq!(after.lines.last().unwrap(), "QUIT");
    assert_eq!(after.messages.len(), 2);
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_tells_the_dialogue_without_token_content_or_address() {
    // With a single subscriber alive, tracing asks whichever thread meets a log line first whether anybody
    // listens, and remembers its answer; with two it asks both.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _logged = tracing::subscriber::set_default(subscriber);

    let mut encrypted = signed_in();
    encrypted.extend([
        Hear("DATA"),
        say("250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go"),
        HearMessage,
        say("554 5.2.252 no canary"),
    ]);
    let (server, _peer) = peer_over_tls(clear(), encrypted).await;
    let mut session = Session::open(&server, USER, &token()).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let _refused = session
        .submit(&envelope(1), b"Subject: canary\r\n\r\ncanary\r\n", deadline)
        .await
        .unwrap();

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for told in [
        r#"stage="greeting" verb="" reply.code=220"#,
        r#"stage="token" verb="" reply.code=235 reply.enhanced="2.7.0""#,
        r#"stage="mail" verb="MAIL" reply.code=250 reply.enhanced="2.1.0" duration_ms="#,
        r#"stage="body" verb="" reply.code=554 reply.enhanced="5.2.252""#,
    ] {
        assert!(log.contains(told), "{told} is missing in {log}");
    }
    for secret in ["canary", &STANDARD.encode("canary"), USER, "fabrikam"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[tokio::test]
async fn without_a_name_of_its_own_the_socket_says_its_address() {
    let (server, peer) = peer_over_tls(clear(), vec![]).await;
    let _broken = Connected::open(&server)
        .await
        .unwrap()
        .encrypt()
        .await
        .unwrap_err();
    assert_eq!(peer.await.unwrap().0.lines[0], "EHLO [127.0.0.1]");
}

#[tokio::test]
async fn a_broken_session_does_not_go_on() {
    let mut encrypted = signed_in();
    encrypted.extend([Hear("DATA"), say("250 ok\r\n250 ok\r\n354 go"), HearMessage]);
    let (server, _peer) = peer_over_tls(clear(), encrypted).await;
    let mut session = Session::open(&server, USER, &token()).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let submission = session
        .submit(&envelope(1), MESSAGE, deadline)
        .await
        .unwrap();
    assert!(matches!(submission.verdict, Verdict::Unknown(_)));
    assert!(!session.is_ready().await);
    assert_eq!(
        kind(
            &session
                .submit(&envelope(1), MESSAGE, deadline)
                .await
                .unwrap_err()
        ),
        "stale at mail"
    );
    assert_eq!(
        kind(&session.probe(&envelope(1), deadline).await.unwrap_err()),
        "stale at mail"
    );
    session.quit().await;
}

#[tokio::test]
async fn a_server_that_hung_up_between_two_messages_is_noticed() {
    let (server, peer) = peer_over_tls(clear(), signed_in()).await;
    let mut session = Session::open(&server, USER, &token()).await.unwrap();
    let _closed = peer.await.unwrap();
    assert!(!session.is_ready().await);
}

#[tokio::test]
async fn clear_text_behind_starttls_is_an_injection() {
    let injected = "220 2.0.0 go\r\n250-AUTH XOAUTH2\r\n250 OK\r\n";
    for said in [injected, "220 2.0.0 go\r\n2", "220 2.0.0 go\r\n\r\n"] {
        let mut script = clear();
        script.pop();
        script.push(raw(said));
        let (server, _peer) = peer_over_tls(script, signed_in()).await;
        let failure = Connected::open(&server)
            .await
            .unwrap()
            .encrypt()
            .await
            .unwrap_err();
        assert_eq!(kind(&failure), "injection at starttls");
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_no_token() {
    let (server, peer) = peer_over_tls(
        vec![
            say("220 hello"),
            Hear("EHLO"),
            ehlo(&["AUTH XOAUTH2"]),
            Hang,
        ],
        vec![],
    )
    .await;
    let failure = Connected::open(&server).await.unwrap_err();
    assert_eq!(kind(&failure), "no STARTTLS at ehlo");
    assert_eq!(peer.await.unwrap().0.lines.len(), 1);
}

#[tokio::test]
async fn a_server_without_xoauth2_gets_no_token() {
    let (server, peer) = peer_over_tls(
        clear(),
        vec![Hear("EHLO"), ehlo(&["AUTH LOGIN PLAIN"]), Hang],
    )
    .await;
    let failure = Connected::open(&server)
        .await
        .unwrap()
        .encrypt()
        .await
        .unwrap_err();
    assert_eq!(kind(&failure), "no XOAUTH2 at ehlo");
    assert_eq!(peer.await.unwrap().1.unwrap().lines.len(), 1);
}

#[tokio::test]
async fn what_was_offered_in_clear_text_counts_for_nothing() {
    let before = vec![
        say("220 hello"),
        Hear("EHLO"),
        ehlo(&["STARTTLS", "AUTH XOAUTH2"]),
        Hear("STARTTLS"),
        say("220 go"),
    ];
    let (server, _peer) = peer_over_tls(before, vec![Hear("EHLO"), ehlo(&["SIZE"]), Hang]).await;
    let failure = Connected::open(&server)
        .await
        .unwrap()
        .encrypt()
        .await
        .unwrap_err();
    assert_eq!(kind(&failure), "no XOAUTH2 at ehlo");
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_ends_the_session() {
    let (mut server, _peer) = peer_over_tls(clear(), vec![]).await;
    server = Server::new(
        "localhost",
        server.port,
        Arc::new(crate::tls::client_config(None).unwrap()),
    );
    let failure = Connected::open(&server)
        .await
        .unwrap()
        .encrypt()
        .await
        .unwrap_err();
    assert_eq!(kind(&failure), "tls at handshake");
}

#[tokio::test]
async fn a_certificate_for_another_name_ends_the_session() {
    let (mut server, _peer) = peer_over_tls(clear(), vec![]).await;
    server.host = "127.0.0.1".to_owned();
    let failure = Connected::open(&server)
        .await
        .unwrap()
        .encrypt()
        .await
        .unwrap_err();
    assert_eq!(kind(&failure), "tls at handshake");
}

#[tokio::test]
async fn a_server_that_knows_only_old_tls_ends_the_session() {
    // The alert protocol_version of TLS 1.0.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let peer = tokio::spawn(async move {
        let (_, mut stream) = perform(listener.accept().await.unwrap().0, clear()).await;
        stream
            .write_all(b"\x15\x03\x01\x00\x02\x02\x46")
            .await
            .unwrap();
        stream.read_to_end(&mut Vec::new()).await
    });
    let server = Server::new(
        "localhost",
        port,
        Arc::new(crate::tls::client_config(None).unwrap()),
    );
    let failure = session_opened(&server).await.unwrap_err();
    assert_eq!(kind(&failure), "tls at handshake");
    let _closed = peer.await.unwrap();
}

async fn session_opened(server: &Server) -> Result<Session, Failure> {
    Session::open(server, USER, &token()).await
}

#[tokio::test]
async fn nobody_listening_is_a_failure_to_connect() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let server = Server::new(
        "localhost",
        port,
        Arc::new(crate::tls::client_config(None).unwrap()),
    );
    assert_eq!(
        kind(&session_opened(&server).await.unwrap_err()),
        "io ConnectionRefused at connect"
    );
}

#[tokio::test]
async fn a_hang_while_connecting_ends_at_its_limit() {
    // A listener that accepts nobody drops what its backlog cannot hold.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let limit = Duration::from_millis(200);
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(limit, tokio::net::TcpStream::connect(address)).await
    {
        waiting.push(stream);
    }
    let mut server = Server::new(
        "127.0.0.1",
        address.port(),
        Arc::new(crate::tls::client_config(None).unwrap()),
    );
    server.timeouts.connect = limit;
    assert_eq!(
        kind(&session_opened(&server).await.unwrap_err()),
        "timeout 200ms at connect"
    );
}

#[tokio::test]
async fn a_hang_in_the_handshake_ends_at_its_limit() {
    let mut script = clear();
    script.push(Hang);
    let (mut server, _peer) = peer_over_tls(script, vec![]).await;
    server.timeouts.handshake = Duration::from_millis(50);
    assert_eq!(
        kind(&session_opened(&server).await.unwrap_err()),
        "timeout 50ms at handshake"
    );
}

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

#[tokio::test(start_paused = true)]
async fn a_hang_at_any_reply_ends_at_its_own_limit() {
    let secret = token();
    let (result, _) = step!(vec![Hang], |wire| session::greet(wire, "EHLO a\r\n"));
    assert_eq!(kind(&result.unwrap_err()), "timeout 1s at greeting");
    let (result, _) = step!(vec![raw("220-hel"), Hang], |wire| session::greet(
        wire,
        "EHLO a\r\n"
    ));
    assert_eq!(kind(&result.unwrap_err()), "timeout 1s at greeting");
    let (result, _) = step!(vec![say("220 hello"), Hang], |wire| session::greet(
        wire,
        "EHLO a\r\n"
    ));
    assert_eq!(kind(&result.unwrap_err()), "timeout 2s at ehlo");
    let (result, _) = step!(vec![raw("250-hello\r\n"), Hang], |wire| session::greet(
        wire,
        "EHLO a\r\n"
    ));
    assert_eq!(kind(&result.unwrap_err()), "timeout 1s at greeting");
    let (result, _) = step!(vec![Hang], |wire| session::start_tls(wire));
    assert_eq!(kind(&result.unwrap_err()), "timeout 3s at starttls");
    let (result, _) = step!(vec![Hang], |wire| auth::authenticate(wire, USER, &secret));
    assert_eq!(kind(&result.unwrap_err()), "timeout 4s at auth");
    let (result, _) = step!(vec![Hear("AUTH"), say("334 "), Hang], |wire| {
        auth::authenticate(wire, USER, &secret)
    });
    assert_eq!(kind(&result.unwrap_err()), "timeout 4s at token");
    let script = vec![Hear("AUTH"), say("334 "), Hear(""), say("334 e30="), Hang];
    let (result, _) = step!(script, |wire| auth::authenticate(wire, USER, &secret));
    assert_eq!(kind(&result.unwrap_err()), "timeout 4s at token");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_welcome_is_quoted() {
    for (script, expected) in [
        (
            vec![say("554 5.7.1 not you")],
            "reply 554 5.7.1 not you at greeting",
        ),
        (
            vec![say("421 4.7.66 TLS 1.0")],
            "reply 421 4.7.66 TLS 1.0 at greeting",
        ),
        (
            vec![say("250 hello")],
            "violation a reply that does not answer the command at greeting",
        ),
        (
            vec![say("SSH-2.0-OpenSSH")],
            "violation a reply line without a code at greeting",
        ),
        (vec![], "io UnexpectedEof at greeting"),
        (
            vec![say("220 hello"), Hear("EHLO"), say("500 what")],
            "reply 500 what at ehlo",
        ),
        (
            vec![say("220 hello\r\n250-a\r\n250 STARTTLS")],
            "violation a reply to nothing at ehlo",
        ),
    ] {
        let (result, _) = step!(script, |wire| session::greet(wire, "EHLO a\r\n"));
        assert_eq!(kind(&result.unwrap_err()), expected);
    }
    for (script, expected) in [
        (
            vec![Hear("STARTTLS"), say("454 4.7.0 later")],
            "reply 454 4.7.0 later at starttls",
        ),
        (
            vec![Hear("STARTTLS"), say("250 ok")],
            "violation a reply that does not answer the command at starttls",
        ),
    ] {
        let (result, _) = step!(script, |wire| session::start_tls(wire));
        assert_eq!(kind(&result.unwrap_err()), expected);
    }
}

async fn refused(script: Vec<Act>) -> (String, Failure, Heard) {
    let secret = token();
    let (result, heard) = step!(script, |wire| auth::authenticate(wire, USER, &secret));
    let failure = result.unwrap_err();
    (kind(&failure), failure, heard)
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_told_with_its_size() {
    let script = vec![
        Hear("AUTH"),
        say("334 "),
        Hear(""),
        say("535 5.7.3 Authentication unsuccessful [x]"),
    ];
    let (kind, failure, heard) = refused(script).await;
    assert_eq!(
        kind,
        "token 535 5.7.3 Authentication unsuccessful [x] None 4054 at token"
    );
    assert!(
        failure.to_string().contains("a line of 4054 octets"),
        "{failure}"
    );
    assert_eq!(heard.lines[1].len() + 2, 4054);
}

#[tokio::test(start_paused = true)]
async fn a_challenge_is_answered_by_an_empty_line_and_kept() {
    let challenge = STANDARD.encode(r#"{"status":"401","schemes":"bearer"}"#);
    let script = vec![
        Hear("AUTH"),
        say("334 "),
        Hear(""),
        say(&format!("334 {challenge}")),
        Hear(""),
        say("535 5.7.8 no"),
    ];
    let (kind, _, heard) = refused(script).await;
    assert_eq!(
        kind,
        r#"token 535 5.7.8 no Some("status=401 schemes=bearer") 4054 at token"#
    );
    assert_eq!(heard.lines.last().unwrap(), "");
}

#[tokio::test(start_paused = true)]
async fn nothing_but_235_signs_in() {
    for (script, expected) in [
        (
            vec![Hear("AUTH"), say("235 already")],
            "violation neither 334 nor a refusal at auth",
        ),
        (
            vec![Hear("AUTH"), say("504 5.5.4 no")],
            "reply 504 5.5.4 no at auth",
        ),
        (
            vec![Hear("AUTH"), say("334 "), Hear(""), say("250 ok")],
            "violation neither 235 nor a refusal at token",
        ),
        (
            vec![
                Hear("AUTH"),
                say("334 "),
                Hear(""),
                say("334 e30="),
                Hear(""),
                say("235 ok"),
            ],
            "violation neither 235 nor a refusal at token",
        ),
        (
            vec![
                Hear("AUTH"),
                say("334 "),
                Hear(""),
                say("334 e30="),
                Hear(""),
                say("334 e30="),
            ],
            "violation neither 235 nor a refusal at token",
        ),
        (
            vec![Hear("AUTH"), say("334 \r\n235 ok"), Hang],
            "violation a reply to nothing at token",
        ),
    ] {
        assert_eq!(refused(script).await.0, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_have_no_length_limit_of_ours() {
    for length in [100, 2_000, 9_000, 40_000] {
        let token = AccessToken::new("t".repeat(length));
        let script = vec![Hear("AUTH"), say("334 "), Hear(""), say("235 ok")];
        let (result, heard) = step!(script, |wire| auth::authenticate(wire, USER, &token));
        result.unwrap();
        assert_eq!(heard.lines[0], "AUTH XOAUTH2");
        assert!(STANDARD.decode(&heard.lines[1]).unwrap().len() > length);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_that_would_break_the_line_is_sent() {
    for (user, token) in [("a\x01b", "t"), ("", "t"), (USER, "t\r\nRSET"), (USER, "")] {
        let token = AccessToken::new(token.to_owned());
        let (result, heard) = step!(vec![Hang], |wire| auth::authenticate(wire, user, &token));
        assert!(kind(&result.unwrap_err()).starts_with("unspeakable "));
        assert_eq!(heard.lines.len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_token_is_in_no_error() {
    let secret = token();
    let blob = STANDARD.encode(format!(
        "user={USER}\x01auth=Bearer {}\x01\x01",
        secret.expose()
    ));
    let echoes = [
        format!("500 5.5.2 unrecognized {blob}"),
        format!("500 5.5.2 unrecognized {}", secret.expose()),
        format!("500-{}\r\n500 {}", &blob[..200], &blob[200..400]),
        format!(
            "334 {}",
            STANDARD.encode(format!(r#"{{"status":"{}"}}"#, secret.expose()))
        ),
        format!("334 {blob}"),
        blob.clone(),
    ];
    for echo in echoes {
        let script = vec![
            Hear("AUTH"),
            say("334 "),
            Hear(""),
            say(&echo),
            Hear(""),
            say("535 no"),
        ];
        let (_, failure, _) = refused(script).await;
        let mut shown = format!("{failure} {failure:?} {:?}", peer::Heard::default());
        shown.retain(|c| !c.is_whitespace());
        assert!(!shown.contains("canary"), "{shown}");
        assert!(!shown.contains(&STANDARD.encode("canary")), "{shown}");
        assert!(
            !blob
                .as_bytes()
                .chunks(16)
                .any(|part| shown.contains(std::str::from_utf8(part).unwrap())),
            "{shown}"
        );
    }
}
