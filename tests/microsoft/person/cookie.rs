//! Cookies under the rules of RFC 6265bis, as far as a sign-in meets them.

use url::{Host, Url};

/// A cookie that a server set.
#[derive(Clone)]
pub(super) struct Cookie {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) host: String,
    pub(super) path: String,
    is_secure: bool,
    /// `SameSite=None`: it travels with requests that another site begins.
    pub(super) is_for_all_sites: bool,
}

impl Cookie {
    /// Reads a Set-Cookie line under the rules of RFC 6265bis; also says whether the cookie is to live.
    pub(super) fn parse(url: &Url, line: &str) -> Option<(Self, bool)> {
        let mut parts = line.split(';').map(str::trim);
        let (name, value) = parts.next()?.split_once('=')?;
        let mut cookie = Self {
            name: name.to_owned(),
            value: value.to_owned(),
            host: url.host_str()?.to_owned(),
            path: "/".to_owned(),
            is_secure: false,
            is_for_all_sites: false,
        };
        let (mut is_alive, mut has_domain, mut has_root_path) = (true, false, false);
        for part in parts {
            let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
            match attribute.to_ascii_lowercase().as_str() {
                "secure" => cookie.is_secure = true,
                "path" if value.starts_with('/') => {
                    value.clone_into(&mut cookie.path);
                    has_root_path = value == "/";
                }
                "domain" => has_domain = true,
                "samesite" => cookie.is_for_all_sites = value.eq_ignore_ascii_case("none"),
                "max-age" => is_alive = value.parse::<i64>().is_ok_and(|seconds| seconds > 0),
                _ => {}
            }
        }
        let may_be_secure = url.scheme() == "https" || is_this_machine(url);
        let keeps_its_prefix =
            !name.starts_with("__Host-") || (cookie.is_secure && has_root_path && !has_domain);
        let is_right = keeps_its_prefix
            && (!cookie.is_secure || may_be_secure)
            && (!cookie.is_for_all_sites || cookie.is_secure);
        is_right.then_some((cookie, is_alive))
    }

    pub(super) fn goes_to(&self, url: &Url) -> bool {
        let path = url.path();
        let is_below = path.strip_prefix(self.path.as_str()).is_some_and(|rest| {
            self.path.ends_with('/') || rest.is_empty() || rest.starts_with('/')
        });
        url.host_str() == Some(&self.host)
            && is_below
            && (!self.is_secure || url.scheme() == "https" || is_this_machine(url))
    }
}

/// What cookies call a site: the scheme and the registrable domain, here its last two labels.
pub(super) fn site(url: &Url) -> (String, String) {
    let host = match url.host() {
        Some(Host::Domain(domain)) => {
            let labels: Vec<&str> = domain.rsplitn(3, '.').take(2).collect();
            labels.into_iter().rev().collect::<Vec<_>>().join(".")
        }
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        None => String::new(),
    };
    (url.scheme().to_owned(), host)
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost" || domain.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_host_cookie_keeps_its_rules() {
        let at = url("https://pillarbox.localhost:4566/oauth/start");
        let kept = |line: &str| Cookie::parse(&at, line).is_some();
        assert!(kept(
            "__Host-consent-ab=1; Secure; HttpOnly; Path=/; SameSite=None"
        ));
        assert!(!kept("__Host-consent-ab=1; Secure; Path=/oauth"));
        assert!(!kept("__Host-consent-ab=1; Path=/"));
        assert!(!kept(
            "__Host-consent-ab=1; Secure; Path=/; Domain=localhost"
        ));
        assert!(!kept("consent=1; SameSite=None"));
    }

    #[test]
    fn a_site_is_more_than_a_host() {
        assert_eq!(
            site(&url("https://a.login.localhost:1/")),
            site(&url("https://b.login.localhost:2/"))
        );
        assert_ne!(
            site(&url("https://login.localhost/")),
            site(&url("https://pillarbox.localhost/"))
        );
    }
}
