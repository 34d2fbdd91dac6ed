//! Checks of servers at which a mailbox does not get as far as its sign-in.

use std::sync::Arc;

use common::fakes::{MemoryPaces, MemorySteps};
use common::mailbox::MailboxId;
use common::steps::CheckId;
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
    watching_server(lines, |_| ()).await
}

/// The same; before it says a line, something else may look at what is so far.
async fn watching_server(
    lines: &'static [&'static str],
    before: impl Fn(usize) + Send + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut stream = BufStream::new(listener.accept().await.unwrap().0);
        for (number, line) in lines.iter().enumerate() {
            if number > 0 {
                stream.read_line(&mut String::new()).await.unwrap();
            }
            before(number);
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

/// The steps of a check that nobody watches, the last of which failed.
async fn checked(host: &str, port: u16) -> Vec<Step> {
    watched(host, port, &MemorySteps::default(), None).await
}

/// The steps of a check that are kept in a store, the last of which failed.
async fn watched(host: &str, port: u16, store: &MemorySteps, id: Option<CheckId>) -> Vec<Step> {
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
    let keeping = Keeping::new(store, &mailbox, id, Timestamp::UNIX_EPOCH);
    let mut check = Check::new(&settings, keeping);
    let token = AccessToken::new("a token".to_owned());
    let walked = check.walk(&route, &token, &pace).await;
    assert!(walked.is_err(), "somebody signed in");
    let Answer::Steps { steps, .. } = check.end().await else {
        panic!("a check answers steps");
    };
    steps
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

#[tokio::test]
async fn the_steps_are_kept_before_the_next_one_begins() {
    let (store, id) = (MemorySteps::default(), CheckId::random());
    let mailbox = MailboxId::parse("billing").unwrap();
    let seen = {
        let (store, mailbox, id) = (store.clone(), mailbox.clone(), id.clone());
        move |line| {
            let kept = store.kept(&mailbox, &id).expect("nothing is kept");
            let names: Vec<_> = kept.steps.iter().map(|step| step.step.as_str()).collect();
            let all = ["settings", "DNS", "TCP", "greeting and EHLO"];
            let (ended, under_way) = match line {
                // The greeting and the answer to EHLO.
                0 | 1 => (2, "TCP"),
                _ => (4, "STARTTLS"),
            };
            assert_eq!(names, all[..ended], "before line {line}");
            assert_eq!(kept.under_way.as_deref(), Some(under_way));
        }
    };
    let lines = &[GREETING, EXTENSIONS, "454 4.7.0 no TLS today\r\n"];
    let port = watching_server(lines, seen).await;
    let steps = watched("localhost", port, &store, Some(id.clone())).await;
    let last = steps.last().unwrap();
    assert!(last.found.contains("454"), "{steps:#?}");
    let kept = store.kept(&mailbox, &id).unwrap();
    assert_eq!((kept.steps, kept.under_way), (steps, None));
}

#[tokio::test]
async fn a_store_that_fails_changes_nothing_of_the_check() {
    for calls in 0..4 {
        let (store, id) = (MemorySteps::default(), CheckId::random());
        store.calls.break_after(calls);
        let port = server(&[GREETING, EXTENSIONS, "454 4.7.0 no TLS today\r\n"]).await;
        let steps = watched("localhost", port, &store, Some(id)).await;
        let names: Vec<_> = steps.iter().map(|step| step.step.as_str()).collect();
        let all = ["settings", "DNS", "TCP", "greeting and EHLO", "STARTTLS"];
        assert_eq!(names, all);
        assert_eq!(store.calls.made().len(), calls, "it was asked again");
    }
}
