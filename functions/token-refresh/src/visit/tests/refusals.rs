//! What a refused or unanswered renewal leaves behind.

use std::time::Duration;

use common::class::Class;
use common::mailbox::Connection;
use common::vault::Version;

use super::world::World;
use crate::visit::{Found, Occasion};

/// Every class that a token endpoint can refuse with, and whether only a new consent helps.
const REFUSALS: [(Class, &str, &str); 4] = [
    (Class::ConsentRevoked, "invalid_grant", "needs_consent"),
    (
        Class::InteractionRequired,
        "interaction_required",
        "needs_consent",
    ),
    (Class::ClientCredentialRefused, "invalid_client", "blocked"),
    (Class::AppMisconfigured, "unauthorized_client", "blocked"),
];

#[tokio::test]
async fn a_refusal_stops_the_mailbox_and_a_renewal_that_works_again_heals_it() {
    for (class, error, connection) in REFUSALS {
        let world = World::connected().await;
        world.pass(50);
        world.issuer.inner().refuses = Some((class, error));
        assert_eq!(world.tick().await, Found::Refused);
        let first = world.state().connection;
        assert_eq!(first.as_str(), connection);
        let stop = first.stop().unwrap();
        assert_eq!(stop.class, class);
        assert!(stop.reason.contains("correlation-1"), "{}", stop.reason);
        let mut asked = Vec::new();
        for minutes in (5..=240).step_by(5) {
            let before = world.count("redeem");
            let found = world.next_tick().await;
            assert_eq!(world.state().connection, first, "the stop keeps its time");
            if world.count("redeem") > before {
                assert_eq!(found, Found::Refused);
                asked.push(minutes);
            }
        }
        assert_eq!(asked, [5, 10, 20, 40, 80, 140, 200], "the waits double");
        assert_eq!(world.writes(), [1, 1]);
        world.pass(20);
        world.issuer.inner().refuses = None;
        assert_eq!(world.next_tick().await, Found::Refreshed);
        world.assert_sends("g-1", error).await;
    }
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_changes_nothing() {
    let world = World::connected().await;
    world.issuer.inner().is_down = true;
    world.pass(50);
    let (state, writes) = (world.state(), world.writes());
    for _ in 0..4 {
        assert_eq!(world.next_tick().await, Found::Unavailable);
    }
    assert_eq!((world.state(), world.writes()), (state, writes));
    world.issuer.inner().is_down = false;
    assert_eq!(world.next_tick().await, Found::Refreshed);
    world.assert_sends("g-1", "").await;
}

#[tokio::test]
async fn a_provider_that_asks_to_wait_is_asked_nothing_until_then() {
    for (asks, waits) in [(12, 15), (24 * 60, 15)] {
        let world = World::connected().await;
        world.issuer.inner().is_down = true;
        world.issuer.inner().retry_after = Some(Duration::from_secs(asks * 60));
        world.pass(40);
        assert_eq!(world.tick().await, Found::Unavailable);
        world.issuer.inner().is_down = false;
        let version = world.tokens().await.version;
        let mut minutes = 5;
        while world.next_tick().await == Found::Unavailable {
            assert_eq!(complain(&world, version.clone()).await, Found::Unavailable);
            minutes += 5;
        }
        assert_eq!(minutes, waits, "of {asks} minutes");
        assert_eq!(world.count("redeem"), 2);
        world.assert_sends("g-1", "").await;
    }
}

/// Complains about the token while it has most of its life before it.
async fn complain(world: &World, version: Version) -> Found {
    world.visit(Occasion::Stale(version)).await.unwrap().0
}

#[tokio::test]
async fn a_dead_grant_is_not_healed_by_the_access_token_it_left_behind() {
    let world = World::connected().await;
    world.issuer.inner().alive.clear();
    let version = world.tokens().await.version;
    assert_eq!(complain(&world, version).await, Found::Refused);
    let stopped = world.state().connection;
    for _ in 0..5 {
        world.next_tick().await;
        assert_eq!(world.state().connection, stopped);
    }
    assert_eq!(world.count("prove"), 0);
    world.consent("g-2").await;
    world.tick().await;
    world.assert_sends("g-2", "").await;
}

#[tokio::test]
async fn a_refused_renewal_is_tried_again_while_the_old_token_lives() {
    let world = World::connected().await;
    world.issuer.inner().refuses = Some((Class::ClientCredentialRefused, "invalid_client"));
    let version = world.tokens().await.version;
    assert_eq!(complain(&world, version).await, Found::Refused);
    world.issuer.inner().refuses = None;
    assert_eq!(world.next_tick().await, Found::Refreshed);
    world.assert_sends("g-1", "").await;
}

/// A mailbox whose newest refresh token is refused, while the one before it is good.
async fn rolled_back(world: &World) {
    world.pass(50);
    world.tick().await;
    world.pass(50);
    let newest = world.grant().await.refresh_token;
    world.issuer.inner().alive.remove(newest.expose());
    world.issuer.inner().presented.clear();
}

#[tokio::test]
async fn at_microsoft_the_refresh_token_before_an_invalid_one_is_tried_once() {
    let world = World::connected().await;
    rolled_back(&world).await;
    assert_eq!(world.tick().await, Found::Refreshed);
    assert_eq!(
        world.issuer.inner().presented,
        ["refresh canary 2", "refresh canary 1"]
    );
    assert_eq!(
        world.grant().await.seq,
        2,
        "the line goes on where it stood"
    );
    world.assert_sends("g-1", "").await;

    rolled_back(&world).await;
    world.issuer.inner().alive.clear();
    for _ in 0..3 {
        world.next_tick().await;
    }
    assert_eq!(world.state().connection.as_str(), "needs_consent");
    assert_eq!(
        world.issuer.inner().presented.len(),
        4,
        "the one before it once, the current one at every try"
    );
}

#[tokio::test]
async fn the_token_before_it_keeps_its_place_where_the_answer_brings_no_new_one() {
    let world = World::connected().await;
    rolled_back(&world).await;
    world.issuer.inner().rotates = false;
    assert_eq!(world.tick().await, Found::Refreshed);
    assert_eq!(
        world.grant().await.refresh_token.expose(),
        "refresh canary 1"
    );
    world.assert_sends("g-1", "").await;
}

#[tokio::test]
async fn elsewhere_and_for_other_refusals_no_older_token_is_shown_to_anybody() {
    let elsewhere = r#""more":{"token_endpoint":"https://login.fabrikam.com/token"}"#;
    let world = World::connected().await.with(elsewhere);
    rolled_back(&world).await;
    assert_eq!(world.tick().await, Found::Refused);
    assert_eq!(world.issuer.inner().presented, ["refresh canary 2"]);

    let world = World::connected().await;
    rolled_back(&world).await;
    world.issuer.inner().refuses = Some((Class::ClientCredentialRefused, "invalid_client"));
    assert_eq!(world.tick().await, Found::Refused);
    assert_eq!(world.issuer.inner().presented, ["refresh canary 2"]);
}

#[tokio::test]
async fn the_token_of_an_older_consent_is_never_tried() {
    let world = World::connected().await;
    world.consent("g-2").await;
    world.pass(50);
    world.issuer.inner().alive.remove("refresh canary 2");
    assert_eq!(world.tick().await, Found::Refused);
    assert_eq!(world.issuer.inner().presented, ["refresh canary 2"]);
    assert!(matches!(
        world.state().connection,
        Connection::NeedsConsent(_)
    ));
}

#[tokio::test]
async fn an_outage_while_the_older_token_is_tried_proves_nothing() {
    let world = World::connected().await;
    rolled_back(&world).await;
    // The provider falls silent after the first request.
    let whole = {
        let world = World::connected().await;
        rolled_back(&world).await;
        world.calls.forget();
        world.tick().await;
        world.calls.made()
    };
    let second = whole.iter().rposition(|call| call == "redeem ").unwrap();
    world.calls.break_after(second);
    let answer = world.visit(Occasion::Tick).await;
    assert!(answer.is_err() || answer.unwrap().0 == Found::Unavailable);
    world.calls.repair();
    assert_eq!(world.state().connection, Connection::Active);
    assert_eq!(world.next_tick().await, Found::Refreshed);
    world.assert_sends("g-1", "").await;
}
