//! Invocation of the stack's own functions.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::primitives::Blob;
use serde_json::Value;

use super::boxed;

/// The functions of the stack.
#[derive(Debug, Clone)]
pub struct Functions(Client);

/// Why a function gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// Lambda did not answer, or refused.
    #[error("the function cannot be invoked")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The function failed; its own log says why.
    #[error("the function failed: {0}")]
    Failed(String),
}

impl Functions {
    /// How long `token-refresh` may take to answer for one mailbox, in seconds: it waits for the provider as long as
    /// [`Http::TIMEOUT`](crate::oauth::Http::TIMEOUT), and stores what it got.
    pub const RENEWAL: Duration = Duration::from_secs(25);

    /// The functions of the account, which may take as long as `patience` to answer. No call is given up and made anew
    /// before that: the function would do its work twice.
    #[must_use]
    pub fn new(config: &SdkConfig, patience: Duration) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_timeout(patience)
            .disable_operation_attempt_timeout()
            .build();
        let config = Builder::from(config).timeout_config(timeouts).build();
        Self(Client::from_conf(config))
    }

    /// Invokes a function and waits for its answer.
    ///
    /// # Errors
    ///
    /// When Lambda does not answer or the function fails.
    pub async fn invoke(&self, function: &str, payload: &Value) -> Result<Value, InvokeError> {
        let invocation = self
            .0
            .invoke()
            .function_name(function)
            .payload(Blob::new(payload.to_string()));
        let answer = invocation
            .send()
            .await
            .map_err(|error| InvokeError::Unavailable(boxed(error)))?;
        let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
        let value: Value = serde_json::from_slice(&payload).unwrap_or_default();
        match answer.function_error {
            None => Ok(value),
            Some(kind) => Err(InvokeError::Failed(
                value["errorMessage"].as_str().unwrap_or(&kind).to_owned(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use super::*;
    use crate::oauth::Http;

    #[tokio::test]
    async fn a_function_that_takes_its_time_is_not_invoked_again() {
        const PATIENCE: Duration = Duration::from_secs(75);
        assert!(Functions::RENEWAL > Http::TIMEOUT);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let credentials = Credentials::new("key", "secret", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .region(Region::new("eu-west-1"))
            .endpoint_url(endpoint)
            .build();
        let functions = Functions::new(&config, PATIENCE);
        let payload = serde_json::json!({ "mailbox": "billing" });
        let invoked = tokio::spawn(async move {
            let begun = Instant::now();
            let answer = functions
                .invoke("pillarbox-token-refresh:live", &payload)
                .await;
            (answer, begun.elapsed())
        });
        let (mut invocation, _) = listener.accept().await.unwrap();
        invocation.read_u8().await.unwrap();
        // From here on nobody waits for the time to pass.
        tokio::time::pause();
        let (answer, took) = invoked.await.unwrap();
        assert!(
            matches!(answer, Err(InvokeError::Unavailable(_))),
            "{answer:?}"
        );
        assert!(took >= PATIENCE, "{took:?}");
        let again = tokio::time::timeout(PATIENCE, listener.accept()).await;
        assert!(again.is_err(), "it is invoked again");
    }
}
