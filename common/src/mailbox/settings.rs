//! The settings of a mailbox, parsed as a whole.
//!
//! They stand as JSON in the stack's parameter store. Every fault is named at once, by field; no
//! fault shows a value. An empty text counts as absent, because a template's parameter cannot be
//! left out. Fields that the template has no parameter for stand under `more`.

use jiff::SignedDuration;
use url::Url;

use super::fields::{Fields, InvalidSettings};
use super::{Cloud, MailboxId, Scopes, Tenant};
use crate::address::{Domain, EmailAddress};
use crate::class::Concerning;
use crate::event::EventAddresses;
use crate::notification::OnUnknown;
use crate::pace::Limit;

/// Everything that is known of a mailbox before anybody consents.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// The default From.
    pub address: EmailAddress,
    /// The user principal name that signs in: `user=` of XOAUTH2. For a shared mailbox or an alias
    /// it is the delegate's; by default it is `address`.
    pub username: EmailAddress,
    /// The object id of the account, when only that account may consent.
    pub object_id: Option<String>,
    /// The cloud that the presets come from.
    pub cloud: Cloud,
    /// The directory of the account.
    pub tenant: Tenant,
    /// The application (client) id of the app registration.
    pub client_id: String,
    /// The name of the client secret, `<stack>/clients/<name>`.
    pub client_secret: String,
    /// Where a person signs in and consents.
    pub authorize_endpoint: Url,
    /// Where codes and refresh tokens are redeemed.
    pub token_endpoint: Url,
    /// The issuer whose discovery document, at `/.well-known/openid-configuration` below it, names the
    /// issuer of the id tokens.
    pub issuer: Url,
    /// The claim of the id token that names the account: `preferred_username` at Microsoft.
    pub account_claim: String,
    /// The scopes to ask for.
    pub scopes: Scopes,
    /// Where mail is submitted.
    pub smtp: SmtpServer,
    /// The From addresses that are allowed besides `address`.
    pub senders: Vec<EmailAddress>,
    /// The only domains that mail may go to; empty for all.
    pub recipient_domains: Vec<Domain>,
    /// Messages in any sliding minute: 1 to 30 at Microsoft 365, up to 6000 at another server.
    pub messages_per_minute: u32,
    /// How long that minute is: a minute at Microsoft 365, a second to an hour at another server.
    pub limit_window: SignedDuration,
    /// Recipients of one message, 1 to 1000.
    pub recipients_per_message: usize,
    /// Octets of one message after encoding.
    pub message_bytes: usize,
    /// What becomes of a message whose fate is unknown.
    pub on_unknown: OnUnknown,
    /// How events show the addresses of recipients.
    pub event_addresses: EventAddresses,
    /// Whether a proven consent opens the queue at once.
    pub activate: Activate,
    /// The day on which the client secret expires.
    pub client_secret_expires_on: Option<jiff::civil::Date>,
}

/// The server that takes mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpServer {
    /// Its name, which its certificate must carry.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The name we give in EHLO; the socket's own address literal when absent.
    pub ehlo_name: Option<String>,
    /// Whether bodies may travel by BDAT.
    pub bdat: bool,
}

/// Whether a proven consent opens the queue at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activate {
    /// It does.
    #[default]
    Automatic,
    /// It waits for `operator resume`.
    Manual,
}

impl Settings {
    /// Parses the stored JSON.
    ///
    /// # Errors
    ///
    /// When any field is missing, unknown or faulty; the error names them all.
    pub fn parse(mailbox: MailboxId, json: &str) -> Result<Self, InvalidSettings> {
        let mut fields = Fields::read(json)?;
        let cloud = fields.choice("cloud", &Cloud::ALL);
        let preset = cloud.unwrap_or_default();
        let address = fields.required("address", email);
        let username = if fields.has("username") {
            fields.optional("username", email)
        } else {
            address.clone()
        };
        let tenant = tenant(&mut fields, preset);
        let client_id = fields.required("client_id", word);
        let object_id = fields.optional("object_id", word);
        let client_secret = fields.optional("client_secret", word);
        let account_claim = fields.optional("account_claim", word);
        let issued_elsewhere = fields.has("token_endpoint");
        let scopes = scopes(&mut fields, preset, issued_elsewhere);
        let resource = scopes.as_ref().map(Scopes::resource);
        let mut endpoint = |name, path| {
            let preset = tenant.as_ref().map(|tenant| (preset, tenant));
            endpoint(&mut fields, name, preset, path, resource)
        };
        let authorize_endpoint = endpoint("authorize_endpoint", "oauth2/v2.0/authorize");
        let token_endpoint = endpoint("token_endpoint", "oauth2/v2.0/token");
        let issuer = endpoint("issuer", "v2.0");
        let smtp_host = fields.optional("smtp_host", |text| {
            let host = host(text)?;
            of_one_cloud(resource, |cloud| cloud.smtp_host() == host).map(|()| host)
        });
        let smtp_port = fields.number("smtp_port", 1, u64::from(u16::MAX), 587);
        let ehlo_name = fields.optional("ehlo_name", host);
        let bdat = fields.choice("transfer", &[("data", false), ("bdat", true)]);
        let senders = fields.list("senders", email);
        let recipient_domains = fields.list("recipient_domains", domain);
        let fastest = fastest(smtp_host.as_ref());
        let messages_per_minute = fields.number("messages_per_minute", 1, fastest, 30);
        let (shortest, longest) = windows(smtp_host.as_ref());
        let limit_window = fields.number("limit_window_seconds", shortest, longest, 60_u32);
        let recipients_per_message = fields.number("recipients_per_message", 1, 1000, 500);
        let message_bytes = fields.number("message_bytes", 1024, 150 * MEBIBYTE, 35 * MEBIBYTE);
        let on_unknown = fields.choice(
            "on_unknown",
            &[("hold", OnUnknown::Hold), ("retry", OnUnknown::Retry)],
        );
        let event_addresses = fields.choice(
            "event_addresses",
            &[
                ("clear", EventAddresses::Clear),
                ("hashed", EventAddresses::Hashed),
            ],
        );
        let activate = fields.choice(
            "activate",
            &[
                ("automatic", Activate::Automatic),
                ("manual", Activate::Manual),
            ],
        );
        let client_secret_expires_on = fields.optional("client_secret_expires_on", date);
        fields.finish()?;

        let settings = (|| {
            Some(Self {
                mailbox,
                address: address?,
                username: username?,
                object_id,
                cloud: cloud?,
                tenant: tenant?,
                client_id: client_id?,
                client_secret: client_secret.unwrap_or_else(|| "default".to_owned()),
                authorize_endpoint: authorize_endpoint?,
                token_endpoint: token_endpoint?,
                issuer: issuer?,
                account_claim: account_claim.unwrap_or_else(|| "preferred_username".to_owned()),
                scopes: scopes?,
                smtp: SmtpServer {
                    host: smtp_host.unwrap_or_else(|| preset.smtp_host().to_owned()),
                    port: smtp_port?,
                    ehlo_name,
                    bdat: bdat?,
                },
                senders,
                recipient_domains,
                messages_per_minute: messages_per_minute?,
                limit_window: SignedDuration::from_secs(limit_window?.into()),
                recipients_per_message: recipients_per_message?,
                message_bytes: usize::try_from(message_bytes?).ok()?,
                on_unknown: on_unknown?,
                event_addresses: event_addresses?,
                activate: activate?,
                client_secret_expires_on,
            })
        })();
        // `finish` reported every fault, so nothing is missing here.
        settings.ok_or_else(|| InvalidSettings(Vec::new()))
    }
}

impl Settings {
    /// Whether the tokens are issued by the mailbox's Microsoft cloud, and not by somebody whom the settings name.
    #[must_use]
    pub fn is_issued_by_microsoft(&self) -> bool {
        self.token_endpoint.host_str() == Some(self.cloud.authority())
    }

    /// How fast the mailbox may send.
    #[must_use]
    pub fn limit(&self) -> Limit {
        Limit {
            messages: self.messages_per_minute,
            window: self.limit_window,
        }
    }

    /// What a remedy for the mailbox speaks of.
    #[must_use]
    pub fn concerning(&self) -> Concerning<'_> {
        Concerning {
            mailbox: self.mailbox.as_str(),
            address: self.address.as_str(),
            username: self.username.as_str(),
            from: self.address.as_str(),
        }
    }
}

const MEBIBYTE: u64 = 1024 * 1024;

fn email(text: &str) -> Result<EmailAddress, String> {
    EmailAddress::parse(text).map_err(|fault| fault.to_string())
}

fn domain(text: &str) -> Result<Domain, String> {
    Domain::parse(text).map_err(|fault| fault.to_string())
}

fn word(text: &str) -> Result<String, String> {
    let plain = text
        .chars()
        .all(|letter| letter.is_ascii_graphic() && !matches!(letter, '/' | '"' | '\\'));
    if plain {
        Ok(text.to_owned())
    } else {
        Err("holds white space or a letter that has no place in it".to_owned())
    }
}

fn host(text: &str) -> Result<String, String> {
    match url::Host::parse(text) {
        Ok(host) if text.is_ascii() => Ok(host.to_string()),
        Ok(_) | Err(_) => Err("is not the name of a host".to_owned()),
    }
}

fn date(text: &str) -> Result<jiff::civil::Date, String> {
    text.parse()
        .map_err(|_| "is not a date of the form 2027-01-31".to_owned())
}

fn https(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "is not a URL".to_owned())?;
    let plain = url.scheme() == "https"
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none();
    if plain {
        Ok(url)
    } else {
        Err("is not an https URL without user and fragment".to_owned())
    }
}

/// How many messages a minute may be asked for. Microsoft 365 allows 30; other servers, High Volume Email among them,
/// have limits of their own.
fn fastest(smtp_host: Option<&String>) -> u64 {
    match is_of_a_cloud(smtp_host) {
        true => 30,
        false => 6000,
    }
}

/// The shortest and the longest window of that limit, in seconds.
fn windows(smtp_host: Option<&String>) -> (u64, u64) {
    match is_of_a_cloud(smtp_host) {
        true => (60, 60),
        false => (1, 3600),
    }
}

/// Whether the server is one of Microsoft 365.
fn is_of_a_cloud(smtp_host: Option<&String>) -> bool {
    smtp_host.is_none_or(|host| {
        Cloud::ALL
            .iter()
            .any(|(_, cloud)| cloud.smtp_host() == host)
    })
}

/// The tenant, which may be left out where it can only be one.
fn tenant(fields: &mut Fields, cloud: Cloud) -> Option<Tenant> {
    if cloud == Cloud::Consumer && !fields.has("tenant") {
        return Some(Tenant::consumers());
    }
    fields.required("tenant", |text| {
        Tenant::parse(text, cloud).map_err(|fault| fault.to_string())
    })
}

/// An endpoint: the one that is given, or that of the tenant in its cloud.
fn endpoint(
    fields: &mut Fields,
    name: &str,
    preset: Option<(Cloud, &Tenant)>,
    path: &str,
    resource: Option<&str>,
) -> Option<Url> {
    if fields.has(name) {
        return fields.optional(name, |text| {
            let url = https(text)?;
            let is_of = |cloud: Cloud| url.host_str() == Some(cloud.authority());
            of_one_cloud(resource, is_of).map(|()| url)
        });
    }
    let (cloud, tenant) = preset?;
    let (authority, tenant) = (cloud.authority(), tenant.as_str());
    Url::parse(&format!("https://{authority}/{tenant}/{path}")).ok()
}

/// Refuses what is of another Microsoft cloud than the resource.
fn of_one_cloud(resource: Option<&str>, is_of: impl Fn(Cloud) -> bool) -> Result<(), String> {
    match resource {
        Some(resource) if Cloud::are_mixed(resource, is_of) => {
            Err("is of another Microsoft cloud than the resource of the scopes".to_owned())
        }
        Some(_) | None => Ok(()),
    }
}

/// The scopes, which at a Microsoft authority must belong to that authority's cloud.
fn scopes(fields: &mut Fields, cloud: Cloud, issued_elsewhere: bool) -> Option<Scopes> {
    if !fields.has("scopes") {
        return Some(Scopes::of(cloud));
    }
    fields.optional("scopes", |text| {
        let scopes = Scopes::parse(text).map_err(|fault| fault.to_string())?;
        let elsewhere = Cloud::ALL
            .into_iter()
            .find(|(_, other)| other.resource() == scopes.resource());
        match elsewhere {
            Some((name, other)) if !issued_elsewhere && other.resource() != cloud.resource() => {
                Err(format!(
                    "belong to the cloud `{name}`, whose authority is another"
                ))
            }
            Some(_) | None => Ok(scopes),
        }
    })
}

#[cfg(test)]
mod tests;
