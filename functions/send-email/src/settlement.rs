//! What a submission means for its recipients: who is settled, who is tried again, and what stops.

use std::time::Duration;

use common::class::{Class, Scope};
use common::ledger::{Reason, RecipientOutcome};
use common::submission::{Diagnosis, Outcome, Recipient, Reply, Submission, Verdict};

/// What follows from one submission.
#[derive(Debug)]
pub(crate) struct Settlement {
    /// What the server's answers for the recipients mean.
    pub(crate) answers: Answers,
    /// The server's final reply, where it took the message.
    pub(crate) accepted: Option<String>,
    /// For whom the server may have the message, and what ended the wait.
    pub(crate) unknown: Option<(Vec<String>, Reason)>,
}

/// Why something is to be tried again, and what else has to wait.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    /// What was met.
    pub(crate) reason: Reason,
    /// How long the server, or experience, asks to wait.
    pub(crate) retry_after: Option<Duration>,
}

impl Settlement {
    /// Draws the conclusions from a submission.
    pub(crate) fn of(submission: Submission) -> Self {
        let Submission {
            verdict,
            recipients,
        } = submission;
        let (accepted, failure) = match verdict {
            Verdict::Accepted(reply) => (Some(reply.to_string()), None),
            Verdict::Refused(_) | Verdict::Deferred(_) => (None, None),
            Verdict::Unknown(failure) => (None, Some(failure)),
        };
        let unknown = failure.map(|failure| {
            let open = recipients
                .iter()
                .filter(|recipient| recipient.outcome == Outcome::Unknown);
            let reason = Reason {
                class: Class::UnknownAfterData,
                reply: failure.to_string(),
                stage: failure.stage.to_string(),
            };
            (open.map(|one| one.address.clone()).collect(), reason)
        });
        Self {
            answers: Answers::of(&recipients),
            accepted,
            unknown,
        }
    }
}

/// What the server's answers for the recipients mean.
#[derive(Debug)]
pub(crate) struct Answers {
    /// The recipients that need nothing more.
    pub(crate) settled: Vec<RecipientOutcome>,
    /// Why somebody is to be tried again, if anybody is.
    pub(crate) again: Option<Trouble>,
    /// Why recipients were refused, if any was.
    pub(crate) refused: Option<Reason>,
}

impl Trouble {
    /// Whether it is the server's answer for some recipients alone, so that others may be tried meanwhile.
    pub(crate) fn is_of_recipients(&self) -> bool {
        let class = self.reason.class;
        class.scope() == Scope::Wait && class != Class::Network && !is_for_everybody(class)
    }

    /// The more far-reaching of two, or else the one that asks for the longer wait.
    pub(crate) fn or(self, other: Self) -> Self {
        let weight = |one: &Self| (weight(one.reason.class), one.retry_after);
        if weight(&self) >= weight(&other) {
            self
        } else {
            other
        }
    }
}

/// Whether the server speaks of the mailbox's pace, and not of one message or recipient.
pub(crate) fn is_for_everybody(class: Class) -> bool {
    matches!(
        class,
        Class::RateLimited | Class::QuotaDay | Class::QuotaTenant
    )
}

impl Answers {
    /// Draws the conclusions from the answers.
    pub(crate) fn of(recipients: &[Recipient]) -> Self {
        let troubles = recipients.iter().filter_map(trouble);
        Self {
            settled: recipients.iter().filter_map(settled).collect(),
            again: troubles.max_by_key(|trouble| weight(trouble.reason.class)),
            refused: recipients.iter().find_map(refusal),
        }
    }
}

/// The most far-reaching trouble speaks for the others.
fn weight(class: Class) -> u8 {
    match class.scope() {
        Scope::Mailbox => 3,
        Scope::Sender => 2,
        Scope::Wait | Scope::Ours => 1,
        Scope::Message | Scope::Unknown => 0,
    }
}

/// Whether a refusal is final for its recipient; any other one is tried again.
fn is_final(diagnosis: Diagnosis) -> bool {
    diagnosis.scope() == Scope::Message
}

fn negative(recipient: &Recipient) -> Option<(&Reply, Diagnosis)> {
    match &recipient.outcome {
        Outcome::Refused(reply) | Outcome::Deferred(reply) => recipient
            .outcome
            .diagnosis()
            .map(|diagnosis| (reply, diagnosis)),
        Outcome::Accepted(_) | Outcome::Unknown => None,
    }
}

fn settled(recipient: &Recipient) -> Option<RecipientOutcome> {
    let (accepted, reply) = match (&recipient.outcome, negative(recipient)) {
        (Outcome::Accepted(reply), _) => (true, reply),
        (_, Some((reply, diagnosis))) if is_final(diagnosis) => (false, reply),
        _ => return None,
    };
    Some(RecipientOutcome {
        address: recipient.address.clone(),
        accepted,
        reply: reply.to_string(),
    })
}

fn refusal(recipient: &Recipient) -> Option<Reason> {
    let (reply, diagnosis) = negative(recipient).filter(|(_, diagnosis)| is_final(*diagnosis))?;
    Some(reason(reply, diagnosis))
}

fn trouble(recipient: &Recipient) -> Option<Trouble> {
    let (reply, diagnosis) = negative(recipient).filter(|(_, diagnosis)| !is_final(*diagnosis))?;
    Some(Trouble {
        reason: reason(reply, diagnosis),
        retry_after: diagnosis.retry_after,
    })
}

fn reason(reply: &Reply, diagnosis: Diagnosis) -> Reason {
    Reason {
        class: diagnosis.class,
        reply: reply.to_string(),
        stage: reply.stage.to_string(),
    }
}
