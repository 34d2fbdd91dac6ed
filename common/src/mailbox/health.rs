//! How a mailbox does, in numbers that warn before it stops.
//!
//! They follow from its state and its settings alone; nobody is asked for them. `token-refresh` makes metrics of
//! them at every visit, `operator status` shows them.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::Offset;

use super::{Connection, MailboxState, Settings};
use crate::grant::TokenSet;

/// The early signs of trouble, as far as they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// Minutes that the access token has left; below zero when it has ended.
    pub token_minutes_left: Option<i64>,
    /// The length of the access token, in octets.
    pub token_bytes: Option<u64>,
    /// Days since the provider last renewed the grant.
    pub days_since_refresh: Option<i64>,
    /// Days until the client secret expires, where the settings say when; below zero when it has.
    pub client_secret_days_left: Option<i64>,
}

/// Something that will stop the mailbox if nobody acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// The access token has ended, or is about to.
    TokenEnding {
        /// Minutes left.
        minutes: i64,
    },
    /// The access token is longer than some servers take.
    TokenLong {
        /// Its length, in octets.
        bytes: u64,
    },
    /// The grant was not renewed for long.
    NotRefreshed {
        /// Days since the last renewal.
        days: i64,
    },
    /// The client secret has expired, or is about to.
    ClientSecretEnding {
        /// Days left.
        days: i64,
    },
}

impl Health {
    /// An access token that is longer than this, in octets, is worth a warning: Microsoft's POP service is known
    /// to refuse one.
    pub const LONG_TOKEN: u64 = 4096;
    /// With fewer days left than this, the end of a client secret is announced.
    pub const CLIENT_SECRET_DAYS: i64 = 30;
    /// A grant that was not renewed for so many days is worth a warning: it is tried every few minutes.
    pub const DAYS_WITHOUT_REFRESH: i64 = 7;

    /// The health of a mailbox in `state` at `now`.
    #[must_use]
    pub fn of(state: &MailboxState, settings: &Settings, now: Timestamp) -> Self {
        let today = Offset::UTC.to_datetime(now).date();
        let days_until = |day| today.duration_until(day).as_hours() / 24;
        Self {
            token_minutes_left: state
                .expires_at
                .map(|end| end.duration_since(now).as_mins()),
            token_bytes: state.token_bytes,
            days_since_refresh: state
                .refreshed_at
                .map(|at| now.duration_since(at).as_hours() / 24),
            client_secret_days_left: settings.client_secret_expires_on.map(days_until),
        }
    }

    /// What to warn of while the mailbox is connected as `connection` says.
    #[must_use]
    pub fn warnings(&self, connection: &Connection) -> Vec<Warning> {
        // What has stopped already has a class and a remedy; that its token ends then is no news.
        let is_active = *connection == Connection::Active;
        let token_ending = self
            .token_minutes_left
            .filter(|minutes| is_active && *minutes < TokenSet::LEEWAY.as_mins())
            .map(|minutes| Warning::TokenEnding { minutes });
        let token_long = self
            .token_bytes
            .filter(|bytes| *bytes > Self::LONG_TOKEN)
            .map(|bytes| Warning::TokenLong { bytes });
        let not_refreshed = self
            .days_since_refresh
            .filter(|days| *days >= Self::DAYS_WITHOUT_REFRESH)
            .map(|days| Warning::NotRefreshed { days });
        let client_secret_ending = self
            .client_secret_days_left
            .filter(|days| *days < Self::CLIENT_SECRET_DAYS)
            .map(|days| Warning::ClientSecretEnding { days });
        [
            token_ending,
            token_long,
            not_refreshed,
            client_secret_ending,
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TokenEnding { minutes } if *minutes > 0 => write!(
                f,
                "the access token ends in {minutes} minutes and could not be renewed yet; the log of token-refresh says why"
            ),
            Self::TokenEnding { .. } => f.write_str(
                "the access token has ended and could not be renewed yet; the log of token-refresh says why",
            ),
            Self::TokenLong { bytes } => write!(
                f,
                "the access token has {bytes} octets, more than some servers take; it grows with the groups of the account that signs in"
            ),
            Self::NotRefreshed { days } => write!(
                f,
                "the grant was not renewed for {days} days; after 90 it dies, and somebody has to consent again"
            ),
            Self::ClientSecretEnding { days } if *days >= 0 => write!(
                f,
                "the client secret expires in {days} days; make a new one and store it before"
            ),
            Self::ClientSecretEnding { .. } => f.write_str(
                "the client secret has expired by the settings; make a new one, store it, and correct `client_secret_expires_on`",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::class::Class;
    use crate::mailbox::MailboxId;

    fn settings(more: &str) -> Settings {
        let json = format!(
            r#"{{"address":"a@contoso.com","tenant":"contoso.com","client_id":"app","more":{{{more}}}}}"#
        );
        let mailbox = MailboxId::parse("billing").expect("a mailbox id");
        Settings::parse(mailbox, &json).expect("sound settings")
    }

    fn noon() -> Timestamp {
        "2027-03-01T12:00:00Z".parse().expect("a time")
    }

    #[test]
    fn health_is_counted_from_the_state_and_the_settings() {
        let state = MailboxState {
            refreshed_at: Some(noon() - SignedDuration::from_hours(24 * 8)),
            expires_at: Some(noon() + SignedDuration::from_mins(42)),
            token_bytes: Some(2048),
            ..MailboxState::default()
        };
        let settings = settings(r#""client_secret_expires_on":"2027-03-31""#);
        assert_eq!(
            Health::of(&state, &settings, noon()),
            Health {
                token_minutes_left: Some(42),
                token_bytes: Some(2048),
                days_since_refresh: Some(8),
                client_secret_days_left: Some(30),
            }
        );
    }

    #[test]
    fn what_is_not_known_is_no_number_and_no_warning() {
        let health = Health::of(&MailboxState::default(), &settings(""), noon());
        assert_eq!(health, Health::default());
        assert_eq!(health.warnings(&Connection::Active), []);
    }

    #[test]
    fn each_number_warns_from_its_threshold_on() {
        let table = [
            (Some(5), Some(4096), Some(6), Some(30), vec![]),
            (
                Some(4),
                Some(4097),
                Some(7),
                Some(29),
                vec![
                    Warning::TokenEnding { minutes: 4 },
                    Warning::TokenLong { bytes: 4097 },
                    Warning::NotRefreshed { days: 7 },
                    Warning::ClientSecretEnding { days: 29 },
                ],
            ),
        ];
        for (minutes, bytes, refreshed, secret, warnings) in table {
            let health = Health {
                token_minutes_left: minutes,
                token_bytes: bytes,
                days_since_refresh: refreshed,
                client_secret_days_left: secret,
            };
            assert_eq!(health.warnings(&Connection::Active), warnings);
        }
    }

    #[test]
    fn that_the_token_of_a_stopped_mailbox_ends_is_no_news() {
        let health = Health {
            token_minutes_left: Some(-90),
            ..Health::default()
        };
        let stopped = Connection::stopped(Class::ConsentRevoked, String::new(), noon());
        assert_eq!(health.warnings(&stopped), []);
        let [ended] = health.warnings(&Connection::Active)[..] else {
            panic!("an active mailbox with an ended token is worth a warning");
        };
        assert!(ended.to_string().contains("has ended"), "{ended}");
    }
}
