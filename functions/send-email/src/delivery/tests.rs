//! Deliveries against stores in memory and a server that keeps count.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use common::chance::SeededChance;
use common::clock::FixedClock;
use common::fakes::{Calls, MemoryLedger, MemoryStates};
use common::grant::GrantId;
use common::ledger::State;
use common::mailbox::{Connection, MailboxId};
use common::submission::{Cause, Failure, Outcome, Recipient, Reply, Stage, Submission, Verdict};

use super::*;

const BODY: &str = r#"{"id":"invoice-1","to":["a@fabrikam.com","b@fabrikam.com"],"subject":"Invoice","text":"Hello"}"#;

/// A mailbox, its stores, and a server that answers as it is told; without being told, it accepts.
struct World {
    settings: Settings,
    calls: Calls,
    ledger: MemoryLedger,
    states: MemoryStates,
    clock: FixedClock,
    chance: SeededChance,
    failed: Failed,
    server: Server,
}

#[derive(Clone, Default)]
struct Failed {
    calls: Calls,
    copies: Arc<Mutex<Vec<Handed>>>,
}

#[derive(Clone)]
struct Handed {
    body: String,
    report: serde_json::Value,
    id: Option<String>,
}

impl FailedQueue for Failed {
    async fn put(&self, body: &str, attributes: &[(&str, &str)]) -> Result<(), String> {
        self.calls
            .note("hand over", "")
            .map_err(|broken| broken.to_string())?;
        let attribute = |name: &str| {
            attributes
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        self.copies.lock().unwrap().push(Handed {
            body: body.to_owned(),
            report: serde_json::from_str(&attribute("pillarbox").unwrap()).unwrap(),
            id: attribute("pillarbox-id"),
        });
        Ok(())
    }
}

struct Valve(Calls);

impl Closes for Valve {
    async fn close(&self) {
        // A valve that cannot be closed is left to the tick.
        let _ = self.0.note("close", "the valve");
    }
}

/// What the server does with the next message.
#[derive(Clone)]
enum Act {
    NoWay(Class),
    Answer(Vec<(u16, &'static str)>),
    Silence,
    Panic,
}

/// Whom a message was accepted for, and its bytes.
type Mail = (Vec<String>, Vec<u8>);

#[derive(Clone, Default)]
struct Server {
    calls: Calls,
    script: Arc<Mutex<VecDeque<Act>>>,
    /// Every message that was accepted, and for whom.
    accepted: Arc<Mutex<Vec<Mail>>>,
}

impl Line for Server {
    type Session = Self;

    async fn open(&mut self) -> Result<&mut Self, Obstacle> {
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
            Some(Act::Answer(_) | Act::Silence | Act::Panic) | None => Ok(self),
        }
    }
}

fn reply(stage: Stage, code: u16, text: &str) -> Reply {
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
        let addresses: Vec<String> = envelope.to().iter().map(ToString::to_string).collect();
        let act = self.script.lock().unwrap().pop_front();
        let answers = match act {
            Some(Act::Answer(answers)) => answers,
            Some(Act::Panic) => panic!("told to panic"),
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
        let outcome = |(code, text): &(u16, &str)| match code {
            250 => Outcome::Accepted(reply(Stage::Rcpt, 250, text)),
            400..=499 => Outcome::Deferred(reply(Stage::Rcpt, *code, text)),
            _ => Outcome::Refused(reply(Stage::Rcpt, *code, text)),
        };
        let recipients: Vec<_> = addresses
            .into_iter()
            .zip(&answers)
            .map(|(address, answer)| Recipient {
                address,
                outcome: outcome(answer),
            })
            .collect();
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
}

impl crate::handler::Hides for World {
    async fn hide(&self, copy: &Copy, _wait: Duration) {
        // A copy that cannot be hidden comes back by itself.
        let _ = self.calls.note("hide", &copy.id);
    }
}

impl World {
    fn new() -> Self {
        let mailbox = MailboxId::parse("billing").unwrap();
        let json = r#"{"address":"billing@contoso.com","tenant":"contoso.com","client_id":"app"}"#;
        let calls = Calls::default();
        let mut ledger = MemoryLedger::default();
        ledger.calls = calls.clone();
        let mut states = MemoryStates::default();
        states.calls = calls.clone();
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
            clock: FixedClock::at("2027-03-01T12:00:00Z".parse().unwrap()),
            chance: SeededChance::from(3),
            failed: Failed {
                calls: calls.clone(),
                ..Failed::default()
            },
            server: Server {
                calls: calls.clone(),
                ..Server::default()
            },
            calls,
        }
    }

    fn told(self, acts: impl IntoIterator<Item = Act>) -> Self {
        self.server.script.lock().unwrap().extend(acts);
        self
    }

    fn copy(&self, id: &str, body: &str) -> Copy {
        Copy {
            id: id.to_owned(),
            receipt: format!("receipt of {id}"),
            body: body.to_owned(),
            named: None,
            enqueued_at: Some(self.clock.now()),
            receives: 1,
        }
    }

    /// The desk of an invocation that begins now and may last five minutes.
    fn desk(
        &self,
    ) -> Desk<'_, MemoryLedger, MemoryStates, Failed, Valve, FixedClock, SeededChance> {
        Desk {
            settings: &self.settings,
            ledger: &self.ledger,
            states: &self.states,
            failed: self.failed.clone(),
            valve: Valve(self.calls.clone()),
            clock: &self.clock,
            chance: &self.chance,
            deadline: self.clock.now() + SignedDuration::from_mins(5),
            wire_deadline: Instant::now() + Duration::from_secs(290),
        }
    }

    /// Delivers a copy in an invocation of its own.
    async fn deliver(&self, copy: &Copy) -> Fate {
        self.desk().deliver(copy, &mut self.server.clone()).await
    }

    /// Delivers a copy again and again, after each of its waits, until it is settled.
    async fn settle(&self, copy: &Copy) {
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

    fn state(&self) -> Option<State> {
        let key = Key {
            mailbox: self.settings.mailbox.clone(),
            notification: "invoice-1".to_owned(),
        };
        self.ledger.seen(&key).map(|record| record.state)
    }

    fn accepted(&self) -> Vec<Vec<String>> {
        self.server
            .accepted
            .lock()
            .unwrap()
            .iter()
            .map(|(addresses, _)| addresses.clone())
            .collect()
    }

    fn handed(&self) -> Vec<Handed> {
        self.failed.copies.lock().unwrap().clone()
    }
}

const BOTH: [&str; 2] = ["a@fabrikam.com", "b@fabrikam.com"];

#[tokio::test]
async fn a_notification_is_accepted_once_whoever_repeats_it() {
    let world = World::new();
    let first = world.copy("1", BODY);
    assert_eq!(world.deliver(&first).await, Fate::Settled);
    assert_eq!(
        world.deliver(&first).await,
        Fate::Settled,
        "the queue repeats the copy"
    );
    assert_eq!(
        world.deliver(&world.copy("2", BODY)).await,
        Fate::Settled,
        "the producer repeats the notification"
    );
    assert_eq!(world.accepted(), [BOTH]);
    assert!(world.handed().is_empty());
}

#[tokio::test]
async fn other_content_under_the_same_id_is_handed_over_and_not_sent() {
    let world = World::new();
    world.settle(&world.copy("1", BODY)).await;
    let other = BODY.replace("Hello", "Goodbye");
    world.settle(&world.copy("2", &other)).await;
    assert_eq!(world.accepted().len(), 1);
    let handed = world.handed();
    assert_eq!(handed.len(), 1);
    assert_eq!(handed[0].report["class"], "idempotency_conflict");
    assert_eq!(handed[0].body, other, "the body is unchanged");
}

#[tokio::test]
async fn what_is_not_a_notification_is_handed_over_with_the_field_named() {
    let world = World::new();
    world
        .settle(&world.copy(
            "1",
            r#"{"to":"a@fabrikam.com","subjct":"Hi","text":"Hello"}"#,
        ))
        .await;
    let handed = world.handed();
    assert_eq!(handed[0].report["class"], "invalid_message");
    let reply = handed[0].report["reply"].as_str().unwrap();
    assert!(
        reply.contains("/subjct") && reply.contains("/subject"),
        "{reply}"
    );
    assert!(handed[0].id.is_none());
}

#[tokio::test]
async fn a_stopped_or_paused_mailbox_sends_nothing_and_loses_nothing() {
    let world = World::new();
    let mailbox = &world.settings.mailbox;
    let active = world.states.seen(mailbox);
    let blocked = Connection::stopped(Class::SmtpAuthDisabled, String::new(), world.clock.now());
    for state in [
        MailboxState {
            connection: blocked,
            ..active.clone()
        },
        MailboxState {
            connection: Connection::AwaitingConsent,
            ..active.clone()
        },
        MailboxState {
            paused: true,
            ..active.clone()
        },
    ] {
        world.states.set(mailbox, state);
        let Fate::PutBack(wait) = world.deliver(&world.copy("1", BODY)).await else {
            panic!("the copy is gone")
        };
        assert!((60..=120).contains(&wait.as_secs()), "{wait:?}");
    }
    assert!(world.accepted().is_empty() && world.state().is_none());
    world.states.set(mailbox, active);
    world.settle(&world.copy("1", BODY)).await;
    assert_eq!(world.accepted(), [BOTH]);
}

#[tokio::test]
async fn a_refused_sign_in_stops_the_mailbox_and_keeps_the_notification() {
    let world = World::new().told([Act::NoWay(Class::SmtpAuthDisabled)]);
    assert!(matches!(
        world.deliver(&world.copy("1", BODY)).await,
        Fate::PutBack(_)
    ));
    let state = world.states.seen(&world.settings.mailbox);
    assert_eq!(
        state.connection.stop().map(|stop| stop.class),
        Some(Class::SmtpAuthDisabled)
    );
    assert!(world.calls.made().contains(&"close the valve".to_owned()));
    assert!(
        world.handed().is_empty(),
        "nothing reaches the failed queue because a mailbox stopped"
    );
}

#[tokio::test]
async fn a_deferred_recipient_alone_is_tried_again_with_the_same_message() {
    let deferred = Act::Answer(vec![(250, "2.1.5 OK"), (451, "4.7.500 Server busy")]);
    let world = World::new().told([deferred]);
    world.settle(&world.copy("1", BODY)).await;
    assert_eq!(world.accepted(), [vec![BOTH[0]], vec![BOTH[1]]]);
    let messages = world.server.accepted.lock().unwrap();
    assert_eq!(messages[0].1, messages[1].1, "a repeat is the same message");
    assert!(world.handed().is_empty());
}

#[tokio::test]
async fn a_refused_recipient_is_named_and_the_others_have_their_mail() {
    let world = World::new().told([Act::Answer(vec![
        (250, "2.1.5 OK"),
        (550, "5.1.10 unknown recipient"),
    ])]);
    world.settle(&world.copy("1", BODY)).await;
    assert_eq!(world.accepted(), [vec![BOTH[0]]]);
    let handed = world.handed();
    assert_eq!(handed.len(), 1);
    assert_eq!(handed[0].report["class"], "recipient_refused");
    assert_eq!(handed[0].report["refused"][0]["recipient"], BOTH[1]);
    assert_eq!(handed[0].report["accepted"], 1);
    assert_eq!(handed[0].id.as_deref(), Some("invoice-1"));
    world.settle(&world.copy("2", BODY)).await;
    assert_eq!(world.accepted().len(), 1, "a redrive sends nothing twice");
}

#[tokio::test]
async fn a_notification_that_nobody_takes_is_handed_over() {
    let refused = Act::Answer(vec![(550, "5.1.10 unknown recipient"); 2]);
    let world = World::new().told([refused]);
    world.settle(&world.copy("1", BODY)).await;
    assert_eq!(world.handed()[0].report["class"], "recipient_refused");
    world.settle(&world.copy("2", BODY)).await;
    assert_eq!(world.accepted(), [BOTH], "another copy is a new attempt");
}

#[tokio::test]
async fn a_lost_reply_is_unknown_and_never_sent_again() {
    let world = World::new().told([Act::Silence]);
    world.settle(&world.copy("1", BODY)).await;
    world.settle(&world.copy("2", BODY)).await;
    assert_eq!(world.accepted().len(), 1);
    assert!(matches!(world.state(), Some(State::Unknown { .. })));
    let handed = world.handed();
    assert_eq!(handed.len(), 1, "it is handed over once");
    assert_eq!(handed[0].report["class"], "unknown_after_data");
    let message_id = handed[0].report["message_id"].as_str().unwrap();
    let message = String::from_utf8(world.server.accepted.lock().unwrap()[0].1.clone()).unwrap();
    assert!(
        message.contains(&format!("Message-ID: {message_id}")),
        "{message}"
    );
}

#[tokio::test]
async fn a_stop_that_somebody_knows_better_is_not_overwritten() {
    let world = World::new().told([Act::NoWay(Class::TokenRejected)]);
    let mailbox = &world.settings.mailbox;
    let seen = world.states.seen(mailbox);
    let revoked = Connection::stopped(Class::ConsentRevoked, String::new(), world.clock.now());
    world.states.set(
        mailbox,
        MailboxState {
            connection: revoked.clone(),
            ..seen.clone()
        },
    );
    let desk = world.desk();
    let reason = ours(Class::TokenRejected, "535 5.7.3".to_owned(), "auth");
    assert!(desk.stop_mailbox(reason, &seen).await.is_ok());
    assert_eq!(world.states.seen(mailbox).connection, revoked);
}

#[tokio::test]
async fn a_delivery_that_panics_costs_its_own_copy_alone() {
    let world = World::new().told([Act::Panic]);
    let copies = [
        world.copy("1", BODY),
        world.copy("2", &BODY.replace("invoice-1", "invoice-2")),
    ];
    let answer =
        crate::handler::deliver(&copies, &world.desk(), &mut world.server.clone(), &world).await;
    let failed: Vec<_> = answer
        .batch_item_failures
        .iter()
        .map(|failure| failure.item_identifier.as_str())
        .collect();
    assert_eq!(failed, ["1"]);
    assert_eq!(world.accepted(), [BOTH]);
}

#[tokio::test]
async fn a_record_is_not_begun_without_the_time_to_end_it() {
    let world = World::new();
    let copies = [world.copy("1", BODY)];
    world.clock.advance(SignedDuration::from_secs(-1));
    let desk = world.desk();
    world.clock.advance(SignedDuration::from_secs(5 * 60 - 120));
    let answer = crate::handler::deliver(&copies, &desk, &mut world.server.clone(), &world).await;
    assert_eq!(answer.batch_item_failures.len(), 1);
    assert!(
        world.state().is_none() && world.accepted().is_empty(),
        "nothing of it was begun"
    );
}

#[tokio::test]
async fn a_lost_reply_is_sent_once_more_where_the_policy_says_so() {
    let body = BODY.replace(r#""id""#, r#""on_unknown":"retry","id""#);
    let world = World::new().told([Act::Silence, Act::Silence]);
    world.settle(&world.copy("1", &body)).await;
    assert_eq!(world.accepted().len(), 2, "once more, and not a third time");
    assert_eq!(world.handed().len(), 1);
}

#[tokio::test]
async fn what_came_too_late_is_not_sent() {
    let world = World::new();
    let body = BODY.replace(r#""id""#, r#""expires_at":"2027-03-01T11:59:59Z","id""#);
    world.settle(&world.copy("1", &body)).await;
    let mut old = world.copy("2", &BODY.replace("invoice-1", "invoice-2"));
    old.enqueued_at = Some(world.clock.now() - SignedDuration::from_hours(13 * 24));
    world.settle(&old).await;
    assert!(world.accepted().is_empty());
    let classes: Vec<_> = world
        .handed()
        .iter()
        .map(|handed| handed.report["class"].clone())
        .collect();
    assert_eq!(classes, ["expired", "expired"]);
}

#[tokio::test]
async fn a_repeat_of_what_somebody_works_on_looks_again_soon() {
    let world = World::new();
    world.calls.break_after(4);
    world.deliver(&world.copy("1", BODY)).await;
    world.calls.repair();
    assert!(
        matches!(world.state(), Some(State::Claimed { .. })),
        "{:?}",
        world.state()
    );
    let Fate::PutBack(wait) = world.deliver(&world.copy("2", BODY)).await else {
        panic!("the repeat is gone")
    };
    assert!((10..=20).contains(&wait.as_secs()), "{wait:?}");
}

#[tokio::test]
async fn two_workers_at_once_send_one_mail() {
    let world = World::new();
    let (one, other) = (world.copy("1", BODY), world.copy("2", BODY));
    let (first, second) = tokio::join!(world.deliver(&one), world.deliver(&other));
    assert!([first, second].contains(&Fate::Settled));
    world.settle(&one).await;
    world.settle(&other).await;
    assert_eq!(world.accepted(), [BOTH]);
}

/// Breaks at every call there is, one after the other, as a worker that dies there would; then everything
/// works again, and the copy is delivered until it is settled.
#[tokio::test]
async fn wherever_a_worker_stops_nothing_is_lost_and_nothing_is_doubled() {
    let scripts: [&[Act]; 4] = [
        &[],
        &[Act::Answer(vec![
            (250, "2.1.5 OK"),
            (550, "5.1.10 unknown recipient"),
        ])],
        &[Act::Answer(vec![
            (550, "5.1.10 unknown recipient"),
            (550, "5.1.10 unknown recipient"),
        ])],
        &[Act::Answer(vec![
            (250, "2.1.5 OK"),
            (451, "4.7.500 Server busy"),
        ])],
    ];
    for (number, script) in scripts.into_iter().enumerate() {
        let whole = World::new().told(script.to_vec());
        whole.settle(&whole.copy("1", BODY)).await;
        let calls = whole.calls.made().len();
        assert!(calls >= 6, "{:?}", whole.calls.made());
        for at in 0..calls {
            let world = World::new().told(script.to_vec());
            let copy = world.copy("1", BODY);
            world.calls.break_after(at);
            let mut broke = false;
            for _ in 0..3 {
                match world.deliver(&copy).await {
                    Fate::Settled => break,
                    Fate::PutBack(_) => {
                        broke = true;
                        world.clock.advance(SignedDuration::from_mins(15));
                    }
                }
            }
            world.calls.repair();
            world.settle(&copy).await;

            let place = format!("script {number}, call {at} of {:?}", world.calls.made());
            let mut mails: Vec<String> = world.accepted().concat();
            mails.sort();
            let before = mails.len();
            mails.dedup();
            assert_eq!(before, mails.len(), "somebody has two mails: {place}");
            let handed = world.handed();
            let classes: Vec<_> = handed
                .iter()
                .map(|handed| handed.report["class"].as_str().unwrap())
                .collect();
            match world.state() {
                Some(State::Accepted { .. }) => {
                    let whole_accepted = whole.accepted().concat();
                    assert!(
                        whole_accepted.iter().all(|mail| mails.contains(mail)),
                        "a mail is lost: {place}"
                    );
                }
                Some(State::Refused { .. }) => {
                    assert!(classes.contains(&"recipient_refused"), "{place}")
                }
                Some(State::Unknown { .. }) => {
                    assert_eq!(classes, ["unknown_after_data"], "{place}")
                }
                other => panic!("the notification has no end ({other:?}, broke: {broke}): {place}"),
            }
        }
    }
}
