//! What a visit logs, and what it never does.

use std::io::Write;
use std::sync::{Arc, Mutex};

use common::class::Class;
use common::telemetry::chain;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;

use super::world::World;
use crate::visit::Occasion;

/// Everything that is logged on this thread, as it would be written at TRACE.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn listen(&self) -> DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Every token holds the word `canary`, which is looked for as it stands, in base64 at each of its three
/// offsets, and as a list of bytes.
fn assert_no_canary(text: &str) {
    for form in [
        "canary",
        "Y2FuYXJ5",
        "NhbmFye",
        "jYW5hcn",
        "99, 97, 110, 97, 114, 121",
    ] {
        assert!(!text.contains(form), "{text}");
    }
}

#[tokio::test]
async fn no_token_is_ever_logged_or_shown() {
    let log = Log::default();
    let _listening = log.listen();
    let refusals = [
        None,
        Some((Class::ConsentRevoked, "invalid_grant")),
        Some((Class::ClientCredentialRefused, "invalid_client")),
    ];
    let mut shown = String::new();
    for refuses in refusals {
        for at in 0..20 {
            let world = World::connected().await;
            world.tick().await;
            world.pass(50);
            world.issuer.inner().refuses = refuses;
            world.issuer.inner().obstacle = Some(Class::TokenRejected);
            world.calls.break_after(at);
            match world.visit(Occasion::Tick).await {
                Ok(answer) => shown += &format!("{answer:?}"),
                Err(error) => shown += &format!("{error} {error:?} {}", chain(&error)),
            }
            world.calls.repair();
            shown += &format!("{:?} {:?}", world.tick().await, world.state());
            let (grant, tokens) = (world.grant().await, world.tokens().await);
            shown += &format!("{grant:?} {tokens:?} {:?}", world.secrets);
        }
    }
    assert!(
        log.text().contains("mailbox.id=billing"),
        "somebody listened"
    );
    assert!(shown.contains("cannot be reached") && shown.contains("[redacted]"));
    assert_no_canary(&log.text());
    assert_no_canary(&shown);
}

#[tokio::test]
async fn a_refusal_is_logged_with_the_ids_that_support_asks_for() {
    let log = Log::default();
    let _listening = log.listen();
    let world = World::connected().await;
    world.issuer.inner().alive.clear();
    world.pass(50);
    world.tick().await;
    let text = log.text();
    for part in [
        "ERROR",
        "consent_revoked",
        "AADSTS70008",
        "correlation-1",
        "trace-1",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn the_end_of_a_client_secret_is_announced_30_days_ahead() {
    for (end, days_left) in [
        ("2027-03-31", None),
        ("2027-03-30", Some(29)),
        ("2027-02-28", Some(-1)),
    ] {
        let log = Log::default();
        let _listening = log.listen();
        let more = format!(r#""more":{{"client_secret_expires_on":"{end}"}}"#);
        let world = World::connected().await.with(&more);
        world.tick().await;
        assert!(
            !log.text().contains("days_left"),
            "nothing is said at every tick"
        );
        world.pass(50);
        world.tick().await;
        let expected = days_left.map(|days| format!("days_left={days}\n"));
        let text = log.text();
        assert_eq!(text.contains("days_left"), expected.is_some(), "{text}");
        assert!(
            text.contains(expected.as_deref().unwrap_or_default()),
            "{text}"
        );
    }
}
