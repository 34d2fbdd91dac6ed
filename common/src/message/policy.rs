//! What a mailbox allows: who a message may be from, who it may go to, how many and how much.

use std::collections::{HashMap, HashSet};

use super::error::{ComposeError, SenderField};
use crate::{
    address::{Domain, EmailAddress},
    mailbox::Settings,
    notification::{Letter, Notification, Party, RawMessage},
};

/// The most recipients of one domain that Exchange takes in one transaction (4.5.3).
const MAX_OF_ONE_DOMAIN: usize = 200;

/// The part of a mailbox's settings that a message has to obey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderPolicy {
    /// The mailbox's own address: who a message is from if nobody says.
    pub address: EmailAddress,
    /// Who else a message may be from.
    pub senders: Vec<EmailAddress>,
    /// The domains a message may go to; none means all.
    pub recipient_domains: Vec<Domain>,
    /// The most recipients of one message.
    pub recipients_per_message: usize,
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
            recipients_per_message: settings.recipients_per_message,
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
        let mut seen = HashSet::new();
        let recipients: Vec<_> = notification
            .recipients()
            .map(|party| &party.email)
            .filter(|email| seen.insert(email.as_str().to_lowercase()))
            .collect();
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
        if recipients.len() > self.recipients_per_message {
            return Err(ComposeError::TooManyRecipients {
                count: recipients.len(),
                limit: self.recipients_per_message,
            });
        }
        let mut of_one_domain: HashMap<String, usize> = HashMap::new();
        for email in recipients {
            *of_one_domain
                .entry(email.domain().to_ascii_lowercase())
                .or_default() += 1;
        }
        match of_one_domain.into_values().max() {
            Some(count) if count > MAX_OF_ONE_DOMAIN => Err(ComposeError::TooManyOfOneDomain {
                count,
                limit: MAX_OF_ONE_DOMAIN,
            }),
            Some(_) | None => Ok(()),
        }
    }
}
