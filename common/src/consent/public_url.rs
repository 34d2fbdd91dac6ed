//! Where the consent pages are.

use std::fmt;

use url::{Host, Url};

use super::Purpose;

/// The base of the consent pages' addresses. It comes from the deployment and never from a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(Url);

/// Says that a text is not a [`PublicUrl`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("is not an https URL without user, query and fragment")]
pub struct InvalidPublicUrl;

impl PublicUrl {
    /// Parses the base URL; a slash at its end does not matter.
    ///
    /// The cookies of a consent need HTTPS; plain HTTP is left to this machine's own addresses, where browsers
    /// take them too.
    ///
    /// # Errors
    ///
    /// When `text` is another kind of URL, or none.
    pub fn parse(text: &str) -> Result<Self, InvalidPublicUrl> {
        let mut url = Url::parse(text.trim()).map_err(|_| InvalidPublicUrl)?;
        let local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let plain = (url.scheme() == "https" || (url.scheme() == "http" && local))
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !plain {
            return Err(InvalidPublicUrl);
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The page on which a consent begins.
    #[must_use]
    pub fn start(&self, purpose: Purpose) -> Url {
        let mut url = self.below("/oauth/start");
        match purpose {
            Purpose::Connection => {}
            Purpose::Approval => {
                url.query_pairs_mut().append_pair("for", purpose.as_str());
            }
        }
        url
    }

    /// The redirect URI: where the provider sends the person back to.
    #[must_use]
    pub fn callback(&self) -> Url {
        self.below("/oauth/callback")
    }

    /// The page that shows how a consent ended.
    #[must_use]
    pub fn result(&self) -> Url {
        self.below("/oauth/result")
    }

    /// The page that shows how the mailboxes are.
    #[must_use]
    pub fn status(&self) -> Url {
        self.below("/status")
    }

    /// What stands before the paths of the pages, for a base below the root of its host.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.0.path().trim_end_matches('/')
    }

    fn below(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.prefix()));
        url
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_redirect_uri_is_the_same_with_and_without_a_slash() {
        for text in [
            "https://mail.contoso.com",
            "https://mail.contoso.com/",
            " https://mail.contoso.com// ",
        ] {
            let base = PublicUrl::parse(text).unwrap();
            assert_eq!(
                base.callback().as_str(),
                "https://mail.contoso.com/oauth/callback"
            );
            assert_eq!(base.to_string(), "https://mail.contoso.com");
        }
        let below = PublicUrl::parse("https://contoso.com/mail/").unwrap();
        assert_eq!(
            below.start(Purpose::Connection).as_str(),
            "https://contoso.com/mail/oauth/start"
        );
        assert_eq!(
            below.start(Purpose::Approval).as_str(),
            "https://contoso.com/mail/oauth/start?for=approval"
        );
        assert_eq!(below.prefix(), "/mail");
    }

    #[test]
    fn a_base_that_would_lose_the_cookie_or_the_path_is_refused() {
        assert!(PublicUrl::parse("http://pillarbox.localhost:4566").is_ok());
        for text in [
            "mail.contoso.com",
            "http://mail.contoso.com",
            "https://a@b.c",
            "https://b.c?x",
            "https://b.c/#x",
        ] {
            assert_eq!(PublicUrl::parse(text), Err(InvalidPublicUrl), "{text}");
        }
    }
}
