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
    use std::sync::Arc;

    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::tls;

    /// A server that gives every connection the same octets; its address, and a client that trusts it.
    async fn server(answer: String) -> (Url, Http) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let mut request = [0; 4096];
                if stream.read(&mut request).await.is_ok() {
                    // A client that has had enough goes away in the middle.
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                }
            }
        });
        let url = Url::parse(&format!("https://localhost:{port}/")).unwrap();
        let trusting = tls::client_config(Some(&made.cert.pem())).unwrap();
        (url, Http::new(trusting).unwrap())
    }

    fn answer(status: &str, headers: &str, body: &str) -> String {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
    }

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

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let (url, http) = server(answer("307 Elsewhere", "location: /there\r\n", "{}")).await;
        let answered = http.json(&url).await;
        assert!(
            matches!(answered, Err(HttpError::Status(307))),
            "{answered:?}"
        );
    }

    #[tokio::test]
    async fn an_answer_is_read_up_to_its_limit_and_no_further() {
        let whole = format!("\"{}\"", "x".repeat(Http::LIMIT - 2));
        let (url, http) = server(answer("200 OK", "", &whole)).await;
        assert!(http.json(&url).await.is_ok());
        let (url, http) = server(answer("200 OK", "", &format!(" {whole}"))).await;
        assert!(matches!(http.json(&url).await, Err(HttpError::TooLong)));
        // Without a length it could go on for ever.
        let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(4 * Http::LIMIT));
        let (url, http) = server(endless).await;
        assert!(matches!(http.json(&url).await, Err(HttpError::TooLong)));
    }

    #[tokio::test]
    async fn nothing_is_asked_in_clear_text_or_of_a_stranger() {
        let (url, http) = server(answer("200 OK", "", "{}")).await;
        let plain = Url::parse(&url.as_str().replace("https", "http")).unwrap();
        let (_, others) = server(answer("200 OK", "", "{}")).await;
        for (http, url) in [(&http, &plain), (&others, &url)] {
            let answered = http.json(url).await;
            assert!(
                matches!(answered, Err(HttpError::Unreachable(_))),
                "{answered:?}"
            );
        }
    }
}
