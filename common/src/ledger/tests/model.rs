//! The ledger in a world where everything goes wrong, checked after every step.
//!
//! Three workers and two redrives of one notification go on one call at a time, in an order that chance makes up. They
//! stop anywhere, run out of time and are lost; copies are delivered twice; producers repeat themselves, also with
//! other content; the server takes, refuses, defers, or takes and says nothing. It goes to four in parts of two, or of
//! as many as the day's limit says. The world keeps the truth, which nobody in it knows: whose inbox has the mail, and
//! where every copy is.
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
    /// The limit of recipients changes.
    Limit { recipients: usize },
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
        1 => (1..5_usize).prop_map(|recipients| Op::Limit { recipients }),
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

/// How far a worker has come on its way through the parts, and whether it left somebody to be tried again.
#[derive(Debug, Clone, Copy, Default)]
struct Way {
    next: usize,
    deferred: bool,
}

/// What a worker does next, with the record that it believes to hold.
#[derive(Debug, Clone)]
enum Step {
    Read,
    Claim(Record),
    Compose(Record, Way),
    Begin(Record, Way),
    Submit(Record, Way),
    /// Writes what an attempt for these has come to.
    End(Record, Vec<usize>, Ending, Way),
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
    Write(Box<Record>, Vec<usize>),
    Send,
    Delete,
}

const RECIPIENTS: [&str; 4] = [
    "a@fabrikam.com",
    "b@fabrikam.com",
    "c@fabrikam.com",
    "d@fabrikam.com",
];
/// How many recipients a part has at first.
const LIMIT: usize = 2;

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
    /// How many recipients a part has by the settings of the day, less [`LIMIT`].
    more_per_part: isize,
    /// How often each recipient has got the mail.
    inboxes: [u32; 4],
    /// To whom an attempt went whose end the ledger does not know.
    unheard: [bool; 4],
    /// Whom the ledger knows to have the mail.
    reached: [bool; 4],
    /// How often a policy or a person said that what may have been sent to somebody is to be sent again.
    licences: [u32; 4],
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
            Op::Limit { recipients } => {
                self.more_per_part = recipients.cast_signed() - LIMIT.cast_signed();
            }
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
                Claim::Lost(record) => {
                    let tried = self.tried(&record, Self::place(&record));
                    Some(self.end_unknown(&record, copy_id, tried))
                }
            },
            Step::Claim(record) => {
                self.written(record, Step::Compose(record.clone(), Way::default()))
            }
            Step::Compose(record, way) => {
                let next = (way.next..self.parts(record).len())
                    .find(|place| !self.tried(record, *place).is_empty());
                let ended = |record| Some(Step::End(record, Vec::new(), Ending::Heard, *way));
                match (choice % 8, next) {
                    (0, _) if way.next == 0 => {
                        let reason = reason(Class::MessageTooLarge);
                        ended(match record.unknown.is_empty() {
                            true => record.refused(copy_id, reason, Vec::new()),
                            false => record.unknown(copy_id, reason, Vec::new()),
                        })
                    }
                    (1, _) => ended(record.put_off(at(self.now + 60), Vec::new())),
                    (_, None) => ended(self.ended(record, copy_id, way.deferred)),
                    (_, Some(place)) => {
                        let number = u32::try_from(place).unwrap() + 1;
                        let of_part = record.of_part(number, self.limit());
                        let sending = of_part.sending(&worker, format!("<{number}@contoso.com>"));
                        let way = Way {
                            next: place + 1,
                            ..*way
                        };
                        Some(Step::Begin(sending, way))
                    }
                }
            }
            Step::Begin(record, way) => {
                if self.write(record) == Written::Lost {
                    return None;
                }
                self.begin(record);
                Some(Step::Submit(record.clone(), *way))
            }
            Step::Submit(record, way) => Some(self.submit(record, &worker, choice, *way)),
            Step::End(record, tried, ending, way) => {
                if self.write(record) == Written::Lost {
                    return None;
                }
                match ending {
                    Ending::Heard => {
                        for one in tried {
                            self.unheard[*one] = false;
                        }
                    }
                    Ending::Unheard => {}
                    Ending::OnceMore => {
                        self.license(tried);
                        // The others of the part were told of, or nothing went to them.
                        for one in self.parts(record)[Self::place(record)].clone() {
                            let is_unknown = Self::unknown(record).contains(&one);
                            self.unheard[one] &= is_unknown;
                        }
                    }
                }
                if matches!(record.state, State::Claimed { .. }) {
                    return Some(Step::Compose(record.clone(), *way));
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

    /// The end of an attempt whose worker was lost.
    fn end_unknown(&self, record: &Record, copy: String, tried: Vec<usize>) -> Step {
        let way = Way::default();
        if let Some(again) = record.once_more(at(self.now)).filter(|_| self.retries) {
            return Step::End(again, tried, Ending::OnceMore, way);
        }
        let record = record.with_unknown(Self::named(&tried), reason(Class::UnknownAfterData));
        let is_left = !self.open(&record).is_empty();
        Step::End(
            self.ended(&record, copy, is_left),
            tried,
            Ending::Unheard,
            way,
        )
    }

    /// The record of which nobody is left to try now, or in this claim.
    fn ended(&self, record: &Record, copy: String, is_put_off: bool) -> Record {
        let accepted = record.settled.iter().any(|one| one.accepted);
        let refused = record.settled.iter().any(|one| !one.accepted);
        let why = reason(Class::RecipientRefused);
        if is_put_off {
            record.put_off(at(self.now + 60), Vec::new())
        } else if let Some(part) = record.unknown.last() {
            record.unknown(copy, part.reason(), Vec::new())
        } else if refused && !accepted {
            record.refused(copy, why, Vec::new())
        } else {
            let hand_over = refused.then_some(HandOver {
                reason: why,
                copy,
                done: false,
            });
            record.accepted(at(self.now), "250".to_owned(), Vec::new(), hand_over)
        }
    }

    fn license(&mut self, to: &[usize]) {
        for one in to {
            self.licences[*one] += 1;
            self.unheard[*one] = false;
        }
    }

    /// Notes that an attempt is begun: from here on the message may go out.
    fn begin(&mut self, record: &Record) {
        self.begun += 1;
        assert_eq!(record.attempts, self.begun, "every attempt is counted");
        let tried = self.tried(record, Self::place(record));
        assert!(!tried.is_empty(), "nobody is tried");
        for one in tried {
            assert!(
                !self.reached[one],
                "somebody who has the mail is tried again"
            );
            assert!(
                !self.unheard[one],
                "what may have been sent is begun again, and nobody said so"
            );
            self.unheard[one] = true;
        }
    }

    fn limit(&self) -> usize {
        LIMIT.saturating_add_signed(self.more_per_part)
    }

    /// Where the part is that was begun last.
    fn place(record: &Record) -> usize {
        record.part as usize - 1
    }

    fn parts(&self, record: &Record) -> Vec<Vec<usize>> {
        let each = record.recipients_per_part.unwrap_or(self.limit());
        let all: Vec<_> = (0..RECIPIENTS.len()).collect();
        all.chunks(each).map(<[usize]>::to_vec).collect()
    }

    fn named(tried: &[usize]) -> Vec<String> {
        tried
            .iter()
            .map(|one| RECIPIENTS[*one].to_owned())
            .collect()
    }

    /// Whom the record calls unknown.
    fn unknown(record: &Record) -> Vec<usize> {
        let named: Vec<_> = record
            .unknown
            .iter()
            .flat_map(|part| &part.recipients)
            .collect();
        let is_named = |one: &usize| named.iter().any(|it| *it == RECIPIENTS[*one]);
        (0..RECIPIENTS.len()).filter(is_named).collect()
    }

    fn open(&self, record: &Record) -> Vec<usize> {
        let done = record.done();
        let is_open = |one: &usize| !done.contains(RECIPIENTS[*one]);
        (0..RECIPIENTS.len()).filter(is_open).collect()
    }

    /// Who of a part is still to be tried.
    fn tried(&self, record: &Record, place: usize) -> Vec<usize> {
        let open = self.open(record);
        let part = self.parts(record).get(place).cloned().unwrap_or_default();
        part.into_iter().filter(|one| open.contains(one)).collect()
    }

    /// The dialogue with the server: `choice` decides what becomes of each recipient, and what is heard of it.
    fn submit(&mut self, record: &Record, worker: &Worker, choice: u8, way: Way) -> Step {
        let tried = self.tried(record, Self::place(record));
        let verdict = |one: &usize| (choice >> (2 * (*one % 2))) & 3;
        let with = |wanted: [u8; 2]| -> Vec<usize> {
            let fitting = tried.iter().filter(|one| wanted.contains(&verdict(one)));
            fitting.copied().collect()
        };
        let (accepted, refused, deferred) = (with([0, 3]), with([1, 1]), with([2, 2]));
        let outcomes = |of: &[usize], accepted| -> Vec<_> {
            let outcome = |address| RecipientOutcome {
                address,
                accepted,
                reply: String::new(),
            };
            Self::named(of).into_iter().map(outcome).collect()
        };
        let is_lost = choice & 0b1100_0000 == 0 && !accepted.is_empty();
        let is_taken = !accepted.is_empty() && (!is_lost || choice & 0b10_0000 == 0);
        if is_taken {
            for one in &accepted {
                self.inboxes[*one] += 1;
            }
        }
        let mut record = record.settle(outcomes(&refused, false));
        let mut heard = tried.clone();
        if is_lost {
            if let Some(again) = record.once_more(at(self.now)).filter(|_| self.retries) {
                return Step::End(again, accepted, Ending::OnceMore, way);
            }
            record = record.with_unknown(Self::named(&accepted), reason(Class::UnknownAfterData));
            heard.retain(|one| !accepted.contains(one));
        } else {
            record = record.settle(outcomes(&accepted, true));
        }
        let way = Way {
            deferred: way.deferred || !deferred.is_empty(),
            ..way
        };
        let parts = self.parts(&record).len();
        let goes_on = (way.next..parts).any(|place| !self.tried(&record, place).is_empty());
        let next = if goes_on {
            record.goes_on(worker, Vec::new())
        } else {
            self.ended(&record, worker.copy.clone(), way.deferred)
        };
        Step::End(next, heard, Ending::Heard, way)
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
                        let stands = self.read();
                        let unheard = stands.map(Self::unknown).unwrap_or_default();
                        Some(RedriveStep::Write(record, unheard))
                    }
                    Redrive::AsItIs => Some(RedriveStep::Send),
                    Redrive::Accepted => Some(RedriveStep::Delete),
                    Redrive::InHand(_) | Redrive::Unknown | Redrive::Conflict => None,
                }
            }
            RedriveStep::Write(record, unheard) => match self.write(record) {
                Written::Lost => None,
                Written::Done => {
                    if !unheard.is_empty() {
                        assert_eq!(redriving.resend, Resend::Unknown);
                        self.license(unheard);
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
        for (inbox, licences) in self.inboxes.iter().zip(self.licences) {
            assert!(*inbox <= 1 + licences, "a mail was doubled: {self:#?}");
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
            for worker in (0..3).cycle().take(3 * 24) {
                self.work(worker, 0b1100_1111);
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
