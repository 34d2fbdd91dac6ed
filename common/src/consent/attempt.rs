//! One way to the provider and back.

use jiff::Timestamp;

use super::{BrowserHash, Nonce, TicketHash, Verifier};
use crate::mailbox::MailboxId;

/// An attempt as it is remembered until the provider answers. It is kept under the hash of its state, and used
/// once, because the store gives it out once.
#[derive(Debug)]
pub struct Attempt {
    /// What it is for.
    pub purpose: Purpose,
    /// The mailbox that is to be connected.
    pub mailbox: MailboxId,
    /// The ticket that it was begun with.
    pub ticket: TicketHash,
    /// The browser that began it.
    pub browser: BrowserHash,
    /// Redeems the code.
    pub verifier: Verifier,
    /// Stands in the id token.
    pub nonce: Nonce,
    /// When it is too late to come back.
    pub expires_at: Timestamp,
}

/// What a person is sent to the provider for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The mailbox's own account lets Pillarbox send.
    Connection,
    /// An administrator lets every account of the directory use the app. Nothing is stored by it.
    Approval,
}

impl Purpose {
    /// The word for it, in addresses and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Approval => "approval",
        }
    }

    /// What `word` names; a connection where it names nothing, because that is what most are for.
    #[must_use]
    pub fn parse(word: Option<&str>) -> Self {
        if word == Some(Self::Approval.as_str()) {
            Self::Approval
        } else {
            Self::Connection
        }
    }
}

/// How the provider is asked to choose the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// The account of the mailbox is suggested.
    Hint,
    /// The person is made to choose, after a wrong account. Entra refuses a hint beside it.
    SelectAccount,
}
