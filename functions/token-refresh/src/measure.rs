//! What is measured of a mailbox at every visit.

use common::mailbox::{Connection, Health, MailboxId, MailboxState, Settings};
use common::metrics::{Measurement, Metric};
use common::naming::StackName;
use jiff::Timestamp;

/// A mailbox that was visited and left in `state`.
pub(crate) fn visited(
    stack: &StackName,
    settings: &Settings,
    state: &MailboxState,
    now: Timestamp,
) -> Measurement {
    let health = Health::of(state, settings, now);
    let (needs_consent, blocked) = match state.connection {
        Connection::AwaitingConsent | Connection::Active => (0, 0),
        // A trial is under way because the server refuses; only its good end is the end of that.
        Connection::OnTrial(_) | Connection::Blocked(_) => (0, 1),
        Connection::NeedsConsent(_) => (1, 0),
    };
    let token_bytes = health
        .token_bytes
        .and_then(|bytes| i64::try_from(bytes).ok());
    Measurement::of_mailbox(stack, &settings.mailbox)
        .with_known(Metric::AccessTokenMinutesLeft, health.token_minutes_left)
        .with_known(Metric::DaysSinceRefresh, health.days_since_refresh)
        .with_known(Metric::ClientSecretDaysLeft, health.client_secret_days_left)
        .with_known(Metric::AccessTokenBytes, token_bytes)
        .with(Metric::NeedsConsent, needs_consent)
        .with(Metric::Blocked, blocked)
        .with(Metric::VisitsFailed, 0)
}

/// A mailbox that could not be visited.
pub(crate) fn failed(stack: &StackName, mailbox: &MailboxId) -> Measurement {
    Measurement::of_mailbox(stack, mailbox).with(Metric::VisitsFailed, 1)
}
