//! The parts of a notification, one message after the other.
//!
//! Each part has its own permit, its own `sending` and its own end in the record. What a server says of one keeps the next
//! back only if it speaks of more than that part's recipients. What is not done when there is no more time is done under
//! another claim; who is settled by then is left out.

use std::ops::ControlFlow;

use common::ledger::{Reason, RecipientOutcome, Record};
use common::message::{self, Message, MessageIdentity, Part, SenderPolicy};
use common::metrics::Metric;
use common::submission::{Envelope, Failure, Submission};
use common::telemetry::chain;
use lettre::Address;

use super::endings::Unheard;
use super::pacing::Turn;
use super::reading::Unread;
use super::sending::{Attempt, Begun, Claimed};
use super::{Desk, Fate, Interrupted, ours};
use crate::backoff;
use crate::line::Line;
use crate::ports::Ports;
use crate::settlement::{Answers, Settlement, Trouble};

/// What was met on the way through the parts.
#[derive(Default)]
pub(super) struct Met {
    /// The last final reply with which the server took a message.
    pub(super) accepted: Option<String>,
    /// The turn that such a message had, if that is still to be made use of.
    proof: Option<Turn>,
    /// Why recipients were refused first.
    pub(super) refused: Option<Reason>,
    /// Why somebody is tried again.
    again: Option<Trouble>,
    /// Whom a dry run found out about.
    pub(super) would_refuse: Vec<RecipientOutcome>,
}

impl<P: Ports> Desk<'_, P> {
    /// Sends what is claimed.
    pub(super) async fn send(
        &self,
        claimed: Claimed<'_>,
        line: &mut impl Line,
    ) -> Result<Fate, Interrupted> {
        let fate = self.send_parts(claimed, line).await;
        self.leave_trial().await;
        fate
    }

    async fn send_parts(
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
        let mailbox = &self.settings.mailbox;
        let identity =
            MessageIdentity::derive(mailbox, claimed.id, claimed.record.first_attempt_at);
        let (notification, policy) = (&claimed.notification, SenderPolicy::from(self.settings));
        let compose = |part: u32| {
            message::compose(notification, &policy, &identity.of_part(part))
                .map_err(|error| ours(error.class(), chain(&error), "compose"))
        };
        let mut message = match compose(1) {
            Ok(message) => message,
            Err(reason) => return self.refuse(&claimed, reason).await,
        };
        let limit = claimed.record.recipients_per_part;
        let recipients_per_part = limit.unwrap_or(self.settings.recipients_per_message);
        let parts = message::parts(message.envelope.to(), recipients_per_part);
        claimed.parts = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        let mut met = Met::default();
        for (place, part) in parts.iter().enumerate() {
            let from = message.envelope.from().cloned();
            let Some(envelope) = remaining(part, from, &claimed.record) else {
                continue;
            };
            if part.number > 1 {
                message = match compose(part.number) {
                    Ok(message) => message,
                    Err(reason) => return self.refuse(&claimed, reason).await,
                };
            }
            let begun = Begun {
                part,
                recipients_per_part,
                message: &message,
                envelope,
            };
            let ends = match self.try_once(&claimed, &begun, line).await? {
                Attempt::NotBegun(fate) => return Ok(fate),
                Attempt::Made {
                    record,
                    result,
                    turn,
                } => {
                    claimed.record = *record;
                    let settled = self.settle(&claimed, &message, (result, turn), &mut met);
                    match settled.await? {
                        ControlFlow::Continue(record) => {
                            claimed.record = record;
                            None
                        }
                        ControlFlow::Break(fate) => Some(fate),
                    }
                }
                Attempt::Asked { record, result } => {
                    claimed.record = *record;
                    self.settle_asked(&claimed, result, &mut met).await?
                }
            };
            if let Some(fate) = ends {
                return Ok(fate);
            }
            let stops = |trouble: &Trouble| !trouble.is_of_recipients();
            let has_open = |part: &Part| remaining(part, None, &claimed.record).is_some();
            if met.again.as_ref().is_some_and(stops) || !parts[place + 1..].iter().any(has_open) {
                break;
            }
            if !notification.dry_run {
                claimed.record = claimed.record.goes_on(claimed.worker, Vec::new());
                self.write(claimed.key, &claimed.record).await?;
                if let Some(turn) = met.proof.take() {
                    self.proved(notification, turn).await;
                }
            }
        }
        self.end(&claimed, met).await
    }

    /// Draws the conclusions from what the server made of a part; answers the record that is still to be written, or what
    /// becomes of the notification if nothing more of it is to be tried now.
    async fn settle(
        &self,
        claimed: &Claimed<'_>,
        message: &Message,
        (result, turn): (Result<Submission, Failure>, Turn),
        met: &mut Met,
    ) -> Result<ControlFlow<Fate, Record>, Interrupted> {
        let submission = match result {
            Ok(submission) => submission,
            Err(failure) => {
                let fate = self.settle_failure(claimed, &failure).await?;
                return Ok(ControlFlow::Break(fate));
            }
        };
        let Settlement {
            answers,
            accepted,
            unknown,
        } = Settlement::of(submission);
        let Answers {
            settled,
            again,
            refused,
        } = answers;
        let mut record = claimed.record.settle(settled);
        if let Some((recipients, reason)) = unknown {
            let ended = self.end_unknown(claimed.known(), &record, recipients, reason);
            match ended.await? {
                Unheard::OnceMore(fate) => return Ok(ControlFlow::Break(fate)),
                Unheard::Kept(kept) => record = *kept,
            }
        }
        if let Some(reply) = accepted {
            tracing::info!(
                notification.id = claimed.id.as_str(),
                message.id = %message.message_id,
                mailbox.id = %self.settings.mailbox,
                part = record.part,
                attempt = record.attempts,
                bytes = message.bytes.len(),
                receives = claimed.copy.receives,
                reply,
                "the message was accepted"
            );
            self.measure(Metric::Accepted, 1);
            self.note(|lately| lately.accepted(self.now()));
            self.measure_wait(claimed.copy, &claimed.notification);
            met.accepted = Some(reply);
            met.proof = Some(turn);
        }
        met.refused = met.refused.take().or(refused);
        met.again = match (met.again.take(), again) {
            (Some(one), Some(other)) => Some(one.or(other)),
            (one, other) => one.or(other),
        };
        Ok(ControlFlow::Continue(record))
    }

    /// Ends the way through the parts: somebody is to be tried again later, or nobody is.
    async fn end(&self, claimed: &Claimed<'_>, met: Met) -> Result<Fate, Interrupted> {
        let Claimed {
            copy,
            key,
            record,
            notification,
            ..
        } = claimed;
        if notification.dry_run {
            return self.end_dry_run(claimed, met).await;
        }
        if let Some(trouble) = met.again {
            return self.put_off(claimed, record, trouble).await;
        }
        let proof = met.proof;
        let next = self.ended(copy, record, met);
        self.write(key, &next).await?;
        self.tell_accepted(claimed.known(), &next);
        if let Some(turn) = proof {
            self.proved(notification, turn).await;
        }
        self.finish(claimed.known(), &next).await
    }
}

/// The envelope of those of a part who are still to be tried.
fn remaining(part: &Part, from: Option<Address>, record: &Record) -> Option<Envelope> {
    let done = record.done();
    let open = |address: &&Address| !done.contains(AsRef::<str>::as_ref(*address));
    let recipients = part.recipients.iter().filter(open).cloned().collect();
    Envelope::new(from, recipients).ok()
}
