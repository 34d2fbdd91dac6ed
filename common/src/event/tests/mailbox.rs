//! News of mailboxes: each change once, and nothing while nothing changes.

use jiff::SignedDuration;
use serde_json::Value;

use super::*;
use crate::clock::{Clock, FixedClock};
use crate::event::Look;
use crate::fakes::{MemoryEvents, MemoryStates};
use crate::grant::{Account, GrantId};
use crate::mailbox::{Connection, Consented, MailboxState, MailboxStates, Settings};

struct World {
    settings: Settings,
    states: MemoryStates,
    events: MemoryEvents,
    clock: FixedClock,
}

impl World {
    fn new() -> Self {
        let mailbox = MailboxId::parse("billing").unwrap();
        let json = r#"{"address":"billing@contoso.com","tenant":"contoso.com","client_id":"app"}"#;
        Self {
            settings: Settings::parse(mailbox, json).unwrap(),
            states: MemoryStates::default(),
            events: MemoryEvents::default(),
            clock: FixedClock::at("2027-03-01T12:00:00Z".parse().unwrap()),
        }
    }

    /// A consent of a grant, which leads to a connection.
    async fn consent(&self, grant: &str, connection: Connection) {
        let account = Account {
            tenant_id: "t".to_owned(),
            object_id: "o".to_owned(),
            name: "svc-billing@contoso.com".to_owned(),
        };
        let grant = GrantId::stored(grant.to_owned());
        let mailbox = &self.settings.mailbox;
        let consented = Consented {
            grant: &grant,
            account: &account,
            at: self.clock.now(),
        };
        let connected = self.states.connect(mailbox, &consented, &connection);
        connected.await.unwrap();
    }

    fn becomes(&self, connection: Connection) {
        let mailbox = &self.settings.mailbox;
        let state = MailboxState {
            connection,
            ..self.states.seen(mailbox)
        };
        self.states.set(mailbox, state);
    }

    fn stopped(&self, class: Class) -> Connection {
        Connection::stopped(class, "535 no".to_owned(), self.clock.now())
    }

    /// Somebody looks, and then again as ticks do; answers what was told.
    async fn looks(&self) -> Vec<Kind> {
        let before = self.events.taken().len();
        for _ in 0..3 {
            let state = self.states.seen(&self.settings.mailbox);
            let stack = StackName::parse("pillarbox").unwrap();
            let look = Look {
                stack: &stack,
                settings: &self.settings,
                state: &state,
                now: self.clock.now(),
            };
            // What is not taken is told by the next look.
            let _ = look.tell(&self.events, &self.states).await;
            self.clock.advance(SignedDuration::from_mins(5));
        }
        let told = self.events.taken().split_off(before);
        for event in &told {
            let detail: Value = serde_json::from_str(&event.detail()).unwrap();
            assert_valid(event.kind(), &detail);
        }
        told.iter().map(Event::kind).collect()
    }
}

#[tokio::test]
async fn each_change_of_a_mailbox_is_told_once() {
    let world = World::new();
    assert_eq!(world.looks().await, [], "it awaits its consent");
    world.consent("g-1", Connection::Active).await;
    assert_eq!(world.looks().await, [Kind::MailboxConnected]);
    world.becomes(world.stopped(Class::SmtpAuthDisabled));
    assert_eq!(world.looks().await, [Kind::MailboxBlocked]);
    world.becomes(world.stopped(Class::ConsentRevoked));
    assert_eq!(world.looks().await, [Kind::MailboxNeedsConsent]);
    world.becomes(Connection::Active);
    assert_eq!(world.looks().await, [Kind::MailboxRestored]);
    let full = world.stopped(Class::MailboxFull);
    world.becomes(full.clone());
    assert_eq!(world.looks().await, [Kind::MailboxBlocked]);
    world.becomes(full.proven());
    assert_eq!(world.looks().await, [], "on trial it is not restored");
    world.becomes(Connection::Active);
    assert_eq!(world.looks().await, [Kind::MailboxRestored]);
    world.consent("g-2", Connection::Active).await;
    assert_eq!(world.looks().await, [Kind::MailboxConnected]);
}

#[tokio::test]
async fn a_mailbox_that_is_disconnected_is_told_when_it_is_connected_again() {
    let world = World::new();
    world.consent("g-1", Connection::Active).await;
    world.looks().await;
    let mailbox = &world.settings.mailbox;
    let ended = GrantId::stored("ended".to_owned());
    world.states.disconnect(mailbox, &ended).await.unwrap();
    assert_eq!(world.looks().await, []);
    world
        .consent("g-2", world.stopped(Class::SmtpAuthDisabled))
        .await;
    assert_eq!(world.looks().await, [Kind::MailboxBlocked]);
    world.becomes(Connection::Active);
    assert_eq!(world.looks().await, [Kind::MailboxRestored]);
}

#[tokio::test]
async fn the_end_of_a_client_secret_is_told_30_days_and_7_days_before() {
    let mut world = World::new();
    world.consent("g-1", Connection::Active).await;
    world.settings.client_secret_expires_on = Some("2027-04-01".parse().unwrap());
    assert_eq!(
        world.looks().await,
        [Kind::MailboxConnected],
        "31 days are left"
    );
    let mut told = Vec::new();
    for day in 1..40 {
        world
            .clock
            .advance(SignedDuration::from_hours(24) - SignedDuration::from_mins(15));
        told.extend(world.looks().await.iter().map(|kind| (31 - day, *kind)));
    }
    let expiring = Kind::CredentialExpiring;
    assert_eq!(told, [(30, expiring), (7, expiring)]);
    world.settings.client_secret_expires_on = Some("2027-04-12".parse().unwrap());
    assert_eq!(world.looks().await, [expiring], "another one expires");
    let ids: BTreeSet<_> = world
        .events
        .taken()
        .iter()
        .map(|event| event.about().event_id.clone())
        .collect();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn what_the_bus_or_the_table_does_not_take_is_told_by_the_next_look_under_the_same_id() {
    let world = World::new();
    world.consent("g-1", Connection::Active).await;
    world.events.calls.break_after(0);
    assert_eq!(world.looks().await, []);
    world.events.calls.repair();
    world.states.calls.break_after(0);
    let told = world.looks().await;
    assert_eq!(told, [Kind::MailboxConnected; 3], "nobody has recorded it");
    world.states.calls.repair();
    assert_eq!(world.looks().await, [Kind::MailboxConnected]);
    let ids: BTreeSet<_> = world
        .events
        .taken()
        .iter()
        .map(|event| event.about().event_id.clone())
        .collect();
    assert_eq!(ids.len(), 1);
}
