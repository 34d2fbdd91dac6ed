//! From a batch of the queue to deliveries, and back to what the queue may forget.
//!
//! Each record is isolated from its siblings: what one of them breaks, even by a panic, costs that record
//! alone, and it comes back. A record is begun only while there is time to end it.

use std::panic::AssertUnwindSafe;
use std::time::Instant as Moment;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use common::metrics::Metric;
use futures_util::FutureExt;

use crate::backoff;
use crate::copy::{Copy, NamelessRecord};
use crate::delivery::{Desk, Fate};
use crate::line::Line;
use crate::ports::Ports;

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
pub(crate) async fn deliver<P: Ports>(
    copies: &[Copy],
    desk: &Desk<'_, P>,
    line: &mut impl Line,
) -> SqsBatchResponse {
    let chance = desk.ports.chance();
    let mut answer = SqsBatchResponse::default();
    for copy in copies {
        let fate = if desk.has_time(copy.body.len()) {
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
                Fate::PutBack(backoff::after_our_own_trouble(copy.receives, chance))
            })
        } else {
            Fate::PutBack(backoff::for_the_next_worker(chance))
        };
        match fate {
            Fate::Settled => {}
            Fate::PutBack(wait) if desk.renew(copy, wait).await => {}
            Fate::PutBack(wait) => {
                desk.measure(Metric::PutBack, 1);
                desk.ports.hide(copy, wait).await;
                answer.add_failure(copy.id.clone());
            }
        }
    }
    // The queue forgets nothing before it has the answer, so what was not told by then is told when it comes back.
    desk.put_events().await;
    desk.report();
    answer
}
