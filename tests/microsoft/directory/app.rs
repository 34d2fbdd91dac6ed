//! App registrations.

use std::fmt;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use url::Url;

use super::super::id::named_guid;
use super::Tenant;

/// One app registration.
#[derive(Clone)]
pub struct App {
    /// The application's GUID.
    pub client_id: String,
    /// The name shown on the consent page.
    pub display_name: String,
    /// The tenant that registered it; the only one whose accounts may use it.
    pub tenant: String,
    /// The client secrets, any of which is good until it expires.
    pub secrets: Vec<ClientSecret>,
    /// The redirect URIs of type Web.
    pub redirect_uris: Vec<String>,
    /// Who may consent to it.
    pub consent: ConsentPolicy,
    /// Whether an administrator switched the application off.
    pub enabled: bool,
}

/// Who may consent to an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentPolicy {
    /// Each user for themselves, except for reading mail by IMAP or POP: Microsoft's default.
    MicrosoftManaged,
    /// Each user for themselves, whatever it is.
    Users,
    /// Only an administrator, for everybody.
    AdministratorOnly,
}

/// One client secret of an app registration.
#[derive(Clone)]
pub struct ClientSecret {
    /// The GUID that the portal shows next to the secret, and that people paste by mistake.
    pub id: String,
    /// The value.
    pub value: String,
    /// When it stops being accepted.
    pub expires_at: Timestamp,
}

impl App {
    /// A registration with one secret and no redirect URI.
    ///
    /// The secret has the characters that careless encoding mangles.
    #[must_use]
    pub fn new(tenant: &Tenant, display_name: &str) -> Self {
        Self {
            client_id: named_guid("app", display_name),
            display_name: display_name.to_owned(),
            tenant: tenant.id.clone(),
            secrets: vec![ClientSecret {
                id: named_guid("secret", display_name),
                value: "7hX8Q~simulated+only&not%20a=real.secret_Zq".to_owned(),
                expires_at: Timestamp::MAX,
            }],
            redirect_uris: Vec::new(),
            consent: ConsentPolicy::MicrosoftManaged,
            enabled: true,
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("client_id", &self.client_id)
            .field("redirect_uris", &self.redirect_uris)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSecret")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Entra's rules for redirect URIs: <https://learn.microsoft.com/entra/identity-platform/reply-url>.
pub(super) fn check_redirect_uri(uri: &str) -> Result<()> {
    ensure!(
        uri.len() <= 256,
        "a redirect URI has at most 256 characters"
    );
    ensure!(
        !uri.contains(['*', '!', '$', '\'', '(', ')', ',', ';']),
        "a redirect URI has none of ! $ ' ( ) , ; and no wildcard"
    );
    let url = Url::parse(uri).context("a redirect URI is an absolute URL")?;
    ensure!(url.fragment().is_none(), "a redirect URI has no fragment");
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1"));
    ensure!(
        url.scheme() == "https" || (url.scheme() == "http" && local),
        "a redirect URI is https, or http on localhost"
    );
    Ok(())
}
