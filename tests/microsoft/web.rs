//! Serving HTTPS: the pages and endpoints of the simulated Microsoft share one listener.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::serve::Listener;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Serves the routes until the future is dropped.
pub(super) async fn serve(
    tcp: TcpListener,
    tls: Arc<ServerConfig>,
    routes: Router,
) -> io::Result<()> {
    let address = tcp.local_addr()?;
    let (handshaken, connections) = mpsc::channel(64);
    let listener = TlsListener {
        address,
        connections,
    };
    tokio::select! {
        () = shake_hands(tcp, TlsAcceptor::from(tls), handshaken) => Ok(()),
        outcome = axum::serve(listener, routes) => outcome,
    }
}

/// Gives axum the connections whose handshake is done, so that a slow client holds up nobody else.
struct TlsListener {
    address: SocketAddr,
    connections: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.connections.recv().await {
            Some(connection) => connection,
            // The accepting side is gone, and this side is about to be.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}

async fn shake_hands(
    tcp: TcpListener,
    tls: TlsAcceptor,
    handshaken: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    let mut handshakes = JoinSet::new();
    loop {
        tokio::select! {
            accepted = tcp.accept() => {
                // A failed accept concerns one connection, which is gone.
                let Ok((stream, peer)) = accepted else { continue };
                let (tls, handshaken) = (tls.clone(), handshaken.clone());
                handshakes.spawn(async move {
                    stream.set_nodelay(true)?;
                    let stream = tls.accept(stream).await?;
                    // The receiver is gone only when the server is.
                    let _ = handshaken.send((stream, peer)).await;
                    io::Result::Ok(())
                });
            }
            Some(_) = handshakes.join_next() => {}
        }
    }
}
