//! Opening a session: greeting, EHLO, STARTTLS, AUTH.

use super::{
    super::{Connected, Encrypted, Session},
    peer::{Act, Hang, Hear, HearMessage, perform, play, raw, say},
    *,
};
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
async fn a_hang_inside_tls_ends_at_its_limit() {
    let (mut server, _peer) = peer_over_tls(clear(), vec![Hear("EHLO"), Hang]).await;
    server.timeouts.ehlo = Duration::from_millis(50);
    assert_eq!(
        kind(&session_opened(&server).await.unwrap_err()),
        "timeout 50ms at ehlo"
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
