//! From a batch of the queue to deliveries, and back to what the queue may forget.
//!
//! Each record is isolated from its siblings: what one of them breaks, even by a panic, costs that record
//! alone, and it comes back. A record is begun only while there is time to end it.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant as Moment};

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use common::chance::Chance;
use common::clock::Clock;
use common::ledger::LedgerStore;
use common::mailbox::MailboxStates;
use futures_util::FutureExt;

use crate::backoff;
use crate::copy::{Copy, NamelessRecord};
use crate::delivery::{Closes, Desk, FailedQueue, Fate};
use crate::line::Line;

/// A record is begun only with this much time left: five seconds to claim and compose, and two minutes for the
/// server, which is asked for its final reply as long as there is time.
const RECORD: Duration = Duration::from_secs(125);
/// The rate at which a body is expected to leave at least, in octets a second.
const SLOWEST: u64 = 256 * 1024;

/// Hides copies on the mailbox's queue.
pub(crate) trait Hides: Sync {
    /// Hides a copy for a while. What fails here comes back when its first hiding ends.
    fn hide(&self, copy: &Copy, wait: Duration) -> impl Future<Output = ()> + Send;
}

/// Reads the copies of a batch.
///
/// # Errors
///
/// When a record has no id: an answer could not name it, and the queue would take that for a failure of
/// all.
pub(crate) fn copies(event: SqsEvent) -> Result<Vec<Copy>, NamelessRecord> {
    event.records.into_iter().map(Copy::try_from).collect()
}

/// Delivers the copies of a batch one after the other, and names those that come back.
pub(crate) async fn deliver<L, M, F, V, C, R>(
    copies: &[Copy],
    desk: &Desk<'_, L, M, F, V, C, R>,
    line: &mut impl Line,
    queue: &impl Hides,
) -> SqsBatchResponse
where
    L: LedgerStore,
    M: MailboxStates,
    F: FailedQueue,
    V: Closes,
    C: Clock,
    R: Chance,
{
    let mut answer = SqsBatchResponse::default();
    for copy in copies {
        let fate = if has_time(copy, desk) {
            let started = Moment::now();
            let delivery = AssertUnwindSafe(desk.deliver(copy, line))
                .catch_unwind()
                .await;
            tracing::debug!(
                copy.id,
                duration_ms = started.elapsed().as_millis(),
                "the delivery ended"
            );
            delivery.unwrap_or_else(|_panic| {
                // The payload may hold anything, a token included; the panic hook has said where it was.
                tracing::error!(
                    copy.id,
                    "the delivery panicked; the notification comes back"
                );
                Fate::PutBack(backoff::after_attempt(copy.receives, None, desk.chance))
            })
        } else {
            Fate::PutBack(backoff::for_the_next_worker(desk.chance))
        };
        match fate {
            Fate::Settled => {}
            Fate::PutBack(wait) => {
                queue.hide(copy, wait).await;
                answer.add_failure(copy.id.clone());
            }
        }
    }
    answer
}

fn has_time<L, M, F, V, C: Clock, R>(copy: &Copy, desk: &Desk<'_, L, M, F, V, C, R>) -> bool {
    let left =
        Duration::try_from(desk.deadline.duration_since(desk.clock.now())).unwrap_or_default();
    left >= RECORD + Duration::from_secs(copy.body.len() as u64 / SLOWEST)
}
