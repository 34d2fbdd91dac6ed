//! What the consent flow needs of the outside.

use std::future::Future;

use common::aws::Valve;
use common::client_secret::{ClientSecret, InvalidClientSecret};
use common::clock::Clock;
use common::consent::{Consents, PublicUrl, Verifier};
use common::event::EventBus;
use common::grant::IssuedTokens;
use common::mailbox::{MailboxId, MailboxStates, Settings};
use common::metrics::Meter;
use common::naming::StackName;
use common::oauth::TokenFailure;
use common::oauth::discovery::{DiscoveryError, Issuer};
use common::route::Obstacle;
use common::secret::AccessToken;
use common::snapshot::Snapshots;
use common::vault::{SecretStore, Vault};

/// Everything outside of the flow.
pub(crate) trait Ports: Sync {
    /// Where our own pages are.
    fn base(&self) -> &PublicUrl;
    /// The time.
    fn clock(&self) -> &impl Clock;
    /// Tickets, attempts and outcomes.
    fn consents(&self) -> &impl Consents;
    /// Snapshots of the mailboxes.
    fn snapshots(&self) -> &impl Snapshots;
    /// The states of mailboxes.
    fn states(&self) -> &impl MailboxStates;
    /// The stack.
    fn stack(&self) -> &StackName;
    /// The bus that events are put on.
    fn bus(&self) -> &impl EventBus;
    /// What takes measurements.
    fn meter(&self) -> &impl Meter;
    /// The tokens of mailboxes, to be written and never read.
    fn vault(&self) -> &Vault<impl SecretStore>;

    /// The settings of a mailbox.
    fn settings(
        &self,
        mailbox: &MailboxId,
    ) -> impl Future<Output = Result<Settings, Missing>> + Send;
    /// The secret of the mailbox's app registration.
    fn client_secret(
        &self,
        settings: &Settings,
    ) -> impl Future<Output = Result<ClientSecret, Missing>> + Send;
    /// Who issues the id tokens of a mailbox's provider.
    fn issuer(
        &self,
        settings: &Settings,
    ) -> impl Future<Output = Result<Issuer, DiscoveryError>> + Send;
    /// Redeems the code that the provider has answered with.
    fn redeem(
        &self,
        settings: &Settings,
        client_secret: &ClientSecret,
        code: String,
        verifier: &Verifier,
    ) -> impl Future<Output = Result<IssuedTokens, TokenFailure>> + Send;
    /// Proves the way to the mail server: signs in, and out again.
    fn prove(
        &self,
        settings: &Settings,
        token: &AccessToken,
    ) -> impl Future<Output = Result<(), Obstacle>> + Send;
    /// Opens or closes the valve of a mailbox.
    fn turn(
        &self,
        mailbox: &MailboxId,
        valve: Valve,
    ) -> impl Future<Output = Result<(), Missing>> + Send;
}

/// Why something that is needed is not there. What it says may be logged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Missing {
    /// Somebody has to correct it.
    #[error("{0}")]
    Faulty(String),
    /// The client secret that is stored cannot be one.
    #[error("the client secret {0}")]
    ClientSecret(InvalidClientSecret),
    /// It may be there at the next try.
    #[error("{0}")]
    Unavailable(String),
}
