//! The simulated Entra, whose tokens the servers verify, and the mailbox that they are for.

use std::sync::Arc;

use anyhow::{Context, Result};
use common::client_secret::ClientSecret;
use common::clock::SystemClock;
use common::consent::{Nonce, Prompt, State, Verifier};
use common::mailbox::{MailboxId, Settings};
use common::oauth::{Authorization, Http, TokenEndpoint};
use common::route::Route;
use common::secret::AccessToken;
use common::submission::{Failure, Session, Transfer};
use tests::contoso::{self, ADDRESS, Contoso, MAILBOX};
use tests::microsoft::{Microsoft, Options, Person};
use url::Url;

const REDIRECT_URI: &str = "https://pillarbox.example/oauth/callback";

/// The provider of a mailbox, for a trial.
pub(crate) struct Provider(Microsoft);

impl Provider {
    /// Starts it.
    pub(crate) async fn start() -> Result<Self> {
        let microsoft = Microsoft::start(Options::default()).await?;
        let directory = microsoft.directory();
        directory.add_redirect_uri(&contoso::client_id(), REDIRECT_URI)?;
        Ok(Self(microsoft))
    }

    /// What stands behind it.
    pub(crate) fn microsoft(&self) -> &Microsoft {
        &self.0
    }

    /// The key set that it publishes.
    pub(crate) async fn keys(&self) -> Result<serde_json::Value> {
        let url = format!(
            "{}/contoso.com/discovery/v2.0/keys",
            self.0.entra().origin()
        );
        let http = self.0.authority().http_client()?.build()?;
        let answer = http.get(url).send().await?.bytes().await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// An access token of at least so many characters, as a consent of the mailbox's owner brings it.
    pub(crate) async fn token(&self, characters: usize) -> Result<AccessToken> {
        self.0
            .entra()
            .change_behaviour(|behaviour| behaviour.access_token_characters = characters);
        let settings = self.settings(587, Transfer::Data)?;
        let redirect_uri = Url::parse(REDIRECT_URI)?;
        let verifier = Verifier::random();
        let authorization = Authorization {
            state: &State::random(),
            nonce: &Nonce::random(),
            verifier: &verifier,
            prompt: Prompt::Hint,
        };
        let url = authorization.url(&settings, &redirect_uri);
        let answer = Person::new(&self.0, ADDRESS)?.sign_in(url.as_str()).await?;
        let code = answer.get("code").context("Entra answers no code")?;

        let app = self.0.directory().app(&contoso::client_id());
        let app = app.context("the app is not registered")?;
        let secret = app.secrets.first().context("the app has no secret")?;
        let endpoint = TokenEndpoint {
            settings: &settings,
            client_secret: &ClientSecret::parse(&secret.value)?,
            http: &Http::new(self.tls()?)?,
            clock: &SystemClock,
        };
        let tokens = endpoint
            .redeem(code.to_owned(), verifier.expose().to_owned(), &redirect_uri)
            .await?;
        Ok(tokens.access_token)
    }

    /// The way to a server at a port.
    pub(crate) fn route(&self, port: u16, transfer: Transfer) -> Result<Route> {
        let settings = self.settings(port, transfer)?;
        Ok(Route::of(&settings, Arc::new(self.tls()?)))
    }

    /// Signs in at a port with a token of 2 kB.
    pub(crate) async fn session(&self, port: u16, transfer: Transfer) -> Result<Session> {
        let token = self.token(2_048).await?;
        anyhow::ensure!(token.len() >= 2_048, "the token is short");
        Ok(self.sign_in(port, transfer, &token).await??)
    }

    /// Signs in at a port with a token.
    pub(crate) async fn sign_in(
        &self,
        port: u16,
        transfer: Transfer,
        token: &AccessToken,
    ) -> Result<Result<Session, Failure>> {
        Ok(self.route(port, transfer)?.sign_in(token).await)
    }

    fn settings(&self, port: u16, transfer: Transfer) -> Result<Settings> {
        let mut settings = Contoso::more_settings(&self.0);
        settings["address"] = ADDRESS.into();
        settings["tenant"] = "contoso.com".into();
        settings["client_id"] = contoso::client_id().into();
        settings["smtp_host"] = "localhost".into();
        settings["smtp_port"] = port.into();
        settings["transfer"] = match transfer {
            Transfer::Data => "data",
            Transfer::Bdat => "bdat",
        }
        .into();
        Ok(Settings::parse(
            MailboxId::parse(MAILBOX)?,
            &settings.to_string(),
        )?)
    }

    fn tls(&self) -> Result<rustls::ClientConfig> {
        Ok(common::tls::client_config(Some(self.0.authority().pem()))?)
    }
}
