//! The little of a browser that a sign-in needs: redirects, forms, and cookies with their rules.

use std::fmt;

use anyhow::{Context as _, Result, bail};
use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Client, Method, Response};
use url::{Host, Url};

use super::page::{Button, Form, Page};

const REDIRECTS: usize = 10;

/// A browser without scripts. It keeps the cookies of one person.
pub struct Browser {
    client: Client,
    cookies: Vec<Cookie>,
}

/// Where a way through redirects ended.
#[derive(Clone, Debug)]
pub enum Arrival {
    /// At a page.
    Page(Page),
    /// At a redirect that leads out of where the browser was to stay.
    Left {
        /// The redirect itself.
        from: Page,
        /// Where it leads.
        to: Url,
    },
}

#[derive(Clone)]
struct Cookie {
    name: String,
    value: String,
    host: String,
    path: String,
    is_secure: bool,
    /// `SameSite=None`: it travels with requests that another site begins.
    is_for_all_sites: bool,
}

struct Request {
    method: Method,
    url: Url,
    body: Option<String>,
    /// The page that began it; `None` for an address typed in.
    initiator: Option<Url>,
}

impl Arrival {
    /// The page.
    ///
    /// # Errors
    ///
    /// When the way led out instead.
    pub fn page(self) -> Result<Page> {
        match self {
            Self::Page(page) => Ok(page),
            Self::Left { to, .. } => {
                bail!("the way led out, to {}", to.origin().ascii_serialization())
            }
        }
    }
}

impl Browser {
    /// A browser over an HTTP client, which must not follow redirects by itself.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            cookies: Vec::new(),
        }
    }

    /// Opens an address and follows redirects as long as they stay.
    ///
    /// # Errors
    ///
    /// When a server does not answer, or redirects without an end.
    pub async fn open(&mut self, url: &str, stays: impl Fn(&Url) -> bool) -> Result<Arrival> {
        let request = Request {
            method: Method::GET,
            url: Url::parse(url).with_context(|| format!("not an address: {url}"))?,
            body: None,
            initiator: None,
        };
        self.follow(request, stays).await
    }

    /// Submits a form of a page with the button pressed, and follows redirects as long as they stay.
    ///
    /// # Errors
    ///
    /// When a server does not answer, or redirects without an end.
    pub async fn submit(
        &mut self,
        page: &Page,
        form: &Form,
        button: Option<&Button>,
        stays: impl Fn(&Url) -> bool,
    ) -> Result<Arrival> {
        let mut fields = form.fields.clone();
        fields.extend(
            button
                .filter(|button| !button.name.is_empty())
                .map(|button| (button.name.clone(), button.value.clone())),
        );
        let encoded = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let mut url = form.action.clone();
        let (method, body) = match form.method.as_str() {
            "post" => (Method::POST, Some(encoded)),
            _ => {
                url.set_query(Some(&encoded));
                (Method::GET, None)
            }
        };
        let request = Request {
            method,
            url,
            body,
            initiator: Some(page.url.clone()),
        };
        self.follow(request, stays).await
    }

    async fn follow(
        &mut self,
        mut request: Request,
        stays: impl Fn(&Url) -> bool,
    ) -> Result<Arrival> {
        for _ in 0..REDIRECTS {
            let response = self.send(&request).await?;
            let url = request.url.clone();
            let status = response.status().as_u16();
            let location = response
                .headers()
                .get(LOCATION)
                .map(|value| value.to_str().map(str::to_owned));
            let page = Page::read(url.clone(), response).await?;
            let (true, Some(location)) = ((300..400).contains(&status), location) else {
                return Ok(Arrival::Page(page));
            };
            let to = url.join(&location?)?;
            if !stays(&to) {
                return Ok(Arrival::Left { from: page, to });
            }
            let keeps_method = matches!(status, 307 | 308);
            request = Request {
                method: if keeps_method {
                    request.method
                } else {
                    Method::GET
                },
                body: request.body.filter(|_| keeps_method),
                url: to,
                initiator: request.initiator,
            };
        }
        bail!("{} redirects without an end", request.url)
    }

    async fn send(&mut self, request: &Request) -> Result<Response> {
        let mut sent = self
            .client
            .request(request.method.clone(), request.url.clone());
        let cookies = self.cookies_for(request);
        if !cookies.is_empty() {
            sent = sent.header(COOKIE, cookies);
        }
        if let Some(body) = &request.body {
            sent = sent
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(body.clone());
            if let Some(initiator) = &request.initiator {
                sent = sent.header(ORIGIN, initiator.origin().ascii_serialization());
            }
        }
        let response = sent.send().await?;
        for line in response.headers().get_all(SET_COOKIE) {
            self.keep(&request.url, line.to_str()?);
        }
        Ok(response)
    }

    fn cookies_for(&self, request: &Request) -> String {
        let is_foreign = request
            .initiator
            .as_ref()
            .is_some_and(|initiator| site(initiator) != site(&request.url));
        // Lax lets a foreign link through, and no foreign form.
        let only_for_all = is_foreign && request.method != Method::GET;
        let pairs: Vec<String> = self
            .cookies
            .iter()
            .filter(|cookie| cookie.goes_to(&request.url))
            .filter(|cookie| cookie.is_for_all_sites || !only_for_all)
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        pairs.join("; ")
    }

    fn keep(&mut self, url: &Url, line: &str) {
        let Some((cookie, is_alive)) = Cookie::parse(url, line) else {
            return;
        };
        self.cookies.retain(|known| {
            (&known.name, &known.host, &known.path) != (&cookie.name, &cookie.host, &cookie.path)
        });
        if is_alive {
            self.cookies.push(cookie);
        }
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.cookies.iter().map(|cookie| &cookie.name).collect();
        f.debug_struct("Browser")
            .field("cookies", &names)
            .finish_non_exhaustive()
    }
}

impl Cookie {
    /// Reads a Set-Cookie line under the rules of RFC 6265bis; also says whether the cookie is to live.
    fn parse(url: &Url, line: &str) -> Option<(Self, bool)> {
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

    fn goes_to(&self, url: &Url) -> bool {
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
fn site(url: &Url) -> (String, String) {
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
    fn a_foreign_form_carries_only_cookies_for_all_sites() {
        let mut browser = Browser::new(
            Client::builder()
                .tls_backend_preconfigured(
                    super::super::super::Authority::new()
                        .unwrap()
                        .client_config()
                        .unwrap(),
                )
                .build()
                .unwrap(),
        );
        let at = url("https://pillarbox.localhost/oauth/callback");
        browser.keep(&at, "lax=1; Secure; Path=/");
        browser.keep(&at, "none=2; Secure; Path=/; SameSite=None");
        let request = |method, initiator: &str| Request {
            method,
            url: at.clone(),
            body: None,
            initiator: Some(url(initiator)),
        };
        let entra = "https://login.localhost/consent";
        assert_eq!(browser.cookies_for(&request(Method::POST, entra)), "none=2");
        assert_eq!(
            browser.cookies_for(&request(Method::GET, entra)),
            "lax=1; none=2"
        );
        let own = "https://pillarbox.localhost/oauth/start";
        assert_eq!(
            browser.cookies_for(&request(Method::POST, own)),
            "lax=1; none=2"
        );
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
