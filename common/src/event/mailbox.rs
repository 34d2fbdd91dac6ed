//! What events say of a mailbox, and when there is news of it.
//!
//! The mailbox's state holds what others were last told of it ([`Told`]). Whoever looks compares the two, puts what is new on
//! the bus, and only then writes that it was told: what is lost in between is told again by the next who looks, under the same
//! id. So there is one event for each change, whoever makes it, and none while nothing changes.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

#[cfg(test)]
use super::schema;
use super::{About, Event, EventBus, Kind, NotPut};
use crate::class::Class;
use crate::mailbox::{Connection, Health, MailboxState, MailboxStates, Settings, Stop};
use crate::naming::StackName;
use crate::telemetry::chain;

/// The mailbox has a grant, and its way to the mail server is proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Connected {
    /// Which event it is.
    #[serde(flatten)]
    pub about: About,
    /// The mailbox's address.
    pub address: String,
    /// The account that has consented.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// The mailbox has stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Stopped {
    /// Which event it is.
    #[serde(flatten)]
    pub about: About,
    /// The mailbox's address.
    pub address: String,
    /// Since when.
    #[cfg_attr(test, schemars(with = "schema::Time"))]
    pub since: Timestamp,
    /// The class of the failure.
    #[cfg_attr(test, schemars(with = "schema::ClassName"))]
    pub class: Class,
    /// What the provider or the server has said.
    pub reply: String,
    /// What a person has to do.
    pub remedy: String,
}

/// The mailbox that had stopped can send again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Restored {
    /// Which event it is.
    #[serde(flatten)]
    pub about: About,
    /// The mailbox's address.
    pub address: String,
    /// Since when it had stopped.
    #[cfg_attr(test, schemars(with = "schema::Time"))]
    pub since: Timestamp,
    /// The class of what had stopped it.
    #[cfg_attr(test, schemars(with = "schema::ClassName"))]
    pub class: Class,
}

/// A credential of the mailbox is about to expire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Expiring {
    /// Which event it is.
    #[serde(flatten)]
    pub about: About,
    /// The mailbox's address.
    pub address: String,
    /// What kind of credential it is: `client_secret`.
    pub credential: String,
    /// The name of the secret that holds it.
    pub secret: String,
    /// The day on which it expires, by the settings.
    #[cfg_attr(test, schemars(with = "schema::Day"))]
    pub expires_on: Date,
    /// Days until then; below zero when it has expired.
    pub days_left: i64,
    /// What a person has to do.
    pub remedy: String,
}

/// What others were last told of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Told {
    /// How it stands.
    #[serde(default)]
    standing: Option<Standing>,
    /// That its client secret expires.
    #[serde(default)]
    client_secret: Option<Expiry>,
}

/// How a mailbox with a grant stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Standing {
    /// The id of the grant.
    grant: String,
    /// What has stopped it, and since when.
    stop: Option<(Class, Timestamp)>,
}

/// The end of a client secret, and how many days before it it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Expiry {
    on: Date,
    threshold: i64,
}

impl Expiry {
    /// The days that may be left when it is told, and told again.
    const THRESHOLDS: [i64; 2] = [7, 30];
}

impl Standing {
    /// How a mailbox stands in a state; nothing where it awaits a consent.
    fn of(state: &MailboxState) -> Option<Self> {
        let stop = match &state.connection {
            Connection::AwaitingConsent => return None,
            Connection::Active => None,
            // A trial is under way because the server refuses; only its good end is the end of that.
            Connection::OnTrial(stop)
            | Connection::Blocked(stop)
            | Connection::NeedsConsent(stop) => Some((stop.class, stop.since)),
        };
        let grant = state.grant_id.as_ref()?.to_string();
        Some(Self { grant, stop })
    }
}

/// A mailbox that somebody looks at.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// The stack.
    pub stack: &'a StackName,
    /// The mailbox's settings.
    pub settings: &'a Settings,
    /// The state that it is in.
    pub state: &'a MailboxState,
    /// When.
    pub now: Timestamp,
}

impl Look<'_> {
    /// Tells what is new, and records that it was told.
    ///
    /// # Errors
    ///
    /// When the bus has not taken it. The next look tells it.
    pub async fn tell(
        &self,
        bus: &impl EventBus,
        states: &impl MailboxStates,
    ) -> Result<(), NotPut> {
        let (events, told) = self.news();
        if events.is_empty() {
            return Ok(());
        }
        bus.publish(&events).await?;
        let mailbox = &self.settings.mailbox;
        if let Err(error) = states.told(mailbox, &told).await {
            tracing::warn!(mailbox.id = %mailbox, error = %chain(&error), "what was told of the mailbox is told again");
        }
        Ok(())
    }

    /// What is new, and what is told of the mailbox once that is.
    fn news(&self) -> (Vec<Event>, Told) {
        let mut told = self.state.told.clone();
        let mut events = Vec::new();
        if let Some(standing) = Standing::of(self.state)
            && told.standing.as_ref() != Some(&standing)
        {
            events.extend(self.changed(told.standing.as_ref(), &standing));
            told.standing = Some(standing);
        }
        if let Some((expiry, days_left)) = self.expiry()
            && told
                .client_secret
                .as_ref()
                .is_none_or(|told| told.on != expiry.on || told.threshold > expiry.threshold)
        {
            events.push(self.expiring(&expiry, days_left));
            told.client_secret = Some(expiry);
        }
        (events, told)
    }

    /// The event of a change from `before`, which was told, to `standing`.
    fn changed(&self, before: Option<&Standing>, standing: &Standing) -> Option<Event> {
        let Self {
            settings, state, ..
        } = self;
        let address = settings.address.to_string();
        let about = |kind, stop: Option<(Class, Timestamp)>, at| {
            let stop = stop.map_or_else(String::new, |(class, since)| format!("{class} {since}"));
            let of = (self.stack, &settings.mailbox);
            About::new(kind, of, &[&standing.grant, &stop], at)
        };
        if let Some(Stop {
            class,
            reason,
            since,
        }) = state.connection.stop()
        {
            let stopped = |kind| {
                Box::new(Stopped {
                    about: about(kind, standing.stop, *since),
                    address,
                    since: *since,
                    class: *class,
                    reply: reason.clone(),
                    remedy: class.remedy(&settings.concerning()),
                })
            };
            return Some(match state.connection {
                Connection::NeedsConsent(_) => {
                    Event::MailboxNeedsConsent(stopped(Kind::MailboxNeedsConsent))
                }
                Connection::AwaitingConsent
                | Connection::Active
                | Connection::OnTrial(_)
                | Connection::Blocked(_) => Event::MailboxBlocked(stopped(Kind::MailboxBlocked)),
            });
        }
        match before.filter(|before| before.grant == standing.grant) {
            Some(Standing {
                stop: Some((class, since)),
                ..
            }) => Some(Event::MailboxRestored(Box::new(Restored {
                about: about(Kind::MailboxRestored, Some((*class, *since)), self.now),
                address,
                since: *since,
                class: *class,
            }))),
            Some(Standing { stop: None, .. }) => None,
            None => Some(Event::MailboxConnected(Box::new(Connected {
                about: about(Kind::MailboxConnected, None, self.now),
                address,
                account: state.account.as_ref().map(|account| account.name.clone()),
            }))),
        }
    }

    /// The end of the client secret, once it is near, and the days until then.
    fn expiry(&self) -> Option<(Expiry, i64)> {
        let health = Health::of(self.state, self.settings, self.now);
        let days_left = health.client_secret_days_left?;
        let mut thresholds = Expiry::THRESHOLDS.into_iter();
        let expiry = Expiry {
            on: self.settings.client_secret_expires_on?,
            threshold: thresholds.find(|threshold| days_left <= *threshold)?,
        };
        Some((expiry, days_left))
    }

    fn expiring(&self, expiry: &Expiry, days_left: i64) -> Event {
        let Self {
            stack, settings, ..
        } = self;
        let mailbox = &settings.mailbox;
        let secret = stack.client_secret(&settings.client_secret);
        let occasion = [expiry.on.to_string(), expiry.threshold.to_string()];
        let occasion = occasion.each_ref().map(String::as_str);
        Event::CredentialExpiring(Box::new(Expiring {
            about: About::new(
                Kind::CredentialExpiring,
                (stack, mailbox),
                &occasion,
                self.now,
            ),
            address: settings.address.to_string(),
            credential: "client_secret".to_owned(),
            remedy: format!(
                "Make a new client secret for the app registration of mailbox {mailbox}, store its value in the secret {secret}, and correct `client_secret_expires_on`."
            ),
            secret,
            expires_on: expiry.on,
            days_left,
        }))
    }
}
