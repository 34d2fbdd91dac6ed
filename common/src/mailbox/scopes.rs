//! The scopes that a consent asks for.

use std::fmt;

use super::Cloud;

/// A list of OAuth scopes that can end in one token for SMTP submission and a refresh token.
///
/// It names `SMTP.Send` of exactly one resource, always contains `offline_access` and `openid`, and
/// never a scope of another resource: one access token is good for one resource
/// (<https://learn.microsoft.com/entra/identity-platform/scopes-oidc>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(Vec<String>);

/// Why a list of scopes cannot work.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidScopes {
    /// A scope without a resource belongs to Microsoft Graph, whose tokens SMTP refuses.
    #[error(
        "names a scope without a resource: Microsoft reads it as Microsoft Graph, and SMTP refuses such a token; write https://outlook.office.com/SMTP.Send"
    )]
    Bare,
    /// A token for Microsoft Graph is refused by SMTP.
    #[error(
        "names a Microsoft Graph scope: SMTP refuses a token for Graph; write https://outlook.office.com/SMTP.Send"
    )]
    Graph,
    /// One token is good for one resource.
    #[error("names scopes of two resources: one token is good for one resource")]
    TwoResources,
    /// `.default` stands alone.
    #[error("mixes .default with named scopes: Microsoft accepts only one of the two")]
    DefaultMixed,
    /// Nothing in the list allows to send.
    #[error("does not name SMTP.Send, for example https://outlook.office.com/SMTP.Send")]
    NoSend,
    /// Without `offline_access` there is no refresh token.
    #[error("does not name offline_access: without it Microsoft gives no refresh token")]
    NoRefresh,
    /// Without `openid` nobody knows who consented.
    #[error("does not name openid: without it the account that consented stays unknown")]
    NoAccount,
}

/// The scopes of OpenID Connect, which belong to no resource.
const WITHOUT_RESOURCE: [&str; 4] = ["offline_access", "openid", "profile", "email"];

impl Scopes {
    /// What a cloud needs and no more: `SMTP.Send`, `offline_access`, `openid` and `profile`.
    #[must_use]
    pub fn of(cloud: Cloud) -> Self {
        let send = format!("{}/SMTP.Send", cloud.resource());
        Self(
            [send.as_str(), "offline_access", "openid", "profile"]
                .map(str::to_owned)
                .to_vec(),
        )
    }

    /// Parses a list of scopes separated by white space.
    ///
    /// # Errors
    ///
    /// When a token for this list could not submit mail, or could not be renewed.
    pub fn parse(text: &str) -> Result<Self, InvalidScopes> {
        let scopes: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let mut resource: Option<&str> = None;
        let mut default = false;
        let mut named = false;
        let mut send = false;
        for scope in scopes
            .iter()
            .map(String::as_str)
            .filter(|scope| !WITHOUT_RESOURCE.contains(scope))
        {
            let (of, name) = scope.rsplit_once('/').ok_or(InvalidScopes::Bare)?;
            if of.contains("graph.microsoft") {
                return Err(InvalidScopes::Graph);
            }
            if resource.is_some_and(|resource| resource != of) {
                return Err(InvalidScopes::TwoResources);
            }
            resource = Some(of);
            default |= name == ".default";
            named |= name != ".default";
            send |= name == ".default" || is_send(scope);
        }
        let has = |name: &str| scopes.iter().any(|scope| scope == name);
        match () {
            () if default && named => Err(InvalidScopes::DefaultMixed),
            () if !send => Err(InvalidScopes::NoSend),
            () if !has("offline_access") => Err(InvalidScopes::NoRefresh),
            () if !has("openid") => Err(InvalidScopes::NoAccount),
            () => Ok(Self(scopes)),
        }
    }

    /// The scopes, in the order they were named.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether scopes that a provider granted allow to send what these ask for.
    ///
    /// Names are compared without case, and the two names of Exchange Online's resource count as one.
    #[must_use]
    pub fn allow_sending(granted: &str) -> bool {
        granted.split_whitespace().any(is_send)
    }

    /// The resource that the token is for, such as `https://outlook.office.com`.
    #[must_use]
    pub fn resource(&self) -> &str {
        let first = self.iter().find(|scope| !WITHOUT_RESOURCE.contains(scope));
        first
            .and_then(|scope| scope.rsplit_once('/'))
            .map_or("", |(resource, _)| resource)
    }
}

fn is_send(scope: &str) -> bool {
    scope
        .rsplit('/')
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("SMTP.Send"))
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_exactly_what_sending_needs() {
        assert_eq!(
            Scopes::of(Cloud::Public).to_string(),
            "https://outlook.office.com/SMTP.Send offline_access openid profile"
        );
        for (_, cloud) in Cloud::ALL {
            assert_eq!(
                Scopes::parse(&Scopes::of(cloud).to_string()),
                Ok(Scopes::of(cloud))
            );
        }
    }

    #[test]
    fn a_longer_list_of_one_resource_is_accepted() {
        let text = "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send offline_access openid";
        assert_eq!(
            Scopes::parse(text)
                .map(|scopes| scopes.to_string())
                .as_deref(),
            Ok(text)
        );
    }

    #[test]
    fn a_list_that_cannot_work_is_refused_with_the_reason() {
        let table = [
            ("SMTP.Send offline_access openid", InvalidScopes::Bare),
            (
                "https://graph.microsoft.com/SMTP.Send offline_access openid",
                InvalidScopes::Graph,
            ),
            (
                "https://outlook.office.com/SMTP.Send https://vault.azure.net/x offline_access openid",
                InvalidScopes::TwoResources,
            ),
            (
                "https://outlook.office.com/.default https://outlook.office.com/SMTP.Send offline_access openid",
                InvalidScopes::DefaultMixed,
            ),
            (
                "https://outlook.office.com/IMAP.AccessAsUser.All offline_access openid",
                InvalidScopes::NoSend,
            ),
            (
                "https://outlook.office.com/SMTP.Send openid",
                InvalidScopes::NoRefresh,
            ),
            (
                "https://outlook.office.com/SMTP.Send offline_access",
                InvalidScopes::NoAccount,
            ),
        ];
        for (text, fault) in table {
            assert_eq!(Scopes::parse(text), Err(fault), "{text}");
        }
    }

    #[test]
    fn granted_scopes_are_compared_without_case_and_without_the_resource() {
        assert!(Scopes::allow_sending(
            "openid https://outlook.office365.com/smtp.send"
        ));
        assert!(!Scopes::allow_sending(
            "openid https://outlook.office.com/IMAP.AccessAsUser.All"
        ));
    }
}
