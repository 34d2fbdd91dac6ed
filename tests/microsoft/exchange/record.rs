//! What happened at the simulated Exchange: connections, commands, flights.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail};
use jiff::Timestamp;
use tokio::sync::watch;

/// One connection, as it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Counts from 1.
    pub number: u64,
    /// The client's end of it.
    pub peer: SocketAddr,
    /// When it was accepted.
    pub opened_at: Timestamp,
    /// When it ended; `None` while it is open.
    pub closed_at: Option<Timestamp>,
    /// Whether the TLS handshake succeeded.
    pub encrypted: bool,
    /// The account, once authenticated.
    pub account: Option<String>,
    /// The verbs of all commands, in order; a message body is no command, a credential is `(credential)`.
    pub commands: Vec<String>,
    /// Flights: how often the server had answered all it knew and then heard more. The TLS handshake is not counted, and
    /// a flight too large for one read may count more than once if it holds commands.
    pub flights: u64,
    /// Messages accepted.
    pub accepted: u64,
}

/// Sums over all connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub open: u64,
    /// The most connections open at one time.
    pub peak_open: u64,
    /// Flights of all connections.
    pub flights: u64,
    /// Messages accepted.
    pub accepted: u64,
    /// Commands by verb.
    pub commands: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
pub(super) struct Log {
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct State {
    connections: Vec<Connection>,
    peak_open: u64,
}

impl Log {
    /// Notes a new connection and gives it its number.
    pub(super) fn open(&self, peer: SocketAddr, now: Timestamp) -> u64 {
        let mut number = 0;
        self.state.send_modify(|state| {
            number = state.connections.len() as u64 + 1;
            state.connections.push(Connection {
                number,
                peer,
                opened_at: now,
                closed_at: None,
                encrypted: false,
                account: None,
                commands: Vec::new(),
                flights: 0,
                accepted: 0,
            });
            state.peak_open = state.peak_open.max(state.open());
        });
        number
    }

    /// Notes something about a connection.
    pub(super) fn note(&self, number: u64, change: impl FnOnce(&mut Connection)) {
        self.state.send_modify(|state| {
            let index = usize::try_from(number).unwrap_or(0).wrapping_sub(1);
            if let Some(connection) = state.connections.get_mut(index) {
                change(connection);
            }
        });
    }

    pub(super) fn connections(&self) -> Vec<Connection> {
        self.state.borrow().connections.clone()
    }

    pub(super) fn counters(&self) -> Counters {
        self.state.borrow().counters()
    }

    pub(super) async fn wait_until(
        &self,
        are_enough: impl Fn(&Counters) -> bool,
        patience: Duration,
    ) -> Result<Counters> {
        let mut updates = self.state.subscribe();
        let enough = updates.wait_for(|state| are_enough(&state.counters()));
        match tokio::time::timeout(patience, enough).await {
            Ok(state) => Ok(state?.counters()),
            Err(_) => bail!("{:?} after {patience:?}", self.counters()),
        }
    }
}

impl State {
    fn counters(&self) -> Counters {
        let mut counters = Counters {
            connections: self.connections.len() as u64,
            open: self.open(),
            peak_open: self.peak_open,
            ..Counters::default()
        };
        for connection in &self.connections {
            counters.flights += connection.flights;
            counters.accepted += connection.accepted;
            for verb in &connection.commands {
                *counters.commands.entry(verb.clone()).or_default() += 1;
            }
        }
        counters
    }

    fn open(&self) -> u64 {
        self.connections
            .iter()
            .filter(|one| one.closed_at.is_none())
            .count() as u64
    }
}
