//! What others hear of a delivery: one event for each outcome, put on the bus when the batch has ended.
//!
//! The queue forgets nothing before that. A worker that stops leaves its copies to come back, and the record says to the copy
//! that has ended its notification what its outcome was; so it is told again, under the same id. One kind is not told again:
//! that an attempt was put off.

use std::collections::HashSet;
use std::sync::PoisonError;

use common::class::{Class, Scope};
use common::event::{
    About, Delayed, Email, Ended, Event, EventAddresses, EventBus, HashKeys, Kind, NotPut,
    Recipient, RecipientState, Sent, Skipped, Trouble,
};
use common::ledger::{HandOver, Reason, Record, State};
use common::metrics::Metric;
use common::notification::{Notification, NotificationId};
use common::telemetry::chain;
use jiff::Timestamp;

use super::Desk;
use super::endings::Known;
use super::sending::Claimed;
use crate::copy::Copy;
use crate::ports::Ports;

/// A notification that something is told of, as far as it is known.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) copy: &'a Copy,
    pub(super) id: Option<&'a NotificationId>,
    pub(super) notification: Option<&'a Notification>,
    pub(super) record: Option<&'a Record>,
}

impl<'a> Subject<'a> {
    /// A notification that has a record.
    fn of(known: Known<'a>, record: &'a Record) -> Self {
        Self {
            copy: known.copy,
            id: Some(known.id),
            notification: Some(known.notification),
            record: Some(record),
        }
    }
}

impl<P: Ports> Desk<'_, P> {
    /// Tells that the server has accepted a message, if the record says so.
    pub(super) fn tell_accepted(&self, known: Known<'_>, record: &Record) {
        let (at, reply) = match &record.state {
            State::Accepted { at, reply, .. } => (*at, reply.clone()),
            State::WouldBeAccepted { at } => {
                let reply = "the server would take it for every recipient; nothing was sent";
                (*at, reply.to_owned())
            }
            State::Waiting { .. }
            | State::Claimed { .. }
            | State::Sending { .. }
            | State::Refused { .. }
            | State::Unknown { .. } => return,
        };
        let subject = Subject::of(known, record);
        self.tell(Event::EmailSent(Box::new(Sent {
            about: self.about(Kind::EmailSent, subject, at),
            email: email(subject),
            reply,
        })));
    }

    /// Tells that a notification is in the failed queue.
    pub(super) fn tell_handed_over(&self, subject: Subject<'_>, reason: &Reason, remedy: String) {
        let ended = |kind| {
            Box::new(Ended {
                about: self.about(kind, subject, self.now()),
                email: email(subject),
                trouble: trouble(reason, remedy),
            })
        };
        self.tell(if reason.class == Class::Expired {
            Event::EmailExpired(ended(Kind::EmailExpired))
        } else if reason.class.scope() == Scope::Unknown {
            Event::EmailUnknown(ended(Kind::EmailUnknown))
        } else {
            Event::EmailFailed(ended(Kind::EmailFailed))
        });
    }

    /// Tells once more how a notification has ended: the worker that ended it may have stopped before it told.
    pub(super) fn tell_again(&self, known: Known<'_>, record: &Record) {
        self.tell_accepted(known, record);
        let hand_over = match &record.state {
            State::Accepted { hand_over, .. } => hand_over.as_ref(),
            State::Refused { hand_over } | State::Unknown { hand_over } => Some(hand_over),
            State::Waiting { .. }
            | State::Claimed { .. }
            | State::Sending { .. }
            | State::WouldBeAccepted { .. } => None,
        };
        if let Some(HandOver { reason, .. }) = hand_over {
            let remedy = self.remedy(reason.class, Some(known.notification));
            self.tell_handed_over(Subject::of(known, record), reason, remedy);
        }
    }

    /// Tells that an attempt was put off, the first time that it was.
    pub(super) fn tell_delayed(
        &self,
        claimed: &Claimed<'_>,
        record: &Record,
        reason: &Reason,
        next_attempt_at: Timestamp,
    ) {
        if claimed.record.delayed {
            return;
        }
        let subject = Subject::of(claimed.known(), record);
        let remedy = self.remedy(reason.class, Some(&claimed.notification));
        self.tell(Event::EmailDelayed(Box::new(Delayed {
            about: self.about(Kind::EmailDelayed, subject, self.now()),
            email: email(subject),
            trouble: trouble(reason, remedy),
            next_attempt_at,
        })));
    }

    /// Tells that a copy was not sent because another one has ended its notification.
    pub(super) fn tell_skipped(&self, known: Known<'_>, record: &Record) {
        let subject = Subject::of(known, record);
        self.tell(Event::EmailDuplicateSkipped(Box::new(Skipped {
            about: self.about(Kind::EmailDuplicateSkipped, subject, self.now()),
            email: email(subject),
        })));
    }

    /// Puts on the bus what was told of the batch. What the bus does not take is given up, and counted.
    pub(crate) async fn put_events(&self) {
        let events = {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *told)
        };
        if events.is_empty() {
            return;
        }
        if let Err(NotPut { count, reason }) = self.publish(events).await {
            tracing::warn!(mailbox.id = %self.settings.mailbox, count, reason, "nobody will hear of these events");
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.measure(Metric::EventsNotPut, count);
        }
    }

    async fn publish(&self, mut events: Vec<Event>) -> Result<(), NotPut> {
        if self.settings.event_addresses == EventAddresses::Hashed {
            let key = self.ports.hash_keys().hash_key().await;
            let key = key.map_err(|error| NotPut {
                count: events.len(),
                reason: chain(&error),
            })?;
            events = events.into_iter().map(|event| event.hashed(&key)).collect();
        }
        self.ports.bus().publish(&events).await
    }

    fn tell(&self, event: Event) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.push(event);
    }

    /// What stays the same when the same copy is told of again.
    fn about(&self, kind: Kind, subject: Subject<'_>, at: Timestamp) -> About {
        let id = subject.id.map_or("", NotificationId::as_str);
        let attempts = subject.record.map_or(0, |record| record.attempts);
        About::new(
            kind,
            (self.ports.stack(), &self.settings.mailbox),
            &[id, &subject.copy.id, &attempts.to_string()],
            at,
        )
    }

    /// What a person has to do about a class. Some remedies name the From address.
    pub(super) fn remedy(&self, class: Class, notification: Option<&Notification>) -> String {
        let from = notification.map(|notification| self.from(notification));
        let mut about = self.settings.concerning();
        if let Some(from) = &from {
            about.from = from;
        }
        class.remedy(&about)
    }
}

fn trouble(reason: &Reason, remedy: String) -> Trouble {
    Trouble {
        class: reason.class,
        reply: reason.reply.clone(),
        stage: reason.stage.clone(),
        remedy,
    }
}

fn email(subject: Subject<'_>) -> Email {
    let Subject {
        copy,
        id,
        notification,
        record,
    } = subject;
    Email {
        notification: id.map(|id| id.as_str().to_owned()),
        copy: copy.id.clone(),
        dry_run: notification.is_some_and(|notification| notification.dry_run),
        attempts: record.map_or(0, |record| record.attempts),
        sent_again: record.is_some_and(|record| record.sent_again),
        enqueued_at: copy.first_enqueued_at(),
        first_attempt_at: record.map(|record| record.first_attempt_at),
        message_id: record.and_then(|record| record.message_id.clone()),
        recipients: recipients(notification, record),
        recipients_left_out: 0,
        tags: notification.map_or_else(Vec::new, |notification| notification.tags.clone()),
        metadata: notification
            .map(|notification| notification.metadata.clone())
            .unwrap_or_default(),
    }
}

/// Those of whom the record says something, and then the notification's others.
fn recipients(notification: Option<&Notification>, record: Option<&Record>) -> Vec<Recipient> {
    let settled = record.map_or(&[][..], |record| &record.settled);
    let rest = match record.map(|record| &record.state) {
        Some(State::WouldBeAccepted { .. }) => RecipientState::Accepted,
        Some(
            State::Waiting { .. }
            | State::Claimed { .. }
            | State::Sending { .. }
            | State::Accepted { .. }
            | State::Refused { .. }
            | State::Unknown { .. },
        )
        | None => RecipientState::Open,
    };
    let mut named: HashSet<&str> = settled
        .iter()
        .map(|recipient| recipient.address.as_str())
        .collect();
    let mut recipients: Vec<_> = settled
        .iter()
        .map(|recipient| Recipient {
            address: recipient.address.clone(),
            state: match recipient.accepted {
                true => RecipientState::Accepted,
                false => RecipientState::Refused,
            },
            reply: Some(recipient.reply.clone()),
        })
        .collect();
    let of_notification = notification.into_iter().flat_map(Notification::recipients);
    for party in of_notification {
        let address = party.email.as_str();
        if named.insert(address) {
            recipients.push(Recipient {
                address: address.to_owned(),
                state: rest,
                reply: None,
            });
        }
    }
    recipients
}
