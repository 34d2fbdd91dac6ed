//! The mailboxes that are not as the README's block makes them: other accounts, tenants, clouds and settings.
//!
//! Each has a block of its own in the template, made from the README's, and what belongs to it at Microsoft.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::contoso::{Contoso, client_id};
use tests::microsoft::{Account, App, Microsoft, Tenant};

/// A mailbox, the account that signs in for it, and its directory.
pub(crate) struct Household {
    pub(crate) mailbox: &'static str,
    pub(crate) address: &'static str,
    /// The user principal name that signs in.
    pub(crate) username: &'static str,
    tenant: Tenant,
    /// The tenant as the settings name it.
    named: String,
    app: Option<App>,
    cloud: &'static str,
    more: Value,
}

impl Household {
    /// A mailbox of contoso.com, whose account and app are there already.
    fn contoso(mailbox: &'static str, address: &'static str, username: &'static str) -> Self {
        let tenant = Tenant::new("contoso.com");
        Self {
            mailbox,
            address,
            username,
            named: "contoso.com".to_owned(),
            tenant,
            app: None,
            cloud: "public",
            more: json!({}),
        }
    }

    /// A mailbox of another cloud, with a directory and an app registration of its own.
    fn in_cloud(cloud: &'static str, address: &'static str, tenant: Tenant) -> Self {
        Self {
            mailbox: cloud,
            address,
            username: address,
            named: tenant.id.clone(),
            app: Some(App::new(&tenant, &format!("Pillarbox in {cloud}"))),
            tenant,
            cloud,
            more: json!({}),
        }
    }

    fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.more[field] = value.into();
        self
    }

    fn client_id(&self) -> String {
        self.app
            .as_ref()
            .map_or_else(client_id, |app| app.client_id.clone())
    }

    /// What an administrator of the directory sets up.
    fn furnish(&self, contoso: &Contoso) -> Result<()> {
        let directory = contoso.microsoft.directory();
        if directory.tenant(&self.tenant.id).is_none() {
            directory.add_tenant(self.tenant.clone());
        }
        if let Some(app) = &self.app {
            directory.add_app(app.clone());
            contoso.register_callback(&app.client_id)?;
        }
        if directory.account(self.username).is_none() {
            directory.add_account(Account::new(&self.tenant, self.username));
        }
        Ok(())
    }

    /// Its block in the template.
    fn block(&self, readme: &str, microsoft: &Microsoft) -> Result<String> {
        let mut more = Contoso::more_settings_of(microsoft, &self.named);
        if let (Value::Object(more), Value::Object(own)) = (&mut more, &self.more) {
            more.extend(own.clone());
        }
        let resource = format!("{}Household", self.mailbox.replace('-', ""));
        let mut block = readme.to_owned();
        for (from, to) in [
            ("OrdersMailbox", resource),
            ("Id: orders", format!("Id: {}", self.mailbox)),
            (
                "Address: orders@contoso.com",
                format!(
                    "Address: {}\n        Username: {}",
                    self.address, self.username
                ),
            ),
            ("Tenant: !Ref Tenant", format!("Tenant: {}", self.named)),
            (
                "ClientId: !Ref ClientId",
                format!("ClientId: {}", self.client_id()),
            ),
            ("Cloud: !Ref Cloud", format!("Cloud: {}", self.cloud)),
            (
                "MoreSettings: !Ref MoreSettings",
                format!("MoreSettings: '{more}'"),
            ),
        ] {
            ensure!(block.contains(from), "the README's block has no {from}");
            block = block.replace(from, &to);
        }
        Ok(block)
    }
}

/// The mailbox whose tokens come from a server that nobody here wrote.
pub(crate) const ELSEWHERE: &str = "elsewhere";

/// Servers that are not Microsoft's.
#[derive(Clone, Copy)]
pub(crate) struct Servers<'a> {
    /// One that answers every request with nothing.
    pub(crate) nowhere: &'a str,
    /// The issuer of an OAuth server, where this machine can run one.
    pub(crate) elsewhere: Option<&'a str>,
}

/// Every household.
fn all(servers: Servers<'_>) -> Vec<Household> {
    let imap = "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send offline_access openid profile";
    let contoso = Tenant::new("contoso.com");
    let mut by_guid = Household::contoso("by-guid", "guid@contoso.com", "guid@contoso.com");
    by_guid.named = contoso.id.clone();
    let mut approved =
        Household::contoso("approved", "approved@contoso.com", "approved@contoso.com")
            .with("scopes", imap);
    approved.app = Some(App::new(&contoso, "Pillarbox with more permissions"));
    let mut personal = Household::in_cloud("consumer", "erika@outlook.com", Tenant::consumers());
    personal.named = "consumers".to_owned();
    let mut all = vec![
        Household::contoso("news", "news@contoso.com", "svc-news@contoso.com"),
        Household::contoso("shared", "invoices@contoso.com", "anna@contoso.com"),
        Household::contoso("alias", "hello@contoso.com", "dora@contoso.com"),
        by_guid,
        approved,
        Household::contoso("staying", "staying@contoso.com", "staying@contoso.com")
            .with("authorize_endpoint", servers.nowhere),
        Household::in_cloud(
            "gcc-high",
            "mail@contoso-gcc.us",
            Tenant::new("contoso-gcc.us"),
        ),
        Household::in_cloud("dod", "mail@contoso-dod.us", Tenant::new("contoso-dod.us")),
        Household::in_cloud("china", "mail@contoso.cn", Tenant::new("contoso.cn")),
        personal,
    ];
    all.extend(servers.elsewhere.map(|issuer| {
        // OpenID Connect Core 11 asks for the prompt `consent` where a refresh token is wanted.
        let authorize_endpoint = format!("{issuer}/auth?prompt=login%20consent");
        Household::contoso(ELSEWHERE, "else@contoso.com", "else@contoso.com")
            .with("authorize_endpoint", authorize_endpoint)
            .with("token_endpoint", format!("{issuer}/token"))
            .with("issuer", issuer)
    }));
    all
}

/// A household by its mailbox.
pub(crate) fn of(mailbox: &str) -> Household {
    let servers = Servers {
        nowhere: "https://127.0.0.1/",
        elsewhere: Some("https://127.0.0.1"),
    };
    let mut all = all(servers).into_iter();
    all.find(|one| one.mailbox == mailbox).unwrap()
}

/// Sets up what belongs to the households at Microsoft, and gives their blocks for the template.
pub(crate) fn furnish(contoso: &Contoso, readme: &str, servers: Servers<'_>) -> Result<String> {
    let directory = contoso.microsoft.directory();
    let tenant = Tenant::new("contoso.com");
    // Whose mailbox has another address than the name that signs in.
    let mut news = Account::new(&tenant, "svc-news@contoso.com");
    news.address = "news@contoso.com".to_owned();
    directory.add_account(news);
    let mut dora = Account::new(&tenant, "dora@contoso.com");
    dora.aliases.insert("hello@contoso.com".to_owned());
    directory.add_account(dora);
    // Who is nobody's mailbox, and tries.
    directory.add_account(Account::new(&tenant, "carl@contoso.com"));
    let mut blocks = String::new();
    for household in all(servers) {
        household.furnish(contoso)?;
        blocks.push_str(&household.block(readme, &contoso.microsoft)?);
    }
    Ok(blocks)
}
