//! What a submission means for its notification: who is settled, who is tried again, and what stops.

use std::time::Duration;

use common::class::{Class, Scope};
use common::ledger::{Reason, RecipientOutcome};
use common::submission::{Diagnosis, Outcome, Recipient, Reply, Submission, Verdict};

/// What follows from one submission.
#[derive(Debug)]
pub(crate) struct Settlement {
    /// The recipients that need nothing more.
    pub(crate) settled: Vec<RecipientOutcome>,
    /// What becomes of the notification.
    pub(crate) end: End,
}

/// What becomes of a notification after a submission.
#[derive(Debug)]
pub(crate) enum End {
    /// Nobody is left to try. The reply is the message's own, where the server took it.
    Complete {
        /// The server's final reply.
        accepted: Option<String>,
        /// Why recipients were refused, if any was.
        refused: Option<Reason>,
    },
    /// Somebody is to be tried again.
    Again(Trouble),
    /// The server may have the message; the reason says what ended the wait.
    Unknown(Reason),
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
        let final_reply = match verdict {
            Verdict::Unknown(failure) => {
                let settled = recipients.iter().filter_map(settled).collect();
                let class = Class::UnknownAfterData;
                let reason = Reason {
                    class,
                    reply: failure.to_string(),
                    stage: failure.stage.to_string(),
                };
                return Self {
                    settled,
                    end: End::Unknown(reason),
                };
            }
            Verdict::Accepted(reply) => Some(reply.to_string()),
            Verdict::Refused(_) | Verdict::Deferred(_) => None,
        };
        let Answers {
            settled,
            again,
            refused,
        } = Answers::of(&recipients);
        let end = match again {
            Some(trouble) => End::Again(trouble),
            None => End::Complete {
                accepted: final_reply,
                refused,
            },
        };
        Self { settled, end }
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
