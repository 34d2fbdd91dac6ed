//! Invocation of the stack's own functions.

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
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
    /// The functions of the account.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(Client::new(config))
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
