//! What was asked of the simulated Entra, without anything secret.

use jiff::Timestamp;

use super::faults::GrantType;

/// One visit to the authorize endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizeRequest {
    /// When it came.
    pub at: Timestamp,
    /// The tenant as the path named it.
    pub tenant: String,
    /// `client_id`.
    pub client_id: Option<String>,
    /// `redirect_uri`.
    pub redirect_uri: Option<String>,
    /// `response_mode`.
    pub response_mode: Option<String>,
    /// `scope`.
    pub scope: Option<String>,
    /// `prompt`.
    pub prompt: Option<String>,
    /// `login_hint`.
    pub login_hint: Option<String>,
    /// `code_challenge_method`.
    pub code_challenge_method: Option<String>,
    /// The names of all parameters, sorted.
    pub parameters: Vec<String>,
}

/// One request to the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// When it came.
    pub at: Timestamp,
    /// The tenant as the path named it.
    pub tenant: String,
    /// `grant_type`, when it is one of ours.
    pub grant_type: Option<GrantType>,
    /// `client_id`.
    pub client_id: String,
    /// How the client secret came.
    pub client_authentication: ClientAuthentication,
    /// The account that the code or refresh token belongs to, when it is one of ours.
    pub account: Option<String>,
    /// `scope`, when it was sent.
    pub scope: Option<String>,
    /// The names of all parameters, in order.
    pub parameters: Vec<String>,
    /// How it ended.
    pub outcome: TokenOutcome,
}

/// How the client authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// Not at all.
    None,
    /// `client_secret` in the body.
    Body,
    /// HTTP Basic.
    Basic,
}

/// How a token request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenOutcome {
    /// Tokens were issued.
    Issued,
    /// Refused, with this AADSTS number.
    Refused(u32),
    /// A fault answered, with this HTTP status.
    Fault(u16),
    /// A fault kept silent.
    Silence,
}

/// Counts of requests by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntraCounters {
    /// Authorize pages asked for.
    pub authorize: u64,
    /// Codes handed out.
    pub codes: u64,
    /// Token requests with a code.
    pub code_redemptions: u64,
    /// Token requests with a refresh token.
    pub refreshes: u64,
    /// Token requests that ended with tokens.
    pub issued: u64,
    /// Discovery documents asked for.
    pub discovery: u64,
}
