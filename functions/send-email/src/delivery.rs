//! The way of one notification from the queue to its receipt.
//!
//! Guarantees: a copy leaves the queue only after its receipt, its refusal or its hand-over is recorded. A
//! message is begun only under a claim that the ledger has, and `sending` is written before anything of it
//! leaves; whatever stops in between, the next delivery of the copy finds out where, and goes on from
//! there. Anything that fails on our side puts the copy back.

mod dry_run;
mod endings;
mod pacing;
mod parts;
mod reading;
mod sending;
mod telling;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use common::class::Class;
use common::clock::Clock;
use common::event::Event;
use common::ledger::{self, Claim, Key, LedgerError, LedgerStore, Reason, Record, Worker, Written};
use common::mailbox::{Connection, MailboxState, MailboxStates, Settings, StateUnavailable};
use common::metrics::{Measurement, Meter, Metric};
use common::notification::{Notification, NotificationId};
use common::pace::{Lately, PaceUnavailable};
use common::telemetry::chain;
use jiff::Timestamp;
use tokio::time::Instant;

use self::endings::Known;
use self::sending::Claimed;
use crate::backoff;
use crate::copy::Copy;
use crate::line::Line;
use crate::ports::Ports;

/// A record is begun only with this much time left: five seconds to claim and compose, and two minutes for the
/// server, which is asked for its final reply as long as there is time.
const RECORD: Duration = Duration::from_secs(125);
/// The rate at which a body is expected to leave at least, in octets a second.
const SLOWEST: u64 = 256 * 1024;

/// What becomes of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The queue may forget it.
    Settled,
    /// It comes back after a while.
    PutBack(Duration),
}

/// What every delivery of a batch shares.
pub(crate) struct Desk<'a, P> {
    /// The mailbox.
    pub(crate) settings: &'a Settings,
    /// The outside.
    pub(crate) ports: P,
    /// The name of this invocation, told apart from all others.
    worker: &'a str,
    /// When the invocation ends.
    deadline: Timestamp,
    /// When the wire has to be let go.
    wire_deadline: Instant,
    /// Whether this invocation has leased a connection.
    has_lease: AtomicBool,
    /// Whether it has the trial of the mailbox.
    has_trial: AtomicBool,
    /// What was measured of the batch.
    measured: Mutex<Measurement>,
    /// What others are still to be told of.
    told: Mutex<Vec<Event>>,
    /// What became of the batch's notifications.
    lately: Mutex<Lately>,
    /// Whether there is no way to the server for now, so that nothing else of the batch need try it.
    is_cut_off: AtomicBool,
}

/// Why a copy goes back although nothing is known against it.
#[derive(Debug)]
enum Interrupted {
    /// The ledger, the state or the pace did not answer.
    Unavailable(String),
    /// Somebody else wrote the record in between.
    Overtaken,
}

impl From<LedgerError> for Interrupted {
    fn from(error: LedgerError) -> Self {
        Self::Unavailable(chain(&error))
    }
}

impl From<StateUnavailable> for Interrupted {
    fn from(error: StateUnavailable) -> Self {
        Self::Unavailable(chain(&error))
    }
}

impl From<PaceUnavailable> for Interrupted {
    fn from(error: PaceUnavailable) -> Self {
        Self::Unavailable(chain(&error))
    }
}

impl<'a, P: Ports> Desk<'a, P> {
    /// The desk of one invocation, which `worker` names and which ends at `deadline`; the wire is let go at the
    /// second of the two. What is measured is added to `measured`.
    pub(crate) fn new(
        settings: &'a Settings,
        ports: P,
        worker: &'a str,
        (deadline, wire_deadline): (Timestamp, Instant),
        measured: Measurement,
    ) -> Self {
        Self {
            settings,
            ports,
            worker,
            deadline,
            wire_deadline,
            has_lease: AtomicBool::new(false),
            has_trial: AtomicBool::new(false),
            measured: Mutex::new(measured),
            told: Mutex::default(),
            lately: Mutex::default(),
            is_cut_off: AtomicBool::new(false),
        }
    }

    /// Adds to what is measured of the batch.
    pub(crate) fn measure(&self, metric: Metric, value: i64) {
        let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        *measured = measured.clone().with(metric, value);
    }

    /// Adds a time to what is measured of the batch.
    fn measure_time(&self, metric: Metric, time: Duration) {
        self.measure(metric, i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
    }

    /// Notes what became of a notification.
    fn note(&self, end: impl FnOnce(&mut Lately)) {
        end(&mut self.lately.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Hands over what was measured of the batch.
    pub(crate) fn report(&self) {
        let measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        if !measured.is_empty() {
            self.ports.meter().record(&measured, self.now());
        }
    }

    /// Whether there is time to begin what has so many octets, and to end it.
    pub(crate) fn has_time(&self, octets: usize) -> bool {
        self.latest_begin(octets) >= self.now()
    }

    /// The last moment at which what has so many octets can be begun.
    fn latest_begin(&self, octets: usize) -> Timestamp {
        let needed = RECORD + Duration::from_secs(octets as u64 / SLOWEST);
        self.deadline
            .saturating_sub(needed)
            .unwrap_or(Timestamp::MIN)
    }

    fn now(&self) -> Timestamp {
        self.ports.clock().now()
    }

    /// Delivers one copy.
    pub(crate) async fn deliver(&self, copy: &Copy, line: &mut impl Line) -> Fate {
        let chance = self.ports.chance();
        self.look_at(copy, line)
            .await
            .unwrap_or_else(|interrupted| match interrupted {
                Interrupted::Overtaken => Fate::PutBack(backoff::for_the_next_worker(chance)),
                Interrupted::Unavailable(error) => {
                    tracing::warn!(copy.id, error, "the notification is put back");
                    Fate::PutBack(backoff::after_our_own_trouble(copy.receives, chance))
                }
            })
    }

    /// Puts a new copy in the place of one that has been on the queue for long and has to wait on; answers whether
    /// it did. Should its sender be lost in between there are two, which are one mail.
    pub(crate) async fn renew(&self, copy: &Copy, wait: Duration) -> bool {
        if !copy.is_to_be_renewed(self.now()) {
            return false;
        }
        let notification = Notification::parse(&copy.body).ok();
        let Ok(id) = id_of(notification.as_ref(), copy) else {
            return false;
        };
        let attributes = copy.renewed(&id);
        match self.ports.put_again(&copy.body, &attributes, wait).await {
            Ok(()) => {
                tracing::info!(
                    notification.id = id.as_str(),
                    copy.id,
                    "a new copy waits in the place of an old one"
                );
                true
            }
            Err(error) => {
                tracing::warn!(
                    notification.id = id.as_str(),
                    copy.id,
                    error,
                    "no new copy could be made; the old one waits on"
                );
                false
            }
        }
    }

    /// Begins only what is due and what the mailbox's state allows. What waits for a closed mailbox is looked at all the same when
    /// it has come to an age at which SQS would soon delete it.
    async fn look_at(&self, copy: &Copy, line: &mut impl Line) -> Result<Fate, Interrupted> {
        let read = self.read(copy).await?;
        let send_at = read.as_ref().ok().and_then(|read| read.send_at);
        if let Some(wait) = self.wait_until_due(copy, &read) {
            return Ok(Fate::PutBack(wait));
        }
        let state = self.ports.states().state(&self.settings.mailbox).await?;
        let now = self.now();
        let is_somebody_elses_trial =
            matches!(state.connection, Connection::OnTrial(_)) && state.is_tried(now);
        let may_begin = state.is_open() && !is_somebody_elses_trial;
        let chance = self.ports.chance();
        if !may_begin && !copy.is_overdue(send_at, now) {
            Ok(Fate::PutBack(backoff::for_a_stopped_mailbox(chance)))
        } else if self.is_cut_off.load(Ordering::Relaxed) {
            Ok(Fate::PutBack(backoff::after_our_own_trouble(
                copy.receives,
                chance,
            )))
        } else {
            self.attempt(copy, read, line, &state).await
        }
    }

    /// How long a copy is hidden whose time has not come; a dry run is of use only before. Nothing is recorded of it, so that the first attempt, and the
    /// `Date` with it, is when it is sent.
    fn wait_until_due(&self, copy: &Copy, read: &Result<Notification, Reason>) -> Option<Duration> {
        let now = self.now();
        let notification = read.as_ref().ok()?;
        let send_at = notification.send_at.filter(|send_at| *send_at > now)?;
        if notification.dry_run {
            return None;
        }
        // What was renewed was not too far ahead.
        let enqueued_at = copy.first_enqueued_at().unwrap_or(now);
        let waits = !notification.is_too_far_ahead(enqueued_at) && !copy.is_at_its_end(now);
        waits.then(|| backoff::exactly_until(send_at, now))
    }

    async fn attempt(
        &self,
        copy: &Copy,
        read: Result<Notification, Reason>,
        line: &mut impl Line,
        state: &MailboxState,
    ) -> Result<Fate, Interrupted> {
        let notification = match read {
            Ok(notification) => notification,
            Err(reason) => return self.hand_over(copy, None, None, None, &reason).await,
        };
        let enqueued_at = copy.first_enqueued_at().unwrap_or(self.now());
        if notification.is_too_far_ahead(enqueued_at) {
            let reply = "/send_at is more than 14 days after it was put on the queue";
            let reason = ours(Class::InvalidMessage, reply.to_owned(), "parse");
            let read = Some(&notification);
            return self.hand_over(copy, read, None, None, &reason).await;
        }
        let id = match id_of(Some(&notification), copy) {
            Ok(id) => id,
            Err(fault) => {
                let reason = ours(Class::InvalidMessage, fault, "parse");
                let read = Some(&notification);
                return self.hand_over(copy, read, None, None, &reason).await;
            }
        };
        let mailbox = &self.settings.mailbox;
        let key = match notification.dry_run {
            true => Key::of_dry_run(mailbox, &id, &copy.id),
            false => Key::new(mailbox, &id),
        };
        let now = self.now();
        let worker = Worker {
            copy: copy.id.clone(),
            name: copy.receipt.chars().rev().take(32).collect(),
            lease_until: self.deadline + ledger::LEASE_GRACE,
        };
        let record = self.ports.ledger().read(&key, now).await?;
        let content = notification.content_hash().as_str();
        let known = Known {
            copy,
            notification: &notification,
            id: &id,
            key: &key,
        };
        match ledger::claim(record.as_ref(), content, &worker, now) {
            Claim::Done(record) => {
                self.tell_again(known, &record);
                Ok(Fate::Settled)
            }
            Claim::Duplicate(record) => {
                self.tell_skipped(known, &record);
                Ok(Fate::Settled)
            }
            Claim::NotBefore(moment) => {
                let chance = self.ports.chance();
                let wait = backoff::until(moment, now, chance);
                // Most workers are done long before their lease is; a repeat need not wait for its end.
                let is_taken = record.as_ref().is_some_and(Record::is_taken);
                let soon = backoff::while_somebody_works_on_it(chance);
                Ok(Fate::PutBack(if is_taken { wait.min(soon) } else { wait }))
            }
            Claim::Conflict => {
                let reply = "the same id came with other content before".to_owned();
                let reason = ours(Class::IdempotencyConflict, reply, "ledger");
                let read = Some(&notification);
                self.hand_over(copy, read, Some(&id), None, &reason).await
            }
            Claim::HandOver(record) => {
                self.tell_accepted(known, &record);
                self.finish(known, &record).await
            }
            Claim::Lost(record) => self.end_lost(known, &record).await,
            Claim::Granted(record) => {
                self.write(&key, &record).await?;
                let claimed = Claimed {
                    copy,
                    id: &id,
                    key: &key,
                    worker: &worker,
                    record,
                    notification,
                    state,
                    parts: 1,
                };
                self.send(claimed, line).await
            }
        }
    }

    /// Writes a record. What became of an attempt is known to nobody else, so it is written again and again for a
    /// while if the ledger does not answer.
    async fn write(&self, key: &Key, record: &Record) -> Result<(), Interrupted> {
        let is_outcome = !record.is_taken();
        for wait in [1, 2, 4].map(Duration::from_secs) {
            match self.write_once(key, record).await {
                Err(Interrupted::Unavailable(error)) if is_outcome => {
                    tracing::warn!(
                        notification.id = key.notification,
                        error,
                        "the ledger did not answer"
                    );
                    self.ports.wait(wait).await;
                }
                answer => return answer,
            }
        }
        self.write_once(key, record).await
    }

    /// Writes a record. Where the answer to a write is lost the client repeats it, and the repeat finds what the
    /// write left behind: that record is ours too.
    async fn write_once(&self, key: &Key, record: &Record) -> Result<(), Interrupted> {
        let ledger = self.ports.ledger();
        match ledger.write(key, record, self.now()).await? {
            Written::Done => Ok(()),
            Written::Lost => match ledger.read(key, self.now()).await? {
                Some(stored) if stored == *record => Ok(()),
                Some(_) | None => Err(Interrupted::Overtaken),
            },
        }
    }
}

/// The body's own id, else the attribute's, else the queue's; or what is wrong with the one that counts.
fn id_of(notification: Option<&Notification>, copy: &Copy) -> Result<NotificationId, String> {
    if let Some(given) = notification.and_then(|notification| notification.id.clone()) {
        return Ok(given);
    }
    match copy.named().map_err(|misnamed| misnamed.to_string())? {
        Some(named) => Ok(named),
        None => NotificationId::parse(&copy.id)
            .map_err(|problem| format!("the queue's id of the message {problem}")),
    }
}

fn ours(class: Class, reply: String, stage: &str) -> Reason {
    Reason {
        class,
        reply,
        stage: stage.to_owned(),
    }
}

#[cfg(test)]
mod tests;
