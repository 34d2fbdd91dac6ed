//! Hands HTTP requests on to MiniStack, as they are.

use anyhow::Result;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

/// The largest request body that is passed on; an HTTP API takes 10 MB.
const LARGEST_BODY: usize = 10 * 1024 * 1024;
const OF_ONE_CONNECTION: [HeaderName; 3] = [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH];

/// The way to one MiniStack. Status, headers (cookies one by one) and bodies pass as they are.
#[derive(Clone, Debug)]
pub(super) struct Passage {
    http: reqwest::Client,
    ministack: String,
}

impl Passage {
    /// The way to the MiniStack that listens there.
    ///
    /// # Errors
    ///
    /// When no HTTP client can be made.
    pub(super) fn to(ministack: String) -> Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, ministack })
    }

    /// Where it leads.
    pub(super) fn ministack(&self) -> &str {
        &self.ministack
    }

    /// Hands a request on, to the host of that name if there is one, and gives the answer back.
    ///
    /// # Errors
    ///
    /// When the request breaks off, or MiniStack does not answer.
    pub(super) async fn pass(
        &self,
        host: Option<&HeaderValue>,
        request: Request,
    ) -> Result<Response> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut headers = passed_on(&parts.headers);
        if let Some(host) = host {
            headers.insert(HOST, host.clone());
        }
        let answer = self
            .http
            .request(parts.method, format!("{}{path}", self.ministack))
            .headers(headers)
            .body(to_bytes(body, LARGEST_BODY).await?)
            .send()
            .await?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = answer.status();
        *response.headers_mut() = passed_on(answer.headers());
        *response.body_mut() = answer.bytes().await?.into();
        Ok(response)
    }
}

fn passed_on(headers: &HeaderMap) -> HeaderMap {
    headers
        .iter()
        .filter(|(name, _)| !OF_ONE_CONNECTION.contains(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
