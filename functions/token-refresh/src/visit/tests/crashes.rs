//! Visits that stop at every call there is.

use common::class::Class;
use common::mailbox::{Connection, MailboxState};

use super::world::World;
use crate::visit::Occasion;

/// What a visit finds when it begins, each by its name.
const SCENES: [&str; 7] = [
    "due",
    "unknown to the state",
    "another consent, unknown to the state",
    "blocked",
    "blocked and due",
    "needs consent, and the provider has come round",
    "the older refresh token is the good one",
];

async fn scene(name: &str) -> World {
    let world = match name {
        "unknown to the state" => World::deployed(),
        _ => World::connected().await,
    };
    let stop = |class: Class| {
        let connection =
            Connection::stopped(class, String::new(), world.state().refreshed_at.unwrap());
        let state = MailboxState {
            connection,
            ..world.state()
        };
        world.states.set(&world.settings.mailbox, state);
    };
    match name {
        "due" => world.pass(50),
        "unknown to the state" => drop(world.consent_stored("g-1").await),
        "another consent, unknown to the state" => drop(world.consent_stored("g-2").await),
        "blocked" => stop(Class::SmtpAuthDisabled),
        "blocked and due" => {
            stop(Class::SmtpAuthDisabled);
            world.pass(50);
        }
        "needs consent, and the provider has come round" => {
            world.pass(50);
            world.issuer.inner().refuses = Some((Class::ConsentRevoked, "invalid_grant"));
            // For hours, so that nothing but the renewal itself is a reason to try again soon.
            for _ in 0..36 {
                world.next_tick().await;
            }
            world.issuer.inner().refuses = None;
            world.pass(60);
        }
        _ => {
            world.pass(50);
            world.tick().await;
            world.pass(50);
            world.issuer.inner().alive.remove("refresh canary 2");
        }
    }
    world.calls.forget();
    world
}

#[tokio::test]
async fn wherever_a_visit_stops_the_next_one_completes_it() {
    for name in SCENES {
        let whole = scene(name).await;
        let grant_id = whole.grant().await.grant_id;
        whole.calls.forget();
        whole.tick().await;
        let calls = whole.calls.made();
        assert!(calls.len() >= 6, "{name}: {calls:?}");
        whole.assert_sends(grant_id.as_str(), name).await;
        for at in 0..calls.len() {
            let world = scene(name).await;
            world.calls.break_after(at);
            // What a visit says that stops does not matter.
            drop(world.visit(Occasion::Tick).await);
            world.calls.repair();
            world.next_tick().await;
            let place = format!("{name}: before call {at}, {:?}, of {calls:?}", calls[at]);
            world.assert_sends(grant_id.as_str(), &place).await;
        }
    }
}

#[tokio::test]
async fn a_refusal_that_stops_halfway_is_concluded_by_the_next_visit() {
    let dead = async || {
        let world = scene("due").await;
        world.issuer.inner().alive.clear();
        world
    };
    let whole = dead().await;
    whole.tick().await;
    for at in 0..whole.calls.made().len() {
        let world = dead().await;
        world.calls.break_after(at);
        drop(world.visit(Occasion::Tick).await);
        world.calls.repair();
        world.next_tick().await;
        assert_eq!(
            world.state().connection.as_str(),
            "needs_consent",
            "before call {at}"
        );
        assert_eq!(world.writes(), [1, 1]);
    }
}
