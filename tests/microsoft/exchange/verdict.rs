//! The verdict at the end of a message.

use std::sync::Arc;

use mail_parser::MessageParser;

use super::super::inbox::{Body, Envelope, Message, Transfer};
use super::super::lock;
use super::faults::Stage;
use super::{Shared, words};

/// A message whose last octet has arrived.
pub(super) struct Submission {
    pub(super) account: String,
    pub(super) connection: u64,
    pub(super) envelope: Envelope,
    pub(super) transfer: Transfer,
    pub(super) octets: Vec<u8>,
}

impl Shared {
    /// Takes the message into the inbox and says so, or says why not.
    pub(super) fn take(&self, submission: Submission) -> Result<String, String> {
        let message_id = self.judge(&submission)?;
        let message = Message {
            number: 0,
            accepted_at: self.world.clock.now(),
            account: submission.account,
            connection: submission.connection,
            envelope: submission.envelope,
            transfer: submission.transfer,
            raw: Arc::from(submission.octets),
        };
        let stored = self.world.inbox.accept(message);
        stored.map_err(|_| words::NOT_STORED.to_owned())?;
        Ok(words::queued(message_id.as_deref()))
    }

    fn judge(&self, submission: &Submission) -> Result<Option<String>, String> {
        let limits = self.limits_of(Some(&submission.account));
        let is_beyond = lock(&self.usage).is_beyond(
            &submission.account,
            submission.connection,
            limits.connections,
        );
        if is_beyond && limits.connections_told_at == Stage::EndOfMessage {
            return Err(words::known("too many connections"));
        }
        let octets = &submission.octets;
        if octets.len() > limits.message_octets {
            return Err(words::TOO_LARGE.to_owned());
        }
        if header_length(octets) > limits.header_octets {
            return Err(words::known("header too large"));
        }
        if submission.envelope.body != Body::BinaryMime && has_bare_linefeed(octets) {
            return Err(words::known("bare linefeed"));
        }
        let parsed = MessageParser::default().parse(&octets[..]);
        let missing = || words::known("from missing");
        let parsed = parsed.ok_or_else(missing)?;
        let from: Vec<&str> = parsed
            .from()
            .into_iter()
            .flat_map(|from| from.iter().filter_map(|one| one.address.as_deref()))
            .collect();
        if from.is_empty() {
            return Err(missing());
        }
        let account = self.world.directory.account(&submission.account);
        let account = account.ok_or_else(|| words::token_rejected(self.world.clock.now()))?;
        let reverse_path = Some(submission.envelope.reverse_path.as_str());
        let senders = reverse_path
            .filter(|path| !path.is_empty())
            .into_iter()
            .chain(from);
        for sender in senders {
            if !account.may_send_as(sender) {
                return Err(words::send_as_denied(&account.address, sender));
            }
        }
        Ok(parsed.message_id().map(str::to_owned))
    }
}

fn header_length(octets: &[u8]) -> usize {
    let end = octets.windows(4).position(|window| window == b"\r\n\r\n");
    end.unwrap_or(octets.len())
}

fn has_bare_linefeed(octets: &[u8]) -> bool {
    let mut previous = 0;
    octets.iter().any(|&octet| {
        let is_bare = octet == b'\n' && previous != b'\r';
        previous = octet;
        is_bare
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linefeed_without_its_return_is_seen() {
        assert!(has_bare_linefeed(b"a\r\nb\nc\r\n"));
        assert!(has_bare_linefeed(b"\na"));
        assert!(!has_bare_linefeed(b"a\r\n\r\nb\r\r\n"));
    }
}
