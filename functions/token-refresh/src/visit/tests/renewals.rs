//! When a token is renewed, and what is stored then.

use common::mailbox::Connection;
use jiff::SignedDuration;

use super::world::World;
use crate::visit::{Found, Occasion};

#[tokio::test]
async fn a_mailbox_that_nobody_consented_to_is_left_alone() {
    let world = World::deployed();
    assert_eq!(world.tick().await, Found::AwaitingConsent);
    assert_eq!(world.state().connection, Connection::AwaitingConsent);
    assert_eq!(world.count("redeem") + world.count("prove"), 0);
}

#[tokio::test]
async fn a_fresh_token_is_left_alone_and_costs_no_call_to_the_provider() {
    let world = World::connected().await;
    assert_eq!(world.tick().await, Found::Fresh);
    let calls = world.calls.made();
    assert!(
        calls.iter().all(|call| call.starts_with("read ")),
        "{calls:?}"
    );
    world.assert_sends("g-1", "").await;
}

#[tokio::test]
async fn a_token_is_due_in_its_last_30_minutes_or_in_the_second_half_of_its_life() {
    for (life, renewed_at) in [(90, 61), (75, 46), (60, 31), (20, 11)] {
        let world = World::deployed();
        world.issuer.inner().life = SignedDuration::from_mins(life);
        world.consent("g-1").await;
        let mut minutes = 0;
        while world.tick().await == Found::Fresh {
            world.pass(1);
            minutes += 1;
        }
        assert_eq!(minutes, renewed_at, "of a token of {life} minutes");
        world.assert_sends("g-1", "").await;
    }
}

#[tokio::test]
async fn a_complaint_renews_the_token_it_is_about_and_no_other() {
    let world = World::connected().await;
    let seen = world.tokens().await.version;
    for found in [Found::Refreshed, Found::Fresh, Found::Fresh] {
        let answer = world.visit(Occasion::Stale(seen.clone())).await.unwrap();
        assert_eq!(answer.0, found);
    }
    assert_eq!(world.count("redeem"), 1);
    assert_ne!(world.tokens().await.version, seen);
    world.assert_sends("g-1", "").await;
}

#[tokio::test]
async fn the_new_refresh_token_is_stored_before_the_new_access_token() {
    let world = World::connected().await;
    world.pass(50);
    assert_eq!(world.tick().await, Found::Refreshed);
    let calls = world.calls.made();
    let writes: Vec<_> = calls
        .iter()
        .filter(|call| !call.starts_with("read") && !call.starts_with("describe"))
        .collect();
    assert_eq!(
        writes,
        [
            "begin renewal billing",
            "redeem ",
            "put pillarbox/mailboxes/billing/grant",
            "promote pillarbox/mailboxes/billing/grant",
            "put pillarbox/mailboxes/billing/access-token",
            "promote pillarbox/mailboxes/billing/access-token",
            "end renewal billing",
            "refreshed billing",
        ]
    );
    let (grant, tokens) = (world.grant().await, world.tokens().await.value);
    assert_eq!((grant.seq, tokens.seq), (1, 1));
    world.assert_sends("g-1", "").await;
}

#[tokio::test]
async fn an_answer_without_a_refresh_token_keeps_the_old_one() {
    let world = World::connected().await;
    let before = world.grant().await;
    world.issuer.inner().rotates = false;
    for seq in 1..4 {
        world.pass(50);
        assert_eq!(world.tick().await, Found::Refreshed);
        let grant = world.grant().await;
        assert_eq!(grant.seq, seq);
        assert_eq!(grant.refresh_token.expose(), before.refresh_token.expose());
        world.assert_sends("g-1", "").await;
    }
}

#[tokio::test]
async fn a_grant_that_the_state_does_not_know_is_adopted_and_proven() {
    let world = World::deployed();
    world.consent_stored("g-1").await;
    assert_eq!(world.tick().await, Found::Fresh);
    assert_eq!(world.count("redeem"), 0);
    let state = world.state();
    assert_eq!(state.account.unwrap().name, "billing@contoso.com");
    assert!(!state.paused);
    world.assert_sends("g-1", "").await;
}

#[tokio::test]
async fn an_adopted_mailbox_waits_for_its_operator_where_the_settings_say_so() {
    let world = World::deployed().with(r#""more":{"activate":"manual"}"#);
    world.consent_stored("g-1").await;
    world.tick().await;
    assert!(world.state().paused && !world.state().is_open());
}

#[tokio::test]
async fn a_consent_that_stopped_between_its_two_secrets_is_completed() {
    let world = World::connected().await;
    // The last two calls of storing a consent: describing and promoting the access token.
    world.consent_stored("g-2").await;
    let calls = world.calls.made().len();
    let world = World::connected().await;
    world.calls.break_after(calls - 1);
    let stopped = std::panic::AssertUnwindSafe(world.consent_stored("g-2"));
    let stopped = futures_util::FutureExt::catch_unwind(stopped).await;
    assert!(stopped.is_err());
    world.calls.repair();
    assert_eq!(world.grant().await.grant_id.as_str(), "g-2");
    assert_eq!(world.tokens().await.value.grant_id.as_str(), "g-1");
    assert_eq!(world.tick().await, Found::Refreshed);
    world.assert_sends("g-2", "").await;
}
