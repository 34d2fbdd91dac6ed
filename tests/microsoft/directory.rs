//! Who and what the simulated Microsoft knows: tenants, accounts with their rights, app registrations.
//!
//! A [`Directory`] is shared: what a test changes here, Entra and Exchange see with their next request, as after an
//! administrator's click.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use url::Url;

use super::id::named_guid;
use super::lock;

/// The tenant of personal accounts, the same for everybody.
pub const CONSUMER_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// The tenants, accounts and app registrations of the simulated Microsoft. Clones are the same directory.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    entries: Arc<Mutex<Entries>>,
}

#[derive(Debug, Default)]
struct Entries {
    tenants: Vec<Tenant>,
    accounts: Vec<Account>,
    apps: Vec<App>,
}

/// One organisation.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// The directory's GUID.
    pub id: String,
    /// The verified domains; the first is the one shown to people.
    pub domains: Vec<String>,
}

/// One account with its mailbox.
#[derive(Clone, Debug)]
pub struct Account {
    /// The user principal name: what a person signs in with.
    pub upn: String,
    /// The GUID of the account within its tenant.
    pub object_id: String,
    /// The name shown to people.
    pub display_name: String,
    /// The GUID of the tenant.
    pub tenant: String,
    /// The mailbox's main address; the user principal name unless said otherwise.
    pub address: String,
    /// Further addresses of the same mailbox.
    pub aliases: BTreeSet<String>,
    /// Addresses of other mailboxes that this account holds Send As for.
    pub send_as: BTreeSet<String>,
    /// Addresses of other mailboxes that this account may open; it does not include the right to send as them.
    pub full_access: BTreeSet<String>,
    /// Whether a person can sign in with it.
    pub sign_in: SignIn,
    /// Whether the mailbox takes authenticated SMTP.
    pub smtp_auth: SmtpAuth,
    /// Whether the account may consent for the whole tenant.
    pub role: Role,
}

/// Whether a person can sign in with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// A person can.
    Allowed,
    /// An administrator disabled the account.
    Disabled,
    /// A shared mailbox: nobody signs in as it.
    Shared,
}

/// What an account may do for its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nothing beyond its own affairs.
    User,
    /// Everything.
    Administrator,
}

/// Whether Exchange takes authenticated SMTP for a mailbox, and by whose decision not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpAuth {
    /// It does.
    Enabled,
    /// The mailbox's own switch is off.
    DisabledForMailbox,
    /// The organisation's switch is off.
    DisabledForTenant,
    /// The tenant's security defaults refuse it.
    SecurityDefaults,
    /// A Conditional Access policy refuses it.
    PolicyNotMet,
}

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
    /// Each user for themselves.
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

impl Directory {
    /// An empty directory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A small company: tenant `contoso.com`, the accounts `billing@`, `anna@`, `bob@` and the administrator `admin@`,
    /// a shared mailbox `invoices@` that Anna may send as, and one app registration without a redirect URI yet.
    #[must_use]
    pub fn contoso() -> Self {
        let directory = Self::new();
        let tenant = Tenant::new("contoso.com");
        let account = |name: &str, display_name: &str| {
            let mut account = Account::new(&tenant, &format!("{name}@contoso.com"));
            account.display_name = display_name.to_owned();
            account
        };
        let mut anna = account("anna", "Anna Berg");
        anna.send_as.insert("invoices@contoso.com".to_owned());
        anna.full_access.insert("invoices@contoso.com".to_owned());
        let mut administrator = account("admin", "Contoso Administrator");
        administrator.role = Role::Administrator;
        let mut invoices = account("invoices", "Contoso Invoices");
        invoices.sign_in = SignIn::Shared;

        directory.add_account(account("billing", "Contoso Billing"));
        directory.add_account(anna);
        directory.add_account(account("bob", "Bob Lund"));
        directory.add_account(administrator);
        directory.add_account(invoices);
        directory.add_app(App::new(&tenant, "Pillarbox"));
        directory.add_tenant(tenant);
        directory
    }

    /// Adds a tenant.
    pub fn add_tenant(&self, tenant: Tenant) {
        lock(&self.entries).tenants.push(tenant);
    }

    /// Adds an account.
    pub fn add_account(&self, account: Account) {
        lock(&self.entries).accounts.push(account);
    }

    /// Adds an app registration.
    pub fn add_app(&self, app: App) {
        lock(&self.entries).apps.push(app);
    }

    /// Finds a tenant as the path of an Entra URL names it: by GUID, by verified domain, or as `consumers`.
    #[must_use]
    pub fn tenant(&self, name: &str) -> Option<Tenant> {
        let name = if name.eq_ignore_ascii_case("consumers") {
            CONSUMER_TENANT
        } else {
            name
        };
        lock(&self.entries)
            .tenants
            .iter()
            .find(|tenant| {
                tenant.id.eq_ignore_ascii_case(name)
                    || tenant
                        .domains
                        .iter()
                        .any(|domain| domain.eq_ignore_ascii_case(name))
            })
            .cloned()
    }

    /// Finds an account by its user principal name.
    #[must_use]
    pub fn account(&self, upn: &str) -> Option<Account> {
        lock(&self.entries)
            .accounts
            .iter()
            .find(|account| account.upn.eq_ignore_ascii_case(upn))
            .cloned()
    }

    /// Lists the accounts that a person can choose from.
    #[must_use]
    pub fn people(&self) -> Vec<Account> {
        lock(&self.entries)
            .accounts
            .iter()
            .filter(|account| account.sign_in != SignIn::Shared)
            .cloned()
            .collect()
    }

    /// Finds an app registration.
    #[must_use]
    pub fn app(&self, client_id: &str) -> Option<App> {
        lock(&self.entries)
            .apps
            .iter()
            .find(|app| app.client_id.eq_ignore_ascii_case(client_id))
            .cloned()
    }

    /// Changes an account, as an administrator would.
    ///
    /// # Errors
    ///
    /// When there is no such account.
    pub fn change_account(&self, upn: &str, change: impl FnOnce(&mut Account)) -> Result<()> {
        let mut entries = lock(&self.entries);
        let account = entries
            .accounts
            .iter_mut()
            .find(|account| account.upn.eq_ignore_ascii_case(upn));
        change(account.with_context(|| format!("no account {upn}"))?);
        Ok(())
    }

    /// Changes an app registration, as an administrator would.
    ///
    /// # Errors
    ///
    /// When there is no such registration.
    pub fn change_app(&self, client_id: &str, change: impl FnOnce(&mut App)) -> Result<()> {
        let mut entries = lock(&self.entries);
        let app = entries
            .apps
            .iter_mut()
            .find(|app| app.client_id.eq_ignore_ascii_case(client_id));
        change(app.with_context(|| format!("no app registration {client_id}"))?);
        Ok(())
    }

    /// Adds a redirect URI of type Web to an app registration, under Entra's rules for them.
    ///
    /// # Errors
    ///
    /// When Entra would refuse the URI, or there is no such registration.
    pub fn add_redirect_uri(&self, client_id: &str, uri: &str) -> Result<()> {
        check_redirect_uri(uri)?;
        self.change_app(client_id, |app| {
            if !app.redirect_uris.iter().any(|known| known == uri) {
                app.redirect_uris.push(uri.to_owned());
            }
        })
    }
}

impl Tenant {
    /// A tenant with one verified domain and a GUID made from it.
    #[must_use]
    pub fn new(domain: &str) -> Self {
        Self {
            id: named_guid("tenant", domain),
            domains: vec![domain.to_owned()],
        }
    }

    /// The tenant of personal accounts.
    #[must_use]
    pub fn consumers() -> Self {
        Self {
            id: CONSUMER_TENANT.to_owned(),
            domains: vec!["outlook.com".to_owned()],
        }
    }
}

impl Account {
    /// An ordinary account whose mailbox takes authenticated SMTP.
    #[must_use]
    pub fn new(tenant: &Tenant, upn: &str) -> Self {
        Self {
            upn: upn.to_owned(),
            object_id: named_guid("account", upn),
            display_name: upn.to_owned(),
            tenant: tenant.id.clone(),
            address: upn.to_owned(),
            aliases: BTreeSet::new(),
            send_as: BTreeSet::new(),
            full_access: BTreeSet::new(),
            sign_in: SignIn::Allowed,
            smtp_auth: SmtpAuth::Enabled,
            role: Role::User,
        }
    }

    /// Whether Exchange lets this account send with the address as its sender: its own mailbox's addresses, and those
    /// it holds Send As for. Full access is not enough.
    #[must_use]
    pub fn may_send_as(&self, address: &str) -> bool {
        self.address.eq_ignore_ascii_case(address)
            || self
                .aliases
                .iter()
                .any(|own| own.eq_ignore_ascii_case(address))
            || self
                .send_as
                .iter()
                .any(|other| other.eq_ignore_ascii_case(address))
    }
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
            consent: ConsentPolicy::Users,
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
fn check_redirect_uri(uri: &str) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_uri_is_https_unless_it_is_local() {
        let directory = Directory::contoso();
        let app = named_guid("app", "Pillarbox");
        let add = |uri: &str| directory.add_redirect_uri(&app, uri);
        add("https://abc.execute-api.eu-north-1.amazonaws.com/oauth/callback").unwrap();
        add("http://localhost:4566/oauth/callback").unwrap();
        add("http://example.com/oauth/callback").unwrap_err();
        add("https://example.com/*").unwrap_err();
        add("https://example.com/callback#here").unwrap_err();
        add("/oauth/callback").unwrap_err();
        add(&format!("https://example.com/{}", "a".repeat(256))).unwrap_err();
        assert_eq!(directory.app(&app).unwrap().redirect_uris.len(), 2);
    }

    #[test]
    fn a_tenant_is_found_by_guid_and_by_domain() {
        let directory = Directory::contoso();
        let tenant = directory.tenant("Contoso.com").unwrap();
        assert_eq!(directory.tenant(&tenant.id).unwrap().id, tenant.id);
        assert!(directory.tenant("fabrikam.com").is_none());
        assert!(directory.tenant("common").is_none());
        assert!(directory.tenant("consumers").is_none());
        directory.add_tenant(Tenant::consumers());
        assert_eq!(directory.tenant("consumers").unwrap().id, CONSUMER_TENANT);
    }

    #[test]
    fn full_access_is_not_send_as() {
        let directory = Directory::contoso();
        directory
            .change_account("bob@contoso.com", |bob| {
                bob.full_access.insert("invoices@contoso.com".to_owned());
                bob.aliases.insert("robert@contoso.com".to_owned());
            })
            .unwrap();
        let bob = directory.account("BOB@contoso.com").unwrap();
        assert!(bob.may_send_as("bob@contoso.com"));
        assert!(bob.may_send_as("Robert@contoso.com"));
        assert!(!bob.may_send_as("invoices@contoso.com"));
        assert!(
            directory
                .account("anna@contoso.com")
                .unwrap()
                .may_send_as("invoices@contoso.com")
        );
    }
}
