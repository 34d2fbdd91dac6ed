//! The way of one notification from the queue to its receipt.
//!
//! Guarantees: a copy leaves the queue only after its receipt, its refusal or its hand-over is recorded. A
//! message is begun only under a claim that the ledger has, and `sending` is written before anything of it
//! leaves; whatever stops in between, the next delivery of the copy finds out where, and goes on from
//! there. Anything that fails on our side puts the copy back.

mod endings;

use std::future::Future;
use std::time::Duration;

use common::chance::Chance;
use common::class::{Class, Scope};
use common::clock::Clock;
use common::ledger::{
    self, Claim, HandOver, Key, LedgerError, LedgerStore, Reason, Record, Worker, Written,
};
use common::mailbox::{MailboxState, MailboxStates, Settings};
use common::message::{self, Message, MessageIdentity, SenderPolicy};
use common::notification::{Notification, NotificationId};
use common::route::Obstacle;
use common::submission::Envelope;
use common::telemetry::chain;
use jiff::{SignedDuration, Timestamp};
use lettre::Address;
use tokio::time::Instant;

use crate::backoff;
use crate::copy::Copy;
use crate::line::{Line, Submits};
use crate::settlement::{End, Settlement, Trouble};

/// A notification that says nothing of its end is worth sending for 13 days: SQS deletes it after 14.
const WORTH_SENDING: SignedDuration = SignedDuration::from_hours(13 * 24);

/// What becomes of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The queue may forget it.
    Settled,
    /// It comes back after a while.
    PutBack(Duration),
}

/// The failed queue of the mailbox.
pub(crate) trait FailedQueue: Sync {
    /// Puts a body on the failed queue, with attributes.
    fn put(
        &self,
        body: &str,
        attributes: &[(&str, &str)],
    ) -> impl Future<Output = Result<(), String>> + Send;
}

/// The valve of the mailbox.
pub(crate) trait Closes: Sync {
    /// Closes the valve. It is an economy: what fails here is made good by the next tick.
    fn close(&self) -> impl Future<Output = ()> + Send;
}

/// What every delivery of a batch shares.
pub(crate) struct Desk<'a, L, M, F, V, C, R> {
    /// The mailbox.
    pub(crate) settings: &'a Settings,
    /// The ledger.
    pub(crate) ledger: &'a L,
    /// The states.
    pub(crate) states: &'a M,
    /// The failed queue.
    pub(crate) failed: F,
    /// The valve.
    pub(crate) valve: V,
    /// The time.
    pub(crate) clock: &'a C,
    /// Chance, for jitter.
    pub(crate) chance: &'a R,
    /// When the invocation ends.
    pub(crate) deadline: Timestamp,
    /// The same moment, for the wire.
    pub(crate) wire_deadline: Instant,
}

/// Why a copy goes back although nothing is known against it.
enum Interrupted {
    /// The ledger or the state did not answer.
    Unavailable(String),
    /// Somebody else wrote the record in between.
    Overtaken,
}

impl From<LedgerError> for Interrupted {
    fn from(error: LedgerError) -> Self {
        Self::Unavailable(chain(&error))
    }
}

impl<L, M, F, V, C, R> Desk<'_, L, M, F, V, C, R>
where
    L: LedgerStore,
    M: MailboxStates,
    F: FailedQueue,
    V: Closes,
    C: Clock,
    R: Chance,
{
    /// Delivers one copy.
    pub(crate) async fn deliver(&self, copy: &Copy, line: &mut impl Line) -> Fate {
        let fate = match self.states.state(&self.settings.mailbox).await {
            Ok(state) if state.is_open() => self.attempt(copy, line, &state).await,
            Ok(_) => Ok(Fate::PutBack(backoff::for_a_stopped_mailbox(self.chance))),
            Err(error) => Err(Interrupted::Unavailable(chain(&error))),
        };
        fate.unwrap_or_else(|interrupted| match interrupted {
            Interrupted::Overtaken => Fate::PutBack(backoff::for_the_next_worker(self.chance)),
            Interrupted::Unavailable(error) => {
                tracing::warn!(copy.id, error, "the notification is put back");
                Fate::PutBack(backoff::after_attempt(copy.receives, None, self.chance))
            }
        })
    }

    async fn attempt(
        &self,
        copy: &Copy,
        line: &mut impl Line,
        state: &MailboxState,
    ) -> Result<Fate, Interrupted> {
        let notification = match Notification::parse(&copy.body) {
            Ok(notification) => notification,
            Err(invalid) => {
                let reason = ours(Class::InvalidMessage, invalid.to_string(), "parse");
                return self.hand_over(copy, None, None, &reason).await;
            }
        };
        let Some(id) = self.id_of(&notification, copy) else {
            let reason = ours(
                Class::InvalidMessage,
                "the notification has no usable id".to_owned(),
                "parse",
            );
            return self.hand_over(copy, None, None, &reason).await;
        };
        let key = Key {
            mailbox: self.settings.mailbox.clone(),
            notification: id.as_str().to_owned(),
        };
        let now = self.clock.now();
        let worker = Worker {
            copy: copy.id.clone(),
            name: copy.receipt.chars().rev().take(32).collect(),
            lease_until: self.deadline + ledger::LEASE_GRACE,
        };
        let record = self.ledger.read(&key, now).await?;
        let content = notification.content_hash().as_str();
        match ledger::claim(record.as_ref(), content, &worker, now) {
            Claim::Done => Ok(Fate::Settled),
            Claim::NotBefore(moment) => {
                let wait = backoff::until(moment, now, self.chance);
                // Most workers are done long before their lease is; a repeat need not wait for its end.
                let is_taken = record.as_ref().is_some_and(Record::is_taken);
                let soon = backoff::while_somebody_works_on_it(self.chance);
                Ok(Fate::PutBack(if is_taken { wait.min(soon) } else { wait }))
            }
            Claim::Conflict => {
                let reply = "the same id came with other content before".to_owned();
                self.hand_over(
                    copy,
                    Some(&id),
                    None,
                    &ours(Class::IdempotencyConflict, reply, "ledger"),
                )
                .await
            }
            Claim::HandOver(record) => self.finish(copy, &id, &key, &record).await,
            Claim::Lost(record) => {
                let reply = "the worker was lost while it sent the message".to_owned();
                let reason = ours(Class::UnknownAfterData, reply, "worker");
                self.end_unknown(
                    (copy, &id, &key),
                    &record,
                    &notification,
                    reason,
                    Vec::new(),
                )
                .await
            }
            Claim::Granted(record) => {
                self.write(&key, &record).await?;
                let claimed = Claimed {
                    copy,
                    id: &id,
                    key: &key,
                    worker: &worker,
                    record,
                    notification: &notification,
                };
                self.send(claimed, line, state).await
            }
        }
    }

    /// Sends what is claimed.
    async fn send(
        &self,
        claimed: Claimed<'_>,
        line: &mut impl Line,
        state: &MailboxState,
    ) -> Result<Fate, Interrupted> {
        let Claimed {
            copy,
            id,
            key,
            worker,
            record,
            notification,
        } = claimed;
        let now = self.clock.now();
        let default_end = copy.enqueued_at.map(|enqueued| enqueued + WORTH_SENDING);
        let ended = notification
            .expires_at
            .or(default_end)
            .is_some_and(|end| end <= now);
        if ended {
            let reason = ours(
                Class::Expired,
                "the time at which it was worth sending has passed".to_owned(),
                "claim",
            );
            return self.refuse(copy, id, key, &record, reason).await;
        }
        let identity = MessageIdentity::derive(&self.settings.mailbox, id, record.first_attempt_at);
        let composed =
            message::compose(notification, &SenderPolicy::from(self.settings), &identity);
        let Message {
            bytes,
            envelope,
            message_id,
        } = match composed {
            Ok(message) => message,
            Err(error) => {
                return self
                    .refuse(
                        copy,
                        id,
                        key,
                        &record,
                        ours(error.class(), chain(&error), "compose"),
                    )
                    .await;
            }
        };
        let Some(envelope) = remaining(&envelope, &record) else {
            let accepted = record.accepted(
                now,
                "every recipient is settled".to_owned(),
                Vec::new(),
                None,
            );
            self.write(key, &accepted).await?;
            return Ok(Fate::Settled);
        };

        let session = match line.open().await {
            Ok(session) => session,
            Err(obstacle) => {
                let trouble = Trouble {
                    reason: met(&obstacle),
                    retry_after: None,
                };
                return self.put_off(key, &record, trouble, Vec::new(), state).await;
            }
        };
        let record = record.sending(worker, message_id.to_string());
        self.write(key, &record).await?;
        let submission = match session.submit(&envelope, &bytes, self.wire_deadline).await {
            Ok(submission) => submission,
            Err(failure) => {
                let retry_after = failure.diagnosis().retry_after;
                let class = failure.diagnosis().class;
                let reason = ours(class, failure.to_string(), failure.stage.as_str());
                if class.scope() == Scope::Message {
                    return self.refuse(copy, id, key, &record, reason).await;
                }
                return self
                    .put_off(
                        key,
                        &record,
                        Trouble {
                            reason,
                            retry_after,
                        },
                        Vec::new(),
                        state,
                    )
                    .await;
            }
        };
        let Settlement { settled, end } = Settlement::of(submission);
        match end {
            End::Complete { accepted, refused } => {
                let was_accepted = record
                    .settled
                    .iter()
                    .chain(&settled)
                    .any(|recipient| recipient.accepted);
                let next = match refused {
                    Some(reason) if !was_accepted => {
                        record.refused(copy.id.clone(), reason, settled)
                    }
                    refused => {
                        let reply = accepted.unwrap_or_else(|| "by an earlier attempt".to_owned());
                        tracing::info!(
                            notification.id = id.as_str(),
                            message.id = %message_id,
                            mailbox.id = %self.settings.mailbox,
                            attempt = record.attempts,
                            bytes = bytes.len(),
                            reply,
                            "the message was accepted"
                        );
                        let hand_over = refused.map(|reason| HandOver {
                            reason,
                            copy: copy.id.clone(),
                            done: false,
                        });
                        record.accepted(self.clock.now(), reply, settled, hand_over)
                    }
                };
                self.write(key, &next).await?;
                self.finish(copy, id, key, &next).await
            }
            End::Again(trouble) => self.put_off(key, &record, trouble, settled, state).await,
            End::Unknown(reason) => {
                self.end_unknown((copy, id, key), &record, notification, reason, settled)
                    .await
            }
        }
    }

    async fn write(&self, key: &Key, record: &Record) -> Result<(), Interrupted> {
        match self.ledger.write(key, record, self.clock.now()).await? {
            Written::Done => Ok(()),
            Written::Lost => Err(Interrupted::Overtaken),
        }
    }

    /// The body's own id, else the attribute's, else the queue's.
    fn id_of(&self, notification: &Notification, copy: &Copy) -> Option<NotificationId> {
        let given = notification.id.clone().or_else(|| copy.named.clone());
        given.or_else(|| NotificationId::parse(&copy.id).ok())
    }
}

/// A notification under our claim.
struct Claimed<'a> {
    copy: &'a Copy,
    id: &'a NotificationId,
    key: &'a Key,
    worker: &'a Worker,
    record: Record,
    notification: &'a Notification,
}

/// The envelope without the recipients that an earlier attempt settled.
fn remaining(envelope: &Envelope, record: &Record) -> Option<Envelope> {
    let open = |address: &&Address| !record.is_settled(address.as_ref());
    let recipients: Vec<_> = envelope.to().iter().filter(open).cloned().collect();
    Envelope::new(envelope.from().cloned(), recipients).ok()
}

fn ours(class: Class, reply: String, stage: &str) -> Reason {
    Reason {
        class,
        reply,
        stage: stage.to_owned(),
    }
}

fn met(obstacle: &Obstacle) -> Reason {
    ours(obstacle.class, obstacle.reason.clone(), "connect")
}

#[cfg(test)]
mod tests;
