//! An OAuth server that nobody here wrote, as a process of this machine: `oidc-provider`, a certified implementation.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::Node;
use crate::microsoft::Authority;
use crate::stack::{Supervised, Supervision};

const SCRIPT: &str = include_str!("provider.mjs");

/// A running server, until this is dropped.
pub struct Provider {
    issuer: String,
    _process: Supervised,
}

/// The one client that the server knows.
pub struct Client<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its secret.
    pub secret: &'a str,
    /// The one address to which answers may go.
    pub redirect_uri: &'a str,
}

impl Provider {
    /// Starts the server on a free port, with a certificate of the authority.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub async fn start(node: &Node, authority: &Authority, client: &Client<'_>) -> Result<Self> {
        let issued = authority.issue(&["127.0.0.1", "localhost"])?;
        let script = node.root().join("provider.mjs");
        std::fs::write(&script, SCRIPT)?;
        let settings = json!({
            "certificate": issued.certificate_pem,
            "key": issued.key_pem,
            "client_id": client.id,
            "client_secret": client.secret,
            "redirect_uri": client.redirect_uri,
        });
        let mut process = Supervision::new(Path::new("python3"), "node")
            .configure(|command| {
                command.arg(&script).arg(settings.to_string());
            })
            .spawn(Stdio::piped(), Stdio::null())?;
        let output = process.output().context("the server has no output")?;
        let mut issuer = String::new();
        BufReader::new(output).read_line(&mut issuer).await?;
        let issuer = issuer.trim().to_owned();
        ensure!(issuer.starts_with("https://"), "the server ended at once");
        Ok(Self {
            issuer,
            _process: process,
        })
    }

    /// Its issuer, which is the beginning of all its addresses.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }
}
