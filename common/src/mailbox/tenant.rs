//! The directory of an account, as the paths of Entra's endpoints name it.

use super::Cloud;
use crate::address::Domain;
use crate::client_secret::is_guid;

/// A directory at Microsoft Entra: its GUID, or one of its verified domains. `consumers` and its GUID stand for all
/// personal accounts, which are in no directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant(String);

/// Why a text names no directory whose accounts could connect a mailbox.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum InvalidTenant {
    /// Accounts of every directory could sign in.
    #[error(
        "must name one directory: `common` and `organizations` let any account sign in; give the directory's GUID or domain"
    )]
    Any,
    /// Personal accounts, in a cloud of organizations.
    #[error("stands for personal accounts, which belong to the cloud `consumer`")]
    Personal,
    /// A directory, in the cloud of personal accounts.
    #[error("names a directory, and personal accounts are in none: give `consumers`")]
    Directory,
    /// Neither a GUID nor a domain.
    #[error("is neither the GUID of a directory nor one of its domains")]
    NoName,
}

const CONSUMERS: &str = "consumers";
/// The directory that stands for all personal accounts.
const PERSONAL_ACCOUNTS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

impl Tenant {
    /// What stands for all personal accounts.
    #[must_use]
    pub fn consumers() -> Self {
        Self(CONSUMERS.to_owned())
    }

    /// Reads the tenant of a mailbox in a cloud.
    ///
    /// # Errors
    ///
    /// When it does not name exactly one directory of that cloud.
    pub fn parse(text: &str, cloud: Cloud) -> Result<Self, InvalidTenant> {
        let is_personal = [CONSUMERS, PERSONAL_ACCOUNTS]
            .iter()
            .any(|name| text.eq_ignore_ascii_case(name));
        let is_any = ["common", "organizations"]
            .iter()
            .any(|name| text.eq_ignore_ascii_case(name));
        match () {
            () if is_any => Err(InvalidTenant::Any),
            () if is_personal && cloud != Cloud::Consumer => Err(InvalidTenant::Personal),
            () if !is_personal && cloud == Cloud::Consumer => Err(InvalidTenant::Directory),
            () if is_personal || is_guid(text) => Ok(Self(text.to_owned())),
            () => match Domain::parse(text) {
                Ok(domain) => Ok(Self(domain.as_str().to_owned())),
                Err(_) => Err(InvalidTenant::NoName),
            },
        }
    }

    /// The tenant as it stands in the path of an endpoint.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_one_directory_of_its_cloud() {
        use InvalidTenant::{Any, Directory, NoName, Personal};
        let guid = "2f1c0a7e-5b9d-4a3e-9c1d-0e8f7a6b5c4d";
        let table = [
            ("contoso.com", Cloud::Public, None),
            ("Contoso.onmicrosoft.com", Cloud::Public, None),
            (guid, Cloud::GccHigh, None),
            ("contoso.cn", Cloud::China, None),
            ("consumers", Cloud::Consumer, None),
            ("Consumers", Cloud::Consumer, None),
            (PERSONAL_ACCOUNTS, Cloud::Consumer, None),
            ("common", Cloud::Public, Some(Any)),
            ("Organizations", Cloud::Dod, Some(Any)),
            ("common", Cloud::Consumer, Some(Any)),
            ("consumers", Cloud::Public, Some(Personal)),
            (PERSONAL_ACCOUNTS, Cloud::Public, Some(Personal)),
            ("contoso.com", Cloud::Consumer, Some(Directory)),
            (guid, Cloud::Consumer, Some(Directory)),
            ("contoso", Cloud::Public, Some(NoName)),
            ("contoso.com/..", Cloud::Public, Some(NoName)),
            ("contoso.com?x=y", Cloud::Public, Some(NoName)),
            ("contoso.com#x", Cloud::Public, Some(NoName)),
            ("billing@contoso.com", Cloud::Public, Some(NoName)),
            ("https://contoso.com", Cloud::Public, Some(NoName)),
        ];
        for (text, cloud, fault) in table {
            assert_eq!(Tenant::parse(text, cloud).err(), fault, "{text} {cloud:?}");
        }
    }
}
