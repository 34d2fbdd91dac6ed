//! How a dry run ends: the server was asked for everything up to the recipients, and got no message.
//!
//! It has a record of its own, which is never `sending`: a worker that is lost has sent nothing, and the next one asks
//! again. What it finds out about the mailbox counts like any other finding, but for one: that a message would be taken is
//! no proof that it is.

use common::ledger::Record;
use common::submission::{Failure, Recipient};

use super::endings::Known;
use super::parts::Met;
use super::sending::Claimed;
use super::{Desk, Fate, Interrupted};
use crate::ports::Ports;
use crate::settlement::Answers;

impl<P: Ports> Desk<'_, P> {
    /// Draws the conclusions from what the server said to one part; answers what becomes of the notification if the next is
    /// not to be asked for. What is put off asks for all of them again.
    pub(super) async fn settle_asked(
        &self,
        claimed: &Claimed<'_>,
        result: Result<Vec<Recipient>, Failure>,
        met: &mut Met,
    ) -> Result<Option<Fate>, Interrupted> {
        let answers = match result {
            Ok(recipients) => Answers::of(&recipients),
            Err(failure) => return Ok(Some(self.settle_failure(claimed, &failure).await?)),
        };
        if let Some(trouble) = answers.again {
            return Ok(Some(self.put_off(claimed, &claimed.record, trouble).await?));
        }
        let refused = answers.settled.into_iter().filter(|one| !one.accepted);
        met.would_refuse.extend(refused);
        met.refused = met.refused.take().or(answers.refused);
        Ok(None)
    }

    /// Ends a dry run whose every part was asked for.
    pub(super) async fn end_dry_run(
        &self,
        claimed: &Claimed<'_>,
        met: Met,
    ) -> Result<Fate, Interrupted> {
        let Known { copy, id, key, .. } = claimed.known();
        let record = &claimed.record;
        let next: Record = match met.refused {
            Some(reason) => record.refused(copy.id.clone(), reason, met.would_refuse),
            None => record.would_be_accepted(self.now()),
        };
        self.write(key, &next).await?;
        self.tell_accepted(claimed.known(), &next);
        tracing::info!(
            notification.id = id.as_str(),
            mailbox.id = %self.settings.mailbox,
            attempt = record.attempts,
            would_be_accepted = next.owed().is_none(),
            "the dry run has ended; nothing was sent"
        );
        self.finish(claimed.known(), &next).await
    }
}
