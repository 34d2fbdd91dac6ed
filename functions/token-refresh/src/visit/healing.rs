//! The way of a mailbox that is stopped, tried again.

use common::class::Scope;
use common::clock::Clock;
use common::grant::{Grant, TokenSet};
use common::mailbox::{Connection, MailboxState, MailboxStates, Settings};
use common::route::Obstacle;
use common::vault::SecretStore;

use super::{Found, Provider, VisitError, Visitor, asks_for_renewal};

impl<S: SecretStore, M: MailboxStates, P: Provider, C: Clock> Visitor<S, M, P, C> {
    /// Proves the way of a mailbox that is stopped, and lets it go on when the way is open. A token that is
    /// newer than the last try is reason enough; otherwise each try waits longer than the one before.
    pub(super) async fn heal(
        &self,
        settings: &Settings,
        grant: &Grant,
        tokens: &TokenSet,
        state: &MailboxState,
        found: Found,
    ) -> Result<(), VisitError> {
        let Settings { mailbox, .. } = settings;
        let now = self.clock.now();
        let asks_for_renewal = asks_for_renewal(&state.connection);
        let is_stopped = match &state.connection {
            Connection::Active | Connection::OnTrial(_) => false,
            Connection::AwaitingConsent | Connection::Blocked(_) | Connection::NeedsConsent(_) => {
                true
            }
        };
        let is_renewed = (found == Found::Refreshed
            || state.probed_at.is_some_and(|at| at < tokens.obtained_at))
            && !is_met_by_messages(&state.connection);
        let is_time = state.is_probe_due(now) && !asks_for_renewal;
        if !is_stopped || !(is_renewed || is_time) {
            return Ok(());
        }
        let connection = match self.provider.prove(settings, &tokens.access_token).await {
            Ok(()) => {
                let connection = state.connection.proven();
                tracing::info!(mailbox.id = %mailbox, state = connection.as_str(), "the mailbox can send again");
                connection
            }
            Err(Obstacle { class, reason }) => {
                tracing::warn!(mailbox.id = %mailbox, class = %class, reason, "the way to the mail server is not open");
                self.states.probed(mailbox, &grant.grant_id, now).await?;
                // What time heals tells nothing new of a way that was closed for another reason.
                let is_closed = state.connection.stop().is_some() && !asks_for_renewal;
                if is_closed && class.scope() == Scope::Wait {
                    return Ok(());
                }
                state.connection.met(class, reason, now)
            }
        };
        self.states
            .change(mailbox, &grant.grant_id, &connection)
            .await?;
        Ok(())
    }
}

/// Whether a newer token says nothing of what stopped the mailbox.
fn is_met_by_messages(connection: &Connection) -> bool {
    connection
        .stop()
        .is_some_and(|stop| stop.class.is_met_by_messages())
}
