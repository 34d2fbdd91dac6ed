//! The grant is stored, and then something stops: nobody has to consent twice.

use std::time::Duration;

use common::aws::Valve;
use common::class::Class;
use common::event::{Event, Kind};
use common::mailbox::Connection;
use common::route::Obstacle;

use super::{Person, World};

#[tokio::test]
async fn a_mail_server_that_refuses_leaves_the_grant_and_the_remedy() {
    let world = World::new();
    world.refuse_at_mail_server(Obstacle {
        class: Class::SmtpAuthDisabled,
        reason: "the server refused at AUTH: 535 5.7.139 <disabled> for the Mailbox".to_owned(),
    });
    let link = world.link().await;
    let page = Person::new(&world).connect(&link).await;
    for words in [
        "Connected, but not sending yet",
        "<code><span>Set-CASMailbox</span> <span>-Identity</span> billing@contoso.com <span>-SmtpClientAuthenticationDisabled</span> $false</code>",
        "535 5.7.139 &#60;disabled&#62; for the Mailbox",
        "nobody has to sign in again",
        "The mail server lets the mailbox sign in: <b>no</b>",
        "The permission is stored: <b>yes</b>",
        "Mail that waits is sent: <b>waits</b>",
    ] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    assert!(world.stored().is_some());
    let stop = world.state().connection;
    assert_eq!(stop.as_str(), "blocked");
    assert_eq!(stop.stop().unwrap().class, Class::SmtpAuthDisabled);
    assert_eq!(*world.valves.lock().unwrap(), [Valve::Closed]);
    let kinds: Vec<_> = world.events.taken().iter().map(Event::kind).collect();
    assert_eq!(kinds, [Kind::MailboxBlocked]);
    assert_eq!(
        Person::new(&world).get(&link).await.status_code,
        410,
        "the link has done its work"
    );
}

#[tokio::test(start_paused = true)]
async fn a_mail_server_that_takes_too_long_is_left_to_the_next_tick() {
    let world = World::new();
    world.mail_server.lock().unwrap().1 = Duration::from_secs(60);
    let begun = tokio::time::Instant::now();
    let page = Person::new(&world).connect(&world.link().await).await;
    assert_eq!(begun.elapsed().as_secs(), 12);
    assert!(
        page.body.contains("no answer within 12 seconds"),
        "{}",
        page.body
    );
    assert_eq!(
        world.state().connection.stop().unwrap().class,
        Class::Network
    );
    assert!(world.stored().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_slow_provider_and_a_slow_mail_server_end_within_20_seconds_together() {
    let world = World::new();
    world.mail_server.lock().unwrap().1 = Duration::from_secs(60);
    world
        .entra
        .answer(|answers| answers.delay = Duration::from_millis(7_900));
    let begun = tokio::time::Instant::now();
    Person::new(&world).connect(&world.link().await).await;
    assert!(begun.elapsed() <= Duration::from_secs(20));
    assert!(world.stored().is_some());
}

/// Breaks a store at its call number `at` after the person has signed in; answers what was left behind.
async fn broken(which: Which, at: usize) -> (World, String, bool) {
    let world = World::new();
    let link = world.link().await;
    let page = {
        let mut person = Person::new(&world);
        let authorize = person.begin(&link).await;
        let (code, state) = world.entra.sign_in(&authorize);
        let calls = match which {
            Which::Secrets => &world.secrets.calls,
            Which::States => &world.states.calls,
            Which::Consents => &world.consents.calls,
        };
        let before = calls.made().len();
        calls.break_after(at);
        let back = person
            .post(
                &super::person::callback(),
                &[("code", &code), ("state", &state)],
            )
            .await;
        let broke = calls.made().len() == before + at;
        calls.repair();
        let page = if back.status_code == 303 {
            person.follow(&back).await
        } else {
            back
        };
        (page.body, broke)
    };
    (world, page.0, page.1)
}

#[derive(Clone, Copy)]
enum Which {
    Secrets,
    States,
    Consents,
}

#[tokio::test]
async fn whatever_breaks_no_page_claims_more_than_is_stored() {
    for which in [Which::Secrets, Which::States, Which::Consents] {
        for at in 0..12 {
            let (world, page, _) = broken(which, at).await;
            let active = world.state().connection == Connection::Active;
            if page.contains("is connected</h1>") {
                assert!(active && world.stored().is_some(), "{page}");
            }
            if page.contains("not sending yet</h1>") {
                assert!(world.stored().is_some(), "{page}");
            }
            if page.contains("class=\"verdict bad\"") {
                assert!(!active, "{page}");
            }
            if active {
                assert!(world.stored().is_some());
            }
        }
    }
}

#[tokio::test]
async fn secrets_that_cannot_be_written_are_a_refusal_with_a_second_chance() {
    let (world, page, broke) = broken(Which::Secrets, 0).await;
    assert!(
        broke
            && page.contains("The permission could not be stored")
            && page.contains("Try again</a>"),
        "{page}"
    );
    assert!(world.stored().is_none());
    assert_eq!(world.entra.token_requests(), 1);
}

#[tokio::test]
async fn a_state_that_cannot_be_written_leaves_the_grant_to_be_adopted() {
    // The first call reads the account of an earlier consent; the second is the first write.
    let (world, page, broke) = broken(Which::States, 1).await;
    assert!(
        broke && page.contains("Connected, but not sending yet"),
        "{page}"
    );
    assert!(world.stored().is_some());
    assert_eq!(world.state().connection, Connection::AwaitingConsent);
}

#[tokio::test]
async fn stores_that_do_not_answer_have_a_page_of_their_own() {
    let world = World::new();
    let link = world.link().await;
    world.consents.calls.break_after(0);
    for page in [
        Person::new(&world).get(&link).await,
        Person::new(&world).post(&link, &[]).await,
    ] {
        assert_eq!(page.status_code, 503);
        assert_eq!(page.headers["retry-after"], "10");
        assert!(page.body.contains("Something did not answer"));
    }
}
