//! Trials of the simulated Microsoft by clients that know only what Microsoft documents.

mod dialogue;
mod exchange;
mod faults;
mod inbox;
mod person;
mod sign_in;
mod token;

use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Client;
use serde_json::Value;
use tokio::net::TcpStream;
use url::Url;

use self::dialogue::{Dialogue, blob};

use super::person::Answer;
use super::{App, Microsoft, Options, Person};

const REDIRECT_URI: &str = "https://pillarbox.example/oauth/callback";
const SCOPE: &str = "https://outlook.office.com/SMTP.Send offline_access openid profile";
const VERIFIER: &str = "a-verifier-of-forty-three-characters-or-more-0123456789";
const PATIENCE: Duration = Duration::from_secs(10);

/// A simulated Microsoft with one registered redirect URI, and a client application.
struct Trial {
    microsoft: Microsoft,
    app: App,
    http: Client,
}

impl Trial {
    async fn start() -> Self {
        Self::with(Options::default()).await
    }

    async fn with(options: Options) -> Self {
        let microsoft = Microsoft::start(options).await.unwrap();
        let client_id = super::named_guid("app", "Pillarbox");
        microsoft
            .directory()
            .add_redirect_uri(&client_id, REDIRECT_URI)
            .unwrap();
        let app = microsoft.directory().app(&client_id).unwrap();
        let http = microsoft
            .authority()
            .http_client()
            .unwrap()
            .build()
            .unwrap();
        Self {
            microsoft,
            app,
            http,
        }
    }

    fn person(&self, upn: &str) -> Person {
        Person::new(&self.microsoft, upn).unwrap()
    }

    /// The authorize URL, with parameters replaced, added, or with an empty value left out.
    fn authorize_url(&self, changes: &[(&str, &str)]) -> String {
        let hash = digest::digest(&digest::SHA256, VERIFIER.as_bytes());
        let challenge = URL_SAFE_NO_PAD.encode(hash);
        let parameters = [
            ("client_id", self.app.client_id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", REDIRECT_URI),
            ("response_mode", "form_post"),
            ("scope", SCOPE),
            ("state", "the <state>"),
            ("nonce", "the-nonce"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let endpoint = self.microsoft.entra().authorize_endpoint("contoso.com");
        let mut url = Url::parse(&endpoint).unwrap();
        url.query_pairs_mut()
            .extend_pairs(changed(&parameters, changes));
        url.into()
    }

    async fn code(&self, upn: &str) -> String {
        let answer = self
            .person(upn)
            .sign_in(&self.authorize_url(&[]))
            .await
            .unwrap();
        answer.get("code").unwrap().to_owned()
    }

    async fn post(&self, parameters: Vec<(&str, &str)>) -> (u16, Value) {
        let endpoint = self.microsoft.entra().token_endpoint("contoso.com");
        self.post_to(&endpoint, parameters).await
    }

    async fn post_to(&self, endpoint: &str, parameters: Vec<(&str, &str)>) -> (u16, Value) {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(parameters)
            .finish();
        let response = self
            .http
            .post(endpoint)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await
            .unwrap();
        let status = response.status().as_u16();
        let body = response.bytes().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn redeem(&self, code: &str, changes: &[(&str, &str)]) -> (u16, Value) {
        let secret = self.app.secrets[0].value.clone();
        let parameters = [
            ("grant_type", "authorization_code"),
            ("client_id", self.app.client_id.as_str()),
            ("client_secret", &secret),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ];
        self.post(changed(&parameters, changes)).await
    }

    async fn refresh(&self, refresh_token: &str, changes: &[(&str, &str)]) -> (u16, Value) {
        let secret = self.app.secrets[0].value.clone();
        let parameters = [
            ("grant_type", "refresh_token"),
            ("client_id", self.app.client_id.as_str()),
            ("client_secret", &secret),
            ("refresh_token", refresh_token),
            ("scope", SCOPE),
        ];
        self.post(changed(&parameters, changes)).await
    }

    /// The answer of the token endpoint to a fresh consent.
    async fn tokens(&self, upn: &str) -> Value {
        let (status, answer) = self.redeem(&self.code(upn).await, &[]).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    async fn access_token(&self, upn: &str) -> String {
        text(&self.tokens(upn).await, "access_token")
    }

    /// A dialogue after EHLO under TLS.
    async fn dialogue(&self) -> Dialogue {
        let mut dialogue = Dialogue::open(&self.microsoft).await;
        dialogue.start_tls(&self.microsoft).await;
        dialogue.ask("EHLO client.example").await;
        dialogue
    }

    /// A dialogue after AUTH.
    async fn authenticated(&self, upn: &str) -> Dialogue {
        let token = self.access_token(upn).await;
        let mut dialogue = self.dialogue().await;
        let reply = dialogue.authenticate(upn, &token).await;
        assert_eq!(reply, "235 2.7.0 Authentication successful\r\n");
        dialogue
    }
}

fn changed<'a>(
    parameters: &[(&'a str, &'a str)],
    changes: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut all: Vec<_> = parameters
        .iter()
        .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name))
        .chain(changes)
        .copied()
        .collect();
    all.retain(|(_, value)| !value.is_empty());
    all
}

fn text(answer: &Value, name: &str) -> String {
    answer[name].as_str().unwrap().to_owned()
}

/// The number of a refusal, checked against the rest of its body.
fn refusal(answer: &(u16, Value), status: u16, error: &str) -> u64 {
    let (actual, body) = answer;
    assert_eq!(
        (*actual, body["error"].as_str().unwrap()),
        (status, error),
        "{body}"
    );
    let number = body["error_codes"][0].as_u64().unwrap();
    let description = body["error_description"].as_str().unwrap();
    assert!(
        description.starts_with(&format!("AADSTS{number}: ")),
        "{description}"
    );
    for field in ["timestamp", "trace_id", "correlation_id"] {
        assert!(body[field].is_string(), "{field}");
    }
    number
}

fn field(answer: &Answer, name: &str) -> String {
    answer.get(name).unwrap_or_default().to_owned()
}
