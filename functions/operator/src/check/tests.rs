//! Checks of servers at which a mailbox does not get as far as its sign-in.

use std::sync::Arc;

use common::fakes::MemoryPaces;
use common::mailbox::MailboxId;
use common::tls;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

const GREETING: &str = "220 mail.contoso.com\r\n";
const EXTENSIONS: &str = "250-mail.contoso.com\r\n250 STARTTLS\r\n";
const GO_AHEAD: &str = "220 go ahead\r\n";

/// A server for one connection: it says its lines, the first unasked and each other one when it has heard one, and
/// begins TLS then, under a certificate that nobody knows.
async fn server(lines: &'static [&'static str]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut stream = BufStream::new(listener.accept().await.unwrap().0);
        for (number, line) in lines.iter().enumerate() {
            if number > 0 {
                stream.read_line(&mut String::new()).await.unwrap();
            }
            stream.write_all(line.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
        }
        if lines.last() == Some(&GO_AHEAD) {
            let refused = TlsAcceptor::from(unknown_to_all()).accept(stream).await;
            assert!(refused.is_err(), "the certificate was believed");
        }
    });
    port
}

/// TLS with a certificate for the right name that its owner made.
fn unknown_to_all() -> Arc<ServerConfig> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key);
    Arc::new(config.unwrap())
}

/// The steps of a check, the last of which failed.
async fn checked(host: &str, port: u16) -> Vec<Step> {
    let mailbox = MailboxId::parse("billing").unwrap();
    let json = format!(
        r#"{{"address":"billing@contoso.com","tenant":"contoso.com","client_id":"app","username":"",
            "more":{{"smtp_host":"{host}","smtp_port":{port}}}}}"#
    );
    let settings = Settings::parse(mailbox.clone(), &json).unwrap();
    let route = Route::of(&settings, Arc::new(tls::client_config(None).unwrap()));
    let paces = MemoryPaces::default();
    let pace = Keeper {
        store: &paces,
        mailbox: &mailbox,
        owner: "a check",
    };
    let mut check = Check::new(&settings);
    let token = AccessToken::new("a token".to_owned());
    let walked = check.walk(&route, &token, &pace).await;
    assert!(walked.is_err(), "somebody signed in");
    check.steps
}

#[tokio::test]
async fn the_step_that_fails_is_the_last_and_brings_what_was_found_and_a_remedy() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let cases = [
        ("nowhere.invalid", 587, "DNS", "has no address"),
        ("localhost", closed, "TCP", "refused"),
        (
            "localhost",
            server(&["554 5.3.2 not today\r\n"]).await,
            "greeting and EHLO",
            "554 5.3.2 not today",
        ),
        (
            "localhost",
            server(&[GREETING, "250 mail.contoso.com\r\n"]).await,
            "greeting and EHLO",
            "STARTTLS",
        ),
        (
            "localhost",
            server(&[GREETING, EXTENSIONS, "454 4.7.0 no TLS today\r\n"]).await,
            "STARTTLS",
            "454 4.7.0 no TLS today",
        ),
        (
            "localhost",
            server(&[GREETING, EXTENSIONS, GO_AHEAD]).await,
            "certificate",
            "certificate",
        ),
    ];
    for (host, port, step, found) in cases {
        let steps = checked(host, port).await;
        let (last, before) = steps.split_last().expect("the settings are a step");
        assert_eq!((last.step.as_str(), last.ok), (step, false), "{steps:#?}");
        assert!(last.found.contains(found), "{last:#?}");
        let remedy = last.remedy.as_deref().unwrap_or_default();
        assert!(!remedy.is_empty(), "{last:#?}");
        assert!(before.iter().all(|step| step.ok), "{steps:#?}");
    }
}
