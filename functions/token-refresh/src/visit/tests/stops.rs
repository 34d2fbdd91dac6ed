//! How a mailbox that the mail server refuses is tried again.

use common::class::Class;
use common::clock::Clock;
use common::mailbox::{Connection, MailboxState};
use jiff::SignedDuration;

use super::world::World;
use crate::visit::{Found, Occasion};

/// A mailbox that `send-email` has stopped, and that the server still refuses.
async fn stopped(class: Class) -> World {
    let world = World::connected().await;
    stop(&world, class);
    world
}

fn stop(world: &World, class: Class) {
    let connection = Connection::stopped(class, "535 no".to_owned(), world.clock.now());
    let state = MailboxState {
        connection,
        ..world.state()
    };
    world.states.set(&world.settings.mailbox, state);
    world.issuer.inner().obstacle = Some(class);
}

#[tokio::test]
async fn a_blocked_mailbox_goes_on_when_the_way_is_open() {
    let world = stopped(Class::SmtpAuthDisabled).await;
    let before = world.state().connection;
    assert_eq!(world.next_tick().await, Found::Fresh);
    assert_eq!(
        world.state().connection,
        before,
        "the class stays, and so does its time"
    );
    world.issuer.inner().obstacle = None;
    assert_eq!(world.next_tick().await, Found::Fresh);
    world.assert_sends("g-1", "").await;
    assert_eq!(world.count("redeem"), 0);
}

#[tokio::test]
async fn another_obstacle_starts_a_stop_of_its_own() {
    let world = stopped(Class::SmtpAuthDisabled).await;
    world.issuer.inner().obstacle = Some(Class::PolicyRefused);
    world.next_tick().await;
    let stop = world.state().connection.stop().cloned().unwrap();
    assert_eq!(
        (stop.class, stop.since),
        (Class::PolicyRefused, world.clock.now())
    );
}

#[tokio::test]
async fn an_obstacle_that_time_heals_does_not_hide_the_one_that_a_person_has_to_remove() {
    let world = stopped(Class::SmtpAuthDisabled).await;
    let before = world.state().connection;
    world.issuer.inner().obstacle = Some(Class::Network);
    world.next_tick().await;
    assert_eq!(world.state().connection, before);
}

#[tokio::test]
async fn a_refusal_that_is_over_gives_way_to_the_obstacle_behind_it() {
    let world = World::connected().await;
    world.pass(50);
    world.issuer.inner().refuses = Some((Class::ConsentRevoked, "invalid_grant"));
    world.tick().await;
    world.issuer.inner().refuses = None;
    world.issuer.inner().obstacle = Some(Class::Network);
    assert_eq!(world.next_tick().await, Found::Refreshed);
    let state = world.state().connection;
    assert_eq!(state.as_str(), "blocked");
    assert_eq!(state.stop().map(|stop| stop.class), Some(Class::Network));
}

#[tokio::test]
async fn tries_are_made_at_doubling_waits_and_with_every_renewed_token() {
    let world = World::deployed();
    world.issuer.inner().life = SignedDuration::from_hours(24);
    world.consent("g-1").await;
    stop(&world, Class::SmtpAuthDisabled);
    world.calls.forget();
    let mut tried = Vec::new();
    for minutes in (5..=240).step_by(5) {
        world.next_tick().await;
        tried.extend((world.count("prove") > 0).then_some(minutes));
        world.calls.forget();
    }
    assert_eq!(tried, [5, 10, 20, 40, 80, 140, 200]);
    let version = world.tokens().await.version;
    let answer = world.visit(Occasion::Stale(version)).await;
    assert_eq!(answer.unwrap().0, Found::Refreshed);
    assert_eq!(world.count("prove"), 1);
}

#[tokio::test]
async fn a_pause_is_not_ended_by_a_proof() {
    let world = stopped(Class::SmtpAuthDisabled).await;
    let paused = MailboxState {
        paused: true,
        ..world.state()
    };
    world.states.set(&world.settings.mailbox, paused);
    world.issuer.inner().obstacle = None;
    world.next_tick().await;
    assert_eq!(world.state().connection, Connection::Active);
    assert!(!world.state().is_open());
}
