//! The settings of a mailbox, parsed as a whole.
//!
//! They stand as JSON in the stack's parameter store. Every fault is named at once, by field; no
//! fault shows a value. An empty text counts as absent, because a template's parameter cannot be
//! left out. Fields that the template has no parameter for stand under `more`.

use std::fmt;

use url::Url;

use super::fields::Fields;
use super::{Cloud, MailboxId, Scopes};
use crate::address::{Domain, EmailAddress};
use crate::class::Concerning;
use crate::notification::OnUnknown;

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
    /// Recipients of one message, 1 to 1000.
    pub recipients_per_message: usize,
    /// Octets of one message after encoding.
    pub message_bytes: usize,
    /// What becomes of a message whose fate is unknown.
    pub on_unknown: OnUnknown,
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

/// A directory at Microsoft Entra: its GUID, or one of its verified domains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant(String);

impl Tenant {
    /// The tenant as it stands in the path of an endpoint.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
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

/// One thing that is wrong with a field of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field, with `more.` in front where it stands there.
    pub field: String,
    /// What is wrong, and what is accepted.
    pub problem: String,
}

/// Everything that is wrong with the settings of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSettings(pub Vec<Fault>);

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings are faulty: ")?;
        for (position, Fault { field, problem }) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(f, "{separator}`{field}` {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidSettings {}

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
        let authorize_endpoint = endpoint(
            &mut fields,
            "authorize_endpoint",
            preset,
            tenant.as_ref(),
            "oauth2/v2.0/authorize",
        );
        let token_endpoint = endpoint(
            &mut fields,
            "token_endpoint",
            preset,
            tenant.as_ref(),
            "oauth2/v2.0/token",
        );
        let issuer = endpoint(&mut fields, "issuer", preset, tenant.as_ref(), "v2.0");
        let scopes = scopes(&mut fields, preset, issued_elsewhere);
        if let (Some(endpoint), Some(scopes)) = (&token_endpoint, &scopes)
            && let Some(problem) = mixes_clouds(endpoint, scopes)
        {
            fields.fault("token_endpoint", problem);
        }
        let smtp_host = fields.optional("smtp_host", host);
        let smtp_port = fields.number("smtp_port", 1, u64::from(u16::MAX), 587);
        let ehlo_name = fields.optional("ehlo_name", host);
        let bdat = fields.choice("transfer", &[("data", false), ("bdat", true)]);
        let senders = fields.list("senders", email);
        let recipient_domains = fields.list("recipient_domains", domain);
        let fastest = fastest(smtp_host.as_ref());
        let messages_per_minute = fields.number("messages_per_minute", 1, fastest, 30);
        let recipients_per_message = fields.number("recipients_per_message", 1, 1000, 500);
        let message_bytes = fields.number("message_bytes", 1024, 150 * MEBIBYTE, 35 * MEBIBYTE);
        let on_unknown = fields.choice(
            "on_unknown",
            &[("hold", OnUnknown::Hold), ("retry", OnUnknown::Retry)],
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
                recipients_per_message: recipients_per_message?,
                message_bytes: usize::try_from(message_bytes?).ok()?,
                on_unknown: on_unknown?,
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
    let is_of_a_cloud = |host: &String| {
        Cloud::ALL
            .iter()
            .any(|(_, cloud)| cloud.smtp_host() == host)
    };
    match smtp_host.is_none_or(is_of_a_cloud) {
        true => 30,
        false => 6000,
    }
}

/// The directory that stands for all personal accounts.
const PERSONAL_ACCOUNTS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// The tenant, which must name one directory.
fn tenant(fields: &mut Fields, cloud: Cloud) -> Option<Tenant> {
    if cloud == Cloud::Consumer && !fields.has("tenant") {
        return Some(Tenant("consumers".to_owned()));
    }
    let tenant = fields.required("tenant", |text| match text.to_ascii_lowercase().as_str() {
        "common" | "organizations" => {
            Err("must name one directory: `common` and `organizations` let any account sign in; give the directory's GUID or domain".to_owned())
        }
        "consumers" if cloud != Cloud::Consumer => Err("is `consumers`, which belongs to the cloud `consumer`".to_owned()),
        "consumers" | PERSONAL_ACCOUNTS => Ok(text.to_owned()),
        _ if cloud == Cloud::Consumer => {
            Err("names a directory, and personal accounts are in none: leave it out".to_owned())
        }
        _ => word(text),
    });
    tenant.map(Tenant)
}

/// An endpoint: the one that is given, or the cloud's.
fn endpoint(
    fields: &mut Fields,
    name: &str,
    cloud: Cloud,
    tenant: Option<&Tenant>,
    path: &str,
) -> Option<Url> {
    if fields.has(name) {
        return fields.optional(name, https);
    }
    Url::parse(&format!(
        "https://{}/{}/{path}",
        cloud.authority(),
        tenant?.as_str()
    ))
    .ok()
}

/// Whether the tokens of a Microsoft cloud are asked for the mail of another one, whose servers refuse them.
fn mixes_clouds(token_endpoint: &Url, scopes: &Scopes) -> Option<&'static str> {
    let is_authority = |cloud: &Cloud| token_endpoint.host_str() == Some(cloud.authority());
    let is_resource = |cloud: &Cloud| scopes.resource() == cloud.resource();
    let clouds = Cloud::ALL.map(|(_, cloud)| cloud);
    let mixes = clouds.iter().any(is_authority)
        && clouds.iter().any(is_resource)
        && !clouds
            .iter()
            .any(|cloud| is_authority(cloud) && is_resource(cloud));
    mixes.then_some("is of another Microsoft cloud than the resource of the scopes")
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
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Settings, InvalidSettings> {
        Settings::parse(MailboxId::parse("billing").expect("a mailbox id"), json)
    }

    fn faults(json: &str) -> Vec<String> {
        let InvalidSettings(faults) = parse(json).expect_err("the settings are faulty");
        faults
            .into_iter()
            .map(|fault| format!("{} {}", fault.field, fault.problem))
            .collect()
    }

    #[test]
    fn three_fields_are_enough() {
        let settings = parse(r#"{"address":"billing@contoso.com","tenant":"contoso.com","client_id":"app","username":"","more":{}}"#)
            .expect("the settings are complete");
        assert_eq!(settings.username.as_str(), "billing@contoso.com");
        assert_eq!(
            settings.token_endpoint.as_str(),
            "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token"
        );
        assert_eq!(
            settings.issuer.as_str(),
            "https://login.microsoftonline.com/contoso.com/v2.0"
        );
        assert_eq!(settings.smtp.host, "smtp.office365.com");
        assert_eq!(
            (
                settings.smtp.port,
                settings.messages_per_minute,
                settings.message_bytes
            ),
            (587, 30, 36_700_160)
        );
        assert_eq!(
            (settings.on_unknown, settings.activate),
            (OnUnknown::Hold, Activate::Automatic)
        );
    }

    #[test]
    fn a_cloud_brings_its_authority_its_resource_and_its_host() {
        for (name, cloud) in Cloud::ALL {
            let json = format!(
                r#"{{"address":"a@contoso.com","tenant":"","client_id":"app","cloud":"{name}"}}"#
            );
            let json = if cloud == Cloud::Consumer {
                json
            } else {
                json.replace(r#""tenant":"""#, r#""tenant":"contoso.com""#)
            };
            let settings = parse(&json).expect("the settings are complete");
            assert_eq!(
                settings.authorize_endpoint.host_str(),
                Some(cloud.authority())
            );
            assert_eq!(settings.smtp.host, cloud.smtp_host());
            assert_eq!(settings.scopes.resource(), cloud.resource());
        }
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let faults = faults(
            r#"{"address":"nobody","tenant":"common","cloud":"mars","smpt_host":"x","more":{"smtp_port":"0","senders":["ok@contoso.com","no"],
               "token_endpoint":"http://login.contoso.com/","transfer":"fax","scopes":"SMTP.Send"}}"#,
        );
        let fields: Vec<_> = faults
            .iter()
            .filter_map(|fault| fault.split(' ').next())
            .collect();
        assert_eq!(
            fields,
            [
                "cloud",
                "address",
                "tenant",
                "client_id",
                "more.token_endpoint",
                "more.scopes",
                "more.smtp_port",
                "more.transfer",
                "more.senders/1",
                "smpt_host"
            ],
            "{faults:?}"
        );
    }

    #[test]
    fn only_another_server_than_microsofts_is_sent_to_faster_than_microsoft_allows() {
        let json = |more: &str| {
            format!(
                r#"{{"address":"a@contoso.com","tenant":"contoso.com","client_id":"app","more":{{"messages_per_minute":600{more}}}}}"#
            )
        };
        let to = |host: &str| json(&format!(r#","smtp_host":"{host}""#));
        for too_fast in [json(""), to("smtp.office365.com"), to("SMTP.Office365.us")] {
            assert_eq!(
                faults(&too_fast),
                ["more.messages_per_minute is not a whole number from 1 to 30"]
            );
        }
        let settings = parse(&to("smtp.hve.mx.microsoft")).unwrap();
        assert_eq!(settings.messages_per_minute, 600);
    }

    #[test]
    fn a_field_is_not_set_twice() {
        let faults = faults(
            r#"{"address":"a@contoso.com","tenant":"contoso.com","client_id":"app","more":{"address":"b@contoso.com"}}"#,
        );
        assert_eq!(faults, ["more.address is set already, outside of `more`"]);
    }

    #[test]
    fn personal_accounts_are_in_no_directory() {
        let json = |tenant: &str| {
            format!(
                r#"{{"address":"a@outlook.com","cloud":"consumer","tenant":"{tenant}","client_id":"app"}}"#
            )
        };
        assert_eq!(
            faults(&json("contoso.com")),
            ["tenant names a directory, and personal accounts are in none: leave it out"]
        );
        for tenant in ["", "consumers", PERSONAL_ACCOUNTS] {
            assert!(parse(&json(tenant)).is_ok(), "{tenant}");
        }
    }

    #[test]
    fn the_authority_of_one_cloud_is_not_mixed_with_the_resource_of_another() {
        let json = |cloud: &str, token_endpoint: &str| {
            format!(
                r#"{{"address":"a@contoso.com","cloud":"{cloud}","tenant":"contoso.com","client_id":"app","more":{{"token_endpoint":"https://{token_endpoint}/contoso.com/oauth2/v2.0/token"}}}}"#
            )
        };
        let us = "login.microsoftonline.us";
        assert_eq!(
            faults(&json("public", us)),
            ["token_endpoint is of another Microsoft cloud than the resource of the scopes"]
        );
        assert!(parse(&json("dod", us)).is_ok());
        assert!(parse(&json("public", "login.contoso.com")).is_ok());
    }

    #[test]
    fn scopes_of_another_cloud_are_refused_unless_the_authority_is_given_too() {
        let json = |more: &str| {
            format!(
                r#"{{"address":"a@contoso.com","tenant":"contoso.com","client_id":"app","more":{{"scopes":"https://outlook.office365.us/SMTP.Send offline_access openid"{more}}}}}"#
            )
        };
        assert_eq!(
            faults(&json("")),
            ["more.scopes belong to the cloud `gcc-high`, whose authority is another"]
        );
        assert!(
            parse(&json(
                r#","token_endpoint":"https://login.contoso.com/token""#
            ))
            .is_ok()
        );
    }
}
