//! The little of a browser that a sign-in needs: redirects, forms, and cookies with their rules.

use std::fmt;

use anyhow::{Context as _, Result, bail};
use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Client, Method, Response};
use url::Url;

use super::cookie::{Cookie, site};
use super::page::{Button, Form, Page};

const REDIRECTS: usize = 10;

/// A browser without scripts. It keeps the cookies of one person.
pub struct Browser {
    client: Client,
    cookies: Vec<Cookie>,
}

/// Where a way through redirects ended.
#[derive(Clone)]
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

impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Page(page) => page.fmt(f),
            Self::Left { to, .. } => {
                let to = to.origin().ascii_serialization();
                f.debug_struct("Left")
                    .field("to", &to)
                    .finish_non_exhaustive()
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
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
}
