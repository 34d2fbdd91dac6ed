//! How a delivery ends, other than by a receipt: handed over, put off, or unknown.
//!
//! Each ending is written into the ledger before the queue hears of it, and can be finished by the next delivery of the
//! copy if its worker stops in between.

use std::time::Duration;

use common::chance::Chance;
use common::class::{Class, Scope};
use common::ledger::{HandOver, Key, Reason, Record};
use common::mailbox::{Connection, MailboxState, MailboxStates};
use common::message;
use common::metrics::{Meter, Metric};
use common::notification::{Notification, NotificationId, OnUnknown};
use common::pace::LastFailure;
use lettre::Address;

use super::parts::Met;
use super::sending::Claimed;
use super::telling::Subject;
use super::{Desk, Fate, Interrupted, ours};
use crate::backoff;
use crate::copy::Copy;
use crate::ports::Ports;
use crate::report;
use crate::settlement::{Trouble, is_for_everybody};

/// How long a mailbox is held back at least that sends too fast.
const SLOWED: Duration = Duration::from_secs(60);

/// A notification whose name is known, and the copy that it came in.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) copy: &'a Copy,
    pub(super) notification: &'a Notification,
    pub(super) id: &'a NotificationId,
    pub(super) key: &'a Key,
}

impl<P: Ports> Desk<'_, P> {
    /// Ends an attempt whose worker was lost while it sent: nobody knows whether that part was taken. The others go on.
    pub(super) async fn end_lost(
        &self,
        known: Known<'_>,
        record: &Record,
    ) -> Result<Fate, Interrupted> {
        let Known {
            copy,
            notification,
            key,
            ..
        } = known;
        let everybody = message::recipients(notification);
        let limit = record.recipients_per_part;
        let parts = message::parts(&everybody, limit.unwrap_or(everybody.len()));
        let part = parts.iter().find(|part| part.number == record.part);
        let tried = part.map_or(&everybody, |part| &part.recipients);
        let open = |addresses: &[Address], record: &Record| -> Vec<String> {
            let done = record.done();
            let texts = addresses.iter().map(AsRef::<str>::as_ref);
            let open = texts.filter(|text| !done.contains(text));
            open.map(str::to_owned).collect()
        };
        let reply = "the worker was lost while it sent the message".to_owned();
        let reason = ours(Class::UnknownAfterData, reply, "worker");
        let tried = open(tried, record);
        let record = match self.end_unknown(known, record, tried, reason).await? {
            Unheard::OnceMore(fate) => return Ok(fate),
            Unheard::Kept(record) => record,
        };
        if open(&everybody, &record).is_empty() {
            let record = self.ended(copy, &record, Met::default());
            self.write(key, &record).await?;
            return self.finish(known, &record).await;
        }
        self.write(key, &record.put_off(self.now(), Vec::new()))
            .await?;
        Ok(Fate::PutBack(backoff::for_the_next_worker(
            self.ports.chance(),
        )))
    }

    /// Notes for whom nobody knows how an attempt ended; or has it made once more, where the policy prefers a mail too
    /// many to one too few.
    pub(super) async fn end_unknown(
        &self,
        known: Known<'_>,
        record: &Record,
        recipients: Vec<String>,
        reason: Reason,
    ) -> Result<Unheard, Interrupted> {
        let Known {
            notification, key, ..
        } = known;
        let again = match notification.on_unknown.unwrap_or(self.settings.on_unknown) {
            OnUnknown::Hold => None,
            OnUnknown::Retry => record.once_more(self.now()),
        };
        tracing::warn!(
            notification.id = key.notification,
            part = record.part,
            reply = reason.reply,
            sent_once_more = again.is_some(),
            "nobody knows whether the message was taken"
        );
        if let Some(again) = again {
            self.write(key, &again).await?;
            let wait = backoff::for_the_next_worker(self.ports.chance());
            return Ok(Unheard::OnceMore(Fate::PutBack(wait)));
        }
        self.measure(Metric::Unknown, 1);
        Ok(Unheard::Kept(Box::new(
            record.with_unknown(recipients, reason),
        )))
    }

    /// The record of a notification of which nobody is left to try.
    pub(super) fn ended(&self, copy: &Copy, record: &Record, met: Met) -> Record {
        let copy = copy.id.clone();
        if let Some(part) = record.unknown.last() {
            return record.unknown(copy, part.reason(), Vec::new());
        }
        let is_accepted = record.settled.iter().any(|recipient| recipient.accepted);
        match met.refused.or_else(|| earlier_refusal(record)) {
            Some(reason) if !is_accepted => record.refused(copy, reason, Vec::new()),
            refused => {
                let reply = met.accepted;
                let reply = reply.unwrap_or_else(|| "by an earlier attempt".to_owned());
                let hand_over = refused.map(|reason| HandOver {
                    reason,
                    copy,
                    done: false,
                });
                record.accepted(self.now(), reply, Vec::new(), hand_over)
            }
        }
    }

    /// Refuses a notification for good.
    pub(super) async fn refuse(
        &self,
        claimed: &Claimed<'_>,
        reason: Reason,
    ) -> Result<Fate, Interrupted> {
        // What may have been sent is what a person has to look after first.
        let (copy, record) = (claimed.copy.id.clone(), &claimed.record);
        let record = match record.unknown.last() {
            Some(part) => {
                let mut unknown = part.reason();
                let rest = format!("; nothing more is sent: {}: {}", reason.class, reason.reply);
                unknown.reply.push_str(&rest);
                record.unknown(copy, unknown, Vec::new())
            }
            None => record.refused(copy, reason, Vec::new()),
        };
        self.write(claimed.key, &record).await?;
        self.finish(claimed.known(), &record).await
    }

    /// Tells the failed queue what it is still to be told, and lets the copy go.
    pub(super) async fn finish(
        &self,
        known: Known<'_>,
        record: &Record,
    ) -> Result<Fate, Interrupted> {
        let Known {
            copy,
            notification,
            id,
            key,
        } = known;
        let Some(owed) = record.owed() else {
            return Ok(Fate::Settled);
        };
        let fate = self
            .hand_over(
                copy,
                Some(notification),
                Some(id),
                Some(record),
                &owed.reason,
            )
            .await?;
        if fate == Fate::Settled {
            // The failed queue has it. Should this write fail, the worst is that it has it twice.
            if let Err(Interrupted::Unavailable(error)) =
                self.write(key, &record.handed_over()).await
            {
                tracing::warn!(
                    notification.id = id.as_str(),
                    error,
                    "the hand-over is not recorded"
                );
            }
        }
        Ok(fate)
    }

    pub(super) async fn hand_over(
        &self,
        copy: &Copy,
        notification: Option<&Notification>,
        id: Option<&NotificationId>,
        record: Option<&Record>,
        reason: &Reason,
    ) -> Result<Fate, Interrupted> {
        // Not all failures come with a notification that was read.
        let remedy = self.remedy(reason.class, notification);
        let report = report::report(reason, record, remedy.clone(), self.now());
        let attributes = copy.set_aside(&report::to_attribute(report), id);
        self.ports
            .set_aside(&copy.body, &attributes)
            .await
            .map_err(Interrupted::Unavailable)?;
        let subject = Subject {
            copy,
            id,
            notification,
            record,
        };
        self.tell_handed_over(subject, reason, remedy);
        self.note(|lately| {
            lately.failed(LastFailure {
                at: self.now(),
                class: reason.class,
            });
        });
        let failure = self.measured.lock().map(|measured| measured.alike());
        if let Ok(failure) = failure {
            let failure = failure.with(Metric::Failed, 1).of_class(reason.class);
            self.ports.meter().record(&failure, self.now());
        }
        let refused = record.map_or(0, |record| {
            record
                .settled
                .iter()
                .filter(|recipient| !recipient.accepted)
                .count()
        });
        if refused > 0 {
            self.measure(
                Metric::RecipientsRefused,
                i64::try_from(refused).unwrap_or(i64::MAX),
            );
        }
        tracing::error!(
            notification.id = id.map(NotificationId::as_str),
            copy.id,
            mailbox.id = %self.settings.mailbox,
            class = %reason.class,
            stage = reason.stage,
            "the notification was handed to the failed queue"
        );
        Ok(Fate::Settled)
    }

    /// Puts an attempt off, and holds back what has to wait with it.
    pub(super) async fn put_off(
        &self,
        claimed: &Claimed<'_>,
        record: &Record,
        trouble: Trouble,
    ) -> Result<Fate, Interrupted> {
        let Claimed {
            key, notification, ..
        } = claimed;
        let Trouble {
            reason,
            retry_after,
        } = trouble;
        let chance = self.ports.chance();
        let wait = match reason.class.scope() {
            Scope::Mailbox => backoff::for_a_stopped_mailbox(chance),
            Scope::Wait | Scope::Sender | Scope::Ours | Scope::Message | Scope::Unknown => {
                let rounds = record.attempts.div_ceil(claimed.parts.max(1));
                backoff::after_attempt(rounds.max(1), retry_after, chance)
            }
        };
        let next_attempt_at = self.after(wait);
        let delayed = Record {
            delayed: true,
            ..record.put_off(next_attempt_at, Vec::new())
        };
        self.write(key, &delayed).await?;
        self.tell_delayed(claimed, &delayed, &reason, next_attempt_at);
        tracing::warn!(
            notification.id = key.notification,
            mailbox.id = %key.mailbox,
            class = %reason.class,
            stage = reason.stage,
            reply = reason.reply,
            attempt = record.attempts,
            wait_s = wait.as_secs(),
            "the notification is put off"
        );
        match reason.class.scope() {
            Scope::Mailbox => self.stop_mailbox(reason, claimed.state).await?,
            Scope::Sender => {
                let from = self.from(notification);
                let keeper = self.keeper();
                keeper.denied(&from, &reason.reply, self.now()).await?;
            }
            Scope::Wait if is_for_everybody(reason.class) => {
                self.measure(Metric::Throttled, 1);
                let asked = retry_after.unwrap_or(SLOWED);
                // Not all who wait come back in the same moment, and not as fast as they left.
                let held = chance.between(asked, asked + SLOWED);
                self.keeper().hold_back(self.now(), held).await?;
            }
            Scope::Wait | Scope::Ours | Scope::Message | Scope::Unknown => {}
        }
        Ok(Fate::PutBack(wait))
    }

    /// Stops the mailbox, if what was met was met with the grant that is still current, and nobody has
    /// stopped it in the meantime: `token-refresh` may know the reason better than the mail server does.
    pub(super) async fn stop_mailbox(
        &self,
        reason: Reason,
        met_in: &MailboxState,
    ) -> Result<(), Interrupted> {
        let (states, mailbox) = (self.ports.states(), &self.settings.mailbox);
        let state = states.state(mailbox).await?;
        let is_running = match &state.connection {
            Connection::Active | Connection::OnTrial(_) => true,
            Connection::AwaitingConsent | Connection::Blocked(_) | Connection::NeedsConsent(_) => {
                false
            }
        };
        let Some(seen) = state.grant_id.filter(|_| is_running) else {
            return Ok(());
        };
        if met_in.grant_id.as_ref() != Some(&seen) {
            return Ok(());
        }
        let now = self.now();
        tracing::error!(mailbox.id = %mailbox, class = %reason.class, reply = reason.reply, "the mailbox is stopped");
        if matches!(state.connection, Connection::OnTrial(_)) {
            states.probed(mailbox, &seen, now).await?;
        }
        let stopped = state.connection.met(reason.class, reason.reply, now);
        if states.change(mailbox, &seen, &stopped).await? {
            self.ports.close_valve().await;
        }
        Ok(())
    }
}

/// What becomes of a part of which nobody knows how it ended.
pub(super) enum Unheard {
    /// It is made once more, and its copy comes back for that.
    OnceMore(Fate),
    /// It is kept from being made again.
    Kept(Box<Record>),
}

/// Why somebody was refused before: the failed queue has not heard of it yet. The record keeps the reply
/// and not the class, and what a server refuses for one recipient alone is that recipient.
fn earlier_refusal(record: &Record) -> Option<Reason> {
    let refused = record
        .settled
        .iter()
        .find(|recipient| !recipient.accepted)?;
    let reply = refused.reply.clone();
    Some(ours(Class::RecipientRefused, reply, "rcpt"))
}
