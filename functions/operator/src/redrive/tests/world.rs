//! A failed queue in memory that hides, repeats itself and breaks as SQS does, and the ledger beside it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::clock::FixedClock;
use common::failed::{ID_ATTRIBUTE, REPORT_ATTRIBUTE};
use common::fakes::{Calls, MemoryLedger, turn};
use common::ledger::{Claim, HandOver, Reason, RecipientOutcome, Record, State, Worker, claim};
use jiff::SignedDuration;

use super::super::*;

/// A body and its attributes, as they were put on the mailbox's queue.
pub(super) type PutBack = (String, Vec<Attribute>);

/// A failed queue, and what was put back on the mailbox's.
#[derive(Clone)]
pub(super) struct MemoryQueue {
    pub(super) calls: Calls,
    pub(super) clock: FixedClock,
    /// How long a call takes.
    pub(super) pace: SignedDuration,
    /// What is put back fails again at once.
    pub(super) fails_again: bool,
    pub(super) kept: Arc<Mutex<Vec<(FailedCopy, Timestamp)>>>,
    pub(super) put_back: Arc<Mutex<Vec<PutBack>>>,
}

impl MemoryQueue {
    pub(super) async fn note(&self, verb: &str, object: &str) -> Result<(), QueueError> {
        turn().await;
        self.clock.advance(self.pace);
        let noted = self.calls.note(verb, object);
        noted.map_err(|broken| QueueError {
            queue: "pillarbox_billing_failed".to_owned(),
            source: Box::new(broken),
        })
    }
}

impl FailedQueue for MemoryQueue {
    async fn receive(&self, hidden_for: Duration) -> Result<Vec<FailedCopy>, QueueError> {
        self.note("receive", "").await?;
        let now = self.clock.now();
        let until = now + SignedDuration::try_from(hidden_for).unwrap();
        let mut kept = self.kept.lock().unwrap();
        let visible = kept
            .iter_mut()
            .filter(|(_, hidden)| *hidden <= now)
            .take(10);
        Ok(visible
            .map(|(copy, hidden)| {
                *hidden = until;
                copy.receipt = format!("{} at {now}", copy.copy);
                copy.clone()
            })
            .collect())
    }

    async fn release(&self, receipts: &[String]) -> Result<(), QueueError> {
        self.note("release", "").await?;
        let now = self.clock.now();
        for (copy, hidden) in self.kept.lock().unwrap().iter_mut() {
            if receipts.contains(&copy.receipt) {
                *hidden = now;
            }
        }
        Ok(())
    }

    async fn delete(&self, receipt: &str) -> Result<(), QueueError> {
        self.note("delete", receipt).await?;
        let mut kept = self.kept.lock().unwrap();
        kept.retain(|(copy, _)| copy.receipt != receipt);
        Ok(())
    }

    async fn put_back(&self, body: &str, attributes: &[Attribute]) -> Result<(), QueueError> {
        self.note("put back", "").await?;
        let copy = (body.to_owned(), attributes.to_vec());
        let mut put_back = self.put_back.lock().unwrap();
        put_back.push(copy);
        if self.fails_again {
            let now = self.clock.now();
            let copy = FailedCopy {
                copy: format!("copy again {}", put_back.len()),
                receipt: String::new(),
                body: body.to_owned(),
                attributes: attributes.to_vec(),
                enqueued_at: Some(now),
            };
            self.kept.lock().unwrap().push((copy, now));
        }
        Ok(())
    }
}

pub(super) struct World {
    pub(super) mailbox: MailboxId,
    pub(super) calls: Calls,
    pub(super) clock: FixedClock,
    pub(super) ledger: MemoryLedger,
    pub(super) queue: MemoryQueue,
}

pub(super) fn body(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","to":["a@fabrikam.com","b@fabrikam.com"],"subject":"Invoice","text":"Hello"}}"#
    )
}

pub(super) fn recipient(address: &str, accepted: bool) -> RecipientOutcome {
    RecipientOutcome {
        address: address.to_owned(),
        accepted,
        reply: "of the server".to_owned(),
    }
}

pub(super) fn reason(class: Class) -> Reason {
    Reason {
        class,
        reply: "550 no".to_owned(),
        stage: "rcpt".to_owned(),
    }
}

pub(super) fn handed_over(class: Class) -> HandOver {
    HandOver {
        reason: reason(class),
        copy: "first copy".to_owned(),
        done: true,
    }
}

impl World {
    pub(super) fn new() -> Self {
        let calls = Calls::default();
        let clock = FixedClock::at("2027-03-01T12:00:00Z".parse().unwrap());
        let mut ledger = MemoryLedger::default();
        ledger.calls = calls.clone();
        let queue = MemoryQueue {
            calls: calls.clone(),
            clock: clock.clone(),
            pace: SignedDuration::ZERO,
            fails_again: false,
            kept: Arc::default(),
            put_back: Arc::default(),
        };
        Self {
            mailbox: MailboxId::parse("billing").unwrap(),
            calls,
            clock,
            ledger,
            queue,
        }
    }

    /// Puts a copy on the failed queue, as `send-email` does.
    pub(super) fn fails(&self, id: Option<&str>, body: &str, class: Class) {
        let failed_at = self.clock.now();
        let report = format!(r#"{{"class":"{class}","reply":"550 no","failed_at":"{failed_at}"}}"#);
        let mut attributes = vec![Attribute::text(REPORT_ATTRIBUTE, &report)];
        attributes.extend(id.map(|id| Attribute::text(ID_ATTRIBUTE, id)));
        let mut kept = self.queue.kept.lock().unwrap();
        let copy = FailedCopy {
            copy: format!("copy-{}", kept.len()),
            receipt: String::new(),
            body: body.to_owned(),
            attributes,
            enqueued_at: Some(failed_at),
        };
        kept.push((copy, failed_at));
    }

    /// A notification that failed: its record, and its copy in the failed queue.
    pub(super) async fn failed(
        &self,
        id: &str,
        class: Class,
        settled: Vec<RecipientOutcome>,
        state: State,
    ) {
        self.fails(Some(id), &body(id), class);
        let now = self.clock.now();
        let record = Record {
            revision: 1,
            content: hash(id),
            attempts: 1,
            sent_again: false,
            delayed: false,
            first_attempt_at: now,
            message_id: Some("<1@contoso.com>".to_owned()),
            part: 1,
            recipients_per_part: Some(500),
            unknown: Vec::new(),
            settled,
            state,
        };
        self.ledger
            .write(&self.key(id), &record, now)
            .await
            .unwrap();
    }

    pub(super) async fn refused(&self, id: &str) {
        let class = Class::RecipientRefused;
        let settled = BOTH.map(|address| recipient(address, false)).into();
        let hand_over = handed_over(class);
        self.failed(id, class, settled, State::Refused { hand_over })
            .await;
    }

    pub(super) async fn unknown(&self, id: &str) {
        let class = Class::UnknownAfterData;
        let hand_over = handed_over(class);
        self.failed(id, class, Vec::new(), State::Unknown { hand_over })
            .await;
    }

    pub(super) async fn accepted(&self, id: &str, refused: Option<HandOver>) {
        let settled = vec![
            recipient(BOTH[0], true),
            recipient(BOTH[1], refused.is_none()),
        ];
        let state = State::Accepted {
            at: self.clock.now(),
            reply: "250 ok".to_owned(),
            copy: None,
            hand_over: refused,
        };
        self.failed(id, Class::RecipientRefused, settled, state)
            .await;
    }

    pub(super) fn key(&self, id: &str) -> Key {
        Key {
            mailbox: self.mailbox.clone(),
            notification: id.to_owned(),
        }
    }

    pub(super) fn record(&self, id: &str) -> Record {
        self.ledger.seen(&self.key(id)).expect("a record")
    }

    /// The desk of an invocation that begins now and may last a minute.
    pub(super) fn desk(&self) -> FailedDesk<'_, MemoryLedger, MemoryQueue, FixedClock> {
        FailedDesk {
            mailbox: &self.mailbox,
            ledger: &self.ledger,
            queue: &self.queue,
            clock: &self.clock,
            deadline: self.clock.now() + SignedDuration::from_mins(1),
        }
    }

    pub(super) async fn redrive(&self, selection: &str) -> Redriven {
        let selection = selection_of(selection);
        let resend = match selection.resend {
            true => Resend::Unknown,
            false => Resend::Never,
        };
        let filter = selection.filter().unwrap();
        let desk = self.desk();
        desk.redrive(&filter, resend, Mode::of(&selection))
            .await
            .unwrap()
    }

    /// The ids in the failed queue that can be seen.
    pub(super) fn visible(&self) -> Vec<String> {
        let now = self.clock.now();
        let kept = self.queue.kept.lock().unwrap();
        let visible = kept.iter().filter(|(_, hidden)| *hidden <= now);
        visible.map(|(copy, _)| Read::of(copy).named().id).collect()
    }

    pub(super) fn kept(&self) -> usize {
        self.queue.kept.lock().unwrap().len()
    }

    pub(super) fn put_back(&self) -> Vec<PutBack> {
        self.queue.put_back.lock().unwrap().clone()
    }

    /// Delivers what was put back, and counts the mails.
    pub(super) async fn deliver(&self, id: &str) -> usize {
        let mut mails = 0;
        let copies = self.put_back();
        let of_id = copies.iter().filter(|(text, _)| *text == body(id));
        for (number, _) in of_id.enumerate() {
            let now = self.clock.now();
            let worker = Worker {
                copy: format!("new copy {number}"),
                name: format!("worker {number}"),
                lease_until: now + SignedDuration::from_mins(6),
            };
            let record = self.ledger.read(&self.key(id), now).await.unwrap();
            let Claim::Granted(claimed) = claim(record.as_ref(), &hash(id), &worker, now) else {
                continue;
            };
            let sending = claimed.sending(&worker, "<1@contoso.com>".to_owned());
            let accepted = sending.accepted(now, "250 ok".to_owned(), Vec::new(), None);
            for record in [claimed, sending, accepted] {
                let written = self.ledger.write(&self.key(id), &record, now).await;
                assert_eq!(written.unwrap(), Written::Done);
            }
            mails += 1;
        }
        mails
    }
}

pub(super) const BOTH: [&str; 2] = ["a@fabrikam.com", "b@fabrikam.com"];

pub(super) fn hash(id: &str) -> String {
    let notification = Notification::parse(&body(id)).unwrap();
    notification.content_hash().as_str().to_owned()
}

pub(super) fn selection_of(json: &str) -> Selection {
    let mut value: serde_json::Value = serde_json::from_str(json).unwrap();
    value["mailbox"] = "billing".into();
    serde_json::from_value(value).unwrap()
}
