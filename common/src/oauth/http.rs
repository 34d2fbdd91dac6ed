//! The HTTP client of token requests and discovery.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::fmt::rfc2822;
use oauth2::http::HeaderMap;
use oauth2::http::header::{DATE, HeaderName, RETRY_AFTER};
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use rustls::ClientConfig;
use serde_json::Value;
use url::Url;

/// An HTTP client that follows no redirect, speaks nothing but HTTPS, reads no more than 64 KiB of an
/// answer and asks no proxy.
#[derive(Debug, Clone)]
pub struct Http(reqwest::Client);

/// Why there is no answer. It names no URL, because a URL may carry a code.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The client could not be set up.
    #[error("the HTTP client cannot be made")]
    Setup(#[source] reqwest::Error),
    /// There is no connection, it broke, or the time was up.
    #[error("the provider {0}")]
    Unreachable(&'static str),
    /// The answer is longer than any token answer is.
    #[error("the provider's answer is longer than {} octets", Http::LIMIT)]
    TooLong,
    /// The answer is not what was asked for.
    #[error("the provider answered {0}")]
    Status(u16),
    /// The answer is not JSON.
    #[error("the provider's answer is not JSON")]
    NotJson,
}

/// What an answer says beside its body.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Meta {
    pub(super) status: Option<u16>,
    pub(super) retry_after: Option<Duration>,
}

impl Http {
    /// The longest answer that is read, in octets.
    pub const LIMIT: usize = 64 * 1024;
    /// The time that a whole request may take.
    pub const TIMEOUT: Duration = Duration::from_secs(15);
    /// The time that a connection may take.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

    /// A client that trusts what `tls` trusts.
    ///
    /// # Errors
    ///
    /// When the client cannot be set up.
    pub fn new(tls: ClientConfig) -> Result<Self, HttpError> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Self::CONNECT_TIMEOUT)
            .timeout(Self::TIMEOUT)
            .build();
        client.map(Self).map_err(HttpError::Setup)
    }

    /// Fetches a JSON document, such as a provider's discovery document.
    ///
    /// # Errors
    ///
    /// When there is no answer, or the answer is too long, not 200 or not JSON.
    pub async fn json(&self, url: &Url) -> Result<Value, HttpError> {
        let response = self.0.get(url.clone()).send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(HttpError::Status(status));
        }
        serde_json::from_slice(&body(response).await?).map_err(|_| HttpError::NotJson)
    }

    async fn call(
        &self,
        request: HttpRequest,
        meta: &Mutex<Meta>,
    ) -> Result<HttpResponse, HttpError> {
        let request = reqwest::Request::try_from(request).map_err(unreachable)?;
        let response = self.0.execute(request).await.map_err(unreachable)?;
        let retry_after = retry_after(response.headers());
        *meta.lock().unwrap_or_else(PoisonError::into_inner) = Meta {
            status: Some(response.status().as_u16()),
            retry_after,
        };
        let mut answer = HttpResponse::default();
        *answer.status_mut() = response.status();
        *answer.headers_mut() = response.headers().clone();
        *answer.body_mut() = body(response).await?;
        Ok(answer)
    }
}

/// One request of `oauth2`'s, and what its answer says beside the body.
pub(super) struct Call<'a> {
    pub(super) http: &'a Http,
    pub(super) meta: Mutex<Meta>,
}

impl<'c> AsyncHttpClient<'c> for Call<'_> {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.http.call(request, &self.meta))
    }
}

impl Call<'_> {
    /// What the last answer said beside its body.
    pub(super) fn meta(&self) -> Meta {
        *self.meta.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn body(mut response: reqwest::Response) -> Result<Vec<u8>, HttpError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > Http::LIMIT {
            return Err(HttpError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// How long the provider asks us to wait (RFC 9110 §10.2.3): seconds, or a time, which is counted from the
/// provider's own.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| Some(headers.get(name)?.to_str().ok()?.trim());
    let wait = text(RETRY_AFTER)?;
    if let Ok(seconds) = wait.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let [then, now] = [wait, text(DATE)?].map(|time| rfc2822::parse(time).ok());
    let wait = then?.timestamp().duration_since(now?.timestamp());
    Duration::try_from(wait).ok()
}

/// What happened on the way, without the URL, which may carry a code.
fn unreachable(error: reqwest::Error) -> HttpError {
    HttpError::Unreachable(match () {
        () if error.is_timeout() => "did not answer in time",
        () if error.is_connect() => "cannot be connected to",
        () => "did not complete its answer",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_given_in_seconds_or_as_a_time() {
        let wait = |retry_after: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, retry_after.parse().expect("a header"));
            let date = "Mon, 01 Mar 2027 12:00:00 GMT".parse().expect("a header");
            headers.insert(DATE, date);
            super::retry_after(&headers).map(|wait| wait.as_secs())
        };
        assert_eq!(wait(" 120 "), Some(120));
        assert_eq!(wait("Mon, 01 Mar 2027 12:05:00 GMT"), Some(300));
        assert_eq!(wait("Mon, 01 Mar 2027 11:55:00 GMT"), None);
        assert_eq!(wait("soon"), None);
    }
}
