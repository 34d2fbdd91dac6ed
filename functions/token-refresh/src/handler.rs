//! From an invocation to visits, and back to an answer.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use common::aws::{SettingsError, Valve};
use common::clock::Clock;
use common::event::{EventBus, Look, NotPut};
use common::mailbox::{MailboxId, MailboxState, MailboxStates, Settings};
use common::metrics::{Measurement, Meter, Metric};
use common::naming::StackName;
use common::telemetry::chain;
use common::vault::{SecretStore, Version};
use futures_util::stream;
use futures_util::{FutureExt, StreamExt};
use serde::{Deserialize, Serialize};

use crate::measure;
use crate::ports::{Known, Mailboxes, Turns, Valves};
use crate::visit::{Found, Occasion, Provider, Visitor};

#[cfg(test)]
mod tests;

/// How many mailboxes are visited at the same time.
const AT_ONCE: usize = 8;
/// No visit is begun with less time than this left.
const VISIT: Duration = Duration::from_secs(40);

/// What the function is asked: everything, by the schedule, or one mailbox.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The mailbox to visit; all when absent.
    #[serde(default)]
    mailbox: Option<String>,
    /// The version of the access token that the caller found wanting.
    #[serde(default)]
    seen_version: Option<String>,
}

/// What the function answers.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// One entry for each mailbox that was visited.
    pub mailboxes: Vec<Visited>,
    /// How many were left for the next tick, because the time was up. They come first then.
    pub left: usize,
}

/// What a visit came to.
#[derive(Debug, Serialize)]
pub struct Visited {
    /// The mailbox.
    pub mailbox: String,
    /// What was found or done, if the visit could be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Found>,
    /// The state that the mailbox was left in, if the visit could be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// Why the visit could not be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Why the function failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The mailbox that was asked for has no valid id.
    #[error("`mailbox` is not the id of a mailbox")]
    Mailbox,
    /// The mailboxes of the stack cannot be listed.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// Everything that an invocation needs.
#[derive(Debug)]
pub struct Function<S, M, P, C, O> {
    /// The visits.
    pub visitor: Visitor<S, M, P, C>,
    /// The settings, the valves, the turns, the bus and the meter.
    pub outside: O,
    /// The stack.
    pub stack: StackName,
}

/// What a visit leaves: the mailbox, its state if it is known, and its entry in the answer.
type Visit = (MailboxId, Option<MailboxState>, Visited);

impl<S, M, P, C, O> Function<S, M, P, C, O>
where
    S: SecretStore,
    M: MailboxStates,
    P: Provider,
    C: Clock,
    O: Mailboxes + Valves + Turns + Meter + EventBus,
{
    /// Visits what is asked for, and sets the valves of what was visited.
    ///
    /// # Errors
    ///
    /// When the request is not one, or the mailboxes cannot be listed. A mailbox that fails does not
    /// hinder the others: its entry says what was wrong.
    pub async fn handle(
        &self,
        request: Request,
        time_left: impl Fn() -> Duration + Sync,
    ) -> Result<Answer, RequestError> {
        let Some(mailbox) = &request.mailbox else {
            return self.tick(time_left).await;
        };
        let mailbox = MailboxId::parse(mailbox).map_err(|_| RequestError::Mailbox)?;
        let occasion = request
            .seen_version
            .map_or(Occasion::Tick, |version| Occasion::Stale(Version(version)));
        let known = self.outside.one(&mailbox).await;
        let visits = vec![self.visit(mailbox, known, &occasion).await];
        self.reconcile(&visits).await;
        Ok(answer(visits, 0))
    }

    /// Visits every mailbox of the stack, as far as the time goes. Who is left over is first the next time, so
    /// that nobody is left over twice before everybody was visited.
    async fn tick(&self, time_left: impl Fn() -> Duration + Sync) -> Result<Answer, RequestError> {
        let mut mailboxes = self.outside.all().await?;
        let first = self.outside.first().await.unwrap_or_else(|error| {
            tracing::warn!(error = %chain(&error), "whose turn it is cannot be read; the tick begins at the top");
            None
        });
        let begin = first.map_or(0, |first| {
            mailboxes.partition_point(|(mailbox, _)| *mailbox < first)
        });
        mailboxes.rotate_left(begin);
        let order: Vec<_> = mailboxes
            .iter()
            .map(|(mailbox, _)| mailbox.clone())
            .collect();

        let visits: Vec<_> = stream::iter(mailboxes)
            .take_while(|_| std::future::ready(time_left() > VISIT))
            .map(|(mailbox, known)| self.visit(mailbox, known, &Occasion::Tick))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let left = order.len() - visits.len();
        if let Some(next) = order.get(visits.len())
            && let Err(error) = self.outside.leave_to(next).await
        {
            tracing::warn!(error = %chain(&error), "whose turn is next cannot be written");
        }
        let measured = Measurement::of_stack(&self.stack).with(
            Metric::MailboxesLeft,
            i64::try_from(left).unwrap_or(i64::MAX),
        );
        self.outside.record(&measured, self.visitor.clock.now());
        self.reconcile(&visits).await;
        Ok(answer(visits, left))
    }

    /// Visits a mailbox whose settings are known, and measures it. A visit that panics costs itself alone.
    async fn visit(&self, mailbox: MailboxId, known: Known, occasion: &Occasion) -> Visit {
        let visited = |found, state, error| Visited {
            mailbox: mailbox.to_string(),
            found,
            state,
            error,
        };
        let ending = match &known {
            Err(error) => Err(chain(error)),
            Ok(settings) => {
                let visit = AssertUnwindSafe(self.visitor.visit(settings, occasion));
                match visit.catch_unwind().await {
                    // The payload may hold anything, a token included; the panic hook has said where it was.
                    Err(_panic) => Err("the visit panicked".to_owned()),
                    Ok(Err(error)) => Err(chain(&error)),
                    Ok(Ok((found, state))) => Ok((settings, found, state)),
                }
            }
        };
        let now = self.visitor.clock.now();
        match ending {
            Ok((settings, found, state)) => {
                tracing::info!(mailbox.id = %mailbox, found = ?found, state = state.connection.as_str(), "the mailbox was visited");
                let not_put = self.tell(settings, &state).await;
                let measured = measure::visited(&self.stack, settings, &state, now)
                    .with_known(Metric::EventsNotPut, not_put);
                self.outside.record(&measured, now);
                let visited = visited(Some(found), Some(state.connection.as_str()), None);
                (mailbox, Some(state), visited)
            }
            Err(error) => {
                tracing::error!(mailbox.id = %mailbox, error = %error, "the mailbox could not be visited");
                let measured = measure::failed(&self.stack, &mailbox);
                self.outside.record(&measured, now);
                let visited = visited(None, None, Some(error));
                (mailbox, None, visited)
            }
        }
    }

    /// Tells others what has become of a mailbox; answers how many events the bus has not taken. They are told by the
    /// next visit.
    async fn tell(&self, settings: &Settings, state: &MailboxState) -> Option<i64> {
        let look = Look {
            stack: &self.stack,
            settings,
            state,
            now: self.visitor.clock.now(),
        };
        let told = look.tell(&self.outside, &self.visitor.states).await;
        let NotPut { count, reason } = told.err()?;
        tracing::warn!(mailbox.id = %settings.mailbox, count, reason, "the news of the mailbox is left to the next visit");
        Some(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Measures the valves, and sets them as the states want them, with one listing for all. What fails here is made good
    /// by the next tick.
    async fn reconcile(&self, visits: &[Visit]) {
        let function = self.stack.live_function("send-email");
        let mappings = match self.outside.of_function(&function).await {
            Ok(mappings) => mappings,
            Err(error) => {
                tracing::warn!(error = %chain(&error), "the valves could not be looked at");
                return;
            }
        };
        let states: HashMap<_, _> = visits
            .iter()
            .map(|(mailbox, state, _)| (mailbox, state))
            .collect();
        let now = self.visitor.clock.now();
        for mapping in mappings {
            let mailbox = self.stack.mailbox_of_queue(&mapping.queue_arn);
            let Some((mailbox, state)) = mailbox
                .as_ref()
                .and_then(|mailbox| states.get_key_value(mailbox))
            else {
                continue;
            };
            if let Some(valve) = mapping.valve() {
                let measured = measure::valve(&self.stack, mailbox, valve);
                self.outside.record(&measured, now);
            }
            let Some(state) = state else {
                continue;
            };
            if let Err(error) = self.outside.turn(&mapping, Valve::of(state, now)).await {
                tracing::warn!(mailbox.id = %mailbox, error = %chain(&error), "the valve could not be turned");
            }
        }
    }
}

fn answer(visits: Vec<Visit>, left: usize) -> Answer {
    let mut mailboxes: Vec<_> = visits.into_iter().map(|(_, _, visited)| visited).collect();
    mailboxes.sort_by(|one, other| one.mailbox.cmp(&other.mailbox));
    Answer { mailboxes, left }
}
