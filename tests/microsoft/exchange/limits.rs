//! What Exchange allows a mailbox, and what of it was used.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::faults::Stage;

/// Exchange's limits. The defaults are Microsoft's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Authenticated connections of one mailbox at a time.
    pub connections: usize,
    /// Where a connection beyond the limit is told so: [`Stage::EndOfMessage`] as seen at Microsoft,
    /// [`Stage::Credential`] or [`Stage::Mail`].
    pub connections_told_at: Stage,
    /// Messages that one mailbox may begin within [`Limits::window`].
    pub messages: usize,
    /// The sliding window of [`Limits::messages`].
    pub window: Duration,
    /// Recipients of one message.
    pub recipients: usize,
    /// Recipients of one domain in one message.
    pub recipients_of_a_domain: usize,
    /// Octets of SIZE, the service's ceiling.
    pub advertised_octets: usize,
    /// Octets of one message that the mailbox may send.
    pub message_octets: usize,
    /// Octets of one message's header.
    pub header_octets: usize,
    /// How long an unknown or misplaced command is left without an answer.
    pub tarpit: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 3,
            connections_told_at: Stage::EndOfMessage,
            messages: 30,
            window: Duration::from_secs(60),
            recipients: 500,
            recipients_of_a_domain: 200,
            advertised_octets: 157_286_400,
            message_octets: 35 * 1024 * 1024,
            header_octets: 256 * 1024,
            tarpit: Duration::ZERO,
        }
    }
}

/// The limits in force: everybody's, and those of accounts that have their own.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub(super) everybody: Limits,
    own: HashMap<String, Limits>,
}

impl Rules {
    /// The limits of an account, or everybody's before it is known.
    pub(super) fn of(&self, account: Option<&str>) -> &Limits {
        account
            .and_then(|account| self.own.get(&account.to_ascii_lowercase()))
            .unwrap_or(&self.everybody)
    }

    /// The limits of an account, to be changed for it alone.
    pub(super) fn own(&mut self, account: &str) -> &mut Limits {
        let everybody = self.everybody.clone();
        let own = self.own.entry(account.to_ascii_lowercase());
        own.or_insert(everybody)
    }
}

/// What the mailboxes have used: open connections in the order of their authentication, and begun messages.
#[derive(Debug, Default)]
pub(super) struct Usage {
    connections: HashMap<String, Vec<u64>>,
    begun: HashMap<String, Vec<Timestamp>>,
    peak_connections: HashMap<String, usize>,
}

impl Usage {
    pub(super) fn authenticated(&mut self, account: &str, connection: u64) {
        let open = self.connections.entry(account.to_owned()).or_default();
        open.push(connection);
        let peak = self.peak_connections.entry(account.to_owned()).or_default();
        *peak = open.len().max(*peak);
    }

    pub(super) fn closed(&mut self, account: &str, connection: u64) {
        if let Some(open) = self.connections.get_mut(account) {
            open.retain(|&other| other != connection);
        }
    }

    /// Whether the connection is one too many for the mailbox: those that were there before it fill the limit.
    pub(super) fn is_beyond(&self, account: &str, connection: u64, limit: usize) -> bool {
        self.connections
            .get(account)
            .is_some_and(|open| open.iter().skip(limit).any(|&other| other == connection))
    }

    /// Counts a message that begins now, unless the sliding window is full.
    pub(super) fn begin(&mut self, account: &str, now: Timestamp, limits: &Limits) -> bool {
        let begun = self.begun.entry(account.to_owned()).or_default();
        let in_window = begun
            .iter()
            .filter(|&&at| is_within(at, now, limits.window))
            .count();
        let allowed = in_window < limits.messages;
        if allowed {
            begun.push(now);
        }
        allowed
    }

    pub(super) fn peak_connections(&self, account: &str) -> usize {
        self.peak_connections.get(account).copied().unwrap_or(0)
    }

    /// The most messages that the mailbox began within any window of the length.
    pub(super) fn peak_messages(&self, account: &str, window: Duration) -> usize {
        let begun = self
            .begun
            .get(account)
            .map(Vec::as_slice)
            .unwrap_or_default();
        (0..begun.len())
            .map(|last| {
                begun[..=last]
                    .iter()
                    .filter(|&&at| is_within(at, begun[last], window))
                    .count()
            })
            .max()
            .unwrap_or(0)
    }
}

fn is_within(at: Timestamp, now: Timestamp, window: Duration) -> bool {
    now.duration_since(at) < SignedDuration::try_from(window).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_an_account_are_its_own() {
        let mut rules = Rules::default();
        rules.own("Anna@contoso.com").messages = 600;
        assert_eq!(rules.of(Some("anna@contoso.com")).messages, 600);
        assert_eq!(rules.of(Some("bob@contoso.com")).messages, 30);
        assert_eq!(rules.of(None).messages, 30);
    }

    #[test]
    fn the_window_slides() {
        let mut usage = Usage::default();
        let limits = Limits {
            messages: 2,
            ..Limits::default()
        };
        let at = |seconds: i64| Timestamp::from_second(1_700_000_000 + seconds).unwrap();
        let mut begin = |seconds| usage.begin("anna@contoso.com", at(seconds), &limits);
        assert!(begin(0));
        assert!(begin(30));
        assert!(!begin(59));
        assert!(begin(60), "the first has left the window");
        assert!(!begin(89));
        assert!(usage.begin("bob@contoso.com", at(89), &limits));
        assert_eq!(usage.peak_messages("anna@contoso.com", limits.window), 2);
    }

    #[test]
    fn the_connection_beyond_the_limit_is_the_one_that_came_last() {
        let mut usage = Usage::default();
        for connection in 1..=4 {
            usage.authenticated("anna@contoso.com", connection);
        }
        assert!(!usage.is_beyond("anna@contoso.com", 3, 3));
        assert!(usage.is_beyond("anna@contoso.com", 4, 3));
        usage.closed("anna@contoso.com", 1);
        assert!(!usage.is_beyond("anna@contoso.com", 4, 3), "it moved up");
        assert_eq!(usage.peak_connections("anna@contoso.com"), 4);
    }
}
