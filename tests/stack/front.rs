//! The public side of the stack: HTTPS on a port of this machine, answered by the stack's HTTP API.
//!
//! It ends TLS and hands each request to MiniStack under the API's own host name, as a custom domain does on AWS. It
//! changes nothing else. A witness sees what it answers.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::passage::Passage;
use super::witness::{Kind, Witness};

/// An open port that serves nothing yet: the stack has to know its address before the API exists.
pub(super) struct Front {
    listener: TcpListener,
    tls: TlsAcceptor,
}

/// A public side that is being served, until this is dropped.
pub(super) struct Serving(pub(super) AbortHandle);

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

    /// Serves the API of that id.
    pub(super) fn serve(
        self,
        passage: Passage,
        api: &str,
        witness: Witness,
    ) -> anyhow::Result<Serving> {
        let host = HeaderValue::try_from(format!("{api}.execute-api.localhost"))?;
        let app = Router::new().fallback(move |request: Request| {
            let (passage, host) = (passage.clone(), host.clone());
            let witness = witness.clone();
            async move {
                // Without the query, which holds a ticket.
                let path = request.uri().path().to_owned();
                let answer = match passage.pass(Some(&host), request).await {
                    Ok(answer) => seen(answer, &witness, path).await,
                    Err(error) => Err(error),
                };
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

/// Shows an answer to the witness, headers and all.
async fn seen(answer: Response, witness: &Witness, path: String) -> anyhow::Result<Response> {
    let (parts, body) = answer.into_parts();
    let body = to_bytes(body, usize::MAX).await?;
    let mut text = String::new();
    for (name, value) in &parts.headers {
        text += &format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()));
    }
    text += &String::from_utf8_lossy(&body);
    witness.see(Kind::Page, path, text);
    Ok(Response::from_parts(parts, body.into()))
}
