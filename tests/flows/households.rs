//! The mailboxes that are not as the README's block makes them: another app, other settings.
//!
//! Each has a block of its own in the template, made from the README's, and what belongs to it at Microsoft.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::contoso::{Contoso, client_id};
use tests::microsoft::{Account, App, Microsoft, Tenant};

use crate::town::address;

/// A mailbox of contoso.com with an app or settings of its own.
struct Household {
    mailbox: &'static str,
    app: Option<App>,
    more: Value,
}

impl Household {
    /// Its block in the template.
    fn block(&self, readme: &str, microsoft: &Microsoft) -> Result<String> {
        let mut more = Contoso::more_settings(microsoft);
        if let (Value::Object(more), Value::Object(own)) = (&mut more, &self.more) {
            more.extend(own.clone());
        }
        let app = self.app.as_ref().map(|app| app.client_id.clone());
        let mut block = readme.to_owned();
        for (from, to) in [
            ("OrdersMailbox", format!("{}Household", self.mailbox)),
            ("Id: orders", format!("Id: {}", self.mailbox)),
            ("orders@contoso.com", address(self.mailbox)),
            (
                "ClientId: !Ref ClientId",
                format!("ClientId: {}", app.unwrap_or_else(client_id)),
            ),
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

/// Sets up what belongs to the households at Microsoft, and gives their blocks for the template. `nowhere` is an address
/// that answers every request with nothing.
pub(crate) fn furnish(contoso: &Contoso, readme: &str, nowhere: &str) -> Result<String> {
    let directory = contoso.microsoft.directory();
    let tenant = Tenant::new("contoso.com");
    // Who is nobody's mailbox, and tries.
    directory.add_account(Account::new(&tenant, "carl@contoso.com"));
    let app = App::new(&tenant, "Pillarbox with more permissions");
    directory.add_app(app.clone());
    contoso.register_callback(&app.client_id)?;
    let households = [
        Household {
            mailbox: "approved",
            app: Some(app),
            more: json!({ "scopes": "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send offline_access openid profile" }),
        },
        Household {
            mailbox: "staying",
            app: None,
            more: json!({ "authorize_endpoint": nowhere }),
        },
    ];
    let mut blocks = String::new();
    for household in households {
        directory.add_account(Account::new(&tenant, &address(household.mailbox)));
        blocks.push_str(&household.block(readme, &contoso.microsoft)?);
    }
    Ok(blocks)
}
