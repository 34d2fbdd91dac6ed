//! The simulated Exchange Online, as far as authenticated submission goes.
//!
//! One listener on 127.0.0.1 speaks SMTP as `smtp.office365.com` does on port 587: STARTTLS, XOAUTH2 with tokens of the
//! simulated Entra, DATA and BDAT, pipelining, and Microsoft's limits and refusals. [`Exchange`] is the handle of a test:
//! it takes [`Fault`]s and [`Limits`] and tells what happened.

mod auth;
mod faults;
mod limits;
mod record;
pub mod replies;
mod session;
mod verdict;
mod wire;
mod words;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use faults::{Effect, Fault, Gate, Moment, Stage};
pub use limits::Limits;
pub use record::{Connection, Counters};

use super::{Authority, Clock, Directory, Entra, Inbox, lock};

/// The handle of the simulated Exchange. Clones are the same server.
#[derive(Clone, Debug)]
pub struct Exchange {
    shared: Arc<Shared>,
}

/// What Exchange shares with the rest of Microsoft.
#[derive(Debug)]
pub(super) struct World {
    pub(super) authority: Arc<Authority>,
    pub(super) clock: Clock,
    pub(super) directory: Directory,
    pub(super) entra: Entra,
    pub(super) inbox: Inbox,
}

/// The certificates that a handshake can show.
#[derive(Debug)]
struct Certificates {
    right: Arc<ServerConfig>,
    wrong_name: Arc<ServerConfig>,
    impostor: Arc<ServerConfig>,
}

impl Certificates {
    fn new(authority: &Arc<Authority>) -> Result<Self> {
        let names = ["localhost", "smtp.localhost", "127.0.0.1"];
        Ok(Self {
            right: authority.server_config(&[])?,
            wrong_name: authority.fixed_server_config(&["smtp.example.com"])?,
            impostor: Authority::new()?.fixed_server_config(&names)?,
        })
    }
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    host: String,
    world: World,
    tls: Certificates,
    faults: faults::Faults,
    limits: Mutex<limits::Rules>,
    usage: Mutex<limits::Usage>,
    log: record::Log,
}

impl Shared {
    /// The limits of an account, or everybody's before it is known.
    fn limits_of(&self, account: Option<&str>) -> Limits {
        lock(&self.limits).of(account).clone()
    }
}

impl Exchange {
    pub(super) fn new(address: SocketAddr, host: &str, world: World) -> Result<Self> {
        Ok(Self {
            shared: Arc::new(Shared {
                address,
                host: host.to_owned(),
                tls: Certificates::new(&world.authority)?,
                world,
                faults: faults::Faults::default(),
                limits: Mutex::default(),
                usage: Mutex::default(),
                log: record::Log::default(),
            }),
        })
    }

    /// Serves until the future is dropped, and all dialogues with it.
    pub(super) async fn serve(self, smtp: TcpListener) {
        let mut sessions = JoinSet::new();
        loop {
            tokio::select! {
                accepted = smtp.accept() => {
                    // A failed accept concerns one connection, which is gone.
                    let Ok((stream, peer)) = accepted else { continue };
                    if stream.set_nodelay(true).is_ok() {
                        sessions.spawn(session::serve(Arc::clone(&self.shared), stream, peer));
                    }
                }
                Some(_) = sessions.join_next() => {}
            }
        }
    }

    /// The name to connect to and to verify, `localhost` unless the options said otherwise.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.shared.host
    }

    /// The port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.shared.address.port()
    }

    /// The socket's address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Adds a fault behind those there are.
    pub fn inject(&self, fault: Fault) {
        self.shared.faults.add(fault);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// Counts the limited faults that are not used up.
    #[must_use]
    pub fn pending_faults(&self) -> usize {
        self.shared.faults.pending()
    }

    /// Everybody's limits.
    #[must_use]
    pub fn limits(&self) -> Limits {
        lock(&self.shared.limits).everybody.clone()
    }

    /// Changes everybody's limits, for what happens from now on. Accounts that have their own keep them.
    pub fn change_limits(&self, change: impl FnOnce(&mut Limits)) {
        change(&mut lock(&self.shared.limits).everybody);
    }

    /// Gives an account limits of its own, and changes them.
    pub fn change_limits_of(&self, upn: &str, change: impl FnOnce(&mut Limits)) {
        change(lock(&self.shared.limits).own(upn));
    }

    /// The sums over all connections so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.log.counters()
    }

    /// Every connection so far, in the order of arrival.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        self.shared.log.connections()
    }

    /// When each connection was accepted.
    #[must_use]
    pub fn accepted_at(&self) -> Vec<Timestamp> {
        self.connections()
            .iter()
            .map(|connection| connection.opened_at)
            .collect()
    }

    /// The most authenticated connections that the account held at one time.
    #[must_use]
    pub fn peak_connections(&self, upn: &str) -> usize {
        lock(&self.shared.usage).peak_connections(&upn.to_ascii_lowercase())
    }

    /// The most messages that the account began within any sliding window of the length. What was refused for the rate
    /// is not counted.
    #[must_use]
    pub fn peak_messages(&self, upn: &str, window: Duration) -> usize {
        lock(&self.shared.usage).peak_messages(&upn.to_ascii_lowercase(), window)
    }

    /// Waits until the sums are as asked for.
    ///
    /// # Errors
    ///
    /// When the time is over first.
    pub async fn wait_until(
        &self,
        are_enough: impl Fn(&Counters) -> bool,
        patience: Duration,
    ) -> Result<Counters> {
        self.shared.log.wait_until(are_enough, patience).await
    }

    /// Waits until no connection is open.
    ///
    /// # Errors
    ///
    /// When the time is over first.
    pub async fn wait_until_idle(&self, patience: Duration) -> Result<()> {
        self.wait_until(|counters| counters.open == 0, patience)
            .await
            .map(drop)
    }
}
