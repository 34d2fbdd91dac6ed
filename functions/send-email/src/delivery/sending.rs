//! From a claim to the server's answer.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::class::{Class, Scope};
use common::ledger::{Key, Reason, Record, Worker};
use common::mailbox::{MailboxState, MailboxStates};
use common::message::{Message, Part};
use common::metrics::Metric;
use common::notification::{Notification, NotificationId};
use common::pace::Permit;
use common::route::Obstacle;
use common::submission::{Envelope, Failure, Recipient, Submission};
use common::telemetry::chain;

use super::endings::Known;
use super::pacing::Turn;
use super::{Desk, Fate, Interrupted, ours};
use crate::backoff;
use crate::copy::{Copy, WORTH_SENDING};
use crate::line::{Line, Submits};
use crate::ports::Ports;
use crate::settlement::Trouble;

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
    /// In how many parts it goes out.
    pub(super) parts: u32,
}

/// One message, to those of its part who are still to be tried.
pub(super) struct Begun<'a> {
    pub(super) part: &'a Part,
    pub(super) recipients_per_part: usize,
    pub(super) message: &'a Message,
    pub(super) envelope: Envelope,
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
pub(super) enum Attempt {
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
    /// Why a notification is not sent any more, or not waited with.
    pub(super) fn too_late(&self, claimed: &Claimed<'_>) -> Option<Reason> {
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
    pub(super) async fn try_once(
        &self,
        claimed: &Claimed<'_>,
        begun: &Begun<'_>,
        line: &mut impl Line,
    ) -> Result<Attempt, Interrupted> {
        let Claimed { copy, key, .. } = claimed;
        let Begun {
            message, envelope, ..
        } = begun;
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
                    let fate = self.put_off(claimed, &record, trouble).await?;
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
                record = record
                    .of_part(begun.part.number, begun.recipients_per_part)
                    .sending(claimed.worker, message.message_id.to_string());
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
        self.put_off(claimed, &claimed.record, trouble).await
    }

    /// Measures how long a notification was under way that has just been accepted.
    pub(super) fn measure_wait(&self, copy: &Copy, notification: &Notification) {
        let since = copy.could_leave_at(notification.send_at);
        let waited = since.map(|since| self.now().duration_since(since));
        if let Some(waited) = waited.and_then(|waited| Duration::try_from(waited).ok()) {
            self.measure_time(Metric::QueueToAccepted, waited);
        }
    }

    /// An accepted message ends the trial of its mailbox and of its From address.
    pub(super) async fn proved(&self, notification: &Notification, turn: Turn) {
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

fn met(obstacle: &Obstacle) -> Reason {
    ours(obstacle.class, obstacle.reason.clone(), "connect")
}
