//! Accounts: people's and shared mailboxes, with their rights.

use std::collections::BTreeSet;

use super::super::id::named_guid;
use super::Tenant;

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
