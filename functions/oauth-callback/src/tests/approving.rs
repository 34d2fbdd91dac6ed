//! An administrator approves the app for a directory; no mailbox is connected by it.

use common::consent::Purpose;
use url::Url;

use super::person::{callback, href};
use super::world::TENANT;
use super::{Person, World};
use crate::event::Answer;

/// Comes back from the administrators' page, as Microsoft sends its answer: by query.
async fn return_with(person: &mut Person<'_>, fields: &[(&str, &str)]) -> Answer {
    let mut url = callback();
    url.query_pairs_mut().extend_pairs(fields);
    let back = person.get(&url).await;
    if back.status_code == 303 {
        person.follow(&back).await
    } else {
        back
    }
}

/// Begins an approval; answers the address at Microsoft and its state.
async fn begin(person: &mut Person<'_>, link: &Url) -> (Url, String) {
    let url = person.begin(link).await;
    let state = url.query_pairs().find(|(name, _)| name == "state");
    let state = state.unwrap().1.into_owned();
    (url, state)
}

#[tokio::test]
async fn an_approval_by_the_right_directory_stores_nothing_and_leads_on_to_connect() {
    let world = World::new();
    let mut admin = Person::new(&world);
    let link = world.link_for(Purpose::Approval).await;
    let page = admin.get(&link).await;
    for words in [
        "Approve the app for your organization",
        "contoso.com",
        "connects no mailbox",
    ] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    let (url, state) = begin(&mut admin, &link).await;
    assert!(
        url.as_str()
            .starts_with("https://login.microsoftonline.com/contoso.com/v2.0/adminconsent?"),
        "{url}"
    );
    let answer = [
        ("admin_consent", "True"),
        ("tenant", &*TENANT.to_uppercase()),
        ("state", &*state),
    ];
    let page = return_with(&mut admin, &answer).await;
    assert!(page.body.contains("The app is approved"), "{}", page.body);
    assert_eq!(world.entra.token_requests(), 0);
    world.assert_nothing_stored();

    let again = return_with(&mut admin, &answer).await;
    assert_eq!(again.body, page.body, "loading again does no harm");
    let now = href(&page, "Connect the mailbox now");
    let page = admin.connect(&now).await;
    assert!(page.body.contains("is connected"), "{}", page.body);
}

#[tokio::test]
async fn an_approval_by_another_directory_is_told_apart() {
    let world = World::new();
    let mut admin = Person::new(&world);
    let link = world.link_for(Purpose::Approval).await;
    let (_, state) = begin(&mut admin, &link).await;
    let other = "9188040d-6c67-4c5b-b112-36a304b66dad";
    let page = return_with(
        &mut admin,
        &[
            ("admin_consent", "True"),
            ("tenant", other),
            ("state", &state),
        ],
    )
    .await;
    assert!(
        page.body
            .contains("Another organization has approved the app"),
        "{}",
        page.body
    );
    assert!(!page.body.contains(other));
    world.assert_nothing_stored();
    let again = href(&page, "Try again");
    assert!(again.as_str().contains("for=approval"), "{again}");
}

#[tokio::test]
async fn an_administrator_who_cancels_or_is_none_is_told_what_an_administrator_can_do() {
    for (error, description, title) in [
        ("access_denied", "AADSTS65004", "The app was not approved"),
        (
            "access_denied",
            "AADSTS90094",
            "An administrator has to approve",
        ),
    ] {
        let world = World::new();
        let mut admin = Person::new(&world);
        let link = world.link_for(Purpose::Approval).await;
        let (_, state) = begin(&mut admin, &link).await;
        let fields = [
            ("error", error),
            ("error_description", description),
            ("state", &*state),
        ];
        let page = return_with(&mut admin, &fields).await;
        assert!(page.body.contains(title), "{title}: {}", page.body);
        assert!(
            page.body
                .contains("as an administrator of the organization")
                && !page.body.contains("What was checked"),
            "{}",
            page.body
        );
        world.assert_nothing_stored();
    }
}

#[tokio::test]
async fn an_answer_of_the_wrong_kind_is_worth_nothing() {
    let world = World::new();
    let mut person = Person::new(&world);
    let approval = world.link_for(Purpose::Approval).await;
    let (_, state) = begin(&mut person, &approval).await;
    let page = return_with(&mut person, &[("code", "canary-code-0"), ("state", &state)]).await;
    assert!(
        page.body.contains("Microsoft refused the sign-in"),
        "a code for an approval: {}",
        page.body
    );
    let connection = world.link().await;
    let (_, state) = begin(&mut person, &connection).await;
    let fields = [
        ("admin_consent", "True"),
        ("tenant", TENANT),
        ("state", &*state),
    ];
    let page = return_with(&mut person, &fields).await;
    assert!(
        page.body.contains("Microsoft refused the sign-in"),
        "an approval for a connection: {}",
        page.body
    );
    assert_eq!(world.entra.token_requests(), 0);
    world.assert_nothing_stored();
}

#[tokio::test]
async fn who_needs_an_administrator_may_go_on_as_one_in_the_same_browser() {
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
    let approve = href(&page, "Approve as an administrator");
    let (_, state) = begin(&mut person, &approve).await;
    let answer = [
        ("admin_consent", "True"),
        ("tenant", TENANT),
        ("state", &*state),
    ];
    let page = return_with(&mut person, &answer).await;
    let page = person
        .connect(&href(&page, "Connect the mailbox now"))
        .await;
    assert!(page.body.contains("is connected"), "{}", page.body);
}

#[tokio::test]
async fn a_provider_without_administrators_has_nothing_to_approve() {
    let world = World::new();
    world.set_settings(r#""authorize_endpoint":"https://id.contoso.com/authorize""#);
    let link = world.link_for(Purpose::Approval).await;
    for page in [
        Person::new(&world).get(&link).await,
        Person::new(&world).post(&link, &[]).await,
    ] {
        assert_eq!(page.status_code, 404);
        assert!(page.body.contains("There is nothing to approve"));
    }
    assert_eq!(world.consents.attempts(), 0);
}
