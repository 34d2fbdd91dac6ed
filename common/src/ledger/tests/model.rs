//! The ledger in a world where everything goes wrong, checked after every step.
//!
//! Three workers and two redrives of one notification go on one call at a time, in an order that chance makes up. They
//! stop anywhere, run out of time and are lost; copies are delivered twice; producers repeat themselves, also with
//! other content; the server takes, refuses, defers, or takes and says nothing. The world keeps the truth, which
//! nobody in it knows: whose inbox has the mail, and where every copy is.
//!
//! `PROPTEST_CASES` sets how many worlds are tried.

use proptest::prelude::*;

use super::*;

/// How long an invocation of a worker lasts at most.
const INVOCATION: i64 = 300;
/// How long a received copy is hidden on the mailbox's queue, and on the failed queue.
const HIDDEN: [i64; 2] = [1800, 300];

#[derive(Debug, Clone, Copy)]
enum Op {
    /// A producer puts the notification on the queue.
    Enqueue { content: &'static str },
    /// A worker takes its next step, or a copy; `choice` decides what it meets.
    Work { worker: usize, choice: u8 },
    /// A worker is lost.
    Lose { worker: usize },
    /// The queue shows a copy that somebody has in hand.
    Repeat { copy: usize },
    /// Time passes.
    Wait { seconds: i64 },
    /// A redrive takes its next step, or a copy of the failed queue.
    Redrive { redrive: usize, resend: Resend },
    /// A redrive is cut short.
    Interrupt { redrive: usize },
    /// So much time passes that the ledger forgets, if there is nothing left that could come back.
    Forget,
}

fn op() -> impl Strategy<Value = Op> {
    let content = prop_oneof![6 => Just("content"), 1 => Just("other")];
    let seconds = prop_oneof![Just(1), Just(INVOCATION), Just(361), Just(1801)];
    let resend = prop_oneof![3 => Just(Resend::Never), 1 => Just(Resend::Unknown)];
    prop_oneof![
        3 => content.prop_map(|content| Op::Enqueue { content }),
        24 => (0..3_usize, any::<u8>()).prop_map(|(worker, choice)| Op::Work { worker, choice }),
        1 => (0..3_usize).prop_map(|worker| Op::Lose { worker }),
        2 => (0..4_usize).prop_map(|copy| Op::Repeat { copy }),
        3 => seconds.prop_map(|seconds| Op::Wait { seconds }),
        12 => (0..2_usize, resend).prop_map(|(redrive, resend)| Op::Redrive { redrive, resend }),
        1 => (0..2_usize).prop_map(|redrive| Op::Interrupt { redrive }),
        1 => Just(Op::Forget),
    ]
}

/// A copy on a queue.
#[derive(Debug, Clone)]
struct Lying {
    number: usize,
    content: &'static str,
    visible_at: i64,
}

/// What a worker does next, with the record that it believes to hold.
#[derive(Debug, Clone)]
enum Step {
    Read,
    Claim(Record),
    Compose(Record),
    Begin(Record),
    Submit(Record),
    End(Record, Ending),
    HandOver(Option<Record>),
    NoteHandOver(Record),
    Acknowledge,
}

/// What is written at the end of an attempt, and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The server has answered for everybody who was tried.
    Heard,
    /// Nobody knows how it ended.
    Unheard,
    /// The policy makes it once more.
    OnceMore,
}

#[derive(Debug, Clone)]
struct Working {
    copy: Lying,
    deadline: i64,
    step: Step,
}

#[derive(Debug, Clone)]
struct Redriving {
    copy: Lying,
    resend: Resend,
    step: RedriveStep,
}

#[derive(Debug, Clone)]
enum RedriveStep {
    Ask,
    Write(Box<Record>, bool),
    Send,
    Delete,
}

const RECIPIENTS: [&str; 2] = ["a@fabrikam.com", "b@fabrikam.com"];

/// One notification, and everything that happens to it.
#[derive(Debug, Default)]
struct World {
    /// Whether an unknown attempt is made once more.
    retries: bool,
    now: i64,
    record: Option<(Record, i64)>,
    queue: Vec<Lying>,
    failed: Vec<Lying>,
    workers: [Option<Working>; 3],
    redrives: [Option<Redriving>; 2],
    copies: usize,
    /// How often each recipient has got the mail.
    inboxes: [u32; 2],
    /// To whom an attempt went whose end the ledger does not know.
    unheard: [bool; 2],
    /// Whom the ledger knows to have the mail.
    reached: [bool; 2],
    /// How often a policy or a person said that what may have been sent is to be sent again, and how often that is
    /// still to be done.
    licences: u32,
    open_licences: u32,
    begun: u32,
    /// The contents that were put on the queue and are not done with.
    promised: Vec<&'static str>,
}

impl World {
    fn apply(&mut self, op: Op) {
        match op {
            Op::Enqueue { content } => {
                self.promised.push(content);
                let copy = self.copy(content);
                self.queue.push(copy);
            }
            Op::Work { worker, choice } => self.work(worker, choice),
            Op::Lose { worker } => self.workers[worker] = None,
            Op::Repeat { copy } => {
                let now = self.now;
                if let Some(copy) = self.queue.get_mut(copy) {
                    copy.visible_at = now;
                }
            }
            Op::Wait { seconds } => self.wait(seconds),
            Op::Redrive { redrive, resend } => self.redrive(redrive, resend),
            Op::Interrupt { redrive } => self.redrives[redrive] = None,
            Op::Forget => self.forget(),
        }
        self.check();
    }

    fn wait(&mut self, seconds: i64) {
        self.now += seconds;
        for worker in &mut self.workers {
            if worker
                .as_ref()
                .is_some_and(|worker| worker.deadline <= self.now)
            {
                *worker = None;
            }
        }
        for redrive in &mut self.redrives {
            if seconds >= 60 {
                *redrive = None;
            }
        }
    }

    /// Thirty days without a copy anywhere: what comes then is another notification.
    fn forget(&mut self) {
        let is_quiet = self.workers.iter().all(Option::is_none)
            && self.redrives.iter().all(Option::is_none)
            && self.queue.is_empty()
            && self.failed.is_empty();
        if is_quiet {
            let (retries, copies, record) = (self.retries, self.copies, self.record.take());
            *self = Self {
                now: self.now + RETENTION.as_secs() + 1,
                retries,
                copies,
                record,
                ..Self::default()
            };
        }
    }

    fn copy(&mut self, content: &'static str) -> Lying {
        self.copies += 1;
        Lying {
            number: self.copies,
            content,
            visible_at: self.now,
        }
    }

    fn read(&self) -> Option<&Record> {
        let kept = self.record.as_ref().filter(|(_, until)| *until > self.now);
        kept.map(|(record, _)| record)
    }

    /// Writes as a table does: over the revision before it alone.
    fn write(&mut self, record: &Record) -> Written {
        let stands = self.record.as_ref();
        let fits = match record.revision {
            1 => stands.is_none_or(|(_, until)| *until <= self.now),
            revision => stands.is_some_and(|(stands, _)| stands.revision == revision - 1),
        };
        if !fits {
            return Written::Lost;
        }
        for (reached, recipient) in self.reached.iter_mut().zip(RECIPIENTS) {
            let told = record
                .settled
                .iter()
                .filter(|told| told.address == recipient);
            *reached |= told.clone().any(|told| told.accepted);
        }
        self.record = Some((record.clone(), self.now + RETENTION.as_secs()));
        Written::Done
    }

    fn take(queue: &mut [Lying], now: i64, hidden: i64) -> Option<Lying> {
        let copy = queue.iter_mut().find(|copy| copy.visible_at <= now)?;
        copy.visible_at = now + hidden;
        Some(copy.clone())
    }

    fn work(&mut self, number: usize, choice: u8) {
        let Some(working) = self.workers[number].take() else {
            if let Some(copy) = Self::take(&mut self.queue, self.now, HIDDEN[0]) {
                self.workers[number] = Some(Working {
                    copy,
                    deadline: self.now + INVOCATION,
                    step: Step::Read,
                });
            }
            return;
        };
        let next = self.step(number, &working, choice);
        self.workers[number] = next.map(|step| Working { step, ..working });
    }

    /// One step of a worker, as `send-email` takes it. `None` puts the copy back.
    fn step(&mut self, number: usize, working: &Working, choice: u8) -> Option<Step> {
        let Working {
            copy,
            deadline,
            step,
        } = working;
        let copy_id = copy.number.to_string();
        let worker = Worker {
            copy: copy_id.clone(),
            name: format!("worker {number} of {deadline}"),
            lease_until: at(*deadline) + LEASE_GRACE,
        };
        match step {
            Step::Read => match claim(self.read(), copy.content, &worker, at(self.now)) {
                Claim::Granted(record) => Some(Step::Claim(record)),
                Claim::Done(_) | Claim::Duplicate(_) => Some(Step::Acknowledge),
                Claim::NotBefore(_) => None,
                Claim::Conflict => Some(Step::HandOver(None)),
                Claim::HandOver(record) => Some(Step::HandOver(Some(record))),
                Claim::Lost(record) => Some(self.end_unknown(&record, copy_id, Vec::new())),
            },
            Step::Claim(record) => self.written(record, Step::Compose(record.clone())),
            Step::Compose(record) => Some(match choice % 8 {
                0 => {
                    let reason = reason(Class::MessageTooLarge);
                    let refused = record.refused(copy_id, reason, Vec::new());
                    Step::End(refused, Ending::Heard)
                }
                1 => Step::End(record.put_off(at(self.now + 60), Vec::new()), Ending::Heard),
                _ if RECIPIENTS.iter().all(|one| record.is_settled(one)) => {
                    let reply = "every recipient is settled".to_owned();
                    let accepted = record.accepted(at(self.now), reply, Vec::new(), None);
                    Step::End(accepted, Ending::Heard)
                }
                _ => Step::Begin(record.sending(&worker, "<1@contoso.com>".to_owned())),
            }),
            Step::Begin(record) => {
                if self.write(record) == Written::Lost {
                    return None;
                }
                self.begin(record);
                Some(Step::Submit(record.clone()))
            }
            Step::Submit(record) => Some(self.submit(record, copy_id, choice)),
            Step::End(record, ending) => {
                if self.write(record) == Written::Lost {
                    return None;
                }
                match ending {
                    Ending::Heard => {
                        self.unheard = [false; 2];
                    }
                    Ending::Unheard => {}
                    Ending::OnceMore => self.license(),
                }
                match record.owed() {
                    Some(_) => Some(Step::HandOver(Some(record.clone()))),
                    None if record.state_is_final() => Some(Step::Acknowledge),
                    None => None,
                }
            }
            Step::HandOver(record) => {
                let told = self.copy(copy.content);
                self.failed.push(told);
                Some(record.clone().map_or(Step::Acknowledge, Step::NoteHandOver))
            }
            Step::NoteHandOver(record) => {
                // Whoever wrote in between knows better; the failed queue has it all the same.
                let _ = self.write(&record.handed_over());
                Some(Step::Acknowledge)
            }
            Step::Acknowledge => {
                self.queue.retain(|lying| lying.number != copy.number);
                None
            }
        }
    }

    fn written(&mut self, record: &Record, next: Step) -> Option<Step> {
        (self.write(record) == Written::Done).then_some(next)
    }

    fn end_unknown(&self, record: &Record, copy: String, settled: Vec<RecipientOutcome>) -> Step {
        let again = record.once_more(at(self.now)).filter(|_| self.retries);
        again.map_or_else(
            || {
                let reason = reason(Class::UnknownAfterData);
                Step::End(record.unknown(copy, reason, settled), Ending::Unheard)
            },
            |again| Step::End(again, Ending::OnceMore),
        )
    }

    fn license(&mut self) {
        self.licences += 1;
        self.open_licences += 1;
    }

    /// Notes that an attempt is begun: from here on the message may go out.
    fn begin(&mut self, record: &Record) {
        self.begun += 1;
        assert_eq!(record.attempts, self.begun, "every attempt is counted");
        let tried = Self::tried(record);
        for one in &tried {
            assert!(
                !self.reached[*one],
                "somebody who has the mail is tried again"
            );
        }
        if tried.iter().any(|one| self.unheard[*one]) {
            assert!(
                self.open_licences > 0,
                "what may have been sent is begun again, and nobody said so"
            );
            self.open_licences -= 1;
        }
        for one in &tried {
            self.unheard[*one] = true;
        }
    }

    fn tried(record: &Record) -> Vec<usize> {
        let is_open = |one: &usize| !record.is_settled(RECIPIENTS[*one]);
        (0..RECIPIENTS.len()).filter(is_open).collect()
    }

    /// The dialogue with the server: `choice` decides what becomes of each recipient, and what is heard of it.
    fn submit(&mut self, record: &Record, copy: String, choice: u8) -> Step {
        let tried = Self::tried(record);
        let verdict = |one: usize| (choice >> (2 * one)) & 3;
        let outcome = |one: &usize, accepted| RecipientOutcome {
            address: RECIPIENTS[*one].to_owned(),
            accepted,
            reply: String::new(),
        };
        let with = |wanted: u8| {
            tried
                .iter()
                .copied()
                .filter(move |one| verdict(*one) == wanted)
        };
        let refused: Vec<_> = with(1).collect();
        let deferred = with(2).count();
        let accepted: Vec<_> = tried
            .iter()
            .filter(|one| !matches!(verdict(**one), 1 | 2))
            .copied()
            .collect();
        let refusals = || {
            refused
                .iter()
                .map(|one| outcome(one, false))
                .collect::<Vec<_>>()
        };
        let is_lost = choice & 0b1100_0000 == 0 && !accepted.is_empty();
        let is_taken = !accepted.is_empty() && (!is_lost || choice & 0b10_0000 == 0);
        if is_taken {
            for one in &accepted {
                self.inboxes[*one] += 1;
            }
        }
        if is_lost {
            return self.end_unknown(record, copy, refusals());
        }
        let mut settled = refusals();
        settled.extend(accepted.iter().map(|one| outcome(one, true)));
        let anybody = settled
            .iter()
            .chain(&record.settled)
            .any(|one| one.accepted);
        let reason = reason(Class::RecipientRefused);
        let next = if deferred > 0 {
            record.put_off(at(self.now + 60), settled)
        } else if !refused.is_empty() && !anybody {
            record.refused(copy, reason, settled)
        } else {
            let hand_over = (!refused.is_empty()).then_some(HandOver {
                reason,
                copy,
                done: false,
            });
            record.accepted(at(self.now), "250".to_owned(), settled, hand_over)
        };
        Step::End(next, Ending::Heard)
    }

    /// One step of a redrive, as `operator` takes it.
    fn redrive(&mut self, number: usize, resend: Resend) {
        let Some(redriving) = self.redrives[number].take() else {
            if let Some(copy) = Self::take(&mut self.failed, self.now, HIDDEN[1]) {
                self.redrives[number] = Some(Redriving {
                    copy,
                    resend,
                    step: RedriveStep::Ask,
                });
            }
            return;
        };
        let copy = &redriving.copy;
        let next = match &redriving.step {
            RedriveStep::Ask => {
                match redrive(self.read(), copy.content, redriving.resend, at(self.now)) {
                    Redrive::Again(record) => {
                        let is_unknown = self
                            .read()
                            .is_some_and(|record| matches!(record.state, State::Unknown { .. }));
                        Some(RedriveStep::Write(record, is_unknown))
                    }
                    Redrive::AsItIs => Some(RedriveStep::Send),
                    Redrive::Accepted => Some(RedriveStep::Delete),
                    Redrive::InHand(_) | Redrive::Unknown | Redrive::Conflict => None,
                }
            }
            RedriveStep::Write(record, is_unknown) => match self.write(record) {
                Written::Lost => None,
                Written::Done => {
                    if *is_unknown {
                        assert_eq!(redriving.resend, Resend::Unknown);
                        self.license();
                    }
                    Some(RedriveStep::Send)
                }
            },
            RedriveStep::Send => {
                let sent = self.copy(copy.content);
                self.queue.push(sent);
                Some(RedriveStep::Delete)
            }
            RedriveStep::Delete => {
                self.failed.retain(|lying| lying.number != copy.number);
                None
            }
        };
        self.redrives[number] = next.map(|step| Redriving { step, ..redriving });
    }

    /// What holds after every step.
    fn check(&self) {
        for inbox in self.inboxes {
            assert!(inbox <= 1 + self.licences, "a mail was doubled: {self:#?}");
        }
        let lies =
            |queue: &[Lying], content: &str| queue.iter().any(|copy| copy.content == content);
        let stands = self.record.as_ref().map(|(record, _)| record);
        for content in &self.promised {
            let is_done = stands.is_some_and(|record| {
                let is_accepted = matches!(
                    record.state,
                    State::Accepted {
                        hand_over: None,
                        ..
                    }
                );
                is_accepted && record.content == *content
            });
            let is_kept = lies(&self.queue, content) || lies(&self.failed, content);
            assert!(is_done || is_kept, "{content} was lost: {self:#?}");
        }
        let Some(record) = stands else { return };
        let told = match &record.state {
            State::Accepted { hand_over, .. } => hand_over.as_ref(),
            State::Refused { hand_over } | State::Unknown { hand_over } => Some(hand_over),
            State::Waiting { .. }
            | State::Claimed { .. }
            | State::Sending { .. }
            | State::WouldBeAccepted { .. } => None,
        };
        if told.is_some_and(|told| told.done) {
            let is_told = self
                .failed
                .iter()
                .any(|copy| copy.content == record.content);
            assert!(
                is_told,
                "a hand-over is recorded and was not done: {self:#?}"
            );
        }
    }

    /// Lets everything that is under way come to its end, with nothing more going wrong.
    fn settle(&mut self) {
        self.redrives = Default::default();
        for _ in 0..40 {
            // Choices under which the server takes everything.
            for worker in (0..3).cycle().take(3 * 12) {
                self.work(worker, 0b1100_1100);
                self.check();
            }
            if self.queue.is_empty() && self.workers.iter().all(Option::is_none) {
                break;
            }
            self.wait(HIDDEN[0] + 1);
        }
        assert!(self.queue.is_empty(), "it never ends: {self:#?}");
        let Some(record) = self.read() else { return };
        let has_ended = record.state_is_final();
        let is_kept = self
            .failed
            .iter()
            .any(|copy| copy.content == record.content);
        assert!(has_ended || is_kept, "it waits for nothing: {self:#?}");
        assert_eq!(record.owed(), None, "the failed queue was told: {self:#?}");
    }
}

impl Record {
    fn state_is_final(&self) -> bool {
        match self.state {
            State::Accepted { .. }
            | State::WouldBeAccepted { .. }
            | State::Refused { .. }
            | State::Unknown { .. } => true,
            State::Waiting { .. } | State::Claimed { .. } | State::Sending { .. } => false,
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_nothing_is_lost_and_nothing_is_doubled(
        retries in any::<bool>(),
        ops in prop::collection::vec(op(), 1..120),
    ) {
        let mut world = World { retries, ..World::default() };
        world.apply(Op::Enqueue { content: "content" });
        for op in ops {
            world.apply(op);
        }
        world.settle();
    }
}
