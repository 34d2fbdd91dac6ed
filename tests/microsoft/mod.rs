//! A simulated Microsoft: Entra, Exchange submission and an inbox, over TLS on this machine.
//!
//! It checks what Microsoft checks and answers in Microsoft's words; whoever talks to it needs to know its addresses and
//! its certificate authority, and nothing else. Tests drive it through handles: the [`Directory`] is what an
//! administrator can change, [`Entra`] and [`Exchange`] take faults and keep count, the [`Inbox`] holds what was
//! accepted, and a [`Person`] signs in and consents without a browser.
//!
//! It listens on 127.0.0.1 only, on ports the system chose, and everything of it ends when it is dropped.

mod authority;
mod clock;
mod directory;
pub mod entra;
pub mod exchange;
mod html;
mod id;
pub mod inbox;
pub mod person;
#[cfg(test)]
mod trials;
pub mod web;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use authority::{Authority, Issued};
pub use clock::Clock;
pub use directory::{
    Account, App, CONSUMER_TENANT, ClientSecret, ConsentPolicy, Directory, Role, SignIn, SmtpAuth,
    Tenant,
};
pub use entra::Entra;
pub use exchange::Exchange;
pub use id::named_guid;
pub use inbox::Inbox;
pub use person::Person;

/// What a simulated Microsoft is made with.
#[derive(Debug)]
pub struct Options {
    /// Who and what it knows.
    pub directory: Directory,
    /// The authority that signs its certificates; a new one when absent.
    pub authority: Option<Authority>,
    /// Where accepted messages are kept as files; only in memory when absent.
    pub inbox_directory: Option<PathBuf>,
    /// The host of Entra's endpoints: `localhost`, a name under it, or 127.0.0.1.
    pub entra_host: String,
    /// The host of Entra's pages for people, where it is another: the way there is then one redirect longer.
    pub sign_in_host: Option<String>,
    /// The host that stands for `smtp.office365.com`.
    pub smtp_host: String,
}

/// A running simulated Microsoft. It ends when dropped.
#[derive(Debug)]
pub struct Microsoft {
    authority: Arc<Authority>,
    clock: Clock,
    directory: Directory,
    entra: Entra,
    exchange: Exchange,
    inbox: Inbox,
    web_port: u16,
    servers: JoinSet<()>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            directory: Directory::contoso(),
            authority: None,
            inbox_directory: None,
            entra_host: "localhost".to_owned(),
            sign_in_host: None,
            smtp_host: "localhost".to_owned(),
        }
    }
}

impl Microsoft {
    /// Starts Entra, Exchange and the inbox's pages on free ports of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When a port cannot be had, a key cannot be made, or the inbox's directory cannot be.
    pub async fn start(options: Options) -> Result<Self> {
        let authority = Arc::new(match options.authority {
            Some(authority) => authority,
            None => Authority::new()?,
        });
        let clock = Clock::default();
        let inbox = Inbox::new(options.inbox_directory)?;

        let web = TcpListener::bind(("127.0.0.1", 0)).await?;
        let web_port = web.local_addr()?.port();
        let origin = |host: &str| format!("https://{host}:{web_port}");
        let sign_in_host = options.sign_in_host.as_ref().unwrap_or(&options.entra_host);
        let entra = Entra::new(
            origin(&options.entra_host),
            origin(sign_in_host),
            clock.clone(),
            options.directory.clone(),
        )?;
        let routes = entra.router().merge(inbox::router(inbox.clone()));
        let web_tls = authority.server_config(&[b"h2", b"http/1.1"])?;

        let smtp = TcpListener::bind(("127.0.0.1", 0)).await?;
        let exchange = Exchange::new(
            smtp.local_addr()?,
            &options.smtp_host,
            exchange::World {
                authority: Arc::clone(&authority),
                clock: clock.clone(),
                directory: options.directory.clone(),
                entra: entra.clone(),
                inbox: inbox.clone(),
            },
        )?;

        let mut servers = JoinSet::new();
        servers.spawn(web::serve(web, web_tls, routes));
        servers.spawn(exchange.clone().serve(smtp));
        Ok(Self {
            authority,
            clock,
            directory: options.directory,
            entra,
            exchange,
            inbox,
            web_port,
            servers,
        })
    }

    /// The authority to trust.
    #[must_use]
    pub fn authority(&self) -> &Arc<Authority> {
        &self.authority
    }

    /// The clock that everything here reads.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Who and what is known here.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The simulated Entra.
    #[must_use]
    pub fn entra(&self) -> &Entra {
        &self.entra
    }

    /// The simulated Exchange.
    #[must_use]
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// What was accepted.
    #[must_use]
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// The port of Entra and of the inbox's pages.
    #[must_use]
    pub fn web_port(&self) -> u16 {
        self.web_port
    }

    /// The address of the page that lists what was accepted.
    #[must_use]
    pub fn inbox_url(&self) -> String {
        format!("https://localhost:{}/inbox", self.web_port)
    }

    /// Ends everything and waits until it has ended.
    pub async fn shut_down(mut self) {
        self.servers.shutdown().await;
    }
}

/// Locks, whatever became of an earlier holder: a test that failed must not hide behind another's panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
