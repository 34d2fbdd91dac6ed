//! Where the states of all mailboxes are kept.
//!
//! Written by whoever learns something (`oauth-callback`, `token-refresh`, `send-email`, `operator`),
//! read by everybody. What is said of a grant is written under the condition that the grant is still
//! the one that was seen, so a stale answer never stops a mailbox that has a newer consent.

use std::future::Future;

use jiff::{SignedDuration, Timestamp};

use super::{Connection, MailboxId, MailboxState, Trial};
use crate::digest;
use crate::event::Told;
use crate::grant::{Account, Grant, GrantId, TokenSet};

/// What a visit had seen of a grant when it asked the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen<'a> {
    /// The grant.
    pub grant: &'a GrantId,
    /// When its last refresh had succeeded.
    pub refreshed_at: Option<Timestamp>,
}

/// A visit's hold on the renewal of a mailbox's token, for a minute at the most. It saves calls and
/// protects nothing: the vault decides which of two renewals counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    /// The visit.
    pub by: String,
    /// When the hold ends by itself.
    pub until: Timestamp,
}

impl Renewal {
    /// A hold of a minute, which is longer than any renewal takes.
    #[must_use]
    pub fn from(now: Timestamp) -> Self {
        const LENGTH: SignedDuration = SignedDuration::from_secs(60);
        Self {
            by: digest::random_hex::<8>(),
            until: now.saturating_add(LENGTH).unwrap_or(now),
        }
    }
}

/// A consent that left a grant behind.
#[derive(Debug, Clone, Copy)]
pub struct Consented<'a> {
    /// The grant.
    pub grant: &'a GrantId,
    /// Who consented.
    pub account: &'a Account,
    /// When.
    pub at: Timestamp,
}

impl<'a> From<&'a Grant> for Consented<'a> {
    /// The consent of a grant that was not renewed yet.
    fn from(grant: &'a Grant) -> Self {
        Self {
            grant: &grant.grant_id,
            account: &grant.account,
            at: grant.obtained_at,
        }
    }
}

/// What a consent or a refresh learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refreshed {
    /// When the refresh began.
    pub at: Timestamp,
    /// When the access token ends.
    pub expires_at: Timestamp,
    /// The length of the access token, in octets.
    pub token_bytes: u64,
}

impl From<&TokenSet> for Refreshed {
    fn from(tokens: &TokenSet) -> Self {
        Self {
            at: tokens.obtained_at,
            expires_at: tokens.expires_at,
            token_bytes: tokens.access_token.len() as u64,
        }
    }
}

/// Says that the table did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the state of the mailbox cannot be reached")]
pub struct StateUnavailable(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Keeps the state of mailboxes.
pub trait MailboxStates: Sync {
    /// Reads a state, consistently; a mailbox that nobody wrote of awaits its consent.
    fn state(
        &self,
        mailbox: &MailboxId,
    ) -> impl Future<Output = Result<MailboxState, StateUnavailable>> + Send;

    /// Records a new grant, whatever was known before.
    fn connect(
        &self,
        mailbox: &MailboxId,
        consented: &Consented<'_>,
        connection: &Connection,
    ) -> impl Future<Output = Result<(), StateUnavailable>> + Send;

    /// Records a grant that was found in the vault, unless the state speaks of another one than `seen` by now;
    /// answers whether it did.
    fn adopt(
        &self,
        mailbox: &MailboxId,
        seen: Option<&GrantId>,
        consented: &Consented<'_>,
        connection: &Connection,
    ) -> impl Future<Output = Result<bool, StateUnavailable>> + Send;

    /// Changes what is said of a grant, unless another grant came in between; answers whether it did.
    fn change(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        connection: &Connection,
    ) -> impl Future<Output = Result<bool, StateUnavailable>> + Send;

    /// Records a successful refresh of a grant, unless another grant came in between.
    fn refreshed(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        refreshed: &Refreshed,
    ) -> impl Future<Output = Result<bool, StateUnavailable>> + Send;

    /// Records at `now` what a refused refresh made of a grant, unless another grant or a successful refresh came
    /// in between; answers whether it did.
    fn refused(
        &self,
        mailbox: &MailboxId,
        seen: Seen<'_>,
        connection: &Connection,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StateUnavailable>> + Send;

    /// Records that it is tried at `now` whether a stopped mailbox can go on, unless another grant came in
    /// between; answers whether it did.
    fn probed(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StateUnavailable>> + Send;

    /// Forgets the grant and its account, whatever was known before: the mailbox awaits a consent, of whoever may
    /// give it. `ended` stands for the end of the grant.
    fn disconnect(
        &self,
        mailbox: &MailboxId,
        ended: &GrantId,
    ) -> impl Future<Output = Result<(), StateUnavailable>> + Send;

    /// Takes the renewal of a mailbox in hand at `now`; answers whether nobody else has.
    fn begin_renewal(
        &self,
        mailbox: &MailboxId,
        renewal: &Renewal,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StateUnavailable>> + Send;

    /// Gives the renewal of a mailbox out of hand, unless somebody else has it by now.
    fn end_renewal(
        &self,
        mailbox: &MailboxId,
        renewal: &Renewal,
    ) -> impl Future<Output = Result<(), StateUnavailable>> + Send;

    /// Records until when the provider is not to be asked again, unless another grant came in between.
    fn put_off(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        until: Timestamp,
    ) -> impl Future<Output = Result<bool, StateUnavailable>> + Send;

    /// Takes the trial of a mailbox for a worker that must have ended by `until`, unless another has it at `now`;
    /// answers whether it did.
    fn take_trial(
        &self,
        mailbox: &MailboxId,
        seen: &GrantId,
        trial: &Trial,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StateUnavailable>> + Send;

    /// Gives the trial back that found out nothing, if it is still this worker's.
    fn leave_trial(
        &self,
        mailbox: &MailboxId,
        by: &str,
    ) -> impl Future<Output = Result<(), StateUnavailable>> + Send;

    /// Pauses a mailbox at `now`, or ends its pause; the end of a pause is also a reason to try again at once
    /// whether a stopped mailbox can go on.
    fn pause(
        &self,
        mailbox: &MailboxId,
        pause: Pause,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StateUnavailable>> + Send;

    /// Records what others were told of a mailbox. Who is late writes what was true before: the next look tells the
    /// difference once more.
    fn told(
        &self,
        mailbox: &MailboxId,
        told: &Told,
    ) -> impl Future<Output = Result<(), StateUnavailable>> + Send;
}

/// What an operator wants of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Nothing is sent until further notice.
    Paused,
    /// What waits is sent.
    Running,
}
