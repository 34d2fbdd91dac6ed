//! What the provider's `error` means in our words.
//!
//! `error` decides, as Microsoft asks; the AADSTS number in the description is looked at only to tell apart what
//! `error` does not. The description itself goes nowhere.

use common::consent::Refusal;

/// What an error at the authorization endpoint means (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6).
pub(crate) fn returned(error: &str, description: &str) -> Refusal {
    let number = aadsts(description);
    match error {
        "temporarily_unavailable" | "server_error" => Refusal::ProviderBusy,
        "access_denied"
        | "consent_required"
        | "interaction_required"
        | "login_required"
        | "permission_denied"
        | "account_selection_required"
        | "invalid_client"
        | "invalid_request"
        | "unauthorized_client" => number.and_then(explained).unwrap_or_else(|| plain(error)),
        _ => plain(error),
    }
}

fn plain(error: &str) -> Refusal {
    match error {
        "access_denied" | "permission_denied" => Refusal::Declined,
        "consent_required" => Refusal::ConsentRequired,
        "interaction_required" | "login_required" | "account_selection_required" => {
            Refusal::PolicyStopped
        }
        "invalid_request"
        | "invalid_client"
        | "unauthorized_client"
        | "unsupported_response_type"
        | "invalid_scope"
        | "invalid_resource" => Refusal::Misconfigured,
        _ => Refusal::Unrecognized,
    }
}

/// What a number says beyond its `error`.
fn explained(number: u32) -> Option<Refusal> {
    match number {
        65_004 => Some(Refusal::Declined),
        65_001 => Some(Refusal::ConsentRequired),
        90_093..=90_095 => Some(Refusal::AdminApproval),
        50_105 => Some(Refusal::NotAssigned),
        50_020 | 50_034 | 50_053 | 50_057 | 51_004 => Some(Refusal::NotInDirectory),
        50_072
        | 50_074
        | 50_076
        | 50_078
        | 50_079
        | 50_097
        | 50_158
        | 53_000..=53_003
        | 53_011
        | 530_032
        | 530_035 => Some(Refusal::PolicyStopped),
        _ => None,
    }
}

/// The first AADSTS number of a description.
fn aadsts(description: &str) -> Option<u32> {
    let (_, after) = description.split_once("AADSTS")?;
    let end = after
        .find(|digit: char| !digit.is_ascii_digit())
        .unwrap_or(after.len());
    after[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_its_meaning() {
        let table = [
            ("access_denied", "", Refusal::Declined),
            (
                "access_denied",
                "AADSTS65004: User declined to consent",
                Refusal::Declined,
            ),
            (
                "access_denied",
                "AADSTS90094: needs admin",
                Refusal::AdminApproval,
            ),
            (
                "access_denied",
                "AADSTS50105: not assigned",
                Refusal::NotAssigned,
            ),
            ("access_denied", "AADSTS: AADSTS90094", Refusal::Declined),
            (
                "access_denied",
                "AADSTS99999999999999999999",
                Refusal::Declined,
            ),
            (
                "consent_required",
                "AADSTS65001: no consent",
                Refusal::ConsentRequired,
            ),
            ("consent_required", "", Refusal::ConsentRequired),
            ("consent_required", "AADSTS90094", Refusal::AdminApproval),
            (
                "interaction_required",
                "AADSTS53003: blocked",
                Refusal::PolicyStopped,
            ),
            ("login_required", "", Refusal::PolicyStopped),
            (
                "invalid_request",
                "AADSTS50011: redirect",
                Refusal::Misconfigured,
            ),
            (
                "invalid_request",
                "AADSTS50020: other tenant",
                Refusal::NotInDirectory,
            ),
            (
                "unauthorized_client",
                "AADSTS700016",
                Refusal::Misconfigured,
            ),
            ("invalid_scope", "AADSTS65001", Refusal::Misconfigured),
            (
                "temporarily_unavailable",
                "AADSTS90094",
                Refusal::ProviderBusy,
            ),
            ("server_error", "", Refusal::ProviderBusy),
            ("something_new", "AADSTS90094", Refusal::Unrecognized),
            ("", "", Refusal::Unrecognized),
        ];
        for (error, description, refusal) in table {
            assert_eq!(
                returned(error, description),
                refusal,
                "{error} {description}"
            );
        }
    }
}
