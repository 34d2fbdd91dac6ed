//! The replies of one mail transaction, and what they prove.

use super::{
    Cause, Enhanced, Envelope, Failure, Outcome, Recipient, Reply, Stage, Submission, Verdict,
    flight::Progress, reply::Answer,
};

use std::sync::atomic::Ordering;

/// What the server has said in one transaction so far.
#[derive(Debug)]
pub(super) struct Transcript {
    expected: usize,
    mail: Option<Reply>,
    recipients: Vec<Reply>,
    data: Option<Reply>,
    /// The message's own final reply: 250, 4yz or 5yz.
    last: Option<Reply>,
    /// A 421, whatever it answered: the server is closing, and keeps nothing it has not yet acknowledged.
    closing: Option<Reply>,
    /// What ended the wait for the final reply.
    lost: Option<Failure>,
}

impl Transcript {
    pub(super) fn new(envelope: &Envelope) -> Self {
        let expected = envelope.to().len();
        Self {
            expected,
            mail: None,
            recipients: Vec::with_capacity(expected),
            data: None,
            last: None,
            closing: None,
            lost: None,
        }
    }

    /// Takes the answer to the command of a stage. False means that the server is closing.
    pub(super) fn take(
        &mut self,
        progress: &Progress,
        stage: Stage,
        answer: Answer,
    ) -> Result<bool, Failure> {
        let reply = answer.into_reply(stage);
        let violation = |what| Err(Failure::new(stage, Cause::Violation(what)));
        if reply.code == 421 {
            self.closing = Some(reply);
            return Ok(false);
        }
        match (stage, reply.code) {
            (Stage::Mail, 250 | 400..600) => self.mail = Some(reply),
            (Stage::Rcpt, 250..260 | 400..600) => self.recipients.push(reply),
            (Stage::Data, 354 | 400..600) => self.data = Some(reply),
            (Stage::Body | Stage::Bdat, 400..600) => self.last = Some(reply),
            // Behind BDAT no 354 shows that replies and commands still go in step. An enhanced code about an
            // address does: it answers MAIL or RCPT, and the message's own reply is still to come.
            (Stage::Bdat, 250) if matches!(reply.enhanced, Some(Enhanced(_, 1, _))) => {
                return violation("the reply to another command");
            }
            (Stage::Body | Stage::Bdat, 250) if progress.last_begun.load(Ordering::Relaxed) => {
                self.last = Some(reply)
            }
            (Stage::Body | Stage::Bdat, 250) => {
                return violation("250 before the message was complete");
            }
            (Stage::Rset, 250) => {}
            (Stage::Rset, 400..600) => return Err(Failure::new(stage, Cause::Reply(reply))),
            _ => return violation("a reply that does not answer the command"),
        }
        Ok(true)
    }

    /// Notes that there is no final reply to trust although the whole message may have arrived.
    pub(super) fn lose(&mut self, failure: Failure) {
        self.last = None;
        self.lost = Some(failure);
    }

    /// Whether a reply proves that the message is not taken, whatever else is said.
    pub(super) fn is_hopeless(&self) -> bool {
        self.closing.is_some()
            || self.mail.as_ref().is_some_and(Reply::is_negative)
            || (self.recipients.len() == self.expected
                && self.recipients.iter().all(Reply::is_negative))
    }

    /// What ended the wait for the final reply.
    pub(super) fn lost(&self) -> Option<&Failure> {
        self.lost.as_ref()
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// Whether MAIL and at least one RCPT were accepted.
    pub(super) fn has_recipient(&self) -> bool {
        self.mail.as_ref().is_some_and(|mail| !mail.is_negative()) && self.has_accepted_rcpt()
    }

    /// Whether at least one RCPT was accepted, by whatever sender.
    pub(super) fn has_accepted_rcpt(&self) -> bool {
        self.recipients.iter().any(|rcpt| !rcpt.is_negative())
    }

    pub(super) fn data(&self) -> Option<&Reply> {
        self.data.as_ref()
    }

    pub(super) fn last(&self) -> Option<&Reply> {
        self.last.as_ref()
    }

    /// The refusal of the whole transaction by MAIL or by a closing server.
    pub(super) fn refusal(&self) -> Option<&Reply> {
        self.mail
            .as_ref()
            .filter(|mail| mail.is_negative())
            .or(self.closing.as_ref())
    }

    /// Says what became of each recipient, given what became of the message for those accepted.
    pub(super) fn recipients(
        &self,
        envelope: &Envelope,
        accepted: impl Fn(&Reply) -> Outcome,
    ) -> Vec<Recipient> {
        let mail = self.mail.as_ref().filter(|mail| mail.is_negative());
        let outcome = |at: usize| match (mail, self.recipients.get(at), &self.closing) {
            (Some(mail), _, _) => Outcome::negative(mail.clone()),
            (None, Some(rcpt), _) if rcpt.is_negative() => Outcome::negative(rcpt.clone()),
            (None, _, Some(closing)) => Outcome::negative(closing.clone()),
            (None, Some(rcpt), None) => accepted(rcpt),
            (None, None, None) => Outcome::Unknown,
        };
        let addresses = envelope.to().iter().map(ToString::to_string);
        addresses
            .enumerate()
            .map(|(at, address)| Recipient {
                address,
                outcome: outcome(at),
            })
            .collect()
    }

    /// Makes the facts of the replies.
    pub(super) fn settle(mut self, envelope: &Envelope) -> Result<Submission, Failure> {
        let lost = self.lost.take();
        // The final reply, or the refusal of DATA, speaks for every recipient that was accepted.
        let spoken = self
            .last
            .clone()
            .or_else(|| self.data.clone().filter(Reply::is_negative));
        let recipients = self.recipients(envelope, |rcpt| match &spoken {
            Some(reply) if reply.is_negative() => Outcome::negative(reply.clone()),
            Some(_) => Outcome::Accepted(rcpt.clone()),
            None => Outcome::Unknown,
        });
        let verdict = if let Some(refusal) = self.refusal() {
            Verdict::negative(refusal.clone())
        } else if self.is_hopeless() {
            let deferred = self.recipients.iter().find(|rcpt| rcpt.is_transient());
            let reply = deferred.or(self.recipients.first()).cloned();
            Verdict::negative(reply.ok_or(Failure::new(Stage::Rcpt, Cause::Violation("no reply")))?)
        } else {
            match (lost, spoken) {
                (Some(failure), _) => Verdict::Unknown(failure),
                (None, Some(reply)) if reply.is_negative() => Verdict::negative(reply),
                (None, Some(reply)) => Verdict::Accepted(reply),
                (None, None) => {
                    return Err(Failure::new(Stage::Body, Cause::Violation("no reply")));
                }
            }
        };
        Ok(Submission {
            verdict,
            recipients,
        })
    }
}

impl Verdict {
    fn negative(reply: Reply) -> Self {
        if reply.is_transient() {
            Self::Deferred(reply)
        } else {
            Self::Refused(reply)
        }
    }
}
