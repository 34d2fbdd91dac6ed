//! Who and what the simulated Microsoft knows: tenants, accounts with their rights, app registrations.
//!
//! A [`Directory`] is shared: what a test changes here, Entra and Exchange see with their next request, as after an
//! administrator's click.

mod account;
mod app;

use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};

pub use account::{Account, Role, SignIn, SmtpAuth};
pub use app::{App, ClientSecret, ConsentPolicy};

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
        app::check_redirect_uri(uri)?;
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
