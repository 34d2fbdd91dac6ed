//! The check: the way of a mailbox to its server, one step after the other, without a message.
//!
//! It ends at the first step that fails, because the later ones depend on it; only the senders are each
//! asked for on their own.

use std::time::{Duration, Instant};

use common::class::{Class, Concerning};
use common::clock::Clock;
use common::grant::TokenSet;
use common::mailbox::Settings;
use common::route::Route;
use common::secret::AccessToken;
use common::submission::{Connected, Envelope, Failure, Outcome, Session};
use jiff::Timestamp;
use lettre::Address;

use crate::answer::{Answer, Step};

/// What no check can prove, because only a real message shows it.
const NOT_PROVEN: [&str; 3] = [
    "Send As rights: Exchange refuses a From address that is not allowed only after it has the whole message",
    "limits of the mailbox and the tenant: Exchange counts messages and recipients, and no check is one",
    "delivery: accepted means that Exchange took the message over; what becomes of it later is in a bounce or a message trace",
];

/// A check under way.
pub(crate) struct Check<'a> {
    settings: &'a Settings,
    steps: Vec<Step>,
}

/// Says that a step failed, and that there is no use in the next.
pub(crate) struct Stopped;

impl<'a> Check<'a> {
    /// A check that has yet to begin; that the settings are complete is its first step.
    pub(crate) fn new(settings: &'a Settings) -> Self {
        let mut check = Self {
            settings,
            steps: Vec::new(),
        };
        let found = format!(
            "complete; {} signs in, {} sends",
            settings.username, settings.address
        );
        check.passed("settings", Duration::ZERO, found);
        check
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

    /// The answer to the person who asked.
    pub(crate) fn answer(self) -> Answer {
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

    /// Walks to the server, signs in and asks for each sender.
    pub(crate) async fn walk(&mut self, route: &Route, token: &AccessToken) -> Result<(), Stopped> {
        let server = route.server();
        let place = format!("{}:{}", server.host, server.port);
        let started = Instant::now();
        let connected = Connected::open(server).await;
        let connected = self.judge("connect, greeting and EHLO", started, connected, &place)?;
        let started = Instant::now();
        let encrypted = connected.encrypt().await;
        let found = format!("TLS, with a certificate for {}", server.host);
        let encrypted = self.judge("STARTTLS", started, encrypted, &found)?;
        let started = Instant::now();
        let session = encrypted.authenticate(route.username(), token).await;
        let mut session = self.judge(
            "AUTH XOAUTH2",
            started,
            session,
            &format!("signed in as {}", route.username()),
        )?;
        for sender in std::iter::once(&self.settings.address).chain(&self.settings.senders) {
            self.sender(&mut session, sender.as_str()).await;
        }
        session.quit().await;
        Ok(())
    }

    fn judge<T>(
        &mut self,
        step: &str,
        started: Instant,
        answer: Result<T, Failure>,
        found: &str,
    ) -> Result<T, Stopped> {
        match answer {
            Ok(next) => {
                self.passed(step, started.elapsed(), found.to_owned());
                Ok(next)
            }
            Err(failure) => Err(self.failed(
                step,
                started.elapsed(),
                failure.to_string(),
                failure.diagnosis().class,
            )),
        }
    }

    /// Asks the server for one sender, with the mailbox itself as recipient.
    async fn sender(&mut self, session: &mut Session, sender: &str) {
        let step = format!("MAIL FROM {sender}");
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
                    failure.to_string(),
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
                        format!("accepted, and {} as recipient", self.settings.address),
                    ),
                }
            }
        }
    }
}
