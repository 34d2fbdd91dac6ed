//! Entra's numbered refusals.
//!
//! `error` and `suberror` decide, the number explains: <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>.

use jiff::Timestamp;
use serde::Serialize;

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

type Known = (u32, &'static str, &'static str, &'static str);

const TABLE: &[Known] = &[
    // The grant is dead.
    (
        50173,
        "invalid_grant",
        "bad_token",
        "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.",
    ),
    (
        70000,
        "invalid_grant",
        "",
        "The provided value for the input parameter 'code' or 'refresh_token' is not valid.",
    ),
    (
        70008,
        "invalid_grant",
        "",
        "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.",
    ),
    (
        700082,
        "invalid_grant",
        "",
        "The refresh token has expired due to inactivity. The token was inactive for 90.00:00:00.",
    ),
    (
        700084,
        "invalid_grant",
        "",
        "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which cannot be extended. It is now expired and a new sign in request must be sent by the SPA to the sign in page.",
    ),
    (
        70043,
        "invalid_grant",
        "token_expired",
        "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.",
    ),
    (
        50132,
        "invalid_grant",
        "",
        "The session is not valid due to password expiration or recent password change.",
    ),
    (
        50133,
        "invalid_grant",
        "",
        "The session is not valid due to password expiration or recent password change.",
    ),
    (
        50085,
        "invalid_grant",
        "",
        "Refresh token needs social IDP login. Have user try signing-in again with username and password.",
    ),
    (
        50089,
        "invalid_grant",
        "",
        "Authentication failed due to flow token expired.",
    ),
    (
        50144,
        "invalid_grant",
        "",
        "User's Active Directory password has expired.",
    ),
    (50055, "invalid_grant", "", "The password is expired."),
    (
        50158,
        "interaction_required",
        "",
        "External security challenge was not satisfied.",
    ),
    // Interaction is needed.
    (
        50076,
        "interaction_required",
        "basic_action",
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access the resource.",
    ),
    (
        50078,
        "interaction_required",
        "basic_action",
        "Presented multi-factor authentication has expired due to policies configured by your administrator, you must refresh your multi-factor authentication to access the resource.",
    ),
    (
        50079,
        "interaction_required",
        "basic_action",
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access the resource.",
    ),
    (
        50074,
        "interaction_required",
        "basic_action",
        "Strong Authentication is required.",
    ),
    (
        50072,
        "interaction_required",
        "basic_action",
        "Due to a configuration change made by your administrator, you must enroll in multi-factor authentication to access the resource.",
    ),
    (
        53000,
        "interaction_required",
        "additional_action",
        "Device is not in required device state: compliant. Conditional Access policy requires a compliant device.",
    ),
    (
        53001,
        "interaction_required",
        "additional_action",
        "Device is not in required device state: domain_joined.",
    ),
    (
        53002,
        "interaction_required",
        "additional_action",
        "The application used is not an approved application for Conditional Access.",
    ),
    (
        53003,
        "interaction_required",
        "message_only",
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
    ),
    (
        530032,
        "interaction_required",
        "message_only",
        "Access has been blocked by security policy.",
    ),
    (
        530035,
        "interaction_required",
        "message_only",
        "Access has been blocked by security defaults. The request is deemed unsafe by security defaults policies.",
    ),
    (
        53011,
        "interaction_required",
        "message_only",
        "User blocked due to risk on home tenant.",
    ),
    (
        50097,
        "interaction_required",
        "",
        "Device authentication is required.",
    ),
    (
        50058,
        "login_required",
        "",
        "A silent sign-in request was sent but no user is signed in.",
    ),
    // Consent.
    (
        65001,
        "invalid_grant",
        "consent_required",
        "The user or administrator has not consented to use the application. Send an interactive authorization request for this user and resource.",
    ),
    (
        65004,
        "access_denied",
        "",
        "User declined to consent to access the app.",
    ),
    (
        90094,
        "access_denied",
        "",
        "The grant requires permissions that only an administrator can give.",
    ),
    (
        90095,
        "access_denied",
        "",
        "Admin consent is required; the request for it was sent.",
    ),
    (
        50105,
        "access_denied",
        "",
        "The signed in user is blocked because they are not a direct member of a group with access, nor had access directly assigned by an administrator.",
    ),
    // The account.
    (50057, "invalid_grant", "", "The user account is disabled."),
    (
        50053,
        "invalid_grant",
        "",
        "The account is locked, you've tried to sign in too many times with an incorrect user ID or password.",
    ),
    (
        50034,
        "invalid_grant",
        "",
        "The user account does not exist in the directory. To sign into this application, the account must be added to the directory.",
    ),
    (
        50020,
        "invalid_grant",
        "",
        "User account from identity provider does not exist in tenant and cannot access the application in that tenant. The account needs to be added as an external user in the tenant first.",
    ),
    (
        51004,
        "invalid_grant",
        "",
        "The user account does not exist in the directory.",
    ),
    // The code.
    (
        54005,
        "invalid_grant",
        "",
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
    ),
    (
        700005,
        "invalid_grant",
        "",
        "Provided Authorization Code is intended to use against other tenant, thus rejected.",
    ),
    (
        501481,
        "invalid_grant",
        "",
        "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
    ),
    (
        50147,
        "invalid_grant",
        "",
        "The size of the code challenge parameter is not valid.",
    ),
    (
        501491,
        "invalid_request",
        "",
        "Invalid size of Code_Challenge parameter.",
    ),
    // The client.
    (
        7000215,
        "invalid_client",
        "",
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to the app.",
    ),
    (
        7000222,
        "invalid_client",
        "",
        "The provided client secret keys are expired. Visit the Azure portal to create new keys for your app, or consider using certificate credentials for added security.",
    ),
    (
        7000218,
        "invalid_client",
        "",
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    ),
    (
        70002,
        "invalid_client",
        "",
        "The client credentials are missing or not valid.",
    ),
    (
        700027,
        "invalid_client",
        "",
        "The certificate with identifier used to sign the client assertion is not registered on application.",
    ),
    (50012, "invalid_client", "", "Authentication failed."),
    (
        50013,
        "invalid_grant",
        "",
        "Assertion failed signature validation.",
    ),
    (
        700025,
        "invalid_client",
        "",
        "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
    ),
    (
        70021,
        "invalid_client",
        "",
        "No matching federated identity record found for presented assertion.",
    ),
    // The application and the tenant.
    (
        700016,
        "unauthorized_client",
        "",
        "Application was not found in the directory. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
    ),
    (
        70001,
        "unauthorized_client",
        "",
        "The application is disabled or was not found in the directory.",
    ),
    (
        700011,
        "unauthorized_client",
        "",
        "Application was not found in the directory.",
    ),
    (
        7000112,
        "unauthorized_client",
        "",
        "Application is disabled.",
    ),
    (
        90002,
        "invalid_request",
        "",
        "Tenant not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.",
    ),
    (
        50059,
        "invalid_request",
        "",
        "No tenant-identifying information found in either the request or implied by any provided credentials.",
    ),
    (
        50128,
        "invalid_request",
        "",
        "Invalid domain name. No tenant-identifying information found in either the request or implied by any provided credentials.",
    ),
    (
        90019,
        "invalid_request",
        "",
        "No tenant-identifying information found in either the request or implied by any provided credentials.",
    ),
    (
        50194,
        "invalid_request",
        "",
        "Application is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such apps created after 10/15/2018. Use a tenant-specific endpoint or configure the application to be multi-tenant.",
    ),
    // The redirect URI.
    (
        50011,
        "invalid_request",
        "",
        "The redirect URI specified in the request does not match the redirect URIs configured for the application. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal.",
    ),
    (
        500112,
        "invalid_client",
        "",
        "The reply address does not match the reply address provided when requesting Authorization code.",
    ),
    (
        500113,
        "invalid_request",
        "",
        "No reply address is registered for the application.",
    ),
    (900971, "invalid_request", "", "No reply address provided."),
    (
        70004,
        "invalid_request",
        "",
        "The application has a redirect URI that is not valid.",
    ),
    // The form of the request.
    (
        9002313,
        "invalid_request",
        "",
        "Invalid request. Request is malformed or invalid.",
    ),
    (
        90014,
        "invalid_request",
        "",
        "The required field is missing from the request.",
    ),
    (
        900144,
        "invalid_request",
        "",
        "The request body must contain the following parameter.",
    ),
    (
        90056,
        "invalid_request",
        "",
        "This endpoint only accepts POST requests.",
    ),
    (
        900561,
        "invalid_request",
        "",
        "The endpoint only accepts POST requests. Received a GET request.",
    ),
    (
        90023,
        "invalid_request",
        "",
        "The authentication service request isn't valid.",
    ),
    (
        70003,
        "unsupported_grant_type",
        "",
        "The app requested an unsupported grant type.",
    ),
    (
        700054,
        "unsupported_response_type",
        "",
        "The response type is not enabled for the application.",
    ),
    // Scope and resource.
    (
        70011,
        "invalid_scope",
        "",
        "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid.",
    ),
    (
        28000,
        "invalid_request",
        "",
        "Provided value for the input parameter scope is not valid because it contains more than one resource.",
    ),
    (
        28002,
        "invalid_request",
        "",
        "Provided value for the input parameter scope is not valid when requesting an access token. Please specify a valid scope.",
    ),
    (
        28003,
        "invalid_request",
        "",
        "Provided value for the input parameter scope cannot be empty when requesting an access token using the provided authorization code. Please specify a valid scope.",
    ),
    (
        700022,
        "invalid_request",
        "",
        "Provided value for the input parameter scope is not valid because it contains more than one resource.",
    ),
    (
        650053,
        "invalid_client",
        "",
        "The application asked for a scope that doesn't exist on the resource.",
    ),
    (
        650057,
        "invalid_client",
        "",
        "Invalid resource. The client has requested access to a resource which is not listed in the requested permissions in the client's application registration.",
    ),
    (
        500011,
        "invalid_resource",
        "",
        "The resource principal was not found in the tenant. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.",
    ),
    (
        50001,
        "invalid_resource",
        "",
        "The resource is disabled or does not exist.",
    ),
    // The cloud.
    (
        9001023,
        "invalid_request",
        "",
        "The grant type is not supported over the /common or /consumers endpoints.",
    ),
    (
        90038,
        "invalid_request",
        "",
        "The tenant is in another national cloud.",
    ),
    (
        900432,
        "invalid_request",
        "",
        "Confidential Client is not supported in Cross Cloud request.",
    ),
    (
        900439,
        "invalid_request",
        "",
        "The request belongs to another cloud instance.",
    ),
    (
        900382,
        "invalid_request",
        "",
        "Confidential Client is not supported in Cross Cloud request.",
    ),
    // Wait.
    (
        50033,
        "server_error",
        "",
        "A transient error has occurred. Please try again.",
    ),
    (
        90006,
        "server_error",
        "",
        "Service is temporarily unavailable. Please retry later.",
    ),
    (
        90012,
        "temporarily_unavailable",
        "",
        "The request timed out.",
    ),
    (
        90024,
        "temporarily_unavailable",
        "",
        "Request budget exceeded. A transient error has occurred. Please try again.",
    ),
    (
        90033,
        "temporarily_unavailable",
        "",
        "A transient error has occurred. Please try again.",
    ),
    (
        90090,
        "server_error",
        "",
        "Authentication graph failure. Please try again.",
    ),
    (
        90055,
        "temporarily_unavailable",
        "",
        "The server has terminated an operation because it encountered too many requests.",
    ),
    (
        40010,
        "temporarily_unavailable",
        "",
        "A transient error has occurred at the identity provider. Please try again.",
    ),
    (
        50087,
        "server_error",
        "",
        "A transient error has occurred during sign-on. Please try again.",
    ),
    (
        50088,
        "temporarily_unavailable",
        "",
        "Limit on telecom calls reached. Please try again later.",
    ),
    (
        70012,
        "server_error",
        "",
        "A server error occurred while authenticating an MSA (consumer) user. Please try again.",
    ),
    (
        80005,
        "server_error",
        "",
        "An unpredictable error occurred at the authentication agent. Please try again.",
    ),
    (
        50196,
        "invalid_grant",
        "",
        "The server terminated an operation because it encountered a client request loop. Please contact your app vendor.",
    ),
];

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
