//! The public side of the stack: HTTPS on a port of this machine, answered by the stack's HTTP API.
//!
//! It ends TLS and hands each request to MiniStack under the API's own host name, as a custom domain does on AWS. It
//! changes nothing else: status, headers (cookies one by one) and bodies pass as they are.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, TRANSFER_ENCODING};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// The largest request body that is passed on; an HTTP API takes 10 MB.
const LARGEST_BODY: usize = 10 * 1024 * 1024;
const OF_ONE_CONNECTION: [HeaderName; 3] = [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH];

/// An open port that serves nothing yet: the stack has to know its address before the API exists.
pub(super) struct Front {
    listener: TcpListener,
    tls: TlsAcceptor,
}

/// A public side that is being served, until this is dropped.
pub(super) struct Serving(AbortHandle);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Front {
    /// Opens a port.
    pub(super) async fn open(tls: Arc<rustls::ServerConfig>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no port of 127.0.0.1 can be opened for the consent pages")?;
        Ok(Self {
            listener,
            tls: TlsAcceptor::from(tls),
        })
    }

    /// The port.
    pub(super) fn port(&self) -> anyhow::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// Serves the API of that id at MiniStack.
    pub(super) fn serve(self, ministack: String, api: &str) -> anyhow::Result<Serving> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let host = format!("{api}.execute-api.localhost");
        let app = Router::new().fallback(move |request: Request| {
            let (http, ministack, host) = (http.clone(), ministack.clone(), host.clone());
            async move {
                let answer = pass(&http, &ministack, &host, request).await;
                Ok::<_, Infallible>(answer.unwrap_or_else(|error| {
                    (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response()
                }))
            }
        });
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = self.listener.accept().await {
                let (tls, app) = (self.tls.clone(), app.clone());
                connections.spawn(async move {
                    // A client that breaks off, or that does not trust the certificate, is its own affair.
                    if let Ok(stream) = tls.accept(stream).await {
                        let service = TowerToHyperService::new(app);
                        let _ = auto::Builder::new(TokioExecutor::new())
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                    }
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Serving(task.abort_handle()))
    }
}

async fn pass(
    http: &reqwest::Client,
    ministack: &str,
    host: &str,
    request: Request,
) -> anyhow::Result<Response> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = passed_on(&parts.headers);
    headers.insert(HOST, host.parse()?);
    let answer = http
        .request(parts.method, format!("{ministack}{path}"))
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

fn passed_on(headers: &HeaderMap) -> HeaderMap {
    headers
        .iter()
        .filter(|(name, _)| !OF_ONE_CONNECTION.contains(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
