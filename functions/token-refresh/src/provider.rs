//! The real provider: the token endpoint and the mail server.

use std::sync::Arc;
use std::time::Duration;

use common::aws::{ClientSecretError, Paces, Secrets};
use common::chance::{Chance, SystemChance};
use common::class::Class;
use common::clock::SystemClock;
use common::grant::{Grant, IssuedTokens};
use common::mailbox::Settings;
use common::naming::StackName;
use common::oauth::{Http, TokenEndpoint, TokenFailure};
use common::route::{Obstacle, Probe, Route};
use common::secret::AccessToken;
use rustls::ClientConfig;
use tokio::time::{Instant, sleep};

use crate::visit::Provider;

/// Microsoft, or whoever a mailbox's settings name.
#[derive(Debug)]
pub struct Microsoft {
    /// Where the client secrets are.
    pub secrets: Secrets,
    /// The paces of mailboxes: a proof is a connection too.
    pub paces: Paces,
    /// Whose they are.
    pub stack: StackName,
    /// The way to the token endpoint.
    pub http: Http,
    /// What connections to the mail server trust.
    pub tls: Arc<ClientConfig>,
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
        let ask = || patiently(&SystemChance, || self.redeem(settings, grant));
        match ask().await {
            Err(failure) if failure.class() == Class::ClientCredentialRefused => ask().await,
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

/// Asks again, twice at the most, when the provider failed at once and asked for no wait of its own: a connection
/// that broke is better made anew now than at the next tick. The waits are of full jitter, so that many mailboxes
/// do not come back together; what took long is left to the next tick.
async fn patiently<T, F: Future<Output = Result<T, TokenFailure>>>(
    chance: &impl Chance,
    ask: impl Fn() -> F,
) -> Result<T, TokenFailure> {
    /// The longest wait before each further try, in milliseconds.
    const WAITS: [u64; 2] = [500, 2000];
    /// A failure that takes longer than this is no hiccup.
    const AT_ONCE: Duration = Duration::from_secs(2);
    for longest in WAITS {
        let started = Instant::now();
        match ask().await {
            Err(TokenFailure::Unavailable {
                retry_after: None,
                reason,
            }) if started.elapsed() < AT_ONCE => {
                tracing::debug!(reason, "the provider is asked again");
                sleep(Duration::from_millis(chance.below(longest))).await;
            }
            answer => return answer,
        }
    }
    ask().await
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use common::chance::SeededChance;

    use super::*;

    fn unavailable(retry_after: Option<Duration>) -> TokenFailure {
        TokenFailure::Unavailable {
            reason: "nobody answers".to_owned(),
            retry_after,
        }
    }

    /// How often the provider is asked, and how long that takes, when each answer takes so long and the answers fail
    /// as `failure` says.
    async fn asked(
        took: Duration,
        failure: impl Fn(usize) -> Option<TokenFailure>,
    ) -> (usize, Duration) {
        let times = RefCell::new(0);
        let started = Instant::now();
        let ask = async || {
            sleep(took).await;
            *times.borrow_mut() += 1;
            failure(*times.borrow()).map_or(Ok(()), Err)
        };
        // Whatever the last answer was, the number of questions is what counts.
        drop(patiently(&SeededChance::from(7), ask).await);
        (times.into_inner(), started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_hiccup_is_asked_about_again_after_a_wait_of_chance() {
        let (times, took) = asked(Duration::ZERO, |_| Some(unavailable(None))).await;
        assert_eq!(times, 3);
        assert!(
            took > Duration::ZERO && took < Duration::from_millis(2500),
            "{took:?}"
        );
        let once = |time| (time == 1).then(|| unavailable(None));
        assert_eq!(asked(Duration::ZERO, once).await.0, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_asks_to_wait_or_takes_long_is_left_in_peace() {
        let waits = |_| Some(unavailable(Some(Duration::from_secs(1))));
        assert_eq!(asked(Duration::ZERO, waits).await.0, 1);
        let long = Duration::from_secs(15);
        assert_eq!(asked(long, |_| Some(unavailable(None))).await, (1, long));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_not_asked_about_again() {
        let reason = "the client secret is empty".to_owned();
        let refused = |_| {
            Some(TokenFailure::Unusable {
                reason: reason.clone(),
            })
        };
        assert_eq!(asked(Duration::ZERO, refused).await.0, 1);
    }
}
