//! Everybody else is told why not, and nothing is stored.

use serde_json::Value;

use super::person::href;
use super::world::Answers;
use super::{Person, World};

/// The provider's answer to the code is spoilt; the page says `title` and mentions `remedy`.
async fn check(spoil: impl FnOnce(&mut Answers), title: &str, remedy: &str) {
    let world = World::new();
    world.entra.answer(spoil);
    let page = Person::new(&world).connect(&world.link().await).await;
    assert!(
        page.body.contains(&format!("<h1>{title}</h1>")),
        "{title}: {}",
        page.body
    );
    assert!(page.body.contains(remedy), "{remedy}: {}", page.body);
    assert!(page.body.contains("Nothing was stored"), "{}", page.body);
    assert!(page.body.contains(">Try again</a>"), "{}", page.body);
    world.assert_nothing_stored();
}

fn claim(name: &'static str, value: impl Into<Value>) -> impl FnOnce(&mut Answers) {
    let value = value.into();
    move |answers| answers.claims = vec![(name, value)]
}

#[tokio::test]
async fn another_account_is_refused() {
    check(
        claim("preferred_username", "anna@contoso.com"),
        "That is another account",
        "choose svc-billing@contoso.com",
    )
    .await;
}

#[tokio::test]
async fn another_directory_is_refused_in_words_of_its_own() {
    let other = "9188040d-6c67-4c5b-b112-36a304b66dad";
    check(
        claim("tid", other),
        "That account is from another organization",
        "choose svc-billing@contoso.com",
    )
    .await;
}

#[tokio::test]
async fn an_id_token_that_proves_nothing_is_refused() {
    let title = "Microsoft did not say who signed in";
    check(
        |answers| answers.has_id_token = false,
        title,
        "<code>profile</code>",
    )
    .await;
    check(claim("nonce", "0".repeat(64)), title, "<code>openid</code>").await;
    check(claim("aud", "another-app"), title, "").await;
    check(claim("iss", "https://login.evil.example/v2.0"), title, "").await;
    check(claim("exp", 1_700_000_000), title, "").await;
    check(claim("oid", Value::Null), title, "").await;
}

#[tokio::test]
async fn a_permission_that_would_not_last_or_not_send_is_refused() {
    check(
        |answers| answers.refresh_token = None,
        "The permission would not last",
        "registered as Web",
    )
    .await;
    check(
        |answers| answers.scopes = Some("openid profile"),
        "The permission to send is missing",
        "<code>SMTP.Send</code>",
    )
    .await;
}

#[tokio::test]
async fn what_the_token_endpoint_refuses_is_told_apart() {
    for (error, title) in [
        ("invalid_grant", "The sign-in was too old"),
        (
            "invalid_client",
            "Microsoft does not accept the client secret",
        ),
        ("interaction_required", "A sign-in policy stopped you"),
        ("consent_required", "The app has no consent yet"),
        ("invalid_scope", "The app registration does not fit"),
        (
            "temporarily_unavailable",
            "Microsoft did not answer in time",
        ),
    ] {
        check(|answers| answers.error = Some(error), title, "").await;
    }
    check(
        |answers| answers.is_silent = true,
        "Microsoft did not answer in time",
        "Try again in a minute",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_takes_too_long_is_not_waited_for() {
    let slow = |answers: &mut Answers| answers.delay = std::time::Duration::from_secs(9);
    check(slow, "Microsoft did not answer in time", "").await;
}

#[tokio::test]
async fn an_error_at_the_provider_is_told_in_our_words_and_asks_for_no_tokens() {
    for (error, description, title) in [
        ("access_denied", "AADSTS65004: canary", "You did not agree"),
        (
            "access_denied",
            "AADSTS90094: canary",
            "An administrator has to approve",
        ),
        (
            "consent_required",
            "AADSTS65001: canary",
            "The app has no consent yet",
        ),
        (
            "interaction_required",
            "AADSTS53003: canary",
            "A sign-in policy stopped you",
        ),
        (
            "access_denied",
            "AADSTS50105: canary",
            "The account is not assigned to the app",
        ),
        (
            "access_denied",
            "AADSTS50020: canary",
            "The account cannot sign in here",
        ),
        (
            "invalid_request",
            "canary",
            "The app registration does not fit",
        ),
        (
            "temporarily_unavailable",
            "canary",
            "Microsoft did not answer in time",
        ),
        ("canary", "canary", "Microsoft refused the sign-in"),
    ] {
        let world = World::new();
        let mut person = Person::new(&world);
        let authorize = person.begin(&world.link().await).await;
        let (_, state) = world.entra.sign_in(&authorize);
        let fields = [
            ("error", error),
            ("error_description", description),
            ("state", &*state),
        ];
        let page = person.return_with(&fields).await;
        assert!(page.body.contains(title), "{title}: {}", page.body);
        assert!(
            !page.body.contains("canary") && !page.body.contains("AADSTS"),
            "{}",
            page.body
        );
        assert_eq!(world.entra.token_requests(), 0);
        world.assert_nothing_stored();
    }
}

#[tokio::test]
async fn who_needs_an_administrator_gets_the_address_to_pass_on() {
    let world = World::new();
    let mut person = Person::new(&world);
    let authorize = person.begin(&world.link().await).await;
    let (_, state) = world.entra.sign_in(&authorize);
    let fields = [
        ("error", "access_denied"),
        ("error_description", "AADSTS90094"),
        ("state", &*state),
    ];
    let page = person.return_with(&fields).await;
    assert!(
        page.body.contains(
            "https://login.microsoftonline.com/contoso.com/v2.0/adminconsent?client_id=app&#38;"
        ),
        "{}",
        page.body
    );
    // The administrator is another person, who comes back without state and cookie.
    let approved = "https://mail.contoso.com/oauth/callback?admin_consent=True&tenant=canary"
        .parse()
        .unwrap();
    let page = Person::new(&world).get(&approved).await;
    assert_eq!(page.status_code, 200);
    assert!(page.body.contains("no mailbox is connected by it") && !page.body.contains("canary"));
    world.assert_nothing_stored();
}

#[tokio::test]
async fn after_a_wrong_account_the_next_attempt_lets_the_person_choose() {
    let world = World::new();
    let mut person = Person::new(&world);
    let link = world.link().await;
    world
        .entra
        .answer(claim("preferred_username", "anna@contoso.com"));
    let page = person.connect(&link).await;
    let again = href(&page, "Try again");
    assert!(!again.as_str().contains("ticket"), "{again}");
    let authorize = person.begin(&again).await;
    let query = authorize.query().unwrap();
    assert!(
        query.contains("prompt=select_account") && !query.contains("login_hint"),
        "{query}"
    );
    world.entra.answer(|answers| answers.claims.clear());
    let (code, state) = world.entra.sign_in(&authorize);
    let page = person
        .return_with(&[("code", &code), ("state", &state)])
        .await;
    assert!(page.body.contains("is connected"), "{}", page.body);
    assert_eq!(Person::new(&world).get(&link).await.status_code, 410);
}

#[tokio::test]
async fn after_another_refusal_the_account_is_suggested_again() {
    let world = World::new();
    let mut person = Person::new(&world);
    let authorize = person.begin(&world.link().await).await;
    assert!(
        authorize
            .query()
            .unwrap()
            .contains("login_hint=svc-billing%40contoso.com")
    );
    let (_, state) = world.entra.sign_in(&authorize);
    let page = person
        .return_with(&[("error", "access_denied"), ("state", &state)])
        .await;
    let authorize = person.begin(&href(&page, "Try again")).await;
    assert!(authorize.query().unwrap().contains("login_hint="));
}

#[tokio::test]
async fn the_name_given_to_somebody_else_does_not_open_the_mailbox() {
    let world = World::new();
    Person::new(&world).connect(&world.link().await).await;
    let before = world.stored();
    world.entra.answer(claim("oid", "o-2"));
    let page = Person::new(&world).connect(&world.link().await).await;
    assert!(
        page.body.contains("That is not the account from before"),
        "{}",
        page.body
    );
    assert_eq!(world.stored(), before);
}

#[tokio::test]
async fn an_answer_of_another_issuer_is_not_redeemed() {
    let world = World::new();
    for (issuer, title, requests) in [
        (
            "https://login.evil.example/v2.0",
            "The answer came from somebody else",
            0,
        ),
        (
            &*format!(
                "https://login.microsoftonline.com/{}/v2.0",
                super::world::TENANT
            ),
            "is connected",
            1,
        ),
    ] {
        let mut person = Person::new(&world);
        let authorize = person.begin(&world.link().await).await;
        let (code, state) = world.entra.sign_in(&authorize);
        let page = person
            .return_with(&[("code", &code), ("state", &state), ("iss", issuer)])
            .await;
        assert!(page.body.contains(title), "{}", page.body);
        assert_eq!(world.entra.token_requests(), requests);
    }
}

#[tokio::test]
async fn a_link_is_good_for_five_attempts() {
    let world = World::new();
    let mut person = Person::new(&world);
    let link = world.link().await;
    for _ in 0..4 {
        person.begin(&link).await;
    }
    let authorize = person.begin(&link).await;
    let sixth = person.post(&link, &[]).await;
    assert_eq!(sixth.status_code, 410);
    assert!(sixth.body.contains("This link was tried too often"));
    let (_, state) = world.entra.sign_in(&authorize);
    let page = person
        .return_with(&[("error", "access_denied"), ("state", &state)])
        .await;
    assert!(
        !page.body.contains("Try again</a>") && page.body.contains("ask for a new one"),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn a_mailbox_that_is_not_ready_sends_nobody_to_microsoft() {
    let world = World::new();
    let link = world.link().await;
    *world.client_secret.lock().unwrap() = "2f1c0a7e-5b9d-4a3e-9c1d-0e8f7a6b5c4d".to_owned();
    for page in [
        Person::new(&world).get(&link).await,
        Person::new(&world).post(&link, &[]).await,
    ] {
        assert_eq!(page.status_code, 503);
        assert!(
            page.body.contains("The client secret is missing"),
            "{}",
            page.body
        );
    }
    *world.settings.lock().unwrap() = "{}".to_owned();
    let page = Person::new(&world).post(&link, &[]).await;
    assert!(
        page.body.contains("The mailbox is not set up yet"),
        "{}",
        page.body
    );
    assert_eq!(world.consents.attempts(), 0);
    assert!(
        !world
            .consents
            .calls
            .made()
            .iter()
            .any(|call| call.starts_with("count")),
        "the link is as good as before"
    );
}
