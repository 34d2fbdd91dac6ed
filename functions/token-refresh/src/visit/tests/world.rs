//! A mailbox, its stores and its provider.

use common::clock::{Clock, FixedClock};
use common::fakes::{Calls, MemorySecrets, MemoryStates};
use common::grant::{Account, Grant, GrantId, TokenSet};
use common::mailbox::{
    Connection, Consented, MailboxId, MailboxState, MailboxStates, Refreshed, Settings,
};
use common::naming::StackName;
use common::vault::{Current, Vault, VaultError};
use jiff::SignedDuration;

use super::provider::Issuer;
use crate::visit::{Found, Occasion, Provider, VisitError, Visitor};

/// A mailbox, its stores and its provider. Clones share everything but the settings.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) calls: Calls,
    pub(crate) secrets: MemorySecrets,
    pub(crate) states: MemoryStates,
    pub(crate) issuer: Issuer,
    pub(crate) clock: FixedClock,
}

impl World {
    /// A mailbox to which nobody has consented.
    pub(crate) fn deployed() -> Self {
        let calls = Calls::default();
        let clock = FixedClock::at("2027-03-01T12:00:00Z".parse().unwrap());
        let settings = settings(r#""client_id":"app""#);
        let (stack, mailbox) = (stack(), &settings.mailbox);
        let names = [
            stack.grant_secret(mailbox),
            stack.access_token_secret(mailbox),
        ];
        let mut secrets = MemorySecrets::with(names);
        secrets.calls = calls.clone();
        let mut states = MemoryStates::default();
        states.calls = calls.clone();
        Self {
            issuer: Issuer::new(calls.clone(), clock.clone()),
            settings,
            calls,
            secrets,
            states,
            clock,
        }
    }

    /// A mailbox with a consent, whose way is proven.
    pub(crate) async fn connected() -> Self {
        let world = Self::deployed();
        world.consent("g-1").await;
        world.calls.forget();
        world
    }

    /// Another mailbox at the same provider, in the same stores.
    pub(crate) fn mailbox(&self, name: &str) -> Self {
        let mailbox = MailboxId::parse(name).unwrap();
        for secret in [
            stack().grant_secret(&mailbox),
            stack().access_token_secret(&mailbox),
        ] {
            self.secrets.create(&secret);
        }
        let mut world = self.clone();
        world.settings.mailbox = mailbox;
        world
    }

    /// The same with further settings.
    pub(crate) fn with(mut self, more: &str) -> Self {
        self.settings = settings(&format!(r#""client_id":"app",{more}"#));
        self
    }

    pub(crate) fn vault(&self) -> Vault<MemorySecrets> {
        Vault::new(self.secrets.clone(), stack())
    }

    /// A person consents: the grant and its tokens are stored, and then the state.
    pub(crate) async fn consent(&self, name: &str) {
        let (grant, tokens) = self.consent_stored(name).await;
        let mailbox = &self.settings.mailbox;
        let unproven = Connection::unproven(self.clock.now());
        let states = &self.states;
        states
            .connect(mailbox, &Consented::from(&grant), &unproven)
            .await
            .unwrap();
        states
            .refreshed(mailbox, &grant.grant_id, &Refreshed::from(&tokens))
            .await
            .unwrap();
        let proof = self
            .issuer
            .prove(&self.settings, &tokens.access_token)
            .await;
        if proof.is_ok() {
            states
                .change(mailbox, &grant.grant_id, &Connection::Active)
                .await
                .unwrap();
        }
    }

    /// A person consents, and whoever records it stops when the secrets are stored.
    pub(crate) async fn consent_stored(&self, name: &str) -> (Grant, TokenSet) {
        let issued = self.issuer.issue();
        let grant = Grant {
            grant_id: GrantId::stored(name.to_owned()),
            seq: 0,
            refresh_token: issued.refresh_token.unwrap(),
            scopes: "https://outlook.office.com/SMTP.Send".to_owned(),
            account: Account {
                tenant_id: "t".to_owned(),
                object_id: "o".to_owned(),
                name: "billing@contoso.com".to_owned(),
            },
            obtained_at: issued.obtained_at,
        };
        let tokens = TokenSet {
            grant_id: grant.grant_id.clone(),
            seq: 0,
            access_token: issued.access_token,
            obtained_at: issued.obtained_at,
            expires_at: issued.expires_at,
        };
        let vault = self.vault();
        let stored = vault.consented(&self.settings.mailbox, &grant, &tokens);
        stored.await.unwrap();
        (grant, tokens)
    }

    pub(crate) async fn visit(
        &self,
        occasion: Occasion,
    ) -> Result<(Found, MailboxState), VisitError> {
        self.visitor().visit(&self.settings, &occasion).await
    }

    pub(crate) fn visitor(&self) -> Visitor<MemorySecrets, MemoryStates, Issuer, FixedClock> {
        Visitor {
            vault: self.vault(),
            states: self.states.clone(),
            provider: self.issuer.clone(),
            clock: self.clock.clone(),
        }
    }

    /// A visit by the schedule that cannot fail.
    pub(crate) async fn tick(&self) -> Found {
        self.visit(Occasion::Tick).await.unwrap().0
    }

    /// The next visit by the schedule, five minutes later.
    pub(crate) async fn next_tick(&self) -> Found {
        self.pass(5);
        self.tick().await
    }

    pub(crate) fn pass(&self, minutes: i64) {
        self.clock.advance(SignedDuration::from_mins(minutes));
    }

    pub(crate) fn state(&self) -> MailboxState {
        self.states.seen(&self.settings.mailbox)
    }

    pub(crate) async fn grant(&self) -> Grant {
        let grant = self.vault().grant(&self.settings.mailbox).await;
        grant.unwrap().unwrap().value
    }

    pub(crate) async fn tokens(&self) -> Current<TokenSet> {
        self.read_tokens().await.unwrap().unwrap()
    }

    async fn read_tokens(&self) -> Result<Option<Current<TokenSet>>, VaultError> {
        self.vault().tokens(&self.settings.mailbox).await
    }

    /// How often something was asked of somebody.
    pub(crate) fn count(&self, verb: &str) -> usize {
        let calls = self.calls.made();
        calls.iter().filter(|call| call.starts_with(verb)).count()
    }

    /// How many values the two secrets were ever given.
    pub(crate) fn writes(&self) -> [usize; 2] {
        let (stack, mailbox) = (stack(), &self.settings.mailbox);
        [
            stack.grant_secret(mailbox),
            stack.access_token_secret(mailbox),
        ]
        .map(|name| self.secrets.values(&name))
    }

    /// Asserts that the mailbox can send: the grant is alive, the access token is of it and has enough life, and
    /// the state knows both.
    pub(crate) async fn assert_sends(&self, grant_id: &str, place: &str) {
        let (grant, tokens) = (self.grant().await, self.tokens().await.value);
        assert_eq!(grant.grant_id.as_str(), grant_id, "{place}");
        let refresh_token = grant.refresh_token.expose();
        assert!(
            self.issuer.inner().alive.contains(refresh_token),
            "the grant is lost: {place}"
        );
        assert!(
            tokens.is_of(&grant),
            "the access token is of an older grant: {place}"
        );
        assert!(tokens.is_fresh(self.clock.now()), "{place}");
        let state = self.state();
        assert_eq!(state.connection, Connection::Active, "{place}");
        assert_eq!(state.grant_id, Some(grant.grant_id), "{place}");
        assert_eq!(state.expires_at, Some(tokens.expires_at), "{place}");
    }
}

fn stack() -> StackName {
    StackName::parse("pillarbox").unwrap()
}

fn settings(fields: &str) -> Settings {
    let json = format!(r#"{{"address":"billing@contoso.com","tenant":"contoso.com",{fields}}}"#);
    Settings::parse(MailboxId::parse("billing").unwrap(), &json).unwrap()
}
