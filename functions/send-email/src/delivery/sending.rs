//! From a claim to the server's answer.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::class::{Class, Scope};
use common::clock::Clock;
use common::ledger::{HandOver, Key, Reason, Record, Worker};
use common::mailbox::{MailboxState, MailboxStates};
use common::message::{self, Message, MessageIdentity, SenderPolicy};
use common::metrics::Metric;
use common::notification::{Notification, NotificationId};
use common::pace::Permit;
use common::route::Obstacle;
use common::submission::{Envelope, Failure, Recipient, Submission};
use common::telemetry::chain;
use lettre::Address;

use super::endings::Known;
use super::pacing::Turn;
use super::reading::Unread;
use super::{Desk, Fate, Interrupted, ours};
use crate::backoff;
use crate::copy::{Copy, WORTH_SENDING};
use crate::line::{Line, Submits};
use crate::ports::Ports;
use crate::settlement::{End, Settlement, Trouble};

/// A notification under our claim.
pub(super) struct Claimed<'a> {
    pub(super) copy: &'a Copy,
    pub(super) id: &'a NotificationId,
    pub(super) key: &'a Key,
    pub(super) worker: &'a Worker,
    pub(super) record: Record,
    pub(super) notification: Notification,
    /// The mailbox's state as it was when the copy was looked at.
    pub(super) state: &'a MailboxState,
}

impl Claimed<'_> {
    /// What is claimed, whoever has claimed it.
    pub(super) fn known(&self) -> Known<'_> {
        Known {
            copy: self.copy,
            notification: &self.notification,
            id: self.id,
            key: self.key,
        }
    }
}

/// How an attempt ended, as far as the wire goes.
enum Attempt {
    /// It was not begun, and the notification is already dealt with.
    NotBegun(Fate),
    /// It was begun, and this is what the server made of it.
    Made {
        record: Box<Record>,
        result: Result<Submission, Failure>,
        turn: Turn,
    },
    /// The server was asked how it would take the message, and this is what it said.
    Asked {
        record: Box<Record>,
        result: Result<Vec<Recipient>, Failure>,
    },
}

impl<P: Ports> Desk<'_, P> {
    /// Sends what is claimed.
    pub(super) async fn send(
        &self,
        mut claimed: Claimed<'_>,
        line: &mut impl Line,
    ) -> Result<Fate, Interrupted> {
        if let Some(reason) = self.too_late(&claimed) {
            return self.refuse(&claimed, reason).await;
        }
        match self.fetch(&mut claimed.notification).await {
            Ok(()) => {}
            Err(Unread::Final(reason)) => return self.refuse(&claimed, reason).await,
            Err(Unread::ForNow(problem)) => {
                let copy = claimed.copy;
                tracing::warn!(copy.id, problem, "the notification is put back");
                let wait = backoff::after_our_own_trouble(copy.receives, self.ports.chance());
                return self.stand_back(claimed.key, &claimed.record, wait).await;
            }
        }
        let Claimed {
            id,
            key,
            record,
            notification,
            ..
        } = &claimed;
        let identity = MessageIdentity::derive(&self.settings.mailbox, id, record.first_attempt_at);
        let composed =
            message::compose(notification, &SenderPolicy::from(self.settings), &identity);
        let message = match composed {
            Ok(message) => message,
            Err(error) => {
                let reason = ours(error.class(), chain(&error), "compose");
                return self.refuse(&claimed, reason).await;
            }
        };
        let Some(envelope) = remaining(&message.envelope, record) else {
            let reply = "every recipient is settled".to_owned();
            let accepted = record.accepted(self.now(), reply, Vec::new(), None);
            self.write(key, &accepted).await?;
            self.tell_accepted(claimed.known(), &accepted);
            return Ok(Fate::Settled);
        };
        let fate = match self.try_once(&claimed, &message, &envelope, line).await {
            Ok(Attempt::NotBegun(fate)) => Ok(fate),
            Ok(Attempt::Made {
                record,
                result,
                turn,
            }) => {
                let claimed = Claimed {
                    record: *record,
                    ..claimed
                };
                self.settle(claimed, &message, result, turn).await
            }
            Ok(Attempt::Asked { record, result }) => {
                let claimed = Claimed {
                    record: *record,
                    ..claimed
                };
                self.settle_dry_run(claimed, result).await
            }
            Err(interrupted) => Err(interrupted),
        };
        self.leave_trial().await;
        fate
    }

    /// Why a notification is not sent any more, or not waited with.
    fn too_late(&self, claimed: &Claimed<'_>) -> Option<Reason> {
        let Claimed {
            copy,
            notification,
            state,
            ..
        } = claimed;
        let now = self.now();
        let since = copy.could_leave_at(notification.send_at);
        let default_end = since.map(|since| since + WORTH_SENDING);
        let end = notification.expires_at.or(default_end);
        let is_ended = end.is_some_and(|end| end <= now);
        if state.is_open() && is_ended {
            let reply = "the time at which it was worth sending has passed".to_owned();
            Some(ours(Class::Expired, reply, "claim"))
        } else if !state.is_open() || copy.is_at_its_end(now) {
            let reply = match state.connection.stop() {
                Some(stop) => format!("the mailbox is stopped by {}: {}", stop.class, stop.reason),
                None if state.is_open() => "SQS deletes a message after 14 days".to_owned(),
                None if state.paused => "the mailbox is paused".to_owned(),
                None => "nobody has consented yet".to_owned(),
            };
            Some(ours(Class::WaitedTooLong, reply, "claim"))
        } else {
            None
        }
    }

    /// Waits for the message's turn, and submits it once.
    async fn try_once(
        &self,
        claimed: &Claimed<'_>,
        message: &Message,
        envelope: &Envelope,
        line: &mut impl Line,
    ) -> Result<Attempt, Interrupted> {
        let Claimed { copy, key, .. } = claimed;
        let octets = copy.body.len().max(message.bytes.len());
        let from = self.from(&claimed.notification);
        let mut record = claimed.record.clone();
        let stand_back = async |record: &Record, wait| {
            let fate = self.stand_back(key, record, wait).await?;
            Ok(Attempt::NotBegun(fate))
        };
        let chance = self.ports.chance();
        while self.has_time(octets) {
            match self.outlook(octets, &from).await? {
                Turn::Now | Turn::OnTrial => {}
                Turn::After(wait) => {
                    self.ports.wait(wait).await;
                    continue;
                }
                Turn::Later(wait) => return stand_back(&record, wait).await,
            }
            if !self.lease().await? {
                return stand_back(&record, backoff::for_a_connection(chance)).await;
            }
            let session = match line.open().await {
                Ok(opened) => {
                    if let Some(phases) = opened.opened_in {
                        self.measure_time(Metric::Connect, phases.connect);
                        self.measure_time(Metric::Tls, phases.tls);
                        self.measure_time(Metric::Auth, phases.auth);
                    }
                    opened.session
                }
                Err(obstacle) => {
                    self.is_cut_off.store(true, Ordering::Relaxed);
                    let trouble = Trouble {
                        reason: met(&obstacle),
                        retry_after: None,
                    };
                    let fate = self.put_off(claimed, &record, trouble, Vec::new()).await?;
                    return Ok(Attempt::NotBegun(fate));
                }
            };
            let state = self.ports.states().state(&self.settings.mailbox).await?;
            if !self.may_begin(&state).await? {
                return stand_back(&record, backoff::for_a_stopped_mailbox(chance)).await;
            }
            let taken_at = self.now();
            let turn = self.take_turn(octets, &from).await?;
            match turn {
                Turn::Now | Turn::OnTrial => {}
                Turn::After(_) | Turn::Later(_) => continue,
            }
            if claimed.notification.dry_run {
                record.attempts += 1;
                return Ok(Attempt::Asked {
                    result: session.probe(envelope, self.wire_deadline).await,
                    record: Box::new(record),
                });
            }
            if record.attempts == claimed.record.attempts {
                record = record.sending(claimed.worker, message.message_id.to_string());
                self.write(key, &record).await?;
            }
            // A message that is begun later than its permit says would come too close to those behind it.
            if self.now().duration_since(taken_at) <= Permit::USE {
                let begun_at = Instant::now();
                let result = session
                    .submit(envelope, &message.bytes, self.wire_deadline)
                    .await;
                self.measure_time(Metric::Submission, begun_at.elapsed());
                return Ok(Attempt::Made {
                    record: Box::new(record),
                    result,
                    turn,
                });
            }
        }
        stand_back(&record, backoff::for_the_next_worker(chance)).await
    }

    /// Draws the conclusions from what the server made of an attempt.
    async fn settle(
        &self,
        claimed: Claimed<'_>,
        message: &Message,
        result: Result<Submission, Failure>,
        turn: Turn,
    ) -> Result<Fate, Interrupted> {
        let Claimed {
            copy,
            id,
            key,
            record,
            notification,
            ..
        } = &claimed;
        let submission = match result {
            Ok(submission) => submission,
            Err(failure) => return self.settle_failure(&claimed, &failure).await,
        };
        let Settlement { settled, end } = Settlement::of(submission);
        match end {
            End::Complete { accepted, refused } => {
                let refused = refused.or_else(|| earlier_refusal(record));
                let is_proof = accepted.is_some();
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
                            message.id = %message.message_id,
                            mailbox.id = %self.settings.mailbox,
                            attempt = record.attempts,
                            bytes = message.bytes.len(),
                            receives = copy.receives,
                            reply,
                            "the message was accepted"
                        );
                        let hand_over = refused.map(|reason| HandOver {
                            reason,
                            copy: copy.id.clone(),
                            done: false,
                        });
                        record.accepted(self.ports.clock().now(), reply, settled, hand_over)
                    }
                };
                self.write(key, &next).await?;
                self.tell_accepted(claimed.known(), &next);
                if is_proof {
                    self.measure(Metric::Accepted, 1);
                    self.measure_wait(copy, notification);
                    self.proved(notification, turn).await;
                }
                self.finish(claimed.known(), &next).await
            }
            End::Again(trouble) => self.put_off(&claimed, record, trouble, settled).await,
            End::Unknown(reason) => {
                self.end_unknown(claimed.known(), record, reason, settled)
                    .await
            }
        }
    }

    /// Draws the conclusions from an attempt that got no answer for any recipient.
    pub(super) async fn settle_failure(
        &self,
        claimed: &Claimed<'_>,
        failure: &Failure,
    ) -> Result<Fate, Interrupted> {
        let diagnosis = failure.diagnosis();
        let reason = ours(diagnosis.class, failure.to_string(), failure.stage.as_str());
        if diagnosis.class.scope() == Scope::Message {
            return self.refuse(claimed, reason).await;
        }
        let trouble = Trouble {
            reason,
            retry_after: diagnosis.retry_after,
        };
        self.put_off(claimed, &claimed.record, trouble, Vec::new())
            .await
    }

    /// Measures how long a notification was under way that has just been accepted.
    fn measure_wait(&self, copy: &Copy, notification: &Notification) {
        let since = copy.could_leave_at(notification.send_at);
        let waited = since.map(|since| self.now().duration_since(since));
        if let Some(waited) = waited.and_then(|waited| Duration::try_from(waited).ok()) {
            self.measure_time(Metric::QueueToAccepted, waited);
        }
    }

    /// An accepted message ends the trial of its mailbox and of its From address.
    async fn proved(&self, notification: &Notification, turn: Turn) {
        self.pass_trial().await;
        if turn == Turn::OnTrial {
            let from = self.from(notification);
            if let Err(error) = self.keeper().allowed(&from).await {
                // The next message finds it out once more.
                tracing::warn!(error = %chain(&error), "the end of a From address's trial is not recorded");
            }
        }
    }

    /// The From address of a notification, by which its breaker is kept.
    pub(super) fn from(&self, notification: &Notification) -> String {
        let author = notification.author().unwrap_or(&self.settings.address);
        author.as_str().to_ascii_lowercase()
    }
}

/// The envelope without the recipients that an earlier attempt settled.
fn remaining(envelope: &Envelope, record: &Record) -> Option<Envelope> {
    let open = |address: &&Address| !record.is_settled(address.as_ref());
    let recipients: Vec<_> = envelope.to().iter().filter(open).cloned().collect();
    Envelope::new(envelope.from().cloned(), recipients).ok()
}

/// Why somebody was refused while others were put off: the failed queue has not heard of it yet. The record keeps the reply
/// and not the class, and what a server refuses for one recipient alone is that recipient.
fn earlier_refusal(record: &Record) -> Option<Reason> {
    let refused = record
        .settled
        .iter()
        .find(|recipient| !recipient.accepted)?;
    let reply = refused.reply.clone();
    Some(ours(Class::RecipientRefused, reply, "rcpt"))
}

fn met(obstacle: &Obstacle) -> Reason {
    ours(obstacle.class, obstacle.reason.clone(), "connect")
}
