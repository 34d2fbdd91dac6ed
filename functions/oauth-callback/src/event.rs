//! Requests and answers of an HTTP API, payload format 2.0.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
//!
//! What came in is parsed here once, and has no `Debug`: codes, states and tickets travel in it.

use std::collections::{BTreeMap, HashMap};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

/// The longest body that is read, in octets. A provider's answer has a few thousand.
const BODY_LIMIT: usize = 64 * 1024;

/// A request as API Gateway hands it over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default)]
    headers: HashMap<String, String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: Context,
}

#[derive(Deserialize)]
struct Context {
    http: Http,
}

#[derive(Deserialize)]
struct Http {
    method: String,
}

/// A request as the pages look at it.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Parameters,
    pub(crate) form: Parameters,
    pub(crate) cookies: Cookies,
    /// Whether the browser says that a page of another site made the request.
    pub(crate) origin: Origin,
}

/// What is asked of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Other,
}

/// Who made a request, as far as the browser says (Fetch Metadata).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    OtherSite,
    OursOrUnsaid,
}

/// Parameters of a query or a form.
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// The value of a parameter. One that is given twice counts as absent: it must not be (RFC 6749 §3.1).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(key, _)| key == name);
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value.as_str())
    }
}

/// The cookies of a request.
pub(crate) struct Cookies(Vec<(String, String)>);

impl Cookies {
    fn parse(cookies: &[String], header: Option<&String>) -> Self {
        let pairs = cookies
            .iter()
            .chain(header)
            .flat_map(|cookies| cookies.split(';'));
        let pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
        Self(
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    /// The value of a cookie; the first where there are several.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The ends of the names that begin with `prefix`.
    pub(crate) fn tags<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter_map(move |(name, _)| name.strip_prefix(prefix))
    }
}

impl From<Event> for Request {
    fn from(event: Event) -> Self {
        let header = |name: &str| {
            let found = event
                .headers
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value)
        };
        let is_form = header("content-type").is_some_and(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
        let body = event
            .body
            .as_deref()
            .filter(|_| is_form)
            .unwrap_or_default();
        let body = if event.is_base64_encoded {
            STANDARD.decode(body).unwrap_or_default()
        } else {
            body.as_bytes().to_vec()
        };
        let form = if body.len() > BODY_LIMIT {
            &[]
        } else {
            body.as_slice()
        };
        let crossed = header("sec-fetch-site")
            .is_some_and(|site| site == "cross-site" || site == "same-site");
        Self {
            method: match event.request_context.http.method.as_str() {
                "GET" => Method::Get,
                "POST" => Method::Post,
                _ => Method::Other,
            },
            query: Parameters::parse(event.raw_query_string.as_bytes()),
            form: Parameters::parse(form),
            cookies: Cookies::parse(&event.cookies, header("cookie")),
            origin: if crossed {
                Origin::OtherSite
            } else {
                Origin::OursOrUnsaid
            },
            path: event.raw_path,
        }
    }
}

/// An answer as API Gateway takes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    pub(crate) status_code: u16,
    pub(crate) headers: BTreeMap<&'static str, String>,
    pub(crate) cookies: Vec<String>,
    pub(crate) body: String,
}
