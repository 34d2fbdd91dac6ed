//! Where a person is sent to sign in and consent (RFC 6749 §4.1.1).

use url::Url;

use crate::consent::{Nonce, Prompt, State, Verifier};
use crate::mailbox::{Cloud, Settings};

/// What one attempt puts into its address at the provider.
#[derive(Debug, Clone, Copy)]
pub struct Authorization<'a> {
    /// Comes back with the answer.
    pub state: &'a State,
    /// Comes back in the id token.
    pub nonce: &'a Nonce,
    /// Its hash is sent; the code is redeemed with the verifier itself.
    pub verifier: &'a Verifier,
    /// How the account is chosen.
    pub prompt: Prompt,
}

impl Authorization<'_> {
    /// The address at the provider, which answers by a form post to `redirect_uri`.
    #[must_use]
    pub fn url(&self, settings: &Settings, redirect_uri: &Url) -> Url {
        let scopes = settings.scopes.to_string();
        let challenge = self.verifier.challenge();
        let mut url = settings.authorize_endpoint.clone();
        // An endpoint whose own query names a prompt decides how people sign in there, and no parameter is given twice.
        let is_prompting = url.query_pairs().any(|(name, _)| name == "prompt");
        let account = match self.prompt {
            Prompt::Hint => Some(("login_hint", settings.username.as_str())),
            Prompt::SelectAccount if is_prompting => None,
            Prompt::SelectAccount => Some(("prompt", "select_account")),
        };
        url.query_pairs_mut()
            .append_pair("client_id", &settings.client_id)
            .append_pair("response_type", "code")
            .append_pair("redirect_uri", redirect_uri.as_str())
            .append_pair("response_mode", "form_post")
            .append_pair("scope", &scopes)
            .append_pair("state", self.state.expose())
            .append_pair("nonce", self.nonce.expose())
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(account);
        url
    }
}

/// Where an administrator consents for a whole directory, if the authorize endpoint is one of Microsoft's. Personal
/// accounts have no administrator.
///
/// <https://learn.microsoft.com/entra/identity-platform/v2-admin-consent>
#[must_use]
pub fn admin_consent_url(settings: &Settings, redirect_uri: &Url) -> Option<Url> {
    if settings.cloud == Cloud::Consumer {
        return None;
    }
    let mut url = settings.authorize_endpoint.clone();
    let path = url.path().strip_suffix("/oauth2/v2.0/authorize")?;
    let path = format!("{path}/v2.0/adminconsent");
    url.set_path(&path);
    url.set_query(None);
    url.query_pairs_mut()
        .append_pair("client_id", &settings.client_id)
        .append_pair("redirect_uri", redirect_uri.as_str())
        .append_pair("scope", &settings.scopes.to_string());
    Some(url)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::mailbox::MailboxId;

    fn settings(more: &str) -> Settings {
        let json = format!(
            r#"{{"address":"billing@contoso.com","username":"svc+billing@contoso.com","tenant":"contoso.com","client_id":"app"{more}}}"#
        );
        Settings::parse(MailboxId::parse("billing").unwrap(), &json).unwrap()
    }

    fn redirect_uri() -> Url {
        Url::parse("https://mail.contoso.com/oauth/callback").unwrap()
    }

    fn authorized(prompt: Prompt, more: &str) -> (Url, HashMap<String, String>, Verifier) {
        let (state, nonce, verifier) = (State::random(), Nonce::random(), Verifier::random());
        let authorization = Authorization {
            state: &state,
            nonce: &nonce,
            verifier: &verifier,
            prompt,
        };
        let url = authorization.url(&settings(more), &redirect_uri());
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let query: HashMap<_, _> = pairs.iter().cloned().collect();
        assert_eq!(query.len(), pairs.len(), "no parameter is given twice");
        assert_eq!(query["state"], state.expose());
        assert_eq!(query["nonce"], nonce.expose());
        (url, query, verifier)
    }

    #[test]
    fn the_first_attempt_suggests_the_account_and_hides_the_verifier() {
        let (url, query, verifier) = authorized(Prompt::Hint, "");
        assert!(
            url.as_str().starts_with(
                "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/authorize?"
            )
        );
        assert_eq!(query["login_hint"], "svc+billing@contoso.com");
        assert!(!query.contains_key("prompt"));
        assert_eq!(query["code_challenge"], verifier.challenge());
        assert_eq!(query["code_challenge_method"], "S256");
        assert!(!url.as_str().contains(verifier.expose()));
        assert_eq!(
            query["scope"],
            "https://outlook.office.com/SMTP.Send offline_access openid profile"
        );
        assert_eq!(query["redirect_uri"], redirect_uri().as_str());
        assert_eq!(
            (&*query["response_type"], &*query["response_mode"]),
            ("code", "form_post")
        );
    }

    #[test]
    fn a_choice_of_account_and_a_hint_are_never_sent_together() {
        let (_, query, _) = authorized(Prompt::SelectAccount, "");
        assert_eq!(query["prompt"], "select_account");
        assert!(!query.contains_key("login_hint"));
    }

    #[test]
    fn the_query_of_an_endpoint_of_its_own_is_kept() {
        let (_, query, _) = authorized(
            Prompt::Hint,
            r#","authorize_endpoint":"https://id.contoso.com/authorize?policy=mail""#,
        );
        assert_eq!(query["policy"], "mail");
        let prompting =
            r#","authorize_endpoint":"https://id.contoso.com/authorize?prompt=login%20consent""#;
        for prompt in [Prompt::Hint, Prompt::SelectAccount] {
            let (_, query, _) = authorized(prompt, prompting);
            assert_eq!(query["prompt"], "login consent");
            assert_eq!(query.contains_key("login_hint"), prompt == Prompt::Hint);
        }
    }

    #[test]
    fn an_administrator_consents_at_the_same_authority_to_the_same_scopes() {
        let url = admin_consent_url(&settings(""), &redirect_uri()).unwrap();
        assert!(url.as_str().starts_with(
            "https://login.microsoftonline.com/contoso.com/v2.0/adminconsent?client_id=app&"
        ));
        let elsewhere = settings(r#","authorize_endpoint":"https://id.contoso.com/authorize""#);
        assert!(admin_consent_url(&elsewhere, &redirect_uri()).is_none());
        let personal = Settings::parse(
            MailboxId::parse("billing").unwrap(),
            r#"{"address":"billing@outlook.com","cloud":"consumer","client_id":"app"}"#,
        )
        .unwrap();
        assert!(admin_consent_url(&personal, &redirect_uri()).is_none());
    }
}
