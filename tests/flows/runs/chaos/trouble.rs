//! Trouble at Exchange in the chaos run: refusals for a while, breaks at random octets, and workers that are killed in
//! the middle of the dialogue.
//!
//! How often a fault has come up at a stage decides whether it happens, so the same seed has the same faults at the same
//! moments of the account, whichever message is then under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use common::chance::{Chance, SeededChance};
use tests::contoso::Contoso;
use tests::microsoft::exchange::{Effect, Fault, Moment, Stage};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::super::Size;

/// Trouble for one account, until it is over.
pub(super) struct Trouble {
    is_on: Arc<AtomicBool>,
    happened: Arc<AtomicU64>,
    held_up: UnboundedReceiver<u64>,
}

/// What makes the faults of one account.
struct Maker {
    account: String,
    is_on: Arc<AtomicBool>,
    happened: Arc<AtomicU64>,
    size: Size,
    parts: u64,
}

/// Replies that put a message off, without a word about all the others.
const PUT_OFF: [(Stage, &str); 5] = [
    (
        Stage::Credential,
        "451 4.3.0 Temporary authentication failure",
    ),
    (
        Stage::Mail,
        "451 4.3.0 Mail server temporarily rejected message",
    ),
    (
        Stage::Rcpt,
        "451 4.3.0 Mail server temporarily rejected message",
    ),
    (
        Stage::Data,
        "451 4.3.0 Mail server temporarily rejected message",
    ),
    (
        Stage::EndOfMessage,
        "451 4.3.0 Mail server temporarily rejected message",
    ),
];
/// The stages at which workers are killed, and after how many moments there.
const KILLED_AT: [(Stage, u64); 4] = [
    (Stage::Mail, 20),
    (Stage::Rcpt, 45),
    (Stage::Body, 70),
    (Stage::EndOfMessage, 95),
];

impl Trouble {
    /// Lets the trouble begin.
    pub(super) fn begin(contoso: &Contoso, account: &str, size: Size) -> Self {
        let (hold_up, held_up) = unbounded_channel();
        let mut maker = Maker {
            account: account.to_owned(),
            is_on: Arc::new(AtomicBool::new(true)),
            happened: Arc::default(),
            size,
            parts: 100,
        };
        for fault in maker.faults(&hold_up) {
            contoso.microsoft.exchange().inject(fault);
        }
        Self {
            is_on: maker.is_on,
            happened: maker.happened,
            held_up,
        }
    }

    /// Kills each worker that is held up on its way, and counts them; never ends by itself.
    pub(super) async fn kill(&mut self, contoso: &Contoso, killed: &AtomicU64) {
        while let Some(connection) = self.held_up.recv().await {
            // A worker that a storm has killed first is dead too.
            let Ok(worker) = contoso.worker_of(connection) else {
                continue;
            };
            if worker.kill().await.is_ok() {
                killed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Ends it, and tells how often something happened.
    pub(super) fn end(&self) -> u64 {
        self.is_on.store(false, Ordering::Relaxed);
        self.happened.load(Ordering::Relaxed)
    }
}

impl Maker {
    fn faults(&mut self, hold_up: &UnboundedSender<u64>) -> Vec<Fault> {
        let mut faults = vec![
            // Once each: they slow the whole mailbox down for minutes.
            self.once(
                Stage::Mail,
                Effect::ReplyAndClose("421 4.3.2 The service is not available".to_owned()),
                30,
            ),
            self.once(
                Stage::EndOfMessage,
                Effect::Reply(
                    "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded".to_owned(),
                ),
                60,
            ),
        ];
        for (stage, after) in KILLED_AT {
            for time in 0..u64::from(self.size.times) {
                faults.push(self.hold_up(stage, after + 100 * time, hold_up.clone()));
            }
        }
        for (stage, reply) in PUT_OFF {
            faults.push(self.now_and_then(stage, Effect::Reply(reply.to_owned()), 25));
        }
        let octets = self.size.chance(99);
        for _ in 0..6 {
            let received = Effect::BreakAfterReceiving(octets.below(1200));
            faults.push(self.now_and_then(Stage::Mail, received, 5));
            let sent = Effect::BreakAfterSending(octets.below(200));
            faults.push(self.now_and_then(Stage::Mail, sent, 3));
        }
        faults.extend([
            self.now_and_then(Stage::Credential, Effect::HangUp, 30),
            self.now_and_then(
                Stage::Rcpt,
                Effect::ReplyAndClose("421 4.4.1 Connection timed out".to_owned()),
                10,
            ),
            self.now_and_then(Stage::EndOfMessage, Effect::HangUp, 10),
            // The message is accepted, and nobody hears of it.
            self.now_and_then(Stage::EndOfMessage, Effect::BreakAfterSending(0), 15),
        ]);
        faults
    }

    /// A fault that happens at so many of a thousand moments.
    fn now_and_then(&mut self, stage: Stage, effect: Effect, of_a_thousand: u64) -> Fault {
        let chance = self.chance();
        self.fault(stage, effect, move |_| chance.below(1000) < of_a_thousand)
    }

    /// A fault that happens once, after so many moments.
    fn once(&self, stage: Stage, effect: Effect, after: u64) -> Fault {
        let moments = AtomicU64::new(0);
        self.fault(stage, effect, move |_| {
            moments.fetch_add(1, Ordering::Relaxed) == after
        })
    }

    /// A worker that is held up once, after so many moments, so that it can be killed there.
    fn hold_up(&self, stage: Stage, after: u64, hold_up: UnboundedSender<u64>) -> Fault {
        let moments = AtomicU64::new(0);
        self.fault(stage, Effect::Hang, move |moment| {
            let is_due = moments.fetch_add(1, Ordering::Relaxed) == after;
            // When the run has ended nobody is left to hear of it.
            let _ = is_due.then(|| hold_up.send(moment.connection));
            is_due
        })
    }

    fn fault(
        &self,
        stage: Stage,
        effect: Effect,
        is_due: impl Fn(&Moment) -> bool + Send + Sync + 'static,
    ) -> Fault {
        let (is_on, happened) = (Arc::clone(&self.is_on), Arc::clone(&self.happened));
        Fault::new(stage, effect)
            .for_account(&self.account)
            .when(move |moment| {
                let happens = is_on.load(Ordering::Relaxed) && is_due(moment);
                happened.fetch_add(u64::from(happens), Ordering::Relaxed);
                happens
            })
    }

    fn chance(&mut self) -> SeededChance {
        self.parts += 1;
        self.size.chance(self.parts)
    }
}
