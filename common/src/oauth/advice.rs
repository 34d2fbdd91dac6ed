//! What a person does about an AADSTS number.
//!
//! The numbers explain and decide nothing: what becomes of a mailbox follows from `error` and `suberror`
//! alone, because Microsoft may change the numbers at any time. One that is not listed here has no advice, and
//! the remedy of its class stands alone.
//!
//! <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>

/// The advice for an AADSTS number, in one sentence without a full stop.
#[must_use]
pub fn advice(number: u32) -> Option<&'static str> {
    Some(match number {
        // The grant is dead: somebody signs in again.
        50173 => {
            "the grant was revoked, as a reset of the account's password by an administrator does; sign in again"
        }
        70000 => "the refresh token or code is not valid any more; sign in again",
        70008 | 700082 => "the grant was not used for too long, 90 days by default; sign in again",
        700084 => {
            "the redirect URI is registered as single-page application, whose grants last a day; register it as Web and sign in again"
        }
        70043 => {
            "a sign-in frequency policy ended the session; exempt the account from it and sign in again"
        }
        50132 | 50133 => {
            "the sessions of the account were revoked or its password has changed; sign in again"
        }
        50085 => "the sign-in service of the account asks for a new sign-in; sign in again",
        50089 => "the sign-in took too long or has expired; sign in again",
        50144 | 50055 => "the password of the account has expired; set a new one and sign in again",

        // Somebody has to be present.
        50072 | 50074 | 50076 | 50078 | 50079 => {
            "multi-factor authentication is asked for; sign in again, and exempt the account from the policy to keep it from coming back"
        }
        53000 | 53001 | 50097 => {
            "a Conditional Access policy asks for a managed device; exempt the account from it and sign in again"
        }
        53002 => {
            "a Conditional Access policy does not approve the application; exempt the account or the app from it and sign in again"
        }
        53003 | 530032 | 530035 => {
            "a Conditional Access policy or security defaults block the sign-in; the Entra sign-in log names the policy"
        }
        53011 => {
            "Identity Protection has blocked the account for its risk; have an administrator clear the risk and sign in again"
        }
        50158 => {
            "a Conditional Access policy asks for an external challenge; exempt the account from it and sign in again"
        }

        // Consent.
        65001 => {
            "nobody has consented to the app's permissions, or the consent was withdrawn; sign in and consent again"
        }
        65004 => "the person declined to consent; sign in again and accept",
        90094 | 90095 => {
            "an administrator has to consent; have one grant it in the Entra admin center, Enterprise applications, Permissions"
        }
        50105 => {
            "the account is not assigned to the app; assign it under Enterprise applications, Users and groups, or switch off that assignment is required"
        }

        // The account.
        50057 => "the account is disabled; have an administrator enable it and sign in again",
        50053 => {
            "the account is locked, or its sign-ins come from an address that is taken for malicious; wait, or have an administrator unlock it"
        }
        50034 | 50020 | 51004 => {
            "the account is not in this directory; check `username` and `tenant`"
        }

        // The code of a consent.
        54005 => "the code was used already; start again with a new link",
        700005 => "the code is for another directory; check `tenant` and start again",
        501481 | 50147 | 501491 => "the proof key of the sign-in does not fit; start again",

        // The app's credential.
        7000215 => {
            "the client secret is wrong; store the column Value of the app registration, not the Secret ID"
        }
        7000222 => "the client secret has expired; make a new one and store it",
        7000218 | 70002 => "the client secret is missing; store one",
        700027 | 50012 | 50013 => {
            "the assertion of the app is not accepted; check its certificate, issuer, subject and audience"
        }
        700025 => {
            "the app is registered as public client, which has no secret; switch off that public client flows are allowed, and register the redirect URI as Web"
        }
        70021 => {
            "no federated credential of the app fits; check issuer, subject and audience, and wait some minutes after a change"
        }

        // The app and its directory.
        700016 | 70001 => "the directory has no such app; check `client_id`, `tenant` and `cloud`",
        700011 | 7000112 => {
            "the app is unknown or disabled in this directory; enable it under Enterprise applications, Properties"
        }
        90002 | 50059 | 50128 | 90019 => "there is no such directory; check `tenant` and `cloud`",
        50194 => "the app is of one directory; give that directory's GUID or domain as `tenant`",

        // The redirect URI.
        50011 | 900971 | 70004 => {
            "the redirect URI is not registered; add the stack's output CallbackUrl to the app, type Web, letter by letter"
        }

        // The request itself.
        9002313 | 90014 | 900144 | 90056 | 900561 => {
            "the request is malformed; check overridden endpoints and scopes, and report it with the ids"
        }

        // Scopes and resources.
        70011 => "a scope is not valid; check `scopes`",
        28000 | 28002 | 28003 => {
            "the scopes belong to more than one resource, or to another than the grant's; check `scopes`"
        }
        700022 | 500011 | 50001 => {
            "the resource of the scopes is not known in this directory; check `scopes` and `cloud`, and that the organization has Exchange Online"
        }
        650053 | 650057 => {
            "the app does not ask for this permission; add SMTP.Send of Office 365 Exchange Online to its delegated permissions"
        }

        // Another cloud.
        9001023 | 90038 | 900432 | 900439 | 900382 => {
            "the directory is in another Microsoft cloud; correct `cloud`"
        }

        // What time heals.
        50033 | 90006 | 90012 | 90024 | 90033 | 90090 | 40010 | 50087 | 50088 | 70012 | 80005 => {
            "Microsoft has trouble of its own; it is tried again"
        }
        90055 => "Microsoft asks for fewer requests; it is tried again later",
        50196 => {
            "Microsoft takes repeated requests for a loop; it is tried again later, and should be reported if it comes back"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every number that is known to come from the token and authorization endpoints.
    const KNOWN: &[u32] = &[
        50173, 70000, 70008, 700082, 700084, 70043, 50132, 50133, 50085, 50089, 50144, 50055,
        50076, 50078, 50079, 50074, 50072, 53000, 53001, 53002, 53003, 530032, 530035, 53011,
        50097, 50158, 65001, 65004, 90094, 90095, 50105, 50057, 50053, 50034, 50020, 51004, 54005,
        700005, 501481, 50147, 501491, 7000215, 7000222, 7000218, 70002, 700027, 50012, 50013,
        700025, 70021, 700016, 70001, 700011, 7000112, 90002, 50059, 50128, 90019, 50194, 50011,
        900971, 70004, 9002313, 90014, 900144, 90056, 900561, 70011, 28000, 28002, 28003, 700022,
        650053, 650057, 500011, 50001, 9001023, 90038, 900432, 900439, 900382, 50033, 90006, 90012,
        90024, 90033, 90090, 90055, 40010, 50087, 50088, 70012, 80005, 50196,
    ];

    #[test]
    fn every_known_number_has_one_line_of_advice() {
        for number in KNOWN.iter().copied() {
            let line = advice(number).unwrap_or_else(|| panic!("AADSTS{number} has no advice"));
            assert!(!line.contains('\n') && !line.contains("  "), "{line}");
            assert!(!line.ends_with('.') && line.len() < 200, "{line}");
        }
    }

    #[test]
    fn a_number_that_nobody_knows_has_none() {
        assert_eq!(advice(1), None);
    }
}
