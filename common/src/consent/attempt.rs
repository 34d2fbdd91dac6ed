//! One way to the provider and back.

use jiff::Timestamp;

use super::{BrowserHash, Nonce, TicketHash, Verifier};
use crate::mailbox::MailboxId;

/// An attempt as it is remembered until the provider answers. It is kept under the hash of its state, and used
/// once, because using it takes it out of the store.
#[derive(Debug)]
pub struct Attempt {
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

/// How the provider is asked to choose the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// The account of the mailbox is suggested.
    Hint,
    /// The person is made to choose, after a wrong account. Entra refuses a hint beside it.
    SelectAccount,
}
