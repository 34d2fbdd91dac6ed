//! How a delivery ends, other than by a receipt: handed over, put off, or unknown.
//!
//! Each ending is written into the ledger before the queue hears of it, and can be finished by the next delivery of the
//! copy if its worker stops in between.

use common::chance::Chance;
use common::class::Scope;
use common::clock::Clock;
use common::ledger::{Key, LedgerStore, Reason, RecipientOutcome, Record};
use common::mailbox::{Connection, MailboxState, MailboxStates};
use common::notification::{Notification, NotificationId, OnUnknown};
use common::telemetry::chain;
use jiff::SignedDuration;

use super::{Closes, Desk, FailedQueue, Fate, Interrupted};
use crate::backoff;
use crate::copy::{Copy, ID_ATTRIBUTE};
use crate::report::{ATTRIBUTE, Report};
use crate::settlement::Trouble;

impl<L, M, F, V, C, R> Desk<'_, L, M, F, V, C, R>
where
    L: LedgerStore,
    M: MailboxStates,
    F: FailedQueue,
    V: Closes,
    C: Clock,
    R: Chance,
{
    /// Records that nobody knows how an attempt ended, and hands it over; or sends it once more, where the
    /// policy prefers a mail too many to one too few.
    pub(super) async fn end_unknown(
        &self,
        claimed: (&Copy, &NotificationId, &Key),
        record: &Record,
        notification: &Notification,
        reason: Reason,
        settled: Vec<RecipientOutcome>,
    ) -> Result<Fate, Interrupted> {
        let (copy, id, key) = claimed;
        let again = match notification.on_unknown.unwrap_or(self.settings.on_unknown) {
            OnUnknown::Hold => None,
            OnUnknown::Retry => record.once_more(self.clock.now()),
        };
        if let Some(again) = again {
            tracing::warn!(
                notification.id = id.as_str(),
                reply = reason.reply,
                "nobody knows whether the message was taken; it is sent once more"
            );
            self.write(key, &again).await?;
            return Ok(Fate::PutBack(backoff::for_the_next_worker(self.chance)));
        }
        let record = record.unknown(copy.id.clone(), reason, settled);
        self.write(key, &record).await?;
        self.finish(copy, id, key, &record).await
    }

    /// Refuses a notification for good.
    pub(super) async fn refuse(
        &self,
        copy: &Copy,
        id: &NotificationId,
        key: &Key,
        record: &Record,
        reason: Reason,
    ) -> Result<Fate, Interrupted> {
        let record = record.refused(copy.id.clone(), reason, Vec::new());
        self.write(key, &record).await?;
        self.finish(copy, id, key, &record).await
    }

    /// Tells the failed queue what it is still to be told, and lets the copy go.
    pub(super) async fn finish(
        &self,
        copy: &Copy,
        id: &NotificationId,
        key: &Key,
        record: &Record,
    ) -> Result<Fate, Interrupted> {
        let Some(owed) = record.owed() else {
            return Ok(Fate::Settled);
        };
        let fate = self
            .hand_over(copy, Some(id), Some(record), &owed.reason)
            .await?;
        if fate == Fate::Settled {
            // The failed queue has it. Should this write fail, the worst is that it has it twice.
            if let Err(Interrupted::Unavailable(error)) =
                self.write(key, &record.handed_over()).await
            {
                tracing::warn!(
                    notification.id = id.as_str(),
                    error,
                    "the hand-over is not recorded"
                );
            }
        }
        Ok(fate)
    }

    pub(super) async fn hand_over(
        &self,
        copy: &Copy,
        id: Option<&NotificationId>,
        record: Option<&Record>,
        reason: &Reason,
    ) -> Result<Fate, Interrupted> {
        let about = self.settings.concerning();
        let report = Report::new(reason, record, &about, self.clock.now()).to_attribute();
        let mut attributes = vec![(ATTRIBUTE, report.as_str())];
        attributes.extend(id.map(|id| (ID_ATTRIBUTE, id.as_str())));
        self.failed
            .put(&copy.body, &attributes)
            .await
            .map_err(Interrupted::Unavailable)?;
        tracing::error!(
            notification.id = id.map(NotificationId::as_str),
            copy.id,
            mailbox.id = %self.settings.mailbox,
            class = %reason.class,
            stage = reason.stage,
            "the notification was handed to the failed queue"
        );
        Ok(Fate::Settled)
    }

    /// Puts an attempt off, and stops what has to wait with it.
    pub(super) async fn put_off(
        &self,
        key: &Key,
        record: &Record,
        trouble: Trouble,
        settled: Vec<RecipientOutcome>,
        state: &MailboxState,
    ) -> Result<Fate, Interrupted> {
        let Trouble {
            reason,
            retry_after,
        } = trouble;
        let wait = match reason.class.scope() {
            Scope::Mailbox => backoff::for_a_stopped_mailbox(self.chance),
            Scope::Wait | Scope::Sender | Scope::Ours | Scope::Message | Scope::Unknown => {
                backoff::after_attempt(record.attempts.max(1), retry_after, self.chance)
            }
        };
        let now = self.clock.now();
        let not_before = now
            .saturating_add(SignedDuration::try_from(wait).unwrap_or_default())
            .unwrap_or(now);
        self.write(key, &record.put_off(not_before, settled))
            .await?;
        tracing::warn!(
            notification.id = key.notification,
            mailbox.id = %key.mailbox,
            class = %reason.class,
            stage = reason.stage,
            reply = reason.reply,
            attempt = record.attempts,
            wait_s = wait.as_secs(),
            "the notification is put off"
        );
        if reason.class.scope() == Scope::Mailbox {
            self.stop_mailbox(reason, state).await?;
        }
        Ok(Fate::PutBack(wait))
    }

    /// Stops the mailbox, if what was met was met with the grant that is still current, and nobody has
    /// stopped it in the meantime: `token-refresh` may know the reason better than the mail server does.
    pub(super) async fn stop_mailbox(
        &self,
        reason: Reason,
        met_in: &MailboxState,
    ) -> Result<(), Interrupted> {
        let mailbox = &self.settings.mailbox;
        let unavailable = |error| Interrupted::Unavailable(chain(&error));
        let state = self.states.state(mailbox).await.map_err(unavailable)?;
        let Some(seen) = state
            .grant_id
            .filter(|_| state.connection == Connection::Active)
        else {
            return Ok(());
        };
        if met_in.grant_id.as_ref() != Some(&seen) {
            return Ok(());
        }
        tracing::error!(mailbox.id = %mailbox, class = %reason.class, reply = reason.reply, "the mailbox is stopped");
        let stopped = Connection::stopped(reason.class, reason.reply, self.clock.now());
        if self
            .states
            .change(mailbox, &seen, &stopped)
            .await
            .map_err(unavailable)?
        {
            self.valve.close().await;
        }
        Ok(())
    }
}
