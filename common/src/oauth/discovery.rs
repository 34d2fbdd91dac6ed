//! Which issuer, and which directory, an id token has to name.
//!
//! The discovery document stands below the issuer of the settings and is read over TLS, so it is believed.
//! Entra's document names the directory by its GUID even when it is asked for by a domain: it is how a domain of
//! the settings becomes the GUID that tokens carry.

use serde_json::Value;
use url::Url;

use super::{Http, HttpError};
use crate::client_secret::is_guid;

/// The issuer of id tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// What the claim `iss` has to be, to the letter.
    pub name: String,
    /// The directory's GUID, which the claim `tid` has to be; `None` at a server that knows no directories.
    pub tenant: Option<String>,
}

/// Why there is no issuer.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// The document could not be read.
    #[error("the discovery document cannot be read")]
    Http(#[from] HttpError),
    /// The document names no issuer.
    #[error("the discovery document names no issuer")]
    NoIssuer,
}

/// Asks for the issuer that stands behind the issuer of the settings.
///
/// # Errors
///
/// When the document cannot be read or names no issuer.
pub async fn discover(http: &Http, issuer: &Url) -> Result<Issuer, DiscoveryError> {
    let document = http.json(&document_url(issuer)).await?;
    read(&document).ok_or(DiscoveryError::NoIssuer)
}

/// The document stands below the whole path of the issuer (OpenID Connect Discovery §4.1).
fn document_url(issuer: &Url) -> Url {
    let mut url = issuer.clone();
    let path = format!(
        "{}/.well-known/openid-configuration",
        issuer.path().trim_end_matches('/')
    );
    url.set_path(&path);
    url
}

fn read(document: &Value) -> Option<Issuer> {
    let name = document
        .get("issuer")?
        .as_str()
        .filter(|name| !name.is_empty())?;
    let tenant = name
        .strip_suffix("/v2.0")
        .and_then(|directory| directory.rsplit('/').next())
        .filter(|last| is_guid(last));
    Some(Issuer {
        name: name.to_owned(),
        tenant: tenant.map(str::to_ascii_lowercase),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_document_stands_below_the_whole_path() {
        for issuer in [
            "https://login.example/contoso.com/v2.0",
            "https://login.example/contoso.com/v2.0/",
        ] {
            assert_eq!(
                document_url(&Url::parse(issuer).unwrap()).as_str(),
                "https://login.example/contoso.com/v2.0/.well-known/openid-configuration"
            );
        }
        assert_eq!(
            document_url(&Url::parse("https://id.example").unwrap()).as_str(),
            "https://id.example/.well-known/openid-configuration"
        );
    }

    #[test]
    fn entra_names_its_directory_and_others_have_none() {
        let guid = "9188040D-6c67-4c5b-b112-36a304b66dad";
        let issuer = |name: &str| read(&json!({ "issuer": name }));
        let entra = format!("https://login.microsoftonline.com/{guid}/v2.0");
        assert_eq!(
            issuer(&entra),
            Some(Issuer {
                name: entra.clone(),
                tenant: Some(guid.to_ascii_lowercase())
            })
        );
        for other in [
            "https://id.example",
            "https://id.example/realms/mail",
            "https://id.example/{tenantid}/v2.0",
        ] {
            assert_eq!(issuer(other).unwrap().tenant, None, "{other}");
        }
        assert_eq!(read(&json!({ "issuer": "" })), None);
        assert_eq!(read(&json!({ "issuer": 1 })), None);
        assert_eq!(read(&json!([])), None);
    }
}
