//! The real provider: the token endpoint and the mail server.

use std::sync::Arc;

use common::aws::{ClientSecretError, Paces, Secrets};
use common::class::Class;
use common::clock::SystemClock;
use common::grant::{Grant, IssuedTokens};
use common::mailbox::Settings;
use common::naming::StackName;
use common::oauth::{Http, TokenEndpoint, TokenFailure};
use common::route::{Obstacle, Probe, Route};
use common::secret::AccessToken;
use rustls::ClientConfig;

use crate::visit::Provider;

/// Microsoft, or whoever a mailbox's settings name.
#[derive(Debug)]
pub(crate) struct Microsoft {
    /// Where the client secrets are.
    pub(crate) secrets: Secrets,
    /// The paces of mailboxes: a proof is a connection too.
    pub(crate) paces: Paces,
    /// Whose they are.
    pub(crate) stack: StackName,
    /// The way to the token endpoint.
    pub(crate) http: Http,
    /// What connections to the mail server trust.
    pub(crate) tls: Arc<ClientConfig>,
}

impl Microsoft {
    async fn redeem(
        &self,
        settings: &Settings,
        grant: &Grant,
    ) -> Result<IssuedTokens, TokenFailure> {
        let name = self.stack.client_secret(&settings.client_secret);
        let client_secret = self
            .secrets
            .client_secret(&name)
            .await
            .map_err(no_client_secret)?;
        let endpoint = TokenEndpoint {
            settings,
            client_secret: &client_secret,
            http: &self.http,
            clock: &SystemClock,
        };
        endpoint.refresh(&grant.refresh_token, &grant.scopes).await
    }
}

impl Provider for Microsoft {
    /// A refused client secret is read once more and tried once more: a person may just have replaced it.
    async fn refresh(
        &self,
        settings: &Settings,
        grant: &Grant,
    ) -> Result<IssuedTokens, TokenFailure> {
        match self.redeem(settings, grant).await {
            Err(failure) if failure.class() == Class::ClientCredentialRefused => {
                self.redeem(settings, grant).await
            }
            answer => answer,
        }
    }

    async fn prove(&self, settings: &Settings, token: &AccessToken) -> Result<(), Obstacle> {
        let route = Route::of(settings, Arc::clone(&self.tls));
        let probe = Probe {
            paces: &self.paces,
            clock: &SystemClock,
            mailbox: &settings.mailbox,
        };
        probe.run(Route::PROOF, route.prove(token)).await
    }
}

/// A client secret that cannot be used is refused before it is sent; one that cannot be reached is not.
fn no_client_secret(error: ClientSecretError) -> TokenFailure {
    match error {
        ClientSecretError::Invalid { .. } => TokenFailure::Unusable {
            reason: error.to_string(),
        },
        ClientSecretError::Vault(error) => TokenFailure::Unavailable {
            reason: error.to_string(),
            retry_after: None,
        },
    }
}
