//! The right person connects a mailbox.

use common::aws::Valve;
use common::consent::{Kept, PublicUrl};
use common::event::{Event, Kind};
use common::mailbox::Connection;

use super::world::TENANT;
use super::{Person, World};
use crate::handler::handle;

#[tokio::test]
async fn the_right_person_connects_the_mailbox_and_its_mail_flows() {
    let world = World::new();
    let mut person = Person::new(&world);
    let link = world.link().await;
    let page = person.connect(&link).await;
    assert_eq!(page.status_code, 200);
    for words in [
        "billing@contoso.com is connected",
        "svc-billing@contoso.com",
        "19 characters, good for 75 minutes",
        "Mail that waits is sent: <b>yes</b>",
    ] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }

    let (grant, tokens) = world.stored().unwrap();
    assert_eq!(grant["refresh_token"], "canary-refresh-token");
    assert_eq!(
        (&grant["tenant_id"], &grant["object_id"]),
        (&TENANT.into(), &"o-1".into())
    );
    assert_eq!(tokens["access_token"], "canary-access-token");
    assert_eq!(tokens["grant_id"], grant["grant_id"]);

    let state = world.state();
    assert_eq!(state.connection, Connection::Active);
    assert_eq!(state.grant_id.unwrap().as_str(), grant["grant_id"]);
    assert_eq!(state.account.unwrap().object_id, "o-1");
    assert_eq!(state.token_bytes, Some(19));
    assert_eq!(*world.valves.lock().unwrap(), [Valve::Open]);
    assert_eq!(world.entra.token_requests(), 1);
    assert_eq!(world.consents.attempts(), 0);
}

#[tokio::test]
async fn the_grant_is_stored_before_anything_is_said_of_it_and_proven_after() {
    let world = World::new();
    Person::new(&world).connect(&world.link().await).await;
    let stored = world.secrets.calls.made();
    assert!(
        stored[0].contains("/grant") && stored.last().unwrap().contains("/access-token"),
        "{stored:?}"
    );
    assert!(
        stored.iter().all(|call| !call.starts_with("read")),
        "the function cannot read what it writes"
    );
    assert_eq!(
        world.states.calls.made(),
        [
            "read billing",
            "connect billing",
            "refreshed billing",
            "change billing",
            "read billing",
            "read billing",
            "told billing"
        ]
    );
}

#[tokio::test]
async fn others_are_told_of_the_connection_and_not_of_its_making() {
    let world = World::new();
    Person::new(&world).connect(&world.link().await).await;
    let taken = world.events.taken();
    let kinds: Vec<_> = taken.iter().map(Event::kind).collect();
    assert_eq!(kinds, [Kind::MailboxConnected]);
    let detail = taken[0].detail();
    assert!(detail.contains("svc-billing@contoso.com"), "{detail}");
    assert!(!detail.contains("canary"), "{detail}");
}

#[tokio::test]
async fn a_bus_that_takes_nothing_keeps_no_mailbox_from_being_connected() {
    let world = World::new();
    world.events.calls.break_after(0);
    let page = Person::new(&world).connect(&world.link().await).await;
    assert!(page.body.contains("is connected"), "{}", page.body);
    assert_eq!(world.state().connection, Connection::Active);
    assert!(world.meter.lines()[0].contains(r#""EventsNotPut":1"#));
    assert_eq!(
        world.state().told,
        common::event::Told::default(),
        "the tick tells it"
    );
}

#[tokio::test]
async fn a_connected_link_is_used_up() {
    let world = World::new();
    let link = world.link().await;
    Person::new(&world).connect(&link).await;
    let page = Person::new(&world).get(&link).await;
    assert_eq!(page.status_code, 410);
    assert!(page.body.contains("This link has been used"));
}

#[tokio::test]
async fn loading_again_going_back_and_clicking_twice_change_nothing() {
    let world = World::new();
    let mut person = Person::new(&world);
    let authorize = person.begin(&world.link().await).await;
    let (code, state) = world.entra.sign_in(&authorize);
    let fields = [("code", &*code), ("state", &*state)];
    let first = person.return_with(&fields).await;
    let (stored, states) = (world.stored(), world.state());
    let again = person.return_with(&fields).await;
    assert_eq!(again.body, first.body);
    assert_eq!((world.stored(), world.state()), (stored, states));
    assert_eq!(world.entra.token_requests(), 1);
    let without_attempt = "https://mail.contoso.com/oauth/result".parse().unwrap();
    assert_eq!(person.get(&without_attempt).await.body, first.body);
}

#[tokio::test]
async fn an_answer_by_query_counts_as_one_by_form() {
    let world = World::new();
    let mut person = Person::new(&world);
    let authorize = person.begin(&world.link().await).await;
    let (code, state) = world.entra.sign_in(&authorize);
    let mut url = super::person::callback();
    url.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("state", &state);
    let back = person.get(&url).await;
    assert!(person.follow(&back).await.body.contains("is connected"));
}

#[tokio::test(start_paused = true)]
async fn who_looks_too_early_waits_a_while_and_may_begin_again() {
    let world = World::new();
    let mut person = Person::new(&world);
    person.begin(&world.link().await).await;
    let begun = tokio::time::Instant::now();
    let page = person
        .get(&"https://mail.contoso.com/oauth/result".parse().unwrap())
        .await;
    assert_eq!(begun.elapsed().as_secs(), 10);
    assert!(page.body.contains("Waiting for the answer"));
    assert!(page.body.contains("Try again</a>"), "{}", page.body);
    assert!(
        !page.body.contains("http-equiv"),
        "a page that is read slowly must not load itself again"
    );
}

#[tokio::test(start_paused = true)]
async fn the_second_of_two_clicks_waits_for_the_result_of_the_first() {
    let world = World::new();
    let mut person = Person::new(&world);
    let authorize = person.begin(&world.link().await).await;
    let mut twin = Person::new(&world);
    twin.cookies = person.cookies.clone();
    let (code, state) = world.entra.sign_in(&authorize);
    world
        .entra
        .answer(|answers| answers.delay = std::time::Duration::from_secs(5));
    let fields = [("code", &*code), ("state", &*state)];
    let (first, second) = tokio::join!(person.return_with(&fields), twin.return_with(&fields));
    assert!(first.body.contains("is connected"), "{}", first.body);
    assert_eq!(second.body, first.body);
    assert_eq!(world.entra.token_requests(), 1);
}

#[tokio::test]
async fn two_people_at_once_see_each_their_own() {
    let world = World::new();
    let (mut one, mut other) = (Person::new(&world), Person::new(&world));
    let (first, second) = (world.link().await, world.link().await);
    let (a, b) = (one.begin(&first).await, other.begin(&second).await);
    let (code, state) = world.entra.sign_in(&b);
    let page = other
        .return_with(&[("code", &code), ("state", &state)])
        .await;
    assert!(page.body.contains("is connected"));
    let (_, state) = world.entra.sign_in(&a);
    let page = one
        .return_with(&[("error", "access_denied"), ("state", &state)])
        .await;
    assert!(page.body.contains("You did not agree"));
    assert_eq!(world.state().connection, Connection::Active);
}

#[tokio::test]
async fn two_tabs_of_one_browser_do_not_clash() {
    let world = World::new();
    let mut person = Person::new(&world);
    let link = world.link().await;
    let (first, second) = (person.begin(&link).await, person.begin(&link).await);
    assert_eq!(person.cookies.len(), 2);
    let (_, state) = world.entra.sign_in(&second);
    let page = person
        .return_with(&[("error", "access_denied"), ("state", &state)])
        .await;
    assert!(page.body.contains("You did not agree"));
    let (code, state) = world.entra.sign_in(&first);
    let page = person
        .return_with(&[("code", &code), ("state", &state)])
        .await;
    assert!(page.body.contains("is connected"));
    let unclear = person
        .get(&"https://mail.contoso.com/oauth/result".parse().unwrap())
        .await;
    assert_eq!(
        unclear.status_code, 404,
        "two results, and nothing says which"
    );
}

#[tokio::test]
async fn where_a_person_switches_on_a_proven_mailbox_stays_paused() {
    let world = World::new();
    world.set_settings(r#""activate":"manual""#);
    let page = Person::new(&world).connect(&world.link().await).await;
    assert!(
        page.body.contains("<code>operator resume billing</code>"),
        "{}",
        page.body
    );
    let state = world.state();
    assert_eq!((state.connection, state.paused), (Connection::Active, true));
    assert_eq!(*world.valves.lock().unwrap(), [Valve::Closed]);
    let calls = world.states.calls.made();
    let place = |verb| calls.iter().position(|call| call.starts_with(verb));
    assert!(
        place("pause") < place("change"),
        "the valve must not open for a moment"
    );
}

#[tokio::test]
async fn a_valve_that_sticks_is_left_to_the_next_tick() {
    let world = World::new();
    *world.is_valve_stuck.lock().unwrap() = true;
    let page = Person::new(&world).connect(&world.link().await).await;
    assert!(page.body.contains("is connected") && page.body.contains("within the next minutes"));
    assert_eq!(world.state().connection, Connection::Active);
}

#[tokio::test]
async fn a_large_token_comes_with_a_warning() {
    let world = World::new();
    world
        .entra
        .answer(|answers| answers.access_token = "x".repeat(4096));
    let page = Person::new(&world).connect(&world.link().await).await;
    assert!(
        page.body.contains("4,096 characters, good for") && !page.body.contains("unusually long")
    );
    world.entra.answer(|answers| answers.access_token.push('x'));
    let page = Person::new(&world).connect(&world.link().await).await;
    assert!(
        page.body.contains("4,097 characters, good for") && page.body.contains("unusually long")
    );
    assert!(page.body.contains("out of groups that it does not need"));
    assert_eq!(Kept::LARGE, 4096);
}

#[tokio::test]
async fn an_answer_without_scopes_grants_what_was_asked_for() {
    let world = World::new();
    world.entra.answer(|answers| answers.scopes = None);
    Person::new(&world).connect(&world.link().await).await;
    let (grant, _) = world.stored().unwrap();
    assert_eq!(
        grant["scopes"],
        "https://outlook.office.com/SMTP.Send offline_access openid profile"
    );
}

#[tokio::test]
async fn a_new_consent_replaces_the_grant_and_keeps_to_the_account() {
    let world = World::new();
    Person::new(&world).connect(&world.link().await).await;
    let (before, _) = world.stored().unwrap();
    // Renamed in the directory since.
    world.entra.answer(|answers| {
        answers.claims = vec![("preferred_username", "renamed@contoso.com".into())]
    });
    Person::new(&world).connect(&world.link().await).await;
    let (after, tokens) = world.stored().unwrap();
    assert_ne!(before["grant_id"], after["grant_id"]);
    assert_eq!(after["grant_id"], tokens["grant_id"]);
    assert_eq!(world.state().grant_id.unwrap().as_str(), after["grant_id"]);
}

#[tokio::test]
async fn pages_below_a_path_of_their_host_are_found_with_and_without_it() {
    let mut world = World::new();
    world.base = PublicUrl::parse("https://contoso.com/mail").unwrap();
    for path in ["/oauth/start", "/mail/oauth/start"] {
        let event = serde_json::json!({
            "rawPath": path, "rawQueryString": "", "requestContext": { "http": { "method": "GET" } },
        });
        let event: crate::event::Event = serde_json::from_value(event).unwrap();
        let answer = handle(&world, event.into()).await;
        assert!(answer.body.contains("A link is needed"), "{path}");
    }
}

#[tokio::test]
async fn the_page_promises_only_what_the_scopes_hold_to() {
    let world = World::new();
    let link = world.link().await;
    let page = Person::new(&world).get(&link).await;
    assert!(page.body.contains("Not to read any."), "{}", page.body);
    world.set_settings(
        r#""scopes":"https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send offline_access openid profile""#,
    );
    let page = Person::new(&world).get(&link).await;
    assert!(
        !page.body.contains("Not to read any.") && page.body.contains("asks for more"),
        "{}",
        page.body
    );
}
