//! The ports on AWS, at the provider and at the mail server.

use std::sync::Arc;

use common::aws::{
    ClientSecretError, ConsentTable, Events, Mappings, Paces, Parameters, Secrets, SettingsError,
    SnapshotTable, States, Valve,
};
use common::client_secret::ClientSecret;
use common::clock::{Clock, SystemClock};
use common::consent::{Consents, PublicUrl, Verifier};
use common::event::EventBus;
use common::grant::IssuedTokens;
use common::mailbox::{MailboxId, MailboxStates, Settings};
use common::metrics::{LogMeter, Meter};
use common::naming::StackName;
use common::oauth::discovery::{self, DiscoveryError, Issuer};
use common::oauth::{Http, TokenEndpoint, TokenFailure};
use common::route::{Obstacle, Probe, Route};
use common::secret::AccessToken;
use common::snapshot::Snapshots;
use common::telemetry::chain;
use common::vault::{SecretStore, Vault};
use rustls::ClientConfig;

use crate::ports::{Missing, Ports};

/// Everything outside of the flow, as it is deployed.
pub(crate) struct Outside {
    pub(crate) base: PublicUrl,
    pub(crate) clock: SystemClock,
    pub(crate) consents: ConsentTable,
    pub(crate) snapshots: SnapshotTable,
    pub(crate) states: States,
    pub(crate) paces: Paces,
    pub(crate) vault: Vault<Secrets>,
    pub(crate) parameters: Parameters,
    pub(crate) mappings: Mappings,
    pub(crate) events: Events,
    pub(crate) secrets: Secrets,
    pub(crate) stack: StackName,
    pub(crate) http: Http,
    pub(crate) tls: Arc<ClientConfig>,
}

impl Ports for Outside {
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
        &LogMeter
    }

    fn vault(&self) -> &Vault<impl SecretStore> {
        &self.vault
    }

    async fn settings(&self, mailbox: &MailboxId) -> Result<Settings, Missing> {
        self.parameters.settings(mailbox).await.map_err(missing)
    }

    async fn client_secret(&self, settings: &Settings) -> Result<ClientSecret, Missing> {
        let name = self.stack.client_secret(&settings.client_secret);
        let secret = self.secrets.client_secret(&name).await;
        secret.map_err(|error| match error {
            ClientSecretError::Invalid { fault, .. } => Missing::ClientSecret(fault),
            ClientSecretError::Vault(_) => Missing::Unavailable(chain(&error)),
        })
    }

    async fn issuer(&self, settings: &Settings) -> Result<Issuer, DiscoveryError> {
        discovery::discover(&self.http, &settings.issuer).await
    }

    async fn redeem(
        &self,
        settings: &Settings,
        client_secret: &ClientSecret,
        code: String,
        verifier: &Verifier,
    ) -> Result<IssuedTokens, TokenFailure> {
        let endpoint = TokenEndpoint {
            settings,
            client_secret,
            http: &self.http,
            clock: &self.clock,
        };
        endpoint
            .redeem(code, verifier.expose().to_owned(), &self.base.callback())
            .await
    }

    async fn prove(&self, settings: &Settings, token: &AccessToken) -> Result<(), Obstacle> {
        let route = Route::of(settings, Arc::clone(&self.tls));
        let probe = Probe {
            paces: &self.paces,
            clock: &self.clock,
            mailbox: &settings.mailbox,
        };
        probe.run(Route::PROOF, route.prove(token)).await
    }

    async fn turn(&self, mailbox: &MailboxId, valve: Valve) -> Result<(), Missing> {
        let mapping = self.parameters.mapping(mailbox).await.map_err(missing)?;
        let turned = self.mappings.set(&mapping, valve).await;
        turned.map_err(|error| Missing::Unavailable(chain(&error)))
    }
}

fn missing(error: SettingsError) -> Missing {
    match error {
        SettingsError::NoMailbox(_) | SettingsError::Invalid { .. } => {
            Missing::Faulty(chain(&error))
        }
        SettingsError::Unavailable(_) => Missing::Unavailable(chain(&error)),
    }
}
