//! The names of everything that a stack owns.
//!
//! Names are made here from the stack's name and the mailbox's id and nowhere else; the template
//! makes the same names, and the roles allow nothing but them.

use std::fmt;

use crate::mailbox::MailboxId;

/// The name of a deployed stack: a letter, then up to 39 letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackName(String);

/// Says that a text is not a [`StackName`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("is not a stack name of a letter and up to 39 letters, digits and hyphens")]
pub struct InvalidStackName;

impl StackName {
    /// Parses a stack's name.
    ///
    /// # Errors
    ///
    /// When `text` is not of the form that the type states.
    pub fn parse(text: &str) -> Result<Self, InvalidStackName> {
        let mut letters = text.bytes();
        let valid = letters
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic())
            && text.len() <= 40
            && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == b'-');
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidStackName)
        }
    }

    /// The secret that holds the grant of a mailbox.
    #[must_use]
    pub fn grant_secret(&self, mailbox: &MailboxId) -> String {
        format!("{self}/mailboxes/{mailbox}/grant")
    }

    /// The secret that holds the access token of a mailbox.
    #[must_use]
    pub fn access_token_secret(&self, mailbox: &MailboxId) -> String {
        format!("{self}/mailboxes/{mailbox}/access-token")
    }

    /// The secret that holds the client secret called `name`.
    #[must_use]
    pub fn client_secret(&self, name: &str) -> String {
        format!("{self}/clients/{name}")
    }

    /// The path below which the parameters of all mailboxes stand.
    #[must_use]
    pub fn mailboxes_path(&self) -> String {
        format!("/{self}/mailboxes/")
    }

    /// The parameter that holds the settings of a mailbox.
    #[must_use]
    pub fn settings_parameter(&self, mailbox: &MailboxId) -> String {
        format!("/{self}/mailboxes/{mailbox}/settings")
    }

    /// The parameter that holds the id of a mailbox's event source mapping.
    #[must_use]
    pub fn mapping_parameter(&self, mailbox: &MailboxId) -> String {
        format!("/{self}/mailboxes/{mailbox}/mapping")
    }

    /// The queue on which the notifications of a mailbox arrive.
    #[must_use]
    pub fn queue(&self, mailbox: &MailboxId) -> String {
        format!("{self}_{mailbox}")
    }

    /// The queue that keeps what could not be sent.
    #[must_use]
    pub fn failed_queue(&self, mailbox: &MailboxId) -> String {
        format!("{self}_{mailbox}_failed")
    }

    /// The function called `name`, such as `operator`.
    #[must_use]
    pub fn function(&self, name: &str) -> String {
        format!("{self}-{name}")
    }

    /// The function called `name`, such as `token-refresh`, by the alias that says which of its versions does the work:
    /// an upgrade moves it, and a rollback moves it back. All but `operator` have one.
    #[must_use]
    pub fn live_function(&self, name: &str) -> String {
        format!("{}:live", self.function(name))
    }

    /// The mailbox whose queue has the given ARN, if it is a queue of this stack.
    #[must_use]
    pub fn mailbox_of_queue(&self, arn: &str) -> Option<MailboxId> {
        let queue = arn.rsplit(':').next()?;
        let mailbox = queue.strip_prefix(&self.0)?.strip_prefix('_')?;
        MailboxId::parse(mailbox).ok()
    }
}

impl fmt::Display for StackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_leads_back_to_its_mailbox() {
        let stack = StackName::parse("Mail-1").expect("a stack name");
        let billing = MailboxId::parse("billing").expect("a mailbox id");
        let arn = format!(
            "arn:aws:sqs:eu-west-1:123456789012:{}",
            stack.queue(&billing)
        );
        assert_eq!(stack.mailbox_of_queue(&arn), Some(billing.clone()));
        assert_eq!(
            stack.mailbox_of_queue(&format!("{arn}_failed")),
            None,
            "a failed queue feeds nobody"
        );
        assert_eq!(
            stack.mailbox_of_queue("arn:aws:sqs:eu-west-1:123456789012:Mail-2_billing"),
            None
        );
    }

    #[test]
    fn a_stack_name_is_checked() {
        for text in ["", "1a", "a_b", "a b", &"a".repeat(41)] {
            assert_eq!(StackName::parse(text), Err(InvalidStackName), "{text}");
        }
    }
}
