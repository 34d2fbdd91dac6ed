//! A mailbox, its stores in memory, and a server that keeps count.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use common::chance::{Chance, SeededChance};
use common::clock::FixedClock;
use common::event::{EventBus, HashKeys};
use common::fakes::{
    Calls, MemoryEvents, MemoryLedger, MemoryMeter, MemoryObjects, MemoryPaces, MemoryStates,
};
use common::grant::GrantId;
use common::ledger::State;
use common::mailbox::{Connection, MailboxId};
use common::naming::StackName;
use common::object::ObjectStore;
use common::pace::PaceStore;
use common::route::Obstacle;
use common::submission::{
    Cause, Envelope, Failure, Outcome, Phases, Recipient, Reply, Stage, Submission, Verdict,
};
use common::template::TemplateCache;
use jiff::SignedDuration;

use super::*;
use crate::line::{Opened, Submits};

pub(super) const BODY: &str = r#"{"id":"invoice-1","to":["a@fabrikam.com","b@fabrikam.com"],"subject":"Invoice","text":"Hello"}"#;

/// A mailbox, its stores, and a server that answers as it is told; without being told, it accepts.
pub(super) struct World {
    pub(super) settings: Settings,
    pub(super) calls: Calls,
    pub(super) ledger: MemoryLedger,
    pub(super) states: MemoryStates,
    pub(super) paces: MemoryPaces,
    pub(super) objects: MemoryObjects,
    templates: TemplateCache,
    pub(super) clock: FixedClock,
    pub(super) chance: SeededChance,
    /// What was put on the failed queue.
    failed: Mutex<Vec<Handed>>,
    /// What was put on the mailbox's own queue.
    pub(super) queue: Mutex<Vec<Handed>>,
    pub(super) meter: MemoryMeter,
    /// The bus, which breaks by itself alone.
    pub(super) events: MemoryEvents,
    stack: StackName,
    /// What happens whenever a worker waits.
    happens_at_waits: Mutex<Option<Box<dyn FnMut() + Send>>>,
    /// How long workers waited for their turns.
    pub(super) waited: Mutex<Vec<Duration>>,
    pub(super) server: Server,
}

/// What the failed queue or the mailbox's own queue was given.
#[derive(Clone)]
pub(super) struct Handed {
    pub(super) body: String,
    pub(super) attributes: Vec<Attribute>,
    /// What the attribute `pillarbox` says.
    pub(super) report: serde_json::Value,
}

impl Handed {
    fn new(body: &str, attributes: &[Attribute]) -> Self {
        let mut handed = Self {
            body: body.to_owned(),
            attributes: attributes.to_vec(),
            report: serde_json::Value::Null,
        };
        let report = handed.attribute("pillarbox").map(serde_json::from_str);
        handed.report = report.transpose().unwrap().unwrap_or_default();
        handed
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|attribute| attribute.name == name)
            .and_then(Attribute::as_text)
    }
}

/// What the server does with the next message.
#[derive(Clone)]
pub(super) enum Act {
    NoWay(Class),
    Answer(Vec<(u16, &'static str)>),
    Silence,
    Needs(&'static str),
    Panic,
}

/// Whom a message was accepted for, and its bytes.
pub(super) type Mail = (Vec<String>, Vec<u8>);

#[derive(Clone)]
pub(super) struct Server {
    calls: Calls,
    pub(super) script: Arc<Mutex<VecDeque<Act>>>,
    /// Every message that was accepted, and for whom.
    pub(super) accepted: Arc<Mutex<Vec<Mail>>>,
    /// When a message was begun.
    pub(super) begun: Arc<Mutex<Vec<Timestamp>>>,
    is_open: bool,
    clock: FixedClock,
}

impl Line for Server {
    type Session = Self;

    async fn open(&mut self) -> Result<Opened<'_, Self>, Obstacle> {
        let network = |reason: &str| Obstacle {
            class: Class::Network,
            reason: reason.to_owned(),
        };
        self.calls
            .note("open", "")
            .map_err(|_| network("told to break"))?;
        let next = self.script.lock().unwrap().front().cloned();
        match next {
            Some(Act::NoWay(class)) => {
                self.script.lock().unwrap().pop_front();
                Err(Obstacle {
                    class,
                    reason: "535 no".to_owned(),
                })
            }
            Some(Act::Answer(_) | Act::Silence | Act::Needs(_) | Act::Panic) | None => {
                let was_open = std::mem::replace(&mut self.is_open, true);
                Ok(Opened {
                    session: self,
                    opened_in: (!was_open).then_some(Phases {
                        connect: Duration::from_millis(21),
                        tls: Duration::from_millis(34),
                        auth: Duration::from_millis(55),
                    }),
                })
            }
        }
    }
}

pub(super) fn reply(stage: Stage, code: u16, text: &str) -> Reply {
    let enhanced = text.split(' ').next().and_then(|word| {
        let mut parts = word.split('.').map(|part| part.parse::<u16>().ok());
        let code = (parts.next()??, parts.next()??, parts.next()??);
        Some(common::submission::Enhanced(
            u8::try_from(code.0).ok()?,
            code.1,
            code.2,
        ))
    });
    let text = text
        .split_once(' ')
        .filter(|_| enhanced.is_some())
        .map_or(text, |(_, rest)| rest);
    Reply {
        stage,
        code,
        enhanced,
        text: text.to_owned(),
    }
}

impl Submits for Server {
    async fn submit(
        &mut self,
        envelope: &Envelope,
        message: &[u8],
        _deadline: Instant,
    ) -> Result<Submission, Failure> {
        let broken = |_| Failure {
            stage: Stage::Mail,
            cause: Cause::Stale,
        };
        self.calls.note("submit", "").map_err(broken)?;
        self.begun.lock().unwrap().push(self.clock.now());
        let addresses: Vec<String> = envelope.to().iter().map(ToString::to_string).collect();
        let act = self.script.lock().unwrap().pop_front();
        let answers = match act {
            Some(Act::Answer(answers)) => answers,
            Some(Act::Panic) => panic!("told to panic"),
            Some(Act::Needs(extension)) => {
                return Err(Failure {
                    stage: Stage::Mail,
                    cause: Cause::Needs(extension),
                });
            }
            Some(Act::Silence) => {
                self.accepted
                    .lock()
                    .unwrap()
                    .push((addresses.clone(), message.to_vec()));
                let failure = Failure {
                    stage: Stage::Body,
                    cause: Cause::Deadline,
                };
                let unknown = |address: String| Recipient {
                    address,
                    outcome: Outcome::Unknown,
                };
                let recipients = addresses.into_iter().map(unknown).collect();
                return Ok(Submission {
                    verdict: Verdict::Unknown(failure),
                    recipients,
                });
            }
            Some(Act::NoWay(_)) | None => vec![(250, "2.1.5 Recipient OK"); addresses.len()],
        };
        let recipients = answered(addresses, &answers);
        let taken_for: Vec<String> = recipients
            .iter()
            .filter(|recipient| matches!(recipient.outcome, Outcome::Accepted(_)))
            .map(|recipient| recipient.address.clone())
            .collect();
        let verdict = if taken_for.is_empty() {
            Verdict::Refused(reply(Stage::Data, 554, "5.5.1 no valid recipients"))
        } else {
            self.accepted
                .lock()
                .unwrap()
                .push((taken_for, message.to_vec()));
            Verdict::Accepted(reply(Stage::Body, 250, "2.0.0 OK Queued mail for delivery"))
        };
        Ok(Submission {
            verdict,
            recipients,
        })
    }

    async fn probe(
        &mut self,
        envelope: &Envelope,
        _deadline: Instant,
    ) -> Result<Vec<Recipient>, Failure> {
        let broken = || Failure {
            stage: Stage::Mail,
            cause: Cause::Stale,
        };
        self.calls.note("probe", "").map_err(|_| broken())?;
        let addresses: Vec<String> = envelope.to().iter().map(ToString::to_string).collect();
        let answers = match self.script.lock().unwrap().pop_front() {
            Some(Act::Answer(answers)) => answers,
            Some(Act::Silence | Act::Needs(_)) => return Err(broken()),
            Some(Act::Panic) => panic!("told to panic"),
            Some(Act::NoWay(_)) | None => vec![(250, "2.1.5 Recipient OK"); addresses.len()],
        };
        Ok(answered(addresses, &answers))
    }
}

/// The recipients with the answers that the server was told to give them.
fn answered(addresses: Vec<String>, answers: &[(u16, &str)]) -> Vec<Recipient> {
    let outcome = |(code, text): &(u16, &str)| match code {
        250 => Outcome::Accepted(reply(Stage::Rcpt, 250, text)),
        400..=499 => Outcome::Deferred(reply(Stage::Rcpt, *code, text)),
        _ => Outcome::Refused(reply(Stage::Rcpt, *code, text)),
    };
    let told = addresses.into_iter().zip(answers);
    told.map(|(address, answer)| Recipient {
        address,
        outcome: outcome(answer),
    })
    .collect()
}

impl Ports for &World {
    fn ledger(&self) -> &impl LedgerStore {
        &self.ledger
    }

    fn states(&self) -> &impl MailboxStates {
        &self.states
    }

    fn paces(&self) -> &impl PaceStore {
        &self.paces
    }

    fn objects(&self) -> &impl ObjectStore {
        &self.objects
    }

    fn templates(&self) -> &TemplateCache {
        &self.templates
    }

    fn clock(&self) -> &impl Clock {
        &self.clock
    }

    fn chance(&self) -> &impl Chance {
        &self.chance
    }

    fn meter(&self) -> &impl Meter {
        &self.meter
    }

    fn stack(&self) -> &StackName {
        &self.stack
    }

    fn bus(&self) -> &impl EventBus {
        &self.events
    }

    fn hash_keys(&self) -> &impl HashKeys {
        &self.events
    }

    async fn wait(&self, wait: Duration) {
        // Nothing keeps time from passing.
        let _ = self.calls.note("wait", "");
        if let Some(happens) = &mut *self.happens_at_waits.lock().unwrap() {
            happens();
        }
        self.waited.lock().unwrap().push(wait);
        self.clock.advance(SignedDuration::try_from(wait).unwrap());
    }

    async fn set_aside(&self, body: &str, attributes: &[Attribute]) -> Result<(), String> {
        let noted = self.calls.note("hand over", "");
        noted.map_err(|broken| broken.to_string())?;
        let handed = Handed::new(body, attributes);
        self.failed.lock().unwrap().push(handed);
        Ok(())
    }

    async fn put_again(
        &self,
        body: &str,
        attributes: &[Attribute],
        _wait: Duration,
    ) -> Result<(), String> {
        let noted = self.calls.note("put again", "");
        noted.map_err(|broken| broken.to_string())?;
        let handed = Handed::new(body, attributes);
        self.queue.lock().unwrap().push(handed);
        Ok(())
    }

    async fn hide(&self, copy: &Copy, _wait: Duration) {
        // A copy that cannot be hidden comes back by itself.
        let _ = self.calls.note("hide", &copy.id);
    }

    async fn close_valve(&self) {
        // A valve that cannot be closed is left to the tick.
        let _ = self.calls.note("close", "the valve");
    }
}

impl World {
    pub(super) fn new() -> Self {
        let mailbox = MailboxId::parse("billing").unwrap();
        let json = r#"{"address":"billing@contoso.com","tenant":"contoso.com","client_id":"app","more":{"senders":["news@contoso.com"]}}"#;
        let calls = Calls::default();
        let mut ledger = MemoryLedger::default();
        ledger.calls = calls.clone();
        let mut states = MemoryStates::default();
        states.calls = calls.clone();
        let clock = FixedClock::at("2027-03-01T12:00:00Z".parse().unwrap());
        let mut paces = MemoryPaces::default();
        paces.calls = calls.clone();
        let mut objects = MemoryObjects::default();
        objects.calls = calls.clone();
        let active = MailboxState {
            connection: Connection::Active,
            grant_id: Some(GrantId::stored("g-1".to_owned())),
            ..MailboxState::default()
        };
        states.set(&mailbox, active);
        Self {
            settings: Settings::parse(mailbox, json).unwrap(),
            ledger,
            states,
            objects,
            templates: TemplateCache::default(),
            clock: clock.clone(),
            chance: SeededChance::from(3),
            failed: Mutex::default(),
            queue: Mutex::default(),
            happens_at_waits: Mutex::default(),
            meter: MemoryMeter::default(),
            events: MemoryEvents::default(),
            stack: StackName::parse("pillarbox").unwrap(),
            waited: Mutex::default(),
            paces,
            server: Server {
                calls: calls.clone(),
                script: Arc::default(),
                accepted: Arc::default(),
                begun: Arc::default(),
                is_open: false,
                clock,
            },
            calls,
        }
    }

    pub(super) fn on_wait(&self, happens: impl FnMut() + Send + 'static) {
        *self.happens_at_waits.lock().unwrap() = Some(Box::new(happens));
    }

    pub(super) fn told(self, acts: impl IntoIterator<Item = Act>) -> Self {
        self.server.script.lock().unwrap().extend(acts);
        self
    }

    pub(super) fn copy(&self, id: &str, body: &str) -> Copy {
        Copy {
            id: id.to_owned(),
            receipt: format!("receipt of {id}"),
            body: body.to_owned(),
            attributes: Vec::new(),
            enqueued_at: Some(self.clock.now()),
            receives: 1,
        }
    }

    /// The desk of an invocation that begins now and may last five minutes.
    pub(super) fn desk(&self) -> Desk<'_, &Self> {
        self.desk_of("worker")
    }

    pub(super) fn desk_of<'w>(&'w self, worker: &'w str) -> Desk<'w, &'w Self> {
        let deadline = self.clock.now() + SignedDuration::from_mins(5);
        let wire_deadline = Instant::now() + Duration::from_secs(290);
        let measured = Measurement::of_mailbox(&self.stack, &self.settings.mailbox);
        Desk::new(
            &self.settings,
            self,
            worker,
            (deadline, wire_deadline),
            measured,
        )
    }

    /// Delivers a copy in an invocation of its own.
    pub(super) async fn deliver(&self, copy: &Copy) -> Fate {
        let desk = self.desk();
        let fate = desk.deliver(copy, &mut self.server.clone()).await;
        desk.put_events().await;
        desk.leave().await;
        fate
    }

    /// Delivers a copy again and again, after each of its waits, until it is settled.
    pub(super) async fn settle(&self, copy: &Copy) {
        for _ in 0..10 {
            match self.deliver(copy).await {
                Fate::Settled => return,
                // Later than any lease, and than any wait that was asked for.
                Fate::PutBack(wait) => self
                    .clock
                    .advance(SignedDuration::try_from(wait.max(Duration::from_secs(900))).unwrap()),
            }
        }
        panic!("the copy is never settled");
    }

    pub(super) fn state(&self) -> Option<State> {
        let key = Key {
            mailbox: self.settings.mailbox.clone(),
            notification: "invoice-1".to_owned(),
        };
        self.ledger.seen(&key).map(|record| record.state)
    }

    pub(super) fn accepted(&self) -> Vec<Vec<String>> {
        self.server
            .accepted
            .lock()
            .unwrap()
            .iter()
            .map(|(addresses, _)| addresses.clone())
            .collect()
    }

    pub(super) fn handed(&self) -> Vec<Handed> {
        self.failed.lock().unwrap().clone()
    }
}
