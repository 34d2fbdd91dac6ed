//! The check: the way of a mailbox to its server, one step after the other, without a message.
//!
//! It ends at the first step that fails, because the later ones depend on it; only the senders are each
//! asked for on their own. The steps are kept as they end, for whoever wants to see them before the answer.

mod keeping;

use std::time::{Duration, Instant};

use common::class::{Class, Concerning};
use common::clock::{Clock, SystemClock};
use common::grant::TokenSet;
use common::mailbox::Settings;
use common::pace::{Keeper, PaceStore, Permit};
use common::route::Route;
use common::secret::AccessToken;
use common::steps::{Step, StepStore};
use common::submission::{Connected, Envelope, Failure, Outcome, Session, Stage};
use common::telemetry::chain;
use jiff::Timestamp;
use lettre::Address;
use tokio::net::lookup_host;
use tokio::time::timeout;

pub(crate) use self::keeping::Keeping;
use crate::answer::Answer;

/// What no check can prove, because only a real message shows it.
const NOT_PROVEN: [&str; 3] = [
    "Send As rights: Exchange refuses a From address that is not allowed only after it has the whole message",
    "limits of the mailbox and the tenant: Exchange counts messages and recipients, and no check is one",
    "delivery: accepted means that Exchange took the message over; what becomes of it later is in a bounce or a message trace",
];

/// The time that a name may take to be looked up.
const NAME: Duration = Duration::from_secs(5);

/// A check under way.
pub(crate) struct Check<'a, S> {
    settings: &'a Settings,
    steps: Vec<Step>,
    keeping: Keeping<'a, S>,
}

/// Says that a step failed, and that there is no use in the next.
pub(crate) struct Stopped;

impl<'a, S: StepStore> Check<'a, S> {
    /// A check that has yet to begin; that the settings are complete is its first step.
    pub(crate) fn new(settings: &'a Settings, keeping: Keeping<'a, S>) -> Self {
        let mut check = Self {
            settings,
            steps: Vec::new(),
            keeping,
        };
        let found = format!(
            "complete; {} signs in, {} sends",
            settings.username, settings.address
        );
        check.passed("settings", Duration::ZERO, found);
        check
    }

    /// Notes that a step begins, which may take its time. The steps before it are kept first.
    pub(crate) async fn begins(&mut self, step: &str) {
        self.keeping.keep(&self.steps, Some(step)).await;
    }

    /// Notes that a step went well.
    pub(crate) fn passed(&mut self, step: &str, took: Duration, found: String) {
        self.note(step, took, found, None);
    }

    /// Notes that a step failed.
    pub(crate) fn failed(
        &mut self,
        step: &str,
        took: Duration,
        found: String,
        class: Class,
    ) -> Stopped {
        let remedy = class.remedy(&self.settings.concerning());
        self.note(step, took, found, Some(remedy));
        Stopped
    }

    fn note(&mut self, step: &str, took: Duration, found: String, remedy: Option<String>) {
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.steps.push(Step {
            step: step.to_owned(),
            ok: remedy.is_none(),
            duration_ms,
            found,
            remedy,
        });
    }

    /// Ends the check; answers the person who asked.
    pub(crate) async fn end(mut self) -> Answer {
        self.keeping.keep(&self.steps, None).await;
        Answer::Steps {
            ok: self.steps.iter().all(|step| step.ok),
            steps: self.steps,
            not_proven: NOT_PROVEN.to_vec(),
        }
    }

    /// Judges the access token, which is never looked into.
    pub(crate) fn token(&mut self, tokens: &TokenSet, clock: &impl Clock) -> Result<(), Stopped> {
        let minutes = |until: Timestamp| until.duration_since(clock.now()).as_mins();
        let bytes = tokens.access_token.len();
        let found = format!(
            "{bytes} octets, {} minutes left",
            minutes(tokens.expires_at)
        );
        if !tokens.is_fresh(clock.now()) {
            return Err(self.failed("access token", Duration::ZERO, found, Class::Network));
        }
        self.passed("access token", Duration::ZERO, found);
        Ok(())
    }

    /// Says what is known of the token's audience and scopes: what was asked for. The token itself is opaque.
    pub(crate) fn scopes(&mut self) {
        let scopes = &self.settings.scopes;
        let found = format!(
            "asked for {scopes}, so the token is for {}; it is opaque, and only AUTH shows what it is good for",
            scopes.resource()
        );
        self.passed("audience and scopes", Duration::ZERO, found);
    }

    /// Walks to the server, signs in and asks for each sender. Every MAIL takes a permit of the mailbox's pace.
    pub(crate) async fn walk(
        &mut self,
        route: &Route,
        token: &AccessToken,
        pace: &Keeper<'_, impl PaceStore>,
    ) -> Result<(), Stopped> {
        let server = route.server();
        let place = format!("{}:{}", server.host, server.port);
        self.resolve(&place).await?;
        self.begins("TCP").await;
        let started = Instant::now();
        let connected = match Connected::open(server).await {
            Ok(connected) => connected,
            Err(failure) => {
                let is_reached = failure.stage != Stage::Connect;
                let step = if is_reached {
                    "greeting and EHLO"
                } else {
                    "TCP"
                };
                return Err(self.broken(step, started.elapsed(), &failure));
            }
        };
        let reached_in = connected.reached_in;
        self.passed("TCP", reached_in, format!("connected to {place}"));
        let greeted_in = started.elapsed().saturating_sub(reached_in);
        self.passed(
            "greeting and EHLO",
            greeted_in,
            "STARTTLS is offered".to_owned(),
        );

        self.begins("STARTTLS").await;
        let started = Instant::now();
        let encrypted = match connected.encrypt().await {
            Ok(encrypted) => encrypted,
            Err(failure) => {
                let is_agreed = failure.stage != Stage::Handshake;
                let step = if is_agreed { "STARTTLS" } else { "certificate" };
                return Err(self.broken(step, started.elapsed(), &failure));
            }
        };
        let verified_in = encrypted.verified_in;
        let asked_in = started.elapsed().saturating_sub(verified_in);
        self.passed(
            "STARTTLS",
            asked_in,
            "TLS, and XOAUTH2 is offered inside it".to_owned(),
        );
        let found = format!("verified, and it is for {}", server.host);
        self.passed("certificate", verified_in, found);

        self.begins("AUTH XOAUTH2").await;
        let started = Instant::now();
        let mut session = match encrypted.authenticate(route.username(), token).await {
            Ok(session) => session,
            Err(failure) => return Err(self.broken("AUTH XOAUTH2", started.elapsed(), &failure)),
        };
        let found = format!("signed in as {}", route.username());
        self.passed("AUTH XOAUTH2", started.elapsed(), found);
        for sender in std::iter::once(&self.settings.address).chain(&self.settings.senders) {
            self.sender(&mut session, sender.as_str(), pace).await;
        }
        session.quit().await;
        Ok(())
    }

    /// Looks the server's name up.
    async fn resolve(&mut self, place: &str) -> Result<(), Stopped> {
        self.begins("DNS").await;
        let started = Instant::now();
        let found = match timeout(NAME, lookup_host(place)).await {
            Ok(Ok(addresses)) => addresses.count(),
            Ok(Err(_)) | Err(_) => 0,
        };
        let took = started.elapsed();
        if found == 0 {
            let found = format!("{place} has no address");
            return Err(self.failed("DNS", took, found, Class::Network));
        }
        let addresses = match found {
            1 => "1 address".to_owned(),
            more => format!("{more} addresses"),
        };
        self.passed("DNS", took, format!("{place} has {addresses}"));
        Ok(())
    }

    fn broken(&mut self, step: &str, took: Duration, failure: &Failure) -> Stopped {
        let class = failure.diagnosis().class;
        self.failed(step, took, chain(failure), class)
    }

    /// Asks the server for one sender, with the mailbox itself as recipient.
    async fn sender(
        &mut self,
        session: &mut Session,
        sender: &str,
        pace: &Keeper<'_, impl PaceStore>,
    ) {
        let address = self.settings.address.as_str();
        let step = format!("MAIL FROM {sender}, RCPT TO {address}, RSET");
        self.begins(&step).await;
        let address = |text: &str| text.parse::<Address>().ok();
        let recipient = address(self.settings.address.as_str());
        let envelope =
            recipient.and_then(|recipient| Envelope::new(address(sender), vec![recipient]).ok());
        let Some(envelope) = envelope else {
            self.failed(
                &step,
                Duration::ZERO,
                "the address has no place in an envelope".to_owned(),
                Class::AppMisconfigured,
            );
            return;
        };
        if let Err(reason) = self.permit(pace).await {
            self.failed(&step, Duration::ZERO, reason, Class::RateLimited);
            return;
        }
        let started = Instant::now();
        let deadline = tokio::time::Instant::now() + Route::PROOF;
        match session.probe(&envelope, deadline).await {
            Err(failure) => {
                let class = failure.diagnosis().class;
                let about = Concerning {
                    from: sender,
                    ..self.settings.concerning()
                };
                self.note(
                    &step,
                    started.elapsed(),
                    chain(&failure),
                    Some(class.remedy(&about)),
                );
            }
            Ok(recipients) => {
                let refused = recipients
                    .iter()
                    .find_map(|recipient| match &recipient.outcome {
                        Outcome::Refused(reply) | Outcome::Deferred(reply) => {
                            Some((reply, recipient.outcome.diagnosis()?))
                        }
                        Outcome::Accepted(_) | Outcome::Unknown => None,
                    });
                match refused {
                    Some((reply, diagnosis)) => {
                        self.failed(&step, started.elapsed(), reply.to_string(), diagnosis.class);
                    }
                    None => self.passed(
                        &step,
                        started.elapsed(),
                        "accepted, and taken back".to_owned(),
                    ),
                }
            }
        }
    }

    /// Takes a permit for one MAIL. What a check finds out of a sender is nothing that its breaker could learn from,
    /// so the permit names none.
    async fn permit(&self, pace: &Keeper<'_, impl PaceStore>) -> Result<(), String> {
        match pace
            .permit(self.settings.limit(), "", SystemClock.now())
            .await
        {
            Ok(Permit::Granted | Permit::OnTrial) => Ok(()),
            Ok(Permit::NotBefore(at) | Permit::SenderWaits(at)) => Err(format!(
                "not asked: the mailbox sends as fast as it may, until {at}"
            )),
            Err(error) => Err(chain(&error)),
        }
    }
}

#[cfg(test)]
mod tests;
