//! From an invocation to visits, and back to an answer.

use std::time::Duration;

use common::aws::{Mappings, Parameters, SettingsError, Valve};
use common::clock::Clock;
use common::mailbox::{MailboxId, MailboxState, MailboxStates};
use common::naming::StackName;
use common::telemetry::chain;
use common::vault::{SecretStore, Version};
use futures_util::StreamExt;
use futures_util::stream;
use serde::{Deserialize, Serialize};

use crate::visit::{Found, Occasion, Provider, Visitor};

/// How many mailboxes are visited at the same time.
const AT_ONCE: usize = 8;
/// No visit is begun with less time than this left.
const VISIT: Duration = Duration::from_secs(40);

/// What the function is asked: everything, by the schedule, or one mailbox.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// The mailbox to visit; all when absent.
    #[serde(default)]
    mailbox: Option<String>,
    /// The version of the access token that the caller found wanting.
    #[serde(default)]
    seen_version: Option<String>,
}

/// What the function answers.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    /// One entry for each mailbox that was visited.
    mailboxes: Vec<Visited>,
    /// How many were left for the next tick, because the time was up.
    left: usize,
}

#[derive(Debug, Serialize)]
struct Visited {
    mailbox: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<Found>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Why the function failed as a whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// The mailbox that was asked for has no valid id.
    #[error("`mailbox` is not the id of a mailbox")]
    Mailbox,
    /// The mailboxes of the stack cannot be listed.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// Everything that an invocation needs.
#[derive(Debug)]
pub(crate) struct Function<S, M, P, C> {
    /// The visits.
    pub(crate) visitor: Visitor<S, M, P, C>,
    /// The settings.
    pub(crate) parameters: Parameters,
    /// The valves.
    pub(crate) mappings: Mappings,
    /// The stack.
    pub(crate) stack: StackName,
}

impl<S: SecretStore, M: MailboxStates, P: Provider, C: Clock> Function<S, M, P, C> {
    /// Visits what is asked for, and sets the valves of what was visited.
    ///
    /// # Errors
    ///
    /// When the request is not one, or the mailboxes cannot be listed. A mailbox that fails does not
    /// hinder the others: its entry says what was wrong.
    pub(crate) async fn handle(
        &self,
        request: Request,
        time_left: impl Fn() -> Duration + Sync,
    ) -> Result<Answer, RequestError> {
        let mailboxes = match &request.mailbox {
            Some(mailbox) => vec![MailboxId::parse(mailbox).map_err(|_| RequestError::Mailbox)?],
            None => self.parameters.mailboxes().await?,
        };
        let occasion = request
            .seen_version
            .map_or(Occasion::Tick, |version| Occasion::Stale(Version(version)));
        let asked = mailboxes.len();
        let visits: Vec<_> = stream::iter(mailboxes)
            .take_while(|_| std::future::ready(time_left() > VISIT))
            .map(|mailbox| self.visit(mailbox, &occasion))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        self.reconcile(&visits).await;
        let mut mailboxes: Vec<_> = visits.into_iter().map(|(_, _, visited)| visited).collect();
        mailboxes.sort_by(|one, other| one.mailbox.cmp(&other.mailbox));
        Ok(Answer {
            left: asked - mailboxes.len(),
            mailboxes,
        })
    }

    async fn visit(
        &self,
        mailbox: MailboxId,
        occasion: &Occasion,
    ) -> (MailboxId, Option<MailboxState>, Visited) {
        let visited = |found, state, error| Visited {
            mailbox: mailbox.to_string(),
            found,
            state,
            error,
        };
        let fault = |error: &dyn std::error::Error| {
            let error = chain(error);
            tracing::error!(mailbox.id = %mailbox, error = %error, "the mailbox could not be visited");
            visited(None, None, Some(error))
        };
        let settings = match self.parameters.settings(&mailbox).await {
            Ok(settings) => settings,
            Err(error) => {
                let visited = fault(&error);
                return (mailbox, None, visited);
            }
        };
        match self.visitor.visit(&settings, occasion).await {
            Ok((found, state)) => {
                tracing::info!(mailbox.id = %mailbox, found = ?found, state = state.connection.as_str(), "the mailbox was visited");
                let visited = visited(Some(found), Some(state.connection.as_str()), None);
                (mailbox, Some(state), visited)
            }
            Err(error) => {
                let visited = fault(&error);
                (mailbox, None, visited)
            }
        }
    }

    /// Sets the valves as the states want them, with one listing for all. What fails here is made good
    /// by the next tick.
    async fn reconcile(&self, visits: &[(MailboxId, Option<MailboxState>, Visited)]) {
        let mappings = match self
            .mappings
            .of_function(&self.stack.function("send-email"))
            .await
        {
            Ok(mappings) => mappings,
            Err(error) => {
                tracing::warn!(error = %chain(&error), "the valves could not be looked at");
                return;
            }
        };
        for mapping in mappings {
            let mailbox = self.stack.mailbox_of_queue(&mapping.queue_arn);
            let state = visits
                .iter()
                .find(|(visited, _, _)| Some(visited) == mailbox.as_ref());
            let Some((mailbox, Some(state), _)) = state else {
                continue;
            };
            if let Err(error) = self
                .mappings
                .turn(&mapping.id, &mapping.state, Valve::of(state))
                .await
            {
                tracing::warn!(mailbox.id = %mailbox, error = %chain(&error), "the valve could not be turned");
            }
        }
    }
}
