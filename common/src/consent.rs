//! One person's way to Microsoft and back, from the link to the answer.
//!
//! An operator's [`Ticket`] opens the way for 15 minutes and at most 5 [`Attempt`]s. Each attempt belongs to one
//! browser by a cookie, is used once, and ends in an [`Outcome`] that this browser alone can look at. What opens
//! anything (ticket, state, cookie) is stored as a hash.
//!
//! Written by `operator` (tickets) and `oauth-callback` (everything). What has expired is judged in conditions;
//! that the table deletes it later only saves space. Who may consent is decided in [`account`]; nothing here
//! knows a token.

mod attempt;
mod link;
mod outcome;
mod public_url;

pub mod account;
pub mod unguessable;

use std::future::Future;

use jiff::{SignedDuration, Timestamp};

pub use self::attempt::{Attempt, Prompt, Purpose};
pub use self::link::{Link, connect_link};
pub use self::outcome::{Check, Ending, Kept, Outcome, Queue, Refusal};
pub use self::public_url::{InvalidPublicUrl, PublicUrl};
pub use self::unguessable::{
    Browser, BrowserHash, Nonce, State, StateHash, Ticket, TicketHash, Verifier,
};
use crate::mailbox::MailboxId;

/// How long a ticket, an attempt and an outcome last, each from its own beginning.
pub const LIFE: SignedDuration = SignedDuration::from_mins(15);

/// How many attempts a ticket is good for.
pub const ATTEMPTS: u32 = 5;

/// What a ticket is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It opens the way to connect this mailbox.
    Good(MailboxId),
    /// It was never given out, or so long ago that it is forgotten.
    Unknown,
    /// Its time is up.
    Expired,
    /// Its attempts are used up.
    Exhausted,
    /// The mailbox was connected with it.
    Burnt,
}

/// What became of the wish to use an attempt.
#[derive(Debug)]
pub enum Taken {
    /// It is given out, and nobody else gets it.
    Attempt(Attempt),
    /// There is none: it was never begun, or so long ago that it is forgotten.
    Unknown,
    /// It was given out before.
    Used,
    /// Its time is up.
    Expired,
    /// Another browser has begun it, and may still take it.
    Foreign,
}

/// Says that the store did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the store of consents cannot be reached")]
pub struct ConsentsUnavailable(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Keeps tickets, attempts and outcomes.
pub trait Consents: Sync {
    /// Records a new ticket for a mailbox.
    fn create(
        &self,
        ticket: &TicketHash,
        mailbox: &MailboxId,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<(), ConsentsUnavailable>> + Send;

    /// Tells what a ticket is good for, and changes nothing.
    fn standing(
        &self,
        ticket: &TicketHash,
        now: Timestamp,
    ) -> impl Future<Output = Result<Standing, ConsentsUnavailable>> + Send;

    /// Takes one attempt off a good ticket; any other is left as it is.
    fn count(
        &self,
        ticket: &TicketHash,
        now: Timestamp,
    ) -> impl Future<Output = Result<Standing, ConsentsUnavailable>> + Send;

    /// Makes a ticket useless, because the mailbox was connected with it.
    fn burn(
        &self,
        ticket: &TicketHash,
    ) -> impl Future<Output = Result<(), ConsentsUnavailable>> + Send;

    /// Records an attempt under the hash of its state.
    fn begin(
        &self,
        state: &StateHash,
        attempt: &Attempt,
    ) -> impl Future<Output = Result<(), ConsentsUnavailable>> + Send;

    /// Gives an attempt out for the browser that began it: of any number of callers one gets it. What it holds is
    /// forgotten with that; that it was used is remembered until it would have expired.
    fn take(
        &self,
        state: &StateHash,
        browser: &BrowserHash,
        now: Timestamp,
    ) -> impl Future<Output = Result<Taken, ConsentsUnavailable>> + Send;

    /// Records how things stand with a browser's attempt.
    fn conclude(
        &self,
        browser: &BrowserHash,
        outcome: &Outcome,
    ) -> impl Future<Output = Result<(), ConsentsUnavailable>> + Send;

    /// Reads how things stand with a browser's attempt.
    fn outcome(
        &self,
        browser: &BrowserHash,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Outcome>, ConsentsUnavailable>> + Send;
}
