//! What a person is answered. The names of the fields are stable.

pub(crate) mod failed;

use common::aws::Depth;
use common::class::Class;
use common::mailbox::{Health, MailboxState, Settings};
use common::pace;
use common::steps::{KeptSteps, Step};
use jiff::Timestamp;
use serde::Serialize;

use self::failed::{Dropped, Listed, Redriven};
use crate::render::Rendered;
use crate::trace::Trace;

/// The answer to a command.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(crate) enum Answer {
    /// To `connect`.
    Link {
        /// The link, for one person and one use.
        link: String,
        /// When it opens nothing any more.
        #[cfg_attr(test, schemars(with = "crate::schema::Time"))]
        expires_at: Timestamp,
        /// Who has to open it.
        sign_in_as: String,
    },
    /// To `status`.
    Mailboxes {
        /// One entry a mailbox.
        mailboxes: Vec<Status>,
    },
    /// To `status-link`.
    StatusLink {
        /// The link, for one look.
        link: String,
        /// When it shows nothing any more.
        #[cfg_attr(test, schemars(with = "crate::schema::Time"))]
        expires_at: Timestamp,
    },
    /// To `check`.
    Steps {
        /// Whether every step passed.
        ok: bool,
        /// The steps, in their order, up to the first that failed.
        #[cfg_attr(test, schemars(with = "Vec<crate::schema::OneStep>"))]
        steps: Vec<Step>,
        /// What only a real message can show.
        not_proven: Vec<&'static str>,
    },
    /// To `check-steps`.
    StepsSoFar {
        /// Whether the check has ended.
        ended: bool,
        /// The steps that have ended, in their order; none when there is no such check, or none any more.
        #[cfg_attr(test, schemars(with = "Vec<crate::schema::OneStep>"))]
        steps: Vec<Step>,
        /// The step that has begun.
        #[serde(skip_serializing_if = "Option::is_none")]
        under_way: Option<String>,
    },
    /// To `send-test`.
    Enqueued {
        /// The id of the notification.
        id: String,
        /// Where it goes.
        to: String,
    },
    /// To `trace`.
    Traced(Box<Trace>),
    /// To `render`.
    Rendered(Box<Rendered>),
    /// To `pause` and `resume`.
    Changed {
        /// The mailbox as it is now.
        mailbox: Box<Status>,
    },
    /// To `refresh`.
    Renewed {
        /// What the visit found or did, in the words of `token-refresh`.
        found: String,
        /// The mailbox as it is now.
        mailbox: Box<Status>,
    },
    /// To `disconnect`.
    Disconnected {
        /// How the consent is withdrawn at Microsoft, which is what ends the tokens.
        withdraw: String,
        /// The mailbox as it is now.
        mailbox: Box<Status>,
    },
    /// To `failed`.
    Failed(Listed),
    /// To `redrive`.
    Redriven(Redriven),
    /// To `drop`.
    Dropped(Dropped),
}

impl Answer {
    /// How far a check is, by what is kept of it.
    pub(crate) fn steps_so_far(kept: Option<KeptSteps>) -> Self {
        match kept {
            Some(kept) => Self::StepsSoFar {
                ended: kept.under_way.is_none(),
                steps: kept.steps,
                under_way: kept.under_way,
            },
            None => Self::StepsSoFar {
                ended: false,
                steps: Vec::new(),
                under_way: None,
            },
        }
    }
}

/// How a mailbox does.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Status {
    pub(crate) mailbox: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) condition: Option<Condition>,
    /// Where the valve between the queue and `send-email` is, in Lambda's words, such as `Enabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) valve: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Messages>"))]
    pub(crate) queue: Option<Depth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Messages>"))]
    pub(crate) failed_queue: Option<Depth>,
    /// When the server last accepted a message, as far as batches that ended have said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Time>"))]
    pub(crate) last_accepted_at: Option<Timestamp>,
    /// The last notification that went to the failed queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_failure: Option<LastFailure>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) faults: Vec<String>,
}

/// Why a notification went to the failed queue.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LastFailure {
    #[cfg_attr(test, schemars(with = "crate::schema::Time"))]
    pub(crate) at: Timestamp,
    #[cfg_attr(test, schemars(with = "crate::schema::ClassName"))]
    pub(crate) class: Class,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
}

impl LastFailure {
    /// The failure, with its remedy where the mailbox's settings are known.
    pub(crate) fn of(failure: pace::LastFailure, settings: Option<&Settings>) -> Self {
        let pace::LastFailure { at, class } = failure;
        Self {
            at,
            class,
            remedy: settings.map(|settings| class.remedy(&settings.concerning())),
        }
    }
}

/// The state of a mailbox, with its remedy.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Condition {
    pub(crate) state: &'static str,
    pub(crate) paused: bool,
    pub(crate) sends: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::ClassName>"))]
    pub(crate) class: Option<Class>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Time>"))]
    pub(crate) since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
    pub(crate) account: Option<String>,
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Time>"))]
    pub(crate) connected_at: Option<Timestamp>,
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Time>"))]
    pub(crate) refreshed_at: Option<Timestamp>,
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Time>"))]
    pub(crate) token_expires_at: Option<Timestamp>,
    pub(crate) token_bytes: Option<u64>,
    pub(crate) token_minutes_left: Option<i64>,
    pub(crate) days_since_refresh: Option<i64>,
    pub(crate) client_secret_days_left: Option<i64>,
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Time>"))]
    pub(crate) probed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
}

impl Condition {
    /// The condition of a mailbox in `state`.
    pub(crate) fn of(state: &MailboxState, settings: &Settings, now: Timestamp) -> Self {
        let stop = state.connection.stop();
        let health = Health::of(state, settings, now);
        let warnings = health.warnings(&state.connection);
        Self {
            state: state.connection.as_str(),
            paused: state.paused,
            sends: state.is_open(),
            class: stop.map(|stop| stop.class),
            reason: stop.map(|stop| stop.reason.clone()),
            since: stop.map(|stop| stop.since),
            remedy: stop.map(|stop| stop.class.remedy(&settings.concerning())),
            account: state.account.as_ref().map(|account| account.name.clone()),
            connected_at: state.connected_at,
            refreshed_at: state.refreshed_at,
            token_expires_at: state.expires_at,
            token_bytes: state.token_bytes,
            token_minutes_left: health.token_minutes_left,
            days_since_refresh: health.days_since_refresh,
            client_secret_days_left: health.client_secret_days_left,
            probed_at: state.probed_at,
            warnings: warnings.iter().map(ToString::to_string).collect(),
        }
    }
}
