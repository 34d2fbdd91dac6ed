//! The way to a mailbox's server, and the proof that it is open.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::time::timeout;

use crate::class::Class;
use crate::clock::Clock;
use crate::digest;
use crate::mailbox::{MailboxId, Settings};
use crate::pace::{Keeper, Lease, PaceStore, Purpose};
use crate::secret::AccessToken;
use crate::submission::{Connected, Failure, Server, Session, Transfer};
use crate::telemetry::chain;

/// How long a connection may take to be given back after its probe.
const LEAVE: Duration = Duration::from_secs(10);

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

/// Proves ways with the one connection that the mailbox keeps for it.
#[derive(Debug)]
pub struct Probe<'a, S, C> {
    /// The paces of mailboxes.
    pub paces: &'a S,
    /// The time.
    pub clock: &'a C,
    /// The mailbox.
    pub mailbox: &'a MailboxId,
}

impl<S: PaceStore, C: Clock> Probe<'_, S, C> {
    /// Runs a probe of at most `within` that has the connection to itself, and gives it back.
    ///
    /// # Errors
    ///
    /// When another probe has the connection, or the pace cannot be reached; otherwise what the probe answers.
    pub async fn run<T>(
        &self,
        within: Duration,
        probe: impl Future<Output = Result<T, Obstacle>>,
    ) -> Result<T, Obstacle> {
        let owner = digest::random_hex::<16>();
        let keeper = Keeper {
            store: self.paces,
            mailbox: self.mailbox,
            owner: &owner,
        };
        let now = self.clock.now();
        let until = now.saturating_add(within + LEAVE).unwrap_or(now);
        match keeper.lease(Purpose::Probe, until, now).await {
            Ok(Lease::Granted) => {}
            Ok(Lease::Taken(_)) => {
                return Err(Obstacle {
                    class: Class::RateLimited,
                    reason: "another probe has the connection".to_owned(),
                });
            }
            Err(error) => {
                return Err(Obstacle {
                    class: Class::Network,
                    reason: chain(&error),
                });
            }
        }
        let answer = probe.await;
        keeper.release().await;
        answer
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::FixedClock;
    use crate::fakes::MemoryPaces;

    #[tokio::test]
    async fn a_mailbox_is_probed_over_one_connection_at_a_time() {
        let paces = MemoryPaces::default();
        let clock = FixedClock::at(jiff::Timestamp::UNIX_EPOCH);
        let mailbox = MailboxId::parse("billing").unwrap();
        let probe = Probe {
            paces: &paces,
            clock: &clock,
            mailbox: &mailbox,
        };
        let inner = async {
            let other = probe.run(Route::PROOF, async { Ok(()) }).await;
            assert_eq!(other.unwrap_err().class, Class::RateLimited);
            Ok(())
        };
        assert_eq!(probe.run(Route::PROOF, inner).await, Ok(()));
        let failed = || Obstacle {
            class: Class::TokenRejected,
            reason: "535".to_owned(),
        };
        let answer = probe
            .run(Route::PROOF, async { Err::<(), _>(failed()) })
            .await;
        assert_eq!(answer, Err(failed()));
        assert_eq!(probe.run(Route::PROOF, async { Ok(7) }).await, Ok(7));
        paces.calls.break_after(0);
        let answer = probe.run(Route::PROOF, async { Ok(7) }).await;
        assert_eq!(answer.unwrap_err().class, Class::Network);
    }
}
