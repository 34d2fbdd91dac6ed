//! Ticks over many mailboxes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use common::aws::{Mapping, MappingError};
use common::class::Class;
use common::event::{Event, Kind};
use common::fakes::{MemoryEvents, MemoryMeter};
use common::mailbox::{Connection, Settings, StateUnavailable};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::visit::tests::world::World;

/// A stack whose mailboxes share the stores and the provider of one world.
#[derive(Default)]
struct Town {
    mailboxes: Mutex<BTreeMap<MailboxId, Option<Settings>>>,
    /// The states of mappings, in Lambda's words, that are not `Disabled`.
    mappings: Mutex<BTreeMap<String, &'static str>>,
    first: Mutex<Option<MailboxId>>,
    turned: Mutex<Vec<(String, Valve)>>,
    meter: MemoryMeter,
    events: MemoryEvents,
}

impl Town {
    fn mailboxes(&self) -> MutexGuard<'_, BTreeMap<MailboxId, Option<Settings>>> {
        self.mailboxes.lock().unwrap()
    }

    fn known(mailbox: &MailboxId, settings: Option<&Settings>) -> Known {
        let missing = || SettingsError::NoMailbox(mailbox.clone());
        settings.cloned().ok_or_else(missing)
    }

    fn measured(&self) -> Vec<Value> {
        let lines = self.meter.lines();
        lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// A tick with time for so many visits.
    async fn tick(&self, world: &World, visits: usize) -> Answer {
        let function = Function {
            visitor: world.visitor(),
            outside: self,
            stack: StackName::parse("pillarbox").unwrap(),
        };
        let asked = Mutex::new(0);
        let time_left = || {
            let mut asked = asked.lock().unwrap();
            *asked += 1;
            if *asked > visits { VISIT } else { VISIT * 2 }
        };
        let answer = function.handle(Request::default(), time_left).await;
        answer.unwrap()
    }
}

impl Mailboxes for &Town {
    async fn all(&self) -> Result<Vec<(MailboxId, Known)>, SettingsError> {
        let all = self.mailboxes().clone().into_iter();
        Ok(all
            .map(|(mailbox, settings)| {
                let known = Town::known(&mailbox, settings.as_ref());
                (mailbox, known)
            })
            .collect())
    }

    async fn one(&self, mailbox: &MailboxId) -> Known {
        let settings = self.mailboxes().get(mailbox).cloned().flatten();
        Town::known(mailbox, settings.as_ref())
    }
}

impl Valves for &Town {
    async fn of_function(&self, function: &str) -> Result<Vec<Mapping>, MappingError> {
        assert_eq!(function, "pillarbox-send-email:live");
        let mapping = |mailbox: &MailboxId| Mapping {
            id: mailbox.to_string(),
            queue_arn: format!("arn:aws:sqs:eu-west-1:123456789012:pillarbox_{mailbox}"),
            state: (*self
                .mappings
                .lock()
                .unwrap()
                .get(mailbox.as_str())
                .unwrap_or(&"Disabled"))
            .to_owned(),
        };
        Ok(self.mailboxes().keys().map(mapping).collect())
    }

    async fn turn(&self, mapping: &Mapping, valve: Valve) -> Result<(), MappingError> {
        let turn = (mapping.id.clone(), valve);
        self.turned.lock().unwrap().push(turn);
        Ok(())
    }
}

impl Turns for &Town {
    async fn first(&self) -> Result<Option<MailboxId>, StateUnavailable> {
        Ok(self.first.lock().unwrap().clone())
    }

    async fn leave_to(&self, mailbox: &MailboxId) -> Result<(), StateUnavailable> {
        *self.first.lock().unwrap() = Some(mailbox.clone());
        Ok(())
    }
}

impl EventBus for &Town {
    async fn publish(&self, events: &[Event]) -> Result<(), NotPut> {
        self.events.publish(events).await
    }
}

impl Meter for &Town {
    fn record(&self, measurement: &Measurement, now: Timestamp) {
        self.meter.record(measurement, now);
    }
}

fn name(number: usize) -> String {
    format!("m{number:04}")
}

/// So many connected mailboxes, and their stack.
async fn connected(count: usize) -> (World, Town) {
    let world = World::deployed();
    let town = Town::default();
    for number in 0..count {
        let one = world.mailbox(&name(number));
        one.consent("g-1").await;
        let settings = one.settings;
        let mailbox = settings.mailbox.clone();
        town.mailboxes().insert(mailbox, Some(settings));
    }
    (world, town)
}

fn visited(answer: &Answer) -> BTreeSet<String> {
    let visited = answer.mailboxes.iter();
    visited.map(|visited| visited.mailbox.clone()).collect()
}

#[tokio::test]
async fn a_thousand_due_mailboxes_are_all_renewed_in_one_tick() {
    let (world, town) = connected(1000).await;
    world.pass(50);
    let answer = town.tick(&world, usize::MAX).await;
    assert_eq!((answer.mailboxes.len(), answer.left), (1000, 0));
    let mut found = answer.mailboxes.iter().map(|visited| visited.found);
    assert!(found.all(|found| found == Some(Found::Refreshed)));
    for name in (0..1000).map(name) {
        world.mailbox(&name).assert_sends("g-1", &name).await;
    }
    let turned = town.turned.lock().unwrap();
    assert!(turned.len() == 1000 && turned.iter().all(|(_, valve)| *valve == Valve::Open));
}

#[tokio::test]
async fn who_is_left_over_is_first_the_next_time_and_nobody_is_starved() {
    let (world, town) = connected(10).await;
    let mut rounds = Vec::new();
    for _ in 0..5 {
        let answer = town.tick(&world, 4).await;
        assert_eq!(answer.left, 6);
        rounds.push(visited(&answer).into_iter().collect::<Vec<_>>());
    }
    let names = |numbers: [usize; 4]| numbers.map(name).to_vec();
    let expected = [
        names([0, 1, 2, 3]),
        names([4, 5, 6, 7]),
        names([0, 1, 8, 9]),
        names([2, 3, 4, 5]),
        names([6, 7, 8, 9]),
    ];
    assert_eq!(rounds, expected);
    let measured = town.measured().into_iter();
    assert_eq!(
        measured.filter(|line| line["MailboxesLeft"] == 6).count(),
        5
    );
}

#[tokio::test]
async fn a_mailbox_that_is_gone_leaves_its_turn_to_the_next() {
    let (world, town) = connected(4).await;
    *town.first.lock().unwrap() = Some(MailboxId::parse("m0001x").unwrap());
    let answer = town.tick(&world, 2).await;
    assert_eq!(visited(&answer), [name(2), name(3)].into());
}

#[tokio::test]
async fn no_visit_is_begun_when_the_time_is_up() {
    let (world, town) = connected(3).await;
    world.pass(50);
    let answer = town.tick(&world, 0).await;
    assert_eq!((answer.mailboxes.len(), answer.left), (0, 3));
    assert_eq!(world.count("redeem"), 0);
}

#[tokio::test]
async fn a_mailbox_with_faulty_settings_or_without_secrets_costs_itself_alone() {
    let (world, town) = connected(3).await;
    world.pass(50);
    let faulty = MailboxId::parse("m0000").unwrap();
    town.mailboxes().insert(faulty, None);
    let deleted = world.mailbox("deleted").settings;
    let mailbox = deleted.mailbox.clone();
    town.mailboxes().insert(mailbox, Some(deleted));
    world.secrets.delete("pillarbox/mailboxes/deleted/grant");

    let answer = town.tick(&world, usize::MAX).await;
    let fared: BTreeMap<_, _> = answer
        .mailboxes
        .iter()
        .map(|visited| (visited.mailbox.as_str(), visited.found.is_some()))
        .collect();
    let expected = [
        ("deleted", false),
        ("m0000", false),
        ("m0001", true),
        ("m0002", true),
    ];
    assert_eq!(fared, expected.into());
    let measured = town.measured().into_iter();
    assert_eq!(measured.filter(|line| line["VisitsFailed"] == 1).count(), 2);
}

#[tokio::test]
async fn every_visit_measures_what_warns_of_trouble() {
    let (world, town) = connected(1).await;
    world.pass(50);
    world.issuer.inner().is_down = true;
    town.tick(&world, usize::MAX).await;
    world.issuer.inner().is_down = false;
    world.issuer.inner().alive.clear();
    town.tick(&world, usize::MAX).await;
    let numbers = |line: &Value| {
        let names = [
            "AccessTokenMinutesLeft",
            "DaysSinceRefresh",
            "NeedsConsent",
            "Blocked",
            "VisitsFailed",
        ];
        json!(names.map(|name| &line[name]))
    };
    let measured = town.measured();
    let of_mailbox = measured
        .iter()
        .filter(|line| line["Mailbox"] == "m0000" && line["ValveOpen"].is_null());
    let of_mailbox: Vec<_> = of_mailbox.map(numbers).collect();
    assert_eq!(
        of_mailbox,
        [json!([10, 0, 0, 0, 0]), json!([10, 0, 1, 0, 0])]
    );
    let state = world.mailbox("m0000").state();
    assert!(matches!(state.connection, Connection::NeedsConsent(_)));
}

#[tokio::test]
async fn a_valve_is_measured_as_it_was_found_also_of_a_mailbox_that_cannot_be_visited() {
    let (world, town) = connected(3).await;
    let faulty = MailboxId::parse("m0002").unwrap();
    town.mailboxes().insert(faulty, None);
    let found = [(name(0), "Enabled"), (name(1), "Enabling")];
    town.mappings.lock().unwrap().extend(found);
    town.tick(&world, usize::MAX).await;
    let valves: BTreeMap<_, _> = town
        .measured()
        .iter()
        .filter(|line| !line["ValveOpen"].is_null())
        .map(|line| (line["Mailbox"].to_string(), line["ValveOpen"].clone()))
        .collect();
    let expected = [("\"m0000\"", 1), ("\"m0002\"", 0)];
    assert_eq!(
        valves,
        expected
            .map(|(mailbox, open)| (mailbox.to_owned(), json!(open)))
            .into()
    );
}

#[tokio::test]
async fn what_has_become_of_a_mailbox_is_told_once_and_not_at_every_tick() {
    let (world, town) = connected(2).await;
    let kinds = || -> Vec<Kind> { town.events.taken().iter().map(Event::kind).collect() };
    for _ in 0..3 {
        town.tick(&world, usize::MAX).await;
        world.pass(5);
    }
    assert_eq!(kinds(), [Kind::MailboxConnected; 2]);

    let one = MailboxId::parse(&name(0)).unwrap();
    let stopped = Connection::stopped(Class::ConsentRevoked, String::new(), world.clock.now());
    let state = world.states.seen(&one);
    world.states.set(
        &one,
        MailboxState {
            connection: stopped,
            probed_at: Some(world.clock.now()),
            ..state
        },
    );
    town.events.calls.break_after(0);
    let answer = town.tick(&world, usize::MAX).await;
    assert!(
        answer
            .mailboxes
            .iter()
            .all(|visited| visited.error.is_none())
    );
    let not_put: i64 = town
        .measured()
        .iter()
        .filter_map(|line| line["EventsNotPut"].as_i64())
        .sum();
    assert_eq!(not_put, 1);
    town.events.calls.repair();
    for _ in 0..2 {
        town.tick(&world, usize::MAX).await;
    }
    assert_eq!(kinds()[2..], [Kind::MailboxNeedsConsent]);
}
