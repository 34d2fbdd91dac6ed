//! `redrive`, `drop` and `failed`: what a person does with the failed queue of a mailbox.
//!
//! A copy goes back in three steps: the record in the ledger, the copy on the mailbox's queue, the end of the failed
//! copy. Whatever stops in between, the failed copy is still there, and doing it again sends a copy too many at most,
//! of which the ledger makes one mail. The body is unchanged, and the notification keeps its id.

use common::aws::QueueError;
use common::class::Class;
use common::clock::Clock;
use common::failed::{Attribute, FailedCopy, Report};
use common::ledger::{self, Key, LedgerStore, Redrive, Resend, Written};
use common::mailbox::MailboxId;
use common::notification::{Notification, NotificationId, Opened};
use common::telemetry::chain;
use futures_util::future::join_all;
use jiff::Timestamp;

use crate::answer::failed::{Dropped, Failed, Listed, Named, Redriven, Why};
use crate::selection::{Filter, Selection};
use crate::walk::{FailedQueue, Walk};

/// How often a record is read again that somebody else wrote in between.
const TRIES: usize = 3;

/// Whether a command is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is.
    Act,
    /// It is said what would be done.
    DryRun,
}

impl Mode {
    /// What a person asked for.
    pub(crate) fn of(selection: &Selection) -> Self {
        match selection.dry_run {
            true => Self::DryRun,
            false => Self::Act,
        }
    }
}

/// The failed queue of a mailbox, and what it takes to work on it.
pub(crate) struct FailedDesk<'a, L, Q, C> {
    pub(crate) mailbox: &'a MailboxId,
    pub(crate) ledger: &'a L,
    pub(crate) queue: &'a Q,
    pub(crate) clock: &'a C,
    /// When the invocation ends.
    pub(crate) deadline: Timestamp,
}

/// A copy, and what was read in it.
struct Read<'a> {
    copy: &'a FailedCopy,
    report: Report,
    notification: Option<Notification>,
    /// Whether the notification is in the bucket, and only a pointer to it here.
    is_elsewhere: bool,
    id: Option<NotificationId>,
}

/// What has become of a copy.
enum Outcome {
    /// It was not meant, and is still there.
    NotMeant,
    /// It is on the mailbox's queue again.
    PutBack,
    /// It is gone, because the server has the message.
    Accepted,
    /// It was meant, and is still there.
    Stays(Why),
}

impl<L: LedgerStore, Q: FailedQueue, C: Clock> FailedDesk<'_, L, Q, C> {
    /// Puts the copies that `filter` means back on the mailbox's queue.
    ///
    /// # Errors
    ///
    /// When the failed queue cannot be reached.
    pub(crate) async fn redrive(
        &self,
        filter: &Filter,
        resend: Resend,
        mode: Mode,
    ) -> Result<Redriven, QueueError> {
        let mut answer = Redriven {
            dry_run: mode == Mode::DryRun,
            ..Redriven::default()
        };
        let mut walk = Walk::new(self.queue, self.clock, self.deadline);
        while let Some(copies) = walk.next().await? {
            let each = copies.iter().map(|copy| async move {
                let read = Read::of(copy);
                if !read.is_meant(filter, self.clock.now()) {
                    return (read.named(), Outcome::NotMeant);
                }
                let outcome = self.redrive_one(&read, resend, mode).await;
                (read.named(), outcome.unwrap_or_else(Outcome::Stays))
            });
            let outcomes = join_all(each).await;
            for (copy, (named, outcome)) in copies.into_iter().zip(outcomes) {
                if outcome.leaves_it(mode) {
                    walk.leave(copy);
                }
                match outcome {
                    Outcome::NotMeant => answer.not_meant += 1,
                    Outcome::PutBack => answer.put_back.add(named),
                    Outcome::Accepted => answer.already_accepted.add(named),
                    Outcome::Stays(why) => answer.stays.add(named, &why),
                }
            }
        }
        answer.end = walk.end().await;
        Ok(answer)
    }

    /// Deletes the copies that `filter` means from the failed queue.
    ///
    /// # Errors
    ///
    /// When the failed queue cannot be reached.
    pub(crate) async fn drop(&self, filter: &Filter, mode: Mode) -> Result<Dropped, QueueError> {
        let mut answer = Dropped {
            dry_run: mode == Mode::DryRun,
            ..Dropped::default()
        };
        let mut walk = Walk::new(self.queue, self.clock, self.deadline);
        while let Some(copies) = walk.next().await? {
            for copy in copies {
                let read = Read::of(&copy);
                let named = read.named();
                if !read.is_meant(filter, self.clock.now()) {
                    answer.not_meant += 1;
                    walk.leave(copy);
                    continue;
                }
                let dropped = match mode {
                    Mode::Act => self.forget(&copy).await,
                    Mode::DryRun => Ok(()),
                };
                if mode == Mode::DryRun || dropped.is_err() {
                    walk.leave(copy);
                }
                match dropped {
                    Ok(()) => answer.dropped.add(named),
                    Err(why) => answer.stays.add(named, &why),
                }
            }
        }
        answer.end = walk.end().await;
        Ok(answer)
    }

    /// Shows up to `limit` notifications of the failed queue, and leaves them there.
    ///
    /// # Errors
    ///
    /// When the failed queue cannot be reached.
    pub(crate) async fn list(&self, limit: usize) -> Result<Listed, QueueError> {
        let mut failed = Vec::new();
        let mut walk = Walk::new(self.queue, self.clock, self.deadline);
        while let Some(copies) = walk.next().await? {
            for copy in copies {
                let read = Read::of(&copy);
                failed.push(Failed {
                    id: read.named().id,
                    enqueued_at: copy.enqueued_at,
                    bytes: copy.body.len(),
                    report: read.report,
                });
                walk.leave(copy);
            }
            if failed.len() >= limit {
                failed.truncate(limit);
                let end = walk.turn_back().await;
                return Ok(Listed { failed, end });
            }
        }
        let end = walk.end().await;
        Ok(Listed { failed, end })
    }

    /// Puts one copy back, if the ledger has nothing against it.
    async fn redrive_one(
        &self,
        read: &Read<'_>,
        resend: Resend,
        mode: Mode,
    ) -> Result<Outcome, Why> {
        for _ in 0..TRIES {
            let (key, redrive) = self.ask(read, resend).await?;
            let attributes = match redrive {
                Redrive::Accepted => {
                    if mode == Mode::Act {
                        self.forget(read.copy).await?;
                    }
                    return Ok(Outcome::Accepted);
                }
                Redrive::InHand(until) => return Err(Why::InHand(until)),
                Redrive::Unknown => return Err(Why::Unknown),
                Redrive::Conflict => return Err(Why::Conflict),
                Redrive::Again(_) | Redrive::AsItIs => read.put_back()?,
            };
            if mode == Mode::DryRun {
                return Ok(Outcome::PutBack);
            }
            if let (Redrive::Again(record), Some(key)) = (&redrive, &key) {
                let written = self.ledger.write(key, record, self.clock.now()).await;
                match written.map_err(|error| unavailable(&error))? {
                    Written::Done => {}
                    Written::Lost => continue,
                }
            }
            let body = &read.copy.body;
            let sent = self.queue.put_back(body, &attributes).await;
            sent.map_err(|error| unavailable(&error))?;
            let named = read.named();
            tracing::info!(
                notification.id = named.id,
                mailbox.id = %self.mailbox,
                class = named.class.map(Class::as_str),
                "the notification was put back on the queue"
            );
            self.forget(read.copy).await?;
            return Ok(Outcome::PutBack);
        }
        Err(Why::InHand(self.clock.now()))
    }

    /// Asks the ledger what may be done.
    async fn ask(&self, read: &Read<'_>, resend: Resend) -> Result<(Option<Key>, Redrive), Why> {
        let notification = read.notification.as_ref();
        let Some(id) = read
            .id
            .as_ref()
            .filter(|_| notification.is_some() || read.is_elsewhere)
        else {
            // What is no notification has no record.
            return Ok((None, Redrive::AsItIs));
        };
        if notification.is_some_and(|notification| notification.dry_run) {
            // It is asked anew, and the record of the notification that it goes before says nothing of it.
            return Ok((None, Redrive::AsItIs));
        }
        let key = Key::new(self.mailbox, id);
        let now = self.clock.now();
        let record = self.ledger.read(&key, now).await;
        let record = record.map_err(|error| unavailable(&error))?;
        let is_unknown = read.report.class == Some(Class::UnknownAfterData);
        if record.is_none() && is_unknown && resend == Resend::Never {
            // The ledger has forgotten it, and the copy has not.
            return Ok((Some(key), Redrive::Unknown));
        }
        let content = match (notification, &record) {
            (Some(notification), _) => notification.content_hash().as_str(),
            (None, _) if read.report.class == Some(Class::IdempotencyConflict) => {
                return Ok((Some(key), Redrive::Conflict));
            }
            // What is elsewhere was read before it failed, and failed for something else than its content. The next claim
            // compares it again.
            (None, Some(record)) => record.content.as_str(),
            (None, None) => return Ok((Some(key), Redrive::AsItIs)),
        };
        let redrive = ledger::redrive(record.as_ref(), content, resend, now);
        Ok((Some(key), redrive))
    }

    async fn forget(&self, copy: &FailedCopy) -> Result<(), Why> {
        let deleted = self.queue.delete(&copy.receipt).await;
        deleted.map_err(|error| unavailable(&error))
    }
}

impl<'a> Read<'a> {
    fn of(copy: &'a FailedCopy) -> Self {
        let (notification, is_elsewhere) = match Notification::open(&copy.body) {
            Ok(Opened::Here(notification)) => (Some(*notification), false),
            Ok(Opened::Elsewhere(_)) => (None, true),
            Err(_) => (None, false),
        };
        let own = notification.as_ref().and_then(|read| read.id.as_ref());
        Self {
            id: copy.notification(own),
            report: copy.report(),
            notification,
            is_elsewhere,
            copy,
        }
    }

    fn is_meant(&self, filter: &Filter, now: Timestamp) -> bool {
        let failed_at = self.report.failed_at.or(self.copy.enqueued_at);
        filter.fits(&self.report, self.id.as_ref(), failed_at, now)
    }

    fn named(&self) -> Named {
        let id = self.id.as_ref();
        Named {
            id: id.map_or_else(String::new, |id| id.as_str().to_owned()),
            class: self.report.class,
        }
    }

    fn put_back(&self) -> Result<Vec<Attribute>, Why> {
        let own = self.notification.as_ref().and_then(|read| read.id.as_ref());
        self.copy
            .put_back(self.id.as_ref(), own)
            .map_err(Why::NoRoom)
    }
}

impl Outcome {
    /// Whether the copy is still in the failed queue.
    fn leaves_it(&self, mode: Mode) -> bool {
        match self {
            Self::NotMeant | Self::Stays(_) => true,
            Self::PutBack | Self::Accepted => mode == Mode::DryRun,
        }
    }
}

fn unavailable(error: &(dyn std::error::Error + 'static)) -> Why {
    Why::Unavailable(chain(error))
}

#[cfg(test)]
mod tests;
