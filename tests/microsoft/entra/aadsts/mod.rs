//! Entra's numbered refusals.
//!
//! `error` and `suberror` decide, the number explains: <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>.

mod table;

use jiff::Timestamp;
use serde::Serialize;

use self::table::TABLE;
use super::super::id::random_guid;

/// A refusal of the authorize or the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The AADSTS number.
    pub number: u32,
    /// The OAuth error.
    pub error: &'static str,
    /// Microsoft's refinement of it.
    pub suberror: Option<&'static str>,
    /// What follows the number in `error_description`.
    pub message: String,
}

/// The body of a refusal at the token endpoint.
#[derive(Serialize)]
pub(super) struct RefusalBody {
    error: &'static str,
    error_description: String,
    error_codes: [u32; 1],
    timestamp: String,
    trace_id: String,
    correlation_id: String,
    error_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    suberror: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<String>,
}

impl Refusal {
    /// The refusal with this number. An unknown number is an `invalid_grant`.
    #[must_use]
    pub fn numbered(number: u32) -> Self {
        let known = TABLE.iter().find(|known| known.0 == number);
        let &(_, error, suberror, message) =
            known.unwrap_or(&(0, "invalid_grant", "", "The request was refused."));
        Self {
            number,
            error,
            suberror: (!suberror.is_empty()).then_some(suberror),
            message: message.to_owned(),
        }
    }

    /// The same with another message.
    #[must_use]
    pub fn saying(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// The same with another OAuth error: Microsoft says not to rely on the pairing.
    #[must_use]
    pub fn with_error(mut self, error: &'static str) -> Self {
        self.error = error;
        self
    }

    /// The HTTP status at the token endpoint.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.error {
            "invalid_client" => 401,
            "temporarily_unavailable" => 503,
            "server_error" => 500,
            _ => 400,
        }
    }

    /// `error_description` without the identifiers that follow it.
    #[must_use]
    pub fn description(&self) -> String {
        format!("AADSTS{}: {}", self.number, self.message)
    }

    pub(super) fn body(&self, now: Timestamp, correlation_id: Option<&str>) -> RefusalBody {
        let timestamp = now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let trace_id = random_guid();
        let correlation_id = correlation_id.map_or_else(random_guid, str::to_owned);
        RefusalBody {
            error: self.error,
            error_description: format!(
                "{} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {timestamp}",
                self.description()
            ),
            error_codes: [self.number],
            timestamp,
            trace_id,
            correlation_id,
            error_uri: format!("https://login.microsoftonline.com/error?code={}", self.number),
            suberror: self.suberror,
            claims: (self.error == "interaction_required").then(|| {
                r#"{"access_token":{"capolids":{"essential":true,"values":["f1e2d3c4-0000-4000-8000-000000000001"]}}}"#
                    .to_owned()
            }),
        }
    }
}

/// All numbers known here.
#[must_use]
pub fn numbers() -> Vec<u32> {
    TABLE.iter().map(|known| known.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_listed_once() {
        let mut all = numbers();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn a_wrong_secret_is_a_401_and_a_dead_grant_a_400() {
        assert_eq!(Refusal::numbered(7_000_215).status(), 401);
        assert_eq!(Refusal::numbered(50173).status(), 400);
        assert_eq!(Refusal::numbered(90033).status(), 503);
        assert_eq!(Refusal::numbered(4711).error, "invalid_grant");
    }
}
