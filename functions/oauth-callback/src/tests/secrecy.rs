//! No secret leaves its room: not in the log at its loudest, not on a page.

use std::io;
use std::sync::{Arc, Mutex};

use common::class::Class;
use common::route::Obstacle;
use tracing_subscriber::fmt::MakeWriter;

use super::world::Answers;
use super::{Person, World};

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Walks one whole way with a log at its loudest; answers the log, the pages, and what must be in neither.
async fn walk(spoil: fn(&mut Answers), world: World) -> (String, Vec<String>, Vec<String>) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    world.entra.answer(spoil);
    let mut person = Person::new(&world);
    let link = world.link().await;
    let authorize = person.begin(&link).await;
    let leading = person.seen.pop().unwrap();
    let (code, state) = world.entra.sign_in(&authorize);
    person
        .return_with(&[
            ("code", &code),
            ("state", &state),
            ("session_state", "canary-session"),
        ])
        .await;
    person
        .return_with(&[("code", &code), ("state", &state)])
        .await;
    drop(guard);
    let query: Vec<(String, String)> = authorize.query_pairs().into_owned().collect();
    let parameter = |name: &str| query.iter().find(|(key, _)| key == name).unwrap().1.clone();
    let cookie = person.cookies.values().next().unwrap().clone();
    assert!(
        !leading.contains(&cookie),
        "the cookie travels in its header alone"
    );
    let secrets = vec![
        parameter("state"),
        parameter("nonce"),
        parameter("code_challenge"),
        cookie,
        link.query().unwrap().to_owned(),
    ];
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    (log, person.seen.clone(), secrets)
}

#[tokio::test]
async fn no_secret_is_logged_or_shown_however_the_consent_ends() {
    let endings: [fn(&mut Answers); 7] = [
        |_| (),
        |answers| answers.has_id_token = false,
        |answers| answers.claims = vec![("preferred_username", "canary@contoso.com".into())],
        |answers| answers.refresh_token = None,
        |answers| answers.error = Some("invalid_grant"),
        |answers| answers.error = Some("temporarily_unavailable"),
        |answers| answers.is_silent = true,
    ];
    for spoil in endings {
        let blocked = World::new();
        blocked.refuse_at_mail_server(Obstacle {
            class: Class::TokenRejected,
            reason: "535 5.7.3".to_owned(),
        });
        let broken = World::new();
        broken.secrets.calls.break_after(0);
        for world in [World::new(), blocked, broken] {
            let (log, pages, secrets) = walk(spoil, world).await;
            assert!(
                log.contains("a consent has ended"),
                "the log is at work: {log}"
            );
            for shown in pages.iter().chain([&log]) {
                assert!(!shown.contains("canary"), "{shown}");
                for secret in &secrets {
                    assert!(!shown.contains(secret.as_str()), "{shown}");
                }
            }
        }
    }
}
