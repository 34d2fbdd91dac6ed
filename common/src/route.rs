//! The way to a mailbox's server, and the proof that it is open.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::time::timeout;

use crate::class::Class;
use crate::mailbox::Settings;
use crate::secret::AccessToken;
use crate::submission::{Connected, Failure, Server, Session, Transfer};

/// How a mailbox reaches its server. Keep one for as long as a batch lasts: it remembers what its host
/// cannot do.
#[derive(Debug, Clone)]
pub struct Route {
    server: Server,
    username: String,
}

/// Why the way is not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// The class; it has the remedy.
    pub class: Class,
    /// What was met, in one line.
    pub reason: String,
}

impl Route {
    /// The time that a proof may take.
    pub const PROOF: Duration = Duration::from_secs(12);

    /// The route of a mailbox, over connections that trust what `tls` trusts.
    #[must_use]
    pub fn of(settings: &Settings, tls: Arc<ClientConfig>) -> Self {
        let mut server = Server::new(settings.smtp.host.as_str(), settings.smtp.port, tls);
        // A name that EHLO cannot carry was refused with the settings; the default stands in for it.
        server.ehlo_name = settings
            .smtp
            .ehlo_name
            .as_deref()
            .and_then(|name| name.parse().ok());
        server.transfer = if settings.smtp.bdat {
            Transfer::Bdat
        } else {
            Transfer::Data
        };
        Self {
            server,
            username: settings.username.as_str().to_owned(),
        }
    }

    /// The server, for somebody who goes the way step by step.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Who signs in.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Opens a connection and signs in.
    ///
    /// # Errors
    ///
    /// When there is no connection, no safe TLS, or the server refuses the token.
    pub async fn sign_in(&self, token: &AccessToken) -> Result<Session, Failure> {
        Connected::open(&self.server)
            .await?
            .encrypt()
            .await?
            .authenticate(&self.username, token)
            .await
    }

    /// Proves the way up to AUTH: signs in, and leaves.
    ///
    /// # Errors
    ///
    /// When the way is not open, or not within [`Route::PROOF`].
    pub async fn prove(&self, token: &AccessToken) -> Result<(), Obstacle> {
        let session = timeout(Self::PROOF, self.sign_in(token))
            .await
            .map_err(|_| Obstacle {
                class: Class::Network,
                reason: format!(
                    "the server did not let us in within {} seconds",
                    Self::PROOF.as_secs()
                ),
            })?;
        session
            .map_err(|failure| Obstacle::from(&failure))?
            .quit()
            .await;
        Ok(())
    }
}

impl From<&Failure> for Obstacle {
    fn from(failure: &Failure) -> Self {
        Self {
            class: failure.diagnosis().class,
            reason: failure.to_string(),
        }
    }
}
