//! How all mailboxes of the stack are, kept for one look in a browser.
//!
//! `operator` takes a [`Snapshot`], because it may ask queues and states; the function that has the pages may not,
//! and shows what was taken. A [`StatusTicket`] opens it for five minutes and once. Nothing in it is a secret that
//! opens anything, and nothing else than its hash names it in the store.

use std::future::Future;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::class::Class;
use crate::clock::Clock;
use crate::consent::unguessable::{StatusTicket, StatusTicketHash};
use crate::consent::{Link, PublicUrl};
use crate::ledger::Written;

/// How long a link to a snapshot is good for.
pub const LIFE: SignedDuration = SignedDuration::from_mins(5);

/// How many mailboxes a snapshot has room for: an item of DynamoDB takes 400 KB.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html>
pub const MOST: usize = 120;

/// How much of what a server said, or of a fault, a snapshot has room for, in characters.
const ROOM: usize = 300;

/// How the mailboxes of a stack were at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The moment.
    pub taken_at: Timestamp,
    /// The mailboxes; those that somebody has to look after come first.
    pub mailboxes: Vec<Portrait>,
    /// How many found no room.
    pub left_out: usize,
}

/// How one mailbox was. What is not known is absent, and the reason is among the faults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Portrait {
    /// Its id.
    pub mailbox: String,
    /// The address that it sends from.
    pub address: Option<String>,
    /// Its state, in the word of `operator status`.
    pub state: Option<String>,
    /// Whether it sends.
    pub sends: bool,
    /// Whether an operator has paused it.
    pub paused: bool,
    /// Why it is stopped.
    pub class: Option<Class>,
    /// What was met.
    pub reason: Option<String>,
    /// Since when it is stopped.
    pub since: Option<Timestamp>,
    /// What to do about it.
    pub remedy: Option<String>,
    /// Who consented.
    pub account: Option<String>,
    /// When.
    pub connected_at: Option<Timestamp>,
    /// When the access token ends.
    pub token_expires_at: Option<Timestamp>,
    /// Days until the client secret expires; below zero when it has.
    pub client_secret_days_left: Option<i64>,
    /// How many notifications are on its queue.
    pub waiting: Option<u64>,
    /// How many are on its failed queue.
    pub failed: Option<u64>,
    /// When the server last accepted a message.
    pub last_accepted_at: Option<Timestamp>,
    /// The last notification that was set aside.
    pub last_failure: Option<Failure>,
    /// What will stop it if nobody acts.
    pub warnings: Vec<String>,
    /// What could not be found out.
    pub faults: Vec<String>,
}

/// Why the last notification was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When it was.
    pub at: Timestamp,
    /// Why.
    pub class: Class,
    /// What to do about it, where the mailbox's settings are known.
    pub remedy: Option<String>,
}

impl Portrait {
    /// Whether nobody has to do anything about the mailbox. One that is paused is as somebody wants it.
    #[must_use]
    pub fn is_well(&self) -> bool {
        (self.sends || self.paused)
            && self.class.is_none()
            && self.faults.is_empty()
            && self.warnings.is_empty()
            && self.failed.is_none_or(|failed| failed == 0)
    }

    fn shortened(mut self) -> Self {
        for text in self.reason.iter_mut().chain(&mut self.faults) {
            if let Some((end, _)) = text.char_indices().nth(ROOM) {
                text.truncate(end);
                text.push('…');
            }
        }
        self
    }
}

impl Snapshot {
    /// The mailboxes as they are at `now`, as far as there is room.
    #[must_use]
    pub fn new(mailboxes: impl IntoIterator<Item = Portrait>, now: Timestamp) -> Self {
        let mut mailboxes: Vec<_> = mailboxes.into_iter().map(Portrait::shortened).collect();
        mailboxes.sort_by_key(Portrait::is_well);
        let left_out = mailboxes.len().saturating_sub(MOST);
        mailboxes.truncate(MOST);
        Self {
            taken_at: now,
            mailboxes,
            left_out,
        }
    }
}

/// A snapshot as it is kept, until it was shown and a little longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// How often it was written, from 1.
    pub revision: u64,
    /// The snapshot, while it was not shown.
    pub snapshot: Option<Snapshot>,
    /// Until when it is kept.
    pub expires_at: Timestamp,
}

/// Says that the store of snapshots did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the store of snapshots cannot be reached")]
pub struct SnapshotsUnavailable(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Keeps snapshots, each under the hash of its ticket.
pub trait Snapshots: Sync {
    /// Reads what is kept at `now`, consistently.
    fn read(
        &self,
        ticket: &StatusTicketHash,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Kept>, SnapshotsUnavailable>> + Send;

    /// Writes over the revision before; answers whether it did.
    fn write(
        &self,
        ticket: &StatusTicketHash,
        kept: &Kept,
        now: Timestamp,
    ) -> impl Future<Output = Result<Written, SnapshotsUnavailable>> + Send;
}

/// Keeps a snapshot, and makes the link that shows it.
///
/// # Errors
///
/// When the store does not answer.
pub async fn status_link(
    snapshots: &impl Snapshots,
    clock: &impl Clock,
    base: &PublicUrl,
    snapshot: Snapshot,
) -> Result<Link, SnapshotsUnavailable> {
    let ticket = StatusTicket::random();
    let now = clock.now();
    let kept = Kept {
        revision: 1,
        snapshot: Some(snapshot),
        expires_at: now + LIFE,
    };
    // Nobody else has this ticket. Should the first try have come through unheard, its repeat finds what it wrote.
    snapshots.write(&ticket.hash(), &kept, now).await?;
    Ok(Link::with_ticket(
        base.status(),
        ticket.expose(),
        kept.expires_at,
    ))
}

/// Whether a ticket would show a snapshot. Nothing is changed, and nothing is told of it.
///
/// # Errors
///
/// When the store does not answer.
pub async fn is_there(
    snapshots: &impl Snapshots,
    ticket: &StatusTicket,
    now: Timestamp,
) -> Result<bool, SnapshotsUnavailable> {
    let kept = snapshots.read(&ticket.hash(), now).await?;
    Ok(kept.is_some_and(|kept| kept.snapshot.is_some()))
}

/// Gives a snapshot out, and forgets it: of any number of callers one gets it.
///
/// # Errors
///
/// When the store does not answer.
pub async fn take(
    snapshots: &impl Snapshots,
    ticket: &StatusTicket,
    now: Timestamp,
) -> Result<Option<Snapshot>, SnapshotsUnavailable> {
    let hash = ticket.hash();
    let Some(kept) = snapshots.read(&hash, now).await? else {
        return Ok(None);
    };
    let Some(snapshot) = kept.snapshot else {
        return Ok(None);
    };
    let shown = Kept {
        revision: kept.revision + 1,
        snapshot: None,
        ..kept
    };
    match snapshots.write(&hash, &shown, now).await? {
        Written::Done => Ok(Some(snapshot)),
        Written::Lost => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::FixedClock;
    use crate::fakes::MemorySnapshots;

    fn portrait(mailbox: &str) -> Portrait {
        Portrait {
            mailbox: mailbox.to_owned(),
            sends: true,
            ..Portrait::default()
        }
    }

    async fn ticket(snapshots: &MemorySnapshots, clock: &FixedClock) -> StatusTicket {
        let base = PublicUrl::parse("https://mail.contoso.com").unwrap();
        let snapshot = Snapshot::new([portrait("billing")], clock.now());
        let link = status_link(snapshots, clock, &base, snapshot)
            .await
            .unwrap();
        let (page, ticket) = link.expose().split_once("?ticket=").unwrap();
        assert_eq!(page, "https://mail.contoso.com/status");
        assert_eq!(link.expires_at, clock.now() + LIFE);
        StatusTicket::parse(ticket).unwrap()
    }

    #[tokio::test]
    async fn of_any_number_of_callers_one_gets_the_snapshot() {
        let (snapshots, clock) = (
            MemorySnapshots::default(),
            FixedClock::at(Timestamp::UNIX_EPOCH),
        );
        let ticket = ticket(&snapshots, &clock).await;
        assert!(is_there(&snapshots, &ticket, clock.now()).await.unwrap());
        let takes = (0..8).map(|_| take(&snapshots, &ticket, clock.now()));
        let taken = futures_util::future::join_all(takes).await;
        let got = taken.into_iter().filter_map(Result::unwrap);
        assert_eq!(got.map(|got| got.mailboxes.len()).collect::<Vec<_>>(), [1]);
        assert!(!is_there(&snapshots, &ticket, clock.now()).await.unwrap());
        assert!(!snapshots.stored().contains("billing"), "it is forgotten");
    }

    #[tokio::test]
    async fn a_snapshot_lasts_five_minutes_and_its_ticket_is_nowhere() {
        let (snapshots, clock) = (
            MemorySnapshots::default(),
            FixedClock::at(Timestamp::UNIX_EPOCH),
        );
        let ticket = ticket(&snapshots, &clock).await;
        assert!(!snapshots.stored().contains(ticket.expose()));
        clock.advance(LIFE - SignedDuration::from_secs(1));
        assert!(is_there(&snapshots, &ticket, clock.now()).await.unwrap());
        clock.advance(SignedDuration::from_secs(1));
        assert_eq!(take(&snapshots, &ticket, clock.now()).await.unwrap(), None);
    }

    #[test]
    fn who_needs_somebody_comes_first_and_the_fullest_snapshot_has_room() {
        let now = Timestamp::UNIX_EPOCH;
        let long = "é".repeat(10_000);
        let full = |number| Portrait {
            mailbox: format!("mailbox-{number}"),
            address: Some("a".repeat(254)),
            state: Some("blocked".to_owned()),
            class: Some(Class::ClientCredentialRefused),
            reason: Some(long.clone()),
            remedy: Some("r".repeat(700)),
            account: Some("a".repeat(113)),
            last_failure: Some(Failure {
                at: now,
                class: Class::ClientCredentialRefused,
                remedy: Some("r".repeat(700)),
            }),
            ..Portrait::default()
        };
        let many = (0..MOST).map(full);
        let snapshot = Snapshot::new([portrait("well")].into_iter().chain(many), now);
        assert_eq!((snapshot.mailboxes.len(), snapshot.left_out), (MOST, 1));
        assert!(
            snapshot
                .mailboxes
                .iter()
                .all(|portrait| !portrait.is_well())
        );
        let octets = serde_json::to_string(&snapshot).unwrap().len();
        assert!(octets < 390 * 1024, "{octets}");
    }
}
