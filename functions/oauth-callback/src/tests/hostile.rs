//! What does not come from the right person in the right browser at the right time.

use proptest::prelude::*;
use url::Url;

use super::person::{callback, form};
use super::{Person, World};
use crate::words::Notice;

fn url(path: &str) -> Url {
    format!("https://mail.contoso.com{path}").parse().unwrap()
}

#[tokio::test]
async fn opening_the_link_changes_nothing_however_often() {
    let world = World::new();
    let link = world.link().await;
    world.consents.calls.forget();
    for _ in 0..20 {
        let page = Person::new(&world).get(&link).await;
        assert_eq!(page.status_code, 200);
        assert!(page.cookies.is_empty());
    }
    assert!(
        world
            .consents
            .calls
            .made()
            .iter()
            .all(|call| call == "look at ticket")
    );
    assert!(
        Person::new(&world)
            .connect(&link)
            .await
            .body
            .contains("is connected")
    );
}

#[tokio::test]
async fn a_link_that_is_not_ours_opens_nothing() {
    let world = World::new();
    let link = world.link().await;
    let last = if link.as_str().ends_with('0') {
        '1'
    } else {
        '0'
    };
    let changed = Url::parse(&format!(
        "{}{last}",
        &link.as_str()[..link.as_str().len() - 1]
    ))
    .unwrap();
    let twice = Url::parse(&format!("{link}&ticket=x")).unwrap();
    for link in [
        url("/oauth/start?ticket=x"),
        changed,
        url(&format!("/oauth/start?ticket={}", "0".repeat(64))),
    ] {
        for page in [
            Person::new(&world).get(&link).await,
            Person::new(&world).post(&link, &[]).await,
        ] {
            assert_eq!(page.status_code, 404);
            assert!(page.body.contains("This link is not valid"));
        }
    }
    for link in [url("/oauth/start"), twice] {
        assert_eq!(Person::new(&world).get(&link).await.status_code, 400);
    }
    world.advance(15);
    let page = Person::new(&world).get(&link).await;
    assert_eq!(page.status_code, 410);
    assert!(page.body.contains("This link has expired"));
}

#[tokio::test]
async fn a_form_of_another_site_begins_nothing() {
    let world = World::new();
    let link = world.link().await;
    for site in ["cross-site", "same-site"] {
        let page = Person::new(&world)
            .request("POST", &link, None, &[("Sec-Fetch-Site", site)])
            .await;
        assert_eq!(page.status_code, 403);
    }
    assert_eq!(world.consents.attempts(), 0);
    let page = Person::new(&world)
        .request("POST", &link, None, &[("sec-fetch-site", "same-origin")])
        .await;
    assert_eq!(page.status_code, 200);
}

/// An answer that is not good for anything: its own page, no token request, nothing stored.
async fn is_refused(world: &World, person: &mut Person<'_>, state: &str, status: u16, title: &str) {
    let page = person
        .post(&callback(), &[("code", "canary-code-0"), ("state", state)])
        .await;
    assert_eq!(page.status_code, status, "{}", page.body);
    assert!(page.body.contains(title), "{title}: {}", page.body);
    assert!(!page.body.contains(state) && !page.body.contains("canary"));
    assert_eq!(world.entra.token_requests(), 0);
    world.assert_nothing_stored();
}

#[tokio::test]
async fn an_altered_state_is_not_known() {
    let world = World::new();
    let mut person = Person::new(&world);
    let authorize = person.begin(&world.link().await).await;
    let (_, state) = world.entra.sign_in(&authorize);
    let last = if state.ends_with('0') { '1' } else { '0' };
    let altered = format!("{}{last}", &state[..63]);
    is_refused(
        &world,
        &mut person,
        &altered,
        400,
        "This sign-in is not known",
    )
    .await;
    is_refused(
        &world,
        &mut person,
        &state.to_uppercase().replace('0', "A"),
        400,
        "This sign-in is not known",
    )
    .await;
    is_refused(
        &world,
        &mut person,
        "<b>state</b>",
        400,
        "This sign-in is not known",
    )
    .await;
    assert_eq!(world.consents.attempts(), 1, "the real one is still good");
}

#[tokio::test]
async fn an_expired_state_says_so() {
    let world = World::new();
    let mut person = Person::new(&world);
    let authorize = person.begin(&world.link().await).await;
    let (_, state) = world.entra.sign_in(&authorize);
    world.advance(15);
    is_refused(
        &world,
        &mut person,
        &state,
        410,
        "The sign-in took too long",
    )
    .await;
}

#[tokio::test]
async fn a_state_of_another_browser_is_foreign_and_stays_good_in_its_own() {
    let world = World::new();
    let (mut owner, mut stranger) = (Person::new(&world), Person::new(&world));
    let link = world.link().await;
    let authorize = owner.begin(&link).await;
    let (code, state) = world.entra.sign_in(&authorize);
    is_refused(
        &world,
        &mut stranger,
        &state,
        403,
        "This sign-in began in another browser",
    )
    .await;
    // Not even with a cookie of the right name.
    let name = owner.cookies.keys().next().unwrap().clone();
    stranger.cookies.insert(name, "0".repeat(64));
    is_refused(
        &world,
        &mut stranger,
        &state,
        403,
        "This sign-in began in another browser",
    )
    .await;
    let page = owner
        .return_with(&[("code", &code), ("state", &state)])
        .await;
    assert!(page.body.contains("is connected"));
}

#[tokio::test]
async fn a_replayed_answer_redeems_nothing_and_shows_a_stranger_nothing() {
    let world = World::new();
    let mut person = Person::new(&world);
    let authorize = person.begin(&world.link().await).await;
    let (code, state) = world.entra.sign_in(&authorize);
    let fields = [("code", &*code), ("state", &*state)];
    person.return_with(&fields).await;
    let before = (world.stored(), world.state());
    let page = Person::new(&world).post(&callback(), &fields).await;
    assert_eq!(page.status_code, 410);
    assert!(page.body.contains("This sign-in was finished before"));
    assert_eq!(world.entra.token_requests(), 1);
    assert_eq!((world.stored(), world.state()), before);
}

#[tokio::test]
async fn a_result_is_shown_to_its_own_browser_for_a_while() {
    let world = World::new();
    let mut person = Person::new(&world);
    person.connect(&world.link().await).await;
    let result = url("/oauth/result");
    assert_eq!(Person::new(&world).get(&result).await.status_code, 404);
    let tag = person
        .cookies
        .keys()
        .next()
        .unwrap()
        .rsplit('-')
        .next()
        .unwrap()
        .to_owned();
    let named = url(&format!("/oauth/result?attempt={tag}"));
    assert_eq!(Person::new(&world).get(&named).await.status_code, 404);
    assert_eq!(person.get(&named).await.status_code, 200);
    world.advance(15);
    let page = person.get(&named).await;
    assert_eq!(page.status_code, 404);
    assert!(page.body.contains("There is nothing to show here"));
}

#[tokio::test]
async fn parameters_given_twice_in_the_wrong_place_or_in_another_form_count_as_absent() {
    let world = World::new();
    let mut person = Person::new(&world);
    let authorize = person.begin(&world.link().await).await;
    let (code, state) = world.entra.sign_in(&authorize);
    let good = form(&[("code", &code), ("state", &state)]);
    let in_query = url(&format!("/oauth/callback?{good}"));
    let long = format!("{good}&x={}", "x".repeat(64 * 1024));
    for (target, body, kind) in [
        (
            &callback(),
            Some(format!("{good}&state={state}")),
            "application/x-www-form-urlencoded",
        ),
        (&callback(), Some(good.clone()), "text/plain"),
        (&callback(), Some(long), "application/x-www-form-urlencoded"),
        (&in_query, None, "application/x-www-form-urlencoded"),
    ] {
        let page = person
            .request("POST", target, body.as_deref(), &[("content-type", kind)])
            .await;
        assert_eq!(page.status_code, 400, "{kind}");
    }
    assert_eq!(world.entra.token_requests(), 0);
    assert_eq!(world.consents.attempts(), 1);
    let page = person.return_with(&[("state", &state)]).await;
    assert!(
        page.body.contains("Microsoft refused the sign-in"),
        "neither code nor error"
    );
}

#[tokio::test]
async fn other_pages_and_other_methods_are_refused_with_the_same_headers() {
    let world = World::new();
    let mut person = Person::new(&world);
    for path in [
        "/",
        "/oauth",
        "/oauth/start/",
        "/favicon.ico",
        "/oauth/callback%00",
        "/OAUTH/start",
    ] {
        let page = person.get(&url(path)).await;
        assert_eq!(page.status_code, 404, "{path}");
    }
    for (path, method, allowed) in [
        ("/oauth/start", "PUT", "GET, POST"),
        ("/oauth/start", "HEAD", "GET, POST"),
        ("/oauth/callback", "DELETE", "GET, POST"),
        ("/oauth/result", "POST", "GET"),
    ] {
        let page = person.request(method, &url(path), None, &[]).await;
        assert_eq!(page.status_code, 405, "{method} {path}");
        assert_eq!(page.headers["allow"], allowed);
    }
}

#[test]
fn every_notice_has_words_of_its_own() {
    let titles: std::collections::BTreeSet<_> =
        Notice::ALL.iter().map(|notice| notice.title()).collect();
    assert_eq!(titles.len(), Notice::ALL.len());
    for notice in Notice::ALL {
        let body = crate::handler::notice(notice).body;
        for paragraph in notice.paragraphs() {
            assert!(paragraph.ends_with('.'), "{paragraph}");
        }
        assert_eq!(body.matches("<p>").count(), notice.paragraphs().len());
        assert!(!body.contains('`'), "{body}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// A marker wherever a browser can put one: no page repeats it.
    #[test]
    fn nothing_that_came_in_is_repeated(
        path in prop::sample::select(vec!["/oauth/start", "/oauth/callback", "/oauth/result", "/", "/mArKeR", "/oauth/mArKeR"]),
        method in prop::sample::select(vec!["GET", "POST", "PUT", "mArKeR"]),
        names in prop::collection::vec(
            prop::sample::select(vec!["ticket", "again", "state", "code", "error", "error_description", "iss", "attempt",
                "admin_consent", "tenant", "mArKeR"]), 0..6),
        ends in prop::collection::vec("[<>\"'&;%\\PC]{0,12}", 6),
        is_form in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let body = runtime.block_on(async {
            let world = World::new();
            let mut person = Person::new(&world);
            let authorize = person.begin(&world.link().await).await;
            let (_, state) = world.entra.sign_in(&authorize);
            let tag = person.cookies.keys().next().unwrap().rsplit('-').next().unwrap().to_owned();
            let values: Vec<String> = names.iter().zip(&ends).map(|(name, end)| match *name {
                "state" => state.clone(),
                "again" | "attempt" => tag.clone(),
                _ => format!("mArKeR{end}"),
            }).collect();
            let pairs: Vec<(&str, &str)> = names.iter().copied().zip(values.iter().map(String::as_str)).collect();
            let text = form(&pairs);
            let mut target = url(path);
            if !is_form {
                target.set_query(Some(&text));
            }
            person.cookies.insert("__Host-consent-mArKeR".to_owned(), "mArKeR".to_owned());
            let headers = [("x-forwarded-host", "mArKeR.example"), ("referer", "https://mArKeR.example"), ("accept-language", "mArKeR")];
            let answer = person.request(method, &target, is_form.then_some(&text), &headers).await;
            let mut shown = answer.body.clone();
            shown.extend(answer.headers.values().map(String::as_str));
            if answer.status_code == 303 {
                shown.push_str(&person.follow(&answer).await.body);
            }
            shown
        });
        prop_assert!(!body.to_ascii_lowercase().contains("marker"), "{}", body);
    }
}
