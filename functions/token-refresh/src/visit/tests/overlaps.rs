//! Visits that overlap each other and new consents, in every order of their calls that changes hands up to
//! four times.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};

use common::mailbox::Connection;

use super::world::World;
use crate::visit::{Found, Occasion};

/// Lets a future make so many calls, or all that it has left; answers whether it has ended.
pub(super) fn go<F: Future>(future: Pin<&mut F>, calls: usize) -> bool {
    let mut future = future;
    let mut context = Context::from_waker(Waker::noop());
    (0..calls).any(|_| future.as_mut().poll(&mut context).is_ready())
}

/// More calls than anybody makes.
const ALL: usize = 1000;

/// How many steps a future takes.
fn steps(future: impl Future) -> usize {
    let mut future = pin!(future);
    (1..ALL).find(|_| go(future.as_mut(), 1)).unwrap()
}

/// Runs `one` and `other` in every order, each in a world of its own, and hands the world to `check`.
async fn every_order<A: Future, B: Future>(
    world: impl AsyncFn() -> World,
    one: impl Fn(World) -> A,
    other: impl Fn(World) -> B,
    check: impl AsyncFn(&World, &str),
) {
    let (ones, others) = (steps(one(world().await)), steps(other(world().await)));
    assert!(ones >= 3 && others >= 6, "{ones} and {others}");
    for first in 0..=ones {
        for second in 0..=others {
            for third in 0..=ones - first {
                let world = world().await;
                {
                    let (mut one, mut other) =
                        (pin!(one(world.clone())), pin!(other(world.clone())));
                    let has_ended = go(one.as_mut(), first);
                    let other_has_ended = go(other.as_mut(), second);
                    let has_ended = has_ended || go(one.as_mut(), third);
                    assert!(other_has_ended || go(other, ALL));
                    assert!(has_ended || go(one, ALL));
                }
                check(
                    &world,
                    &format!("after {first}, {second} and {third} calls"),
                )
                .await;
            }
        }
    }
}

async fn due() -> World {
    let world = World::connected().await;
    world.pass(50);
    world
}

/// A visit by the schedule.
async fn tick(world: World) {
    world.visit(Occasion::Tick).await.unwrap();
}

#[tokio::test]
async fn of_two_visits_the_later_refresh_wins_and_no_token_is_lost() {
    let one_line = async |world: &World, place: &str| {
        world.assert_sends("g-1", place).await;
        let (grant, tokens) = (world.grant().await, world.tokens().await.value);
        assert_eq!(grant.seq, tokens.seq, "{place}");
        assert!((1..=2).contains(&grant.seq), "{place}");
    };
    every_order(due, tick, tick, one_line).await;
    every_order(due, tick, complain, one_line).await;
    every_order(due, complain, complain, one_line).await;
}

/// A visit by somebody whose token was refused.
async fn complain(world: World) {
    let seen = world.tokens().await.version;
    world.visit(Occasion::Stale(seen)).await.unwrap();
}

#[tokio::test]
async fn the_schedule_leaves_a_renewal_to_the_visit_that_has_it_in_hand() {
    let world = due().await;
    let mut visit = pin!(world.visit(Occasion::Tick));
    while world.count("redeem") == 0 {
        assert!(!go(visit.as_mut(), 1));
    }
    assert_eq!(world.tick().await, Found::InHand);
    assert_eq!(visit.await.unwrap().0, Found::Refreshed);
    assert_eq!(world.tick().await, Found::Fresh);
    assert_eq!(world.count("redeem"), 1);
    world.assert_sends("g-1", "").await;
}

#[tokio::test]
async fn a_visit_that_is_lost_keeps_nobody_from_renewing_at_the_next_tick() {
    let world = due().await;
    {
        let mut visit = pin!(world.visit(Occasion::Tick));
        while world.count("redeem") == 0 {
            assert!(!go(visit.as_mut(), 1));
        }
    }
    assert_eq!(world.tick().await, Found::InHand);
    assert_eq!(world.next_tick().await, Found::Refreshed);
    world.assert_sends("g-1", "").await;
}

#[tokio::test]
async fn two_complaints_about_one_token_end_in_one_that_is_current() {
    every_order(
        World::connected,
        complain,
        complain,
        async |world, place| {
            world.assert_sends("g-1", place).await;
        },
    )
    .await;
}

/// A provider that takes each refresh token once refuses the slower of two visits. That says nothing of the
/// grant, which the faster one has carried on.
#[tokio::test]
async fn a_stale_refusal_stops_nobody_while_another_visit_renews() {
    let strict = async || {
        let elsewhere = r#""more":{"token_endpoint":"https://login.fabrikam.com/token"}"#;
        let world = due().await.with(elsewhere);
        world.issuer.inner().revokes_used = true;
        world
    };
    every_order(strict, tick, complain, async |world, place| {
        world.assert_sends("g-1", place).await;
    })
    .await;
}

#[tokio::test]
async fn a_new_consent_is_never_overwritten_by_a_visit() {
    let consent = async |world: World| world.consent("g-2").await;
    let unknown = async || {
        let world = World::deployed();
        world.consent_stored("g-1").await;
        world
    };
    every_order(due, tick, consent, sends_by_the_new_consent).await;
    every_order(unknown, tick, consent, sends_by_the_new_consent).await;
    every_order(
        async || World::deployed(),
        tick,
        consent,
        sends_by_the_new_consent,
    )
    .await;
}

#[tokio::test]
async fn a_new_consent_is_never_marked_dead_for_the_old_one() {
    let revoked = async || {
        let world = due().await;
        world.issuer.inner().alive.clear();
        world
    };
    let consent = async |world: World| world.consent("g-2").await;
    every_order(revoked, tick, consent, sends_by_the_new_consent).await;
}

#[tokio::test]
async fn a_refusal_of_what_was_replaced_meanwhile_concludes_nothing() {
    let world = due().await;
    world.issuer.inner().alive.clear();
    let mut visit = pin!(world.visit(Occasion::Tick));
    while world.count("redeem") == 0 {
        assert!(!go(visit.as_mut(), 1));
    }
    // The provider has refused; its answer is on the way.
    world.consent_stored("g-2").await;
    let (found, state) = visit.await.unwrap();
    assert_eq!(found, Found::Refreshed);
    assert_eq!(state.connection, Connection::Active);
    assert_eq!(world.tick().await, Found::Fresh);
    world.assert_sends("g-2", "").await;
}

async fn sends_by_the_new_consent(world: &World, place: &str) {
    world.assert_sends("g-2", place).await;
}
