//! XOAUTH2: reading the credential and judging it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::directory::SmtpAuth;
use super::{Shared, words};

/// The credential of XOAUTH2: a user and a bearer token.
pub(super) struct Credential {
    pub(super) user: String,
    token: String,
}

impl Credential {
    /// Reads `user=` user ^A `auth=Bearer ` token ^A ^A, in base64.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let text = String::from_utf8(STANDARD.decode(line).ok()?).ok()?;
        let (user, rest) = text.strip_prefix("user=")?.split_once('\u{1}')?;
        let token = rest
            .strip_prefix("auth=Bearer ")?
            .strip_suffix("\u{1}\u{1}")?;
        let is_clean = !token.is_empty() && token.bytes().all(|octet| octet.is_ascii_graphic());
        is_clean.then(|| Self {
            user: user.to_owned(),
            token: token.to_owned(),
        })
    }
}

impl Shared {
    /// Says whom the credential stands for, or Exchange's refusal.
    ///
    /// The user has to be the token's own account: an alias is not, and neither is a shared mailbox.
    pub(super) fn authenticate(&self, credential: &Credential) -> Result<String, String> {
        let rejected = || words::token_rejected(self.world.clock.now());
        let bearer = self
            .world
            .entra
            .check_access_token(&credential.token)
            .map_err(|_| rejected())?;
        if !bearer.upn.eq_ignore_ascii_case(&credential.user) {
            return Err(rejected());
        }
        let account = self
            .world
            .directory
            .account(&bearer.upn)
            .ok_or_else(rejected)?;
        let refusal = match account.smtp_auth {
            SmtpAuth::Enabled => return Ok(account.upn.to_ascii_lowercase()),
            SmtpAuth::DisabledForMailbox => "smtp auth disabled for the mailbox",
            SmtpAuth::DisabledForTenant => "smtp auth disabled for the tenant",
            SmtpAuth::SecurityDefaults => "security defaults",
            SmtpAuth::PolicyNotMet => "policy not met",
        };
        Err(words::known(refusal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_has_its_exact_form() {
        let parse = |text: &str| Credential::parse(&STANDARD.encode(text));
        let credential = parse("user=anna@contoso.com\u{1}auth=Bearer abc.def\u{1}\u{1}").unwrap();
        assert_eq!(credential.user, "anna@contoso.com");
        assert_eq!(credential.token, "abc.def");
        assert!(parse("user=anna@contoso.com\u{1}auth=Bearer abc\u{1}").is_none());
        assert!(parse("user=anna@contoso.com\u{1}auth=bearer abc\u{1}\u{1}").is_none());
        assert!(parse("user=anna@contoso.com auth=Bearer abc\u{1}\u{1}").is_none());
        assert!(parse("user=anna@contoso.com\u{1}auth=Bearer \u{1}\u{1}").is_none());
        assert!(Credential::parse("not base64").is_none());
    }
}
