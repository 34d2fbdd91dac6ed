//! What is measured of a mailbox at every visit.

use common::aws::Valve;
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

/// A valve that was found at rest.
pub(crate) fn valve(stack: &StackName, mailbox: &MailboxId, valve: Valve) -> Measurement {
    let open = match valve {
        Valve::Open => 1,
        Valve::Closed => 0,
    };
    Measurement::of_mailbox(stack, mailbox).with(Metric::ValveOpen, open)
}

#[cfg(test)]
mod tests {
    use common::class::Class;
    use common::metrics::Meter;
    use common::{fakes::MemoryMeter, metrics::Metric};
    use jiff::SignedDuration;
    use serde_json::{Value, json};

    use super::*;

    fn line(measurement: &Measurement) -> Value {
        let meter = MemoryMeter::default();
        meter.record(measurement, Timestamp::UNIX_EPOCH);
        serde_json::from_str(&meter.lines()[0]).unwrap()
    }

    #[test]
    fn every_early_warning_is_measured() {
        let now: Timestamp = "2027-03-01T12:00:00Z".parse().unwrap();
        let stack = StackName::parse("pillarbox").unwrap();
        let mailbox = MailboxId::parse("billing").unwrap();
        let settings = json!({
            "address": "billing@contoso.com",
            "tenant": "contoso.com",
            "client_id": "app",
            "more": { "client_secret_expires_on": "2027-03-31" },
        });
        let settings = Settings::parse(mailbox, &settings.to_string()).unwrap();
        let measured = |connection| {
            let state = MailboxState {
                connection,
                refreshed_at: Some(now - SignedDuration::from_hours(24 * 8)),
                expires_at: Some(now + SignedDuration::from_mins(42)),
                token_bytes: Some(2048),
                ..MailboxState::default()
            };
            let line = line(&visited(&stack, &settings, &state, now));
            let metrics = [
                Metric::AccessTokenMinutesLeft,
                Metric::DaysSinceRefresh,
                Metric::ClientSecretDaysLeft,
                Metric::AccessTokenBytes,
                Metric::NeedsConsent,
                Metric::Blocked,
                Metric::VisitsFailed,
            ];
            json!(metrics.map(|metric| &line[metric.as_str()]))
        };
        let stopped = |class| Connection::stopped(class, String::new(), now);
        assert_eq!(
            measured(Connection::Active),
            json!([42, 8, 30, 2048, 0, 0, 0])
        );
        assert_eq!(
            measured(stopped(Class::ConsentRevoked)),
            json!([42, 8, 30, 2048, 1, 0, 0])
        );
        assert_eq!(
            measured(stopped(Class::SmtpAuthDisabled)),
            json!([42, 8, 30, 2048, 0, 1, 0])
        );
    }
}
