//! Why there are no tokens, and what to do next.
//!
//! What to do is decided by `error` and `suberror` alone, as Microsoft asks; the AADSTS numbers may
//! change at any time and only explain.

use std::fmt;
use std::time::Duration;

use oauth2::{ErrorResponse, RequestTokenError};
use serde::{Deserialize, Serialize};

use super::advice::advice;
use super::http::{HttpError, Meta};
use crate::class::Class;

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokenFailure {
    /// The provider refused.
    #[error("the provider refused: {refusal}")]
    Refused {
        /// What follows from it.
        class: Class,
        /// What the provider said.
        refusal: Refusal,
    },
    /// There is no client secret that could be sent.
    #[error("{reason}")]
    Unusable {
        /// What is wrong with it.
        reason: String,
    },
    /// The provider could not be reached, or says that it cannot answer now.
    #[error("the provider cannot answer now: {reason}")]
    Unavailable {
        /// How it showed.
        reason: String,
        /// How long the provider asks us to wait.
        retry_after: Option<Duration>,
    },
}

/// What the provider said with its refusal: codes and ids, never its description, which names people.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refusal {
    /// The error of RFC 6749 §5.2.
    pub error: String,
    /// Entra's finer word, such as `token_expired`.
    #[serde(default)]
    pub suberror: Option<String>,
    /// The AADSTS numbers.
    #[serde(default)]
    pub error_codes: Vec<u32>,
    /// What Microsoft's support asks for first.
    #[serde(default)]
    pub correlation_id: Option<String>,
    /// What Microsoft's support asks for next.
    #[serde(default)]
    pub trace_id: Option<String>,
}

impl ErrorResponse for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&plain(&self.error))?;
        if let Some(suberror) = self
            .suberror
            .as_deref()
            .filter(|suberror| !suberror.is_empty())
        {
            write!(f, " ({})", plain(suberror))?;
        }
        for code in &self.error_codes {
            write!(f, " AADSTS{code}")?;
        }
        if let Some(advice) = self.advice() {
            write!(f, ": {advice}")?;
        }
        if let Some(id) = &self.correlation_id {
            write!(f, "; correlation id {}", plain(id))?;
        }
        if let Some(id) = &self.trace_id {
            write!(f, "; trace id {}", plain(id))?;
        }
        Ok(())
    }
}

/// Codes and ids are short words; a provider that sends something else is not quoted at length.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|letter| letter.is_ascii_graphic())
        .take(64)
        .collect()
}

impl TokenFailure {
    /// The class of the failure.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Refused { class, .. } => *class,
            Self::Unusable { .. } => Class::ClientCredentialRefused,
            Self::Unavailable { .. } => Class::Network,
        }
    }

    pub(super) fn from_request(error: RequestTokenError<HttpError, Refusal>, meta: Meta) -> Self {
        let unavailable = |reason: String| Self::Unavailable {
            reason,
            retry_after: meta.retry_after,
        };
        let status = || {
            meta.status.map_or_else(
                || "without a status".to_owned(),
                |status| status.to_string(),
            )
        };
        match error {
            RequestTokenError::ServerResponse(refusal) => match refusal.class(meta.status) {
                Some(class) => Self::Refused { class, refusal },
                None => unavailable(refusal.to_string()),
            },
            RequestTokenError::Request(error) => unavailable(error.to_string()),
            // Neither of these is looked into: both may carry the body, tokens included.
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                unavailable(format!("the answer {} is not a token answer", status()))
            }
        }
    }
}

impl Refusal {
    /// What a person does about it, by the first of its numbers that is known.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        self.error_codes.iter().copied().find_map(advice)
    }

    /// What follows from the refusal; `None` when time will heal it.
    fn class(&self, status: Option<u16>) -> Option<Class> {
        if status.is_some_and(|status| status == 429 || status >= 500) {
            return None;
        }
        match self.error.as_str() {
            "temporarily_unavailable" | "server_error" => None,
            "interaction_required" | "login_required" => Some(Class::InteractionRequired),
            "consent_required" | "access_denied" => Some(Class::ConsentRevoked),
            "invalid_client" => Some(Class::ClientCredentialRefused),
            "invalid_grant" => Some(match self.suberror.as_deref() {
                Some(
                    "basic_action"
                    | "additional_action"
                    | "message_only"
                    | "protection_policy_required",
                ) => Class::InteractionRequired,
                Some(_) | None => Class::ConsentRevoked,
            }),
            _ => Some(Class::AppMisconfigured),
        }
    }
}
