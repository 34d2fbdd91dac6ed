//! Whom a session talks to, and how patiently.

use super::Stage;
use std::{
    fmt,
    net::IpAddr,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// A submission server and the manner of talking to it.
///
/// Keep one for as long as its host is used: it remembers when the host turned out unfit for BDAT.
#[derive(Clone)]
pub struct Server {
    /// The name that is connected to and that the certificate must carry.
    pub host: String,
    /// The port, 587 at Microsoft.
    pub port: u16,
    /// What EHLO says; without one, the address literal of the socket's own end.
    pub ehlo_name: Option<EhloName>,
    /// How message content travels where the server leaves the choice.
    pub transfer: Transfer,
    /// How long each phase may take.
    pub timeouts: Timeouts,
    tls: Arc<rustls::ClientConfig>,
    unfit_for_bdat: Arc<AtomicBool>,
}

impl Server {
    /// A server with the defaults of everything else: DATA, the socket's address, the default timeouts.
    pub fn new(host: impl Into<String>, port: u16, tls: Arc<rustls::ClientConfig>) -> Self {
        Self {
            host: host.into(),
            port,
            ehlo_name: None,
            transfer: Transfer::default(),
            timeouts: Timeouts::default(),
            tls,
            unfit_for_bdat: Arc::default(),
        }
    }

    /// The TLS configuration of its connections.
    pub(super) fn tls(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.tls)
    }

    /// How content travels, now that the host may have shown that it cannot take BDAT.
    pub(super) fn current_transfer(&self) -> Transfer {
        if self.unfit_for_bdat.load(Ordering::Relaxed) {
            Transfer::Data
        } else {
            self.transfer
        }
    }

    /// Remembers that the host refused or stalled over BDAT without a fault of the message.
    pub(super) fn give_up_bdat(&self) {
        self.unfit_for_bdat.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("transfer", &self.current_transfer())
            .finish_non_exhaustive()
    }
}

/// How message content travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transfer {
    /// DATA: two round trips for each further message with PIPELINING.
    #[default]
    Data,
    /// BDAT where the server offers CHUNKING: one round trip for each further message with PIPELINING.
    Bdat,
}

/// How long each phase of a session may take.
///
/// The wait for a message's final reply has no limit here but the caller's deadline, which bounds all other
/// phases of a submission too: an impatient client makes duplicates (RFC 1047).
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Resolving the name and the TCP handshake. 10 seconds.
    pub connect: Duration,
    /// The 220 greeting. 30 seconds.
    pub greeting: Duration,
    /// Each EHLO. 15 seconds, beyond the five that Exchange takes over what it does not like.
    pub ehlo: Duration,
    /// STARTTLS. 15 seconds.
    pub starttls: Duration,
    /// The TLS handshake. 15 seconds.
    pub handshake: Duration,
    /// Each step of AUTH. 30 seconds; Exchange has been seen to take ten.
    pub auth: Duration,
    /// MAIL and RSET. 60 seconds.
    pub mail: Duration,
    /// Each RCPT. 60 seconds.
    pub rcpt: Duration,
    /// DATA until its 354. 60 seconds.
    pub data: Duration,
    /// Each write that makes no progress. 60 seconds.
    pub body: Duration,
    /// QUIT, which nobody needs an answer to. 2 seconds.
    pub quit: Duration,
}

impl Timeouts {
    /// How long a reply at a stage may take; `None` leaves it to the deadline.
    pub(super) fn of(&self, stage: Stage) -> Option<Duration> {
        match stage {
            Stage::Connect => Some(self.connect),
            Stage::Greeting => Some(self.greeting),
            Stage::Ehlo => Some(self.ehlo),
            Stage::StartTls => Some(self.starttls),
            Stage::Handshake => Some(self.handshake),
            Stage::Auth | Stage::Token => Some(self.auth),
            Stage::Mail | Stage::Rset => Some(self.mail),
            Stage::Rcpt => Some(self.rcpt),
            Stage::Data => Some(self.data),
            Stage::Body | Stage::Bdat => None,
            Stage::Quit => Some(self.quit),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            greeting: Duration::from_secs(30),
            ehlo: Duration::from_secs(15),
            starttls: Duration::from_secs(15),
            handshake: Duration::from_secs(15),
            auth: Duration::from_secs(30),
            mail: Duration::from_secs(60),
            rcpt: Duration::from_secs(60),
            data: Duration::from_secs(60),
            body: Duration::from_secs(60),
            quit: Duration::from_secs(2),
        }
    }
}

/// The name a client gives itself in EHLO: a domain or an address literal (RFC 5321, 4.1.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EhloName(String);

/// Reports text that is neither a domain nor an address literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither a domain nor an address literal")]
pub struct InvalidEhloName;

impl EhloName {
    /// The name as EHLO carries it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EhloName {
    type Err = InvalidEhloName;

    fn from_str(name: &str) -> Result<Self, InvalidEhloName> {
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let literal = || {
            let inner = name.strip_prefix('[')?.strip_suffix(']')?;
            match inner.strip_prefix("IPv6:") {
                Some(v6) => v6.parse().ok().map(IpAddr::V6),
                None => inner.parse().ok().map(IpAddr::V4),
            }
        };
        if literal().is_some() || (name.len() <= 255 && name.split('.').all(label)) {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidEhloName)
        }
    }
}

impl From<IpAddr> for EhloName {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(format!("[{v4}]")),
            IpAddr::V6(v6) => Self(format!("[IPv6:{v6}]")),
        }
    }
}

impl fmt::Display for EhloName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_and_an_address_literal_are_names() {
        for name in [
            "mail.contoso.com",
            "localhost",
            "[192.0.2.1]",
            "[IPv6:2001:db8::1]",
        ] {
            assert_eq!(name.parse::<EhloName>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn nothing_else_is_a_name() {
        for name in [
            "",
            "a b",
            "a\r\nRSET",
            "-a",
            "a..b",
            "[192.0.2]",
            "[IPv6:x]",
            "[mail.contoso.com]",
            "ä.example",
        ] {
            assert_eq!(name.parse::<EhloName>(), Err(InvalidEhloName), "{name:?}");
        }
    }

    #[test]
    fn an_address_becomes_its_literal() {
        let literal = |address: &str| EhloName::from(address.parse::<IpAddr>().unwrap()).0;
        assert_eq!(literal("192.0.2.1"), "[192.0.2.1]");
        assert_eq!(literal("2001:db8::1"), "[IPv6:2001:db8::1]");
        assert_eq!(literal("::ffff:192.0.2.1"), "[192.0.2.1]");
    }
}
