//! Mailboxes that are disconnected, at every point of a visit.

use common::mailbox::{Connection, MailboxStates};
use secrecy::ExposeSecret;

use super::world::World;
use crate::visit::{Found, Occasion};

/// What the operator does.
async fn disconnect(world: &World) {
    let mailbox = &world.settings.mailbox;
    let ended = world.vault().disconnected(mailbox).await.unwrap();
    world.states.disconnect(mailbox, &ended).await.unwrap();
}

#[tokio::test]
async fn no_label_of_a_disconnected_mailbox_keeps_a_token() {
    let world = World::connected().await;
    for _ in 0..2 {
        world.pass(50);
        world.tick().await;
    }
    disconnect(&world).await;
    for secret in ["grant", "access-token"] {
        let name = format!("pillarbox/mailboxes/billing/{secret}");
        for label in ["AWSCURRENT", "AWSPREVIOUS", "CONSENTED", "REFRESHED"] {
            let value = world.secrets.labelled(&name, label).unwrap();
            assert!(
                !value.expose_secret().contains("canary"),
                "{secret} {label}"
            );
        }
    }
    let mailbox = &world.settings.mailbox;
    assert!(world.vault().grant(mailbox).await.unwrap().is_none());
    assert!(world.vault().tokens(mailbox).await.unwrap().is_none());
    assert!(
        world
            .vault()
            .previous_grant(mailbox)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_disconnected_mailbox_is_left_alone_until_somebody_consents_anew() {
    let world = World::connected().await;
    disconnect(&world).await;
    world.calls.forget();
    for _ in 0..3 {
        assert_eq!(world.next_tick().await, Found::AwaitingConsent);
    }
    assert_eq!(world.count("redeem") + world.count("prove"), 0);
    assert_eq!(world.state().account, None, "another account may be next");
    world.consent("g-2").await;
    world.pass(50);
    world.tick().await;
    world.assert_sends("g-2", "").await;
}

#[tokio::test]
async fn a_renewal_under_way_does_not_bring_a_disconnected_mailbox_back() {
    let whole = World::connected().await;
    whole.pass(50);
    whole.calls.forget();
    whole.tick().await;
    for calls in 0..whole.calls.made().len() {
        let world = World::connected().await;
        world.pass(50);
        world.calls.forget();
        {
            let mut visit = std::pin::pin!(world.visit(Occasion::Tick));
            while world.calls.made().len() < calls {
                assert!(!super::overlaps::go(visit.as_mut(), 1));
            }
            disconnect(&world).await;
            // Whatever the visit says, it must not bring anything back.
            drop(visit.await);
        }
        world.next_tick().await;
        let mailbox = &world.settings.mailbox;
        assert!(
            world.vault().grant(mailbox).await.unwrap().is_none(),
            "{calls}"
        );
        assert!(
            world.vault().tokens(mailbox).await.unwrap().is_none(),
            "{calls}"
        );
        assert_eq!(
            world.state().connection,
            Connection::AwaitingConsent,
            "{calls}"
        );
    }
}

#[tokio::test]
async fn a_disconnect_that_stops_halfway_leaves_a_mailbox_that_works_or_waits() {
    let whole = World::connected().await;
    disconnect(&whole).await;
    for at in 0..whole.calls.made().len() {
        let world = World::connected().await;
        world.calls.break_after(at);
        let stopped = std::panic::AssertUnwindSafe(disconnect(&world));
        let stopped = futures_util::FutureExt::catch_unwind(stopped).await;
        assert!(stopped.is_err());
        world.calls.repair();
        world.next_tick().await;
        let has_grant = world.vault().grant(&world.settings.mailbox).await.unwrap();
        if has_grant.is_some() {
            world
                .assert_sends("g-1", &format!("before call {at}"))
                .await;
        } else {
            let connection = world.state().connection;
            assert_eq!(connection, Connection::AwaitingConsent, "before call {at}");
        }
        disconnect(&world).await;
        assert_eq!(world.next_tick().await, Found::AwaitingConsent);
    }
}
