//! Everything outside of the flow, in memory.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::aws::Valve;
use common::client_secret::ClientSecret;
use common::clock::{Clock, FixedClock};
use common::consent::{Consents, PublicUrl, Purpose, Verifier, connect_link};
use common::event::EventBus;
use common::fakes::{
    MemoryConsents, MemoryEvents, MemoryMeter, MemorySecrets, MemorySnapshots, MemoryStates,
};
use common::grant::{IdToken, IssuedTokens, RefreshToken};
use common::mailbox::{MailboxId, MailboxState, MailboxStates, Settings};
use common::metrics::Meter;
use common::naming::StackName;
use common::oauth::discovery::{DiscoveryError, Issuer};
use common::oauth::{HttpError, Refusal, TokenFailure};
use common::route::Obstacle;
use common::secret::AccessToken;
use common::snapshot::Snapshots;
use common::vault::{SecretStore, Vault};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use url::Url;

use crate::ports::{Missing, Ports};

pub(super) const TENANT: &str = "2f1c0a7e-5b9d-4a3e-9c1d-0e8f7a6b5c4d";
pub(super) const SETTINGS: &str = r#"{"address":"billing@contoso.com","username":"svc-billing@contoso.com","tenant":"contoso.com","client_id":"app"}"#;

/// The outside of the flow, which a test sets as it needs.
pub(super) struct World {
    pub(super) base: PublicUrl,
    pub(super) clock: FixedClock,
    pub(super) consents: MemoryConsents,
    pub(super) snapshots: MemorySnapshots,
    pub(super) states: MemoryStates,
    pub(super) secrets: MemorySecrets,
    vault: Vault<MemorySecrets>,
    stack: StackName,
    pub(super) events: MemoryEvents,
    pub(super) meter: MemoryMeter,
    pub(super) settings: Mutex<String>,
    pub(super) client_secret: Mutex<String>,
    pub(super) entra: Entra,
    /// What the mail server answers to a sign-in, and how long it takes.
    pub(super) mail_server: Mutex<(Result<(), Obstacle>, Duration)>,
    pub(super) valves: Mutex<Vec<Valve>>,
    pub(super) is_valve_stuck: Mutex<bool>,
}

impl World {
    pub(super) fn new() -> Self {
        let stack = StackName::parse("Mail").unwrap();
        let names = [
            stack.grant_secret(&mailbox()),
            stack.access_token_secret(&mailbox()),
        ];
        let secrets = MemorySecrets::with(names);
        Self {
            base: PublicUrl::parse("https://mail.contoso.com").unwrap(),
            clock: FixedClock::at(Timestamp::from_second(1_800_000_000).unwrap()),
            consents: MemoryConsents::default(),
            snapshots: MemorySnapshots::default(),
            states: MemoryStates::default(),
            vault: Vault::new(secrets.clone(), stack.clone()),
            stack,
            events: MemoryEvents::default(),
            meter: MemoryMeter::default(),
            secrets,
            settings: Mutex::new(SETTINGS.to_owned()),
            client_secret: Mutex::new("canary-client-secret".to_owned()),
            entra: Entra::default(),
            mail_server: Mutex::new((Ok(()), Duration::ZERO)),
            valves: Mutex::default(),
            is_valve_stuck: Mutex::default(),
        }
    }

    /// A link as an operator gets it.
    pub(super) async fn link(&self) -> Url {
        self.link_for(Purpose::Connection).await
    }

    pub(super) async fn link_for(&self, purpose: Purpose) -> Url {
        let mailbox = mailbox();
        let link = connect_link(&self.consents, &self.clock, &self.base, &mailbox, purpose);
        link.await.unwrap().expose().parse().unwrap()
    }

    pub(super) fn advance(&self, minutes: i64) {
        self.clock.advance(SignedDuration::from_mins(minutes));
    }

    pub(super) fn set_settings(&self, more: &str) {
        *self.settings.lock().unwrap() = SETTINGS.replace('}', &format!(",{more}}}"));
    }

    pub(super) fn refuse_at_mail_server(&self, obstacle: Obstacle) {
        self.mail_server.lock().unwrap().0 = Err(obstacle);
    }

    pub(super) fn state(&self) -> MailboxState {
        self.states.seen(&mailbox())
    }

    /// What is stored, opened by the test alone: the grant and the tokens.
    pub(super) fn stored(&self) -> Option<(Value, Value)> {
        let open = |kind| {
            let secret = self
                .secrets
                .labelled(&format!("Mail/mailboxes/billing/{kind}"), "AWSCURRENT")?;
            Some(serde_json::from_str(secret.expose_secret()).unwrap())
        };
        open("grant").zip(open("access-token"))
    }

    /// Asserts that nothing of a mailbox was touched.
    pub(super) fn assert_nothing_stored(&self) {
        assert!(self.stored().is_none());
        assert_eq!(self.secrets.calls.made(), Vec::<String>::new());
        assert_eq!(self.state(), MailboxState::default());
        assert!(self.valves.lock().unwrap().is_empty());
    }
}

pub(super) fn mailbox() -> MailboxId {
    MailboxId::parse("billing").unwrap()
}

impl Ports for World {
    fn base(&self) -> &PublicUrl {
        &self.base
    }

    fn clock(&self) -> &impl Clock {
        &self.clock
    }

    fn consents(&self) -> &impl Consents {
        &self.consents
    }

    fn snapshots(&self) -> &impl Snapshots {
        &self.snapshots
    }

    fn states(&self) -> &impl MailboxStates {
        &self.states
    }

    fn stack(&self) -> &StackName {
        &self.stack
    }

    fn bus(&self) -> &impl EventBus {
        &self.events
    }

    fn meter(&self) -> &impl Meter {
        &self.meter
    }

    fn vault(&self) -> &Vault<impl SecretStore> {
        &self.vault
    }

    async fn settings(&self, mailbox: &MailboxId) -> Result<Settings, Missing> {
        let settings = Settings::parse(mailbox.clone(), &self.settings.lock().unwrap());
        settings.map_err(|fault| Missing::Faulty(fault.to_string()))
    }

    async fn client_secret(&self, _: &Settings) -> Result<ClientSecret, Missing> {
        ClientSecret::parse(&self.client_secret.lock().unwrap()).map_err(Missing::ClientSecret)
    }

    async fn issuer(&self, _: &Settings) -> Result<Issuer, DiscoveryError> {
        match self.entra.answers().is_silent {
            true => Err(DiscoveryError::Http(HttpError::Status(503))),
            false => Ok(entra_issuer()),
        }
    }

    async fn redeem(
        &self,
        settings: &Settings,
        client_secret: &ClientSecret,
        code: String,
        verifier: &Verifier,
    ) -> Result<IssuedTokens, TokenFailure> {
        let delay = self.entra.answers().delay;
        tokio::time::sleep(delay).await;
        self.entra
            .redeem(settings, client_secret, &code, verifier, self.clock.now())
            .await
    }

    async fn prove(&self, settings: &Settings, token: &AccessToken) -> Result<(), Obstacle> {
        assert_eq!(settings.username.as_str(), "svc-billing@contoso.com");
        assert_eq!(token.expose(), self.entra.answers().access_token);
        let (answer, delay) = self.mail_server.lock().unwrap().clone();
        tokio::time::sleep(delay).await;
        answer
    }

    async fn turn(&self, _: &MailboxId, valve: Valve) -> Result<(), Missing> {
        if *self.is_valve_stuck.lock().unwrap() {
            return Err(Missing::Unavailable(
                "the event source mapping cannot be changed".to_owned(),
            ));
        }
        self.valves.lock().unwrap().push(valve);
        Ok(())
    }
}

fn entra_issuer() -> Issuer {
    Issuer {
        name: format!("https://login.microsoftonline.com/{TENANT}/v2.0"),
        tenant: Some(TENANT.to_owned()),
    }
}

/// A provider that keeps the rules of a code: one use, the right verifier, the right secret.
#[derive(Default)]
pub(super) struct Entra {
    codes: Mutex<HashMap<String, HashMap<String, String>>>,
    answers: Mutex<Answers>,
    pub(super) token_requests: Mutex<usize>,
}

/// What the provider answers, for a test to change.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    /// Claims that replace the right ones.
    pub(super) claims: Vec<(&'static str, Value)>,
    pub(super) has_id_token: bool,
    pub(super) access_token: String,
    pub(super) refresh_token: Option<&'static str>,
    pub(super) scopes: Option<&'static str>,
    /// The error of the token endpoint.
    pub(super) error: Option<&'static str>,
    pub(super) is_silent: bool,
    pub(super) delay: Duration,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            claims: Vec::new(),
            has_id_token: true,
            access_token: "canary-access-token".to_owned(),
            refresh_token: Some("canary-refresh-token"),
            scopes: Some("openid profile offline_access https://outlook.office365.com/smtp.send"),
            error: None,
            is_silent: false,
            delay: Duration::ZERO,
        }
    }
}

impl Entra {
    pub(super) fn answers(&self) -> Answers {
        self.answers.lock().unwrap().clone()
    }

    pub(super) fn answer(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.answers.lock().unwrap());
    }

    /// How often tokens were asked for.
    pub(super) fn token_requests(&self) -> usize {
        *self.token_requests.lock().unwrap()
    }

    /// A person signs in and agrees; the code and the state come back.
    pub(super) fn sign_in(&self, authorize: &Url) -> (String, String) {
        let query: HashMap<String, String> = authorize.query_pairs().into_owned().collect();
        assert_eq!(
            query["redirect_uri"],
            "https://mail.contoso.com/oauth/callback"
        );
        assert_eq!(query["client_id"], "app");
        let mut codes = self.codes.lock().unwrap();
        let code = format!("canary-code-{}", codes.len());
        let state = query["state"].clone();
        codes.insert(code.clone(), query);
        (code, state)
    }

    async fn redeem(
        &self,
        settings: &Settings,
        client_secret: &ClientSecret,
        code: &str,
        verifier: &Verifier,
        now: Timestamp,
    ) -> Result<IssuedTokens, TokenFailure> {
        *self.token_requests.lock().unwrap() += 1;
        let answers = self.answers();
        let query = self.codes.lock().unwrap().remove(code);
        let Some(query) = query.filter(|query| query["code_challenge"] == verifier.challenge())
        else {
            return Err(refused("invalid_grant"));
        };
        if client_secret.expose() != "canary-client-secret" {
            return Err(refused("invalid_client"));
        }
        match answers.error {
            Some("temporarily_unavailable") => {
                let reason = "503".to_owned();
                return Err(TokenFailure::Unavailable {
                    reason,
                    retry_after: None,
                });
            }
            Some(error) => return Err(refused(error)),
            None => {}
        }
        let mut claims = json!({
            "iss": entra_issuer().name, "aud": settings.client_id, "nonce": query["nonce"],
            "iat": now.as_second(), "exp": now.as_second() + 3600, "tid": TENANT, "oid": "o-1",
            "preferred_username": settings.username.as_str(), "name": "canary-person",
        });
        for (name, value) in answers.claims {
            claims[name] = value;
        }
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
        Ok(IssuedTokens {
            access_token: AccessToken::new(answers.access_token),
            refresh_token: answers
                .refresh_token
                .map(|token| RefreshToken::new(token.to_owned())),
            scopes: answers.scopes.map(str::to_owned),
            id_token: answers.has_id_token.then(|| IdToken::new(token)),
            obtained_at: now,
            expires_at: now + SignedDuration::from_mins(75),
        })
    }
}

fn refused(error: &str) -> TokenFailure {
    let refusal = Refusal {
        error: error.to_owned(),
        suberror: None,
        error_codes: vec![70_000],
        correlation_id: Some("correlation".to_owned()),
        trace_id: None,
    };
    TokenFailure::Refused {
        class: common::class::Class::AppMisconfigured,
        refusal,
    }
}
