//! A mailbox's status as a snapshot keeps it, for the page that shows it.

use common::snapshot::{Failure, Portrait};

use crate::answer::Status;

impl From<Status> for Portrait {
    fn from(status: Status) -> Self {
        let portrait = Self {
            mailbox: status.mailbox,
            address: status.address,
            waiting: status.queue.map(|queue| queue.all()),
            failed: status.failed_queue.map(|queue| queue.all()),
            last_accepted_at: status.last_accepted_at,
            last_failure: status.last_failure.map(|failure| Failure {
                at: failure.at,
                class: failure.class,
                remedy: failure.remedy,
            }),
            faults: status.faults,
            ..Self::default()
        };
        let Some(condition) = status.condition else {
            return portrait;
        };
        Self {
            state: Some(condition.state.to_owned()),
            sends: condition.sends,
            paused: condition.paused,
            class: condition.class,
            reason: condition.reason,
            since: condition.since,
            remedy: condition.remedy,
            account: condition.account,
            connected_at: condition.connected_at,
            token_expires_at: condition.token_expires_at,
            client_secret_days_left: condition.client_secret_days_left,
            warnings: condition.warnings,
            ..portrait
        }
    }
}
