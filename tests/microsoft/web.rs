//! Serving HTTPS: the pages and endpoints of the simulated Microsoft share one listener.

use std::sync::Arc;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Serves the routes until the future is dropped, and every connection with it.
pub async fn serve(tcp: TcpListener, tls: Arc<ServerConfig>, routes: Router) {
    let tls = TlsAcceptor::from(tls);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = tcp.accept() => {
                // A failed accept concerns one connection, which is gone.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(converse(stream, tls.clone(), routes.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one connection. Its end, of whatever kind, is the client's affair.
async fn converse(stream: TcpStream, tls: TlsAcceptor, routes: Router) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    if let Ok(stream) = tls.accept(stream).await {
        let service = TowerToHyperService::new(routes);
        let _ = Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }
}
