//! A server with nothing to say: it answers every request with "no content", so that a browser stays where it is.

use anyhow::Result;
use axum::Router;
use axum::http::StatusCode;
use tests::microsoft::{Microsoft, web};
use tokio::net::TcpListener;

/// Starts it, and gives its address. It ends with the run.
pub(crate) async fn open(microsoft: &Microsoft) -> Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = format!("https://{}/", listener.local_addr()?);
    let tls = microsoft.authority().server_config(&[b"http/1.1"])?;
    let routes = Router::new().fallback(|| async { StatusCode::NO_CONTENT });
    tokio::spawn(web::serve(listener, tls, routes));
    Ok(address)
}
