//! What a mailbox allows: who a message may be from, who it may go to and how much; and how many a notification may be to.

use super::{
    error::{ComposeError, SenderField},
    parts,
};
use crate::{
    address::{Domain, EmailAddress},
    mailbox::Settings,
    notification::{Letter, Notification, Party, RawMessage},
};

/// The most recipients of a notification.
pub(super) const MAX_RECIPIENTS: usize = 2000;
/// The most octets of their addresses together. What became of each is in the notification's record, which DynamoDB takes up
/// to 400 KB of.
pub(super) const MAX_RECIPIENT_BYTES: usize = 128 * 1024;

/// The part of a mailbox's settings that a message has to obey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderPolicy {
    /// The mailbox's own address: who a message is from if nobody says.
    pub address: EmailAddress,
    /// Who else a message may be from.
    pub senders: Vec<EmailAddress>,
    /// The domains a message may go to; none means all.
    pub recipient_domains: Vec<Domain>,
    /// The most octets of one message, encoded.
    pub message_bytes: usize,
}

/// Reverse path and forward paths.
#[derive(Debug)]
pub(super) struct Paths<'n> {
    pub(super) sender: &'n EmailAddress,
    pub(super) recipients: Vec<&'n EmailAddress>,
}

impl From<&Settings> for SenderPolicy {
    fn from(settings: &Settings) -> Self {
        Self {
            address: settings.address.clone(),
            senders: settings.senders.clone(),
            recipient_domains: settings.recipient_domains.clone(),
            message_bytes: settings.message_bytes,
        }
    }
}

impl SenderPolicy {
    /// Says who a letter is from.
    pub(super) fn author(&self, letter: &Letter) -> Result<Party, ComposeError> {
        let Some(from) = &letter.from else {
            return Ok(Party {
                name: None,
                email: self.address.clone(),
            });
        };
        self.check_sender(&from.email, SenderField::From)?;
        Ok(from.clone())
    }

    /// Checks whom a raw message says it is from.
    pub(super) fn check_raw(&self, raw: &RawMessage) -> Result<(), ComposeError> {
        for address in std::iter::once(&raw.from).chain(&raw.sender) {
            self.check_sender(address, SenderField::Raw)?;
        }
        Ok(())
    }

    /// Says which paths a message takes: every recipient once, whatever the case it is written in.
    pub(super) fn envelope<'n>(
        &self,
        notification: &'n Notification,
        from: &'n EmailAddress,
    ) -> Result<Paths<'n>, ComposeError> {
        let sender = match &notification.sender {
            None => from,
            Some(sender) => {
                self.check_sender(sender, SenderField::Sender)?;
                sender
            }
        };
        let recipients = parts::once(notification);
        self.check_recipients(&recipients)?;
        Ok(Paths { sender, recipients })
    }

    fn check_sender(&self, address: &EmailAddress, field: SenderField) -> Result<(), ComposeError> {
        let mut allowed = std::iter::once(&self.address).chain(&self.senders);
        if allowed.any(|allowed| allowed.is_same_as(address)) {
            Ok(())
        } else {
            Err(ComposeError::SenderNotAllowed { field })
        }
    }

    fn check_recipients(&self, recipients: &[&EmailAddress]) -> Result<(), ComposeError> {
        let is_allowed = |email: &EmailAddress| {
            self.recipient_domains.is_empty()
                || self
                    .recipient_domains
                    .iter()
                    .any(|domain| email.is_in(domain))
        };
        let outside = recipients.iter().filter(|email| !is_allowed(email)).count();
        if outside > 0 {
            return Err(ComposeError::RecipientNotAllowed { count: outside });
        }
        if recipients.len() > MAX_RECIPIENTS {
            return Err(ComposeError::TooManyRecipients {
                count: recipients.len(),
                limit: MAX_RECIPIENTS,
            });
        }
        let bytes = recipients.iter().map(|email| email.as_str().len()).sum();
        if bytes > MAX_RECIPIENT_BYTES {
            return Err(ComposeError::LongRecipients {
                bytes,
                limit: MAX_RECIPIENT_BYTES,
            });
        }
        Ok(())
    }
}
