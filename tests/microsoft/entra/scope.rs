//! Scopes, as Entra reads them.
//!
//! A bare permission belongs to Microsoft Graph, one access token belongs to one resource, and `.default` stands alone.

use std::collections::BTreeSet;

use super::aadsts::Refusal;

const OPENID_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];
const GRAPH: &str = "https://graph.microsoft.com";
const EXCHANGE: [&str; 4] = [
    "https://outlook.office.com",
    "https://outlook.office365.com",
    "https://outlook.office365.us",
    "https://partner.outlook.cn",
];
const MAIL_PERMISSIONS: [&str; 4] = [
    "SMTP.Send",
    "IMAP.AccessAsUser.All",
    "POP.AccessAsUser.All",
    ".default",
];
const GRAPH_PERMISSIONS: [&str; 3] = ["User.Read", "Mail.Send", "Mail.ReadWrite"];

/// A parsed `scope` parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scopes {
    openid: BTreeSet<&'static str>,
    permissions: BTreeSet<Permission>,
}

/// One permission on one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Permission {
    pub(super) resource: &'static str,
    pub(super) name: &'static str,
}

impl Scopes {
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let mut scopes = Self::default();
        for word in text.split_ascii_whitespace() {
            if let Some(known) = find(&OPENID_SCOPES, word) {
                scopes.openid.insert(known);
            } else {
                scopes.permissions.insert(Permission::parse(word)?);
            }
        }
        if scopes == Self::default() {
            return Err(Refusal::numbered(900_144)
                .saying("The request body must contain the following parameter: 'scope'."));
        }
        let mixed = scopes.permissions.iter().any(|one| one.name == ".default")
            && scopes.permissions.len() > 1;
        if mixed {
            return Err(Refusal::numbered(70011).saying(format!(
                "The provided value for the input parameter 'scope' is not valid. The scope {text} is not valid. \
                 .default scope can't be combined with resource-specific scopes."
            )));
        }
        Ok(scopes)
    }

    pub(super) fn has(&self, openid_scope: &str) -> bool {
        self.openid.contains(openid_scope)
    }

    pub(super) fn permissions(&self) -> impl Iterator<Item = Permission> {
        self.permissions.iter().copied()
    }

    /// Whether Microsoft's default policy leaves the consent to an administrator.
    pub(super) fn needs_administrator(&self) -> bool {
        self.permissions
            .iter()
            .any(|one| one.name.ends_with(".AccessAsUser.All"))
    }

    /// The one resource that a token for these scopes is for.
    pub(super) fn resource(&self) -> Result<&'static str, Refusal> {
        let resources: BTreeSet<_> = self.permissions.iter().map(|one| one.resource).collect();
        match resources.len() {
            0 => Ok(GRAPH),
            1 => Ok(resources.first().copied().unwrap_or(GRAPH)),
            _ => Err(Refusal::numbered(28000)),
        }
    }

    /// Whether all of these scopes were granted. The two names of Exchange's worldwide resource are one.
    pub(super) fn is_within(&self, granted: &Self) -> bool {
        self.permissions.iter().all(|wanted| {
            granted.permissions.iter().any(|given| {
                given.name == wanted.name && service(given.resource) == service(wanted.resource)
            })
        })
    }

    /// The `scope` of an answer. Beside another resource than Graph, Entra does not list the OpenID scopes.
    pub(super) fn answer(&self, resource: &str) -> String {
        let mut words: Vec<String> = Vec::new();
        if resource == GRAPH {
            let listed = self
                .openid
                .iter()
                .filter(|&&scope| scope != "offline_access");
            words.extend(listed.map(|&scope| scope.to_owned()));
            words.extend(self.permissions.iter().map(|one| one.name.to_owned()));
        } else {
            words.extend(self.permissions.iter().map(|one| one.to_string()));
        }
        words.join(" ")
    }

    /// The claim `scp` of an access token.
    pub(super) fn claim(&self) -> String {
        let names: Vec<&str> = self.permissions.iter().map(|one| one.name).collect();
        names.join(" ")
    }
}

impl Permission {
    fn parse(word: &str) -> Result<Self, Refusal> {
        let (resource, name) = match word.rsplit_once('/') {
            None => (GRAPH, word),
            Some((resource, name)) => {
                let resource = resource.trim_end_matches('/');
                let known = find(&EXCHANGE, resource).or_else(|| find(&[GRAPH], resource));
                (known.ok_or_else(|| unknown_resource(resource))?, name)
            }
        };
        let known = find(&MAIL_PERMISSIONS, name).or_else(|| {
            (resource == GRAPH)
                .then(|| find(&GRAPH_PERMISSIONS, name))
                .flatten()
        });
        match known {
            Some(name) => Ok(Self { resource, name }),
            None => Err(Refusal::numbered(650_053).with_error("invalid_client").saying(format!(
                "The application asked for scope '{name}' that doesn't exist on the resource '{resource}'."
            ))),
        }
    }
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.resource, self.name)
    }
}

/// Whether a token for this audience is for Exchange.
pub(super) fn is_exchange(audience: &str) -> bool {
    EXCHANGE.contains(&audience)
}

fn service(resource: &str) -> &str {
    match resource == EXCHANGE[1] {
        true => EXCHANGE[0],
        false => resource,
    }
}

fn find(known: &[&'static str], word: &str) -> Option<&'static str> {
    known
        .iter()
        .copied()
        .find(|one| one.eq_ignore_ascii_case(word))
}

fn unknown_resource(resource: &str) -> Refusal {
    Refusal::numbered(500_011).saying(format!(
        "The resource principal named {resource} was not found in the tenant. This can happen if the application has \
         not been installed by the administrator of the tenant or consented to by any user in the tenant. You might \
         have sent your authentication request to the wrong tenant."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_permission_belongs_to_graph() {
        let scopes = Scopes::parse("SMTP.Send offline_access").unwrap();
        assert_eq!(scopes.resource().unwrap(), GRAPH);
        assert_eq!(scopes.answer(GRAPH), "SMTP.Send");
        let scopes =
            Scopes::parse("https://outlook.office.com/smtp.send openid offline_access").unwrap();
        assert_eq!(scopes.resource().unwrap(), "https://outlook.office.com");
        assert_eq!(
            scopes.answer("https://outlook.office.com"),
            "https://outlook.office.com/SMTP.Send"
        );
    }

    #[test]
    fn a_token_is_for_one_resource() {
        let both = "https://outlook.office.com/SMTP.Send https://graph.microsoft.com/User.Read";
        assert_eq!(
            Scopes::parse(both).unwrap().resource().unwrap_err().number,
            28000
        );
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        let number = |text: &str| Scopes::parse(text).unwrap_err().number;
        assert_eq!(number(""), 900_144);
        assert_eq!(number("https://mail.example.com/SMTP.Send"), 500_011);
        assert_eq!(number("https://outlook.office.com/SMTP.Sned"), 650_053);
        assert_eq!(
            number("https://outlook.office.com/.default https://outlook.office.com/SMTP.Send"),
            70011
        );
    }

    #[test]
    fn a_subset_is_within_the_grant() {
        let granted = Scopes::parse(
            "https://outlook.office.com/SMTP.Send https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
        )
        .unwrap();
        let within = |text: &str| Scopes::parse(text).unwrap().is_within(&granted);
        assert!(within("https://outlook.office.com/SMTP.Send"));
        assert!(within("https://outlook.office365.com/SMTP.Send"));
        assert!(!within("https://outlook.office.com/POP.AccessAsUser.All"));
        assert!(!within("https://graph.microsoft.com/SMTP.Send"));
    }
}
