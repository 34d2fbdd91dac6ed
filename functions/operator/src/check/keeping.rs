//! Keeps the steps of a check where whoever asked for it can see them before it has ended.
//!
//! It is a courtesy, and costs the check next to nothing: where the store fails or takes long, the check goes on by itself.

use std::time::Duration;

use common::ledger::Written;
use common::mailbox::MailboxId;
use common::steps::{CheckId, KeptSteps, LIFE, Step, StepStore};
use common::telemetry::chain;
use jiff::Timestamp;
use tokio::time::timeout;

/// The time that the store may take for one write: that of one try of the client's.
const PATIENCE: Duration = Duration::from_secs(4);

/// Where the steps of one check are kept.
pub(crate) struct Keeping<'a, S> {
    store: &'a S,
    mailbox: &'a MailboxId,
    /// None when nobody wants to see the steps, and when they could not be kept.
    check: Option<CheckId>,
    begun_at: Timestamp,
    revision: u64,
}

impl<'a, S: StepStore> Keeping<'a, S> {
    /// Keeps the steps of a check that begins at `now`, if it has an id.
    pub(crate) fn new(
        store: &'a S,
        mailbox: &'a MailboxId,
        check: Option<CheckId>,
        now: Timestamp,
    ) -> Self {
        Self {
            store,
            mailbox,
            check,
            begun_at: now,
            revision: 0,
        }
    }

    /// Keeps the steps that have ended, and the one that begins now. What cannot be kept ends the keeping.
    pub(crate) async fn keep(&mut self, steps: &[Step], under_way: Option<&str>) {
        let Some(check) = &self.check else {
            return;
        };
        self.revision += 1;
        let kept = KeptSteps {
            revision: self.revision,
            steps: steps.to_vec(),
            under_way: under_way.map(str::to_owned),
            expires_at: self.begun_at.saturating_add(LIFE).unwrap_or(self.begun_at),
        };
        let write = self.store.write(self.mailbox, check, &kept, self.begun_at);
        let fault = match timeout(PATIENCE, write).await {
            Ok(Ok(Written::Done)) => return,
            Ok(Ok(Written::Lost)) => "another check has the same id".to_owned(),
            Ok(Err(error)) => chain(&error),
            Err(_) => "the store takes too long".to_owned(),
        };
        tracing::warn!(mailbox.id = %self.mailbox, error = %fault, "the steps are not kept while the check is under way");
        self.check = None;
    }
}

#[cfg(test)]
mod tests {
    use common::fakes::MemorySteps;
    use tokio::time::Instant;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn mailbox() -> MailboxId {
        MailboxId::parse("billing").unwrap()
    }

    fn step(name: &str) -> Step {
        Step {
            step: name.to_owned(),
            ok: true,
            duration_ms: 1,
            found: "it is there".to_owned(),
            remedy: None,
        }
    }

    #[tokio::test]
    async fn two_checks_at_once_do_not_mix_and_nobody_else_sees_them() {
        let (store, mailbox) = (MemorySteps::default(), mailbox());
        let [one, other] = [CheckId::random(), CheckId::random()];
        let keeping = |check: &CheckId| Keeping::new(&store, &mailbox, Some(check.clone()), NOW);
        let (mut first, mut second) = (keeping(&one), keeping(&other));
        first.keep(&[step("a")], Some("b")).await;
        second.keep(&[step("c")], Some("d")).await;
        first.keep(&[step("a"), step("b")], None).await;
        second.keep(&[step("c"), step("d")], Some("e")).await;
        let seen = async |mailbox: &MailboxId, check: &CheckId| {
            let kept = store.read(mailbox, check, NOW).await.unwrap()?;
            Some((kept.steps, kept.under_way))
        };
        let expected = (vec![step("a"), step("b")], None);
        assert_eq!(seen(&mailbox, &one).await, Some(expected));
        let expected = (vec![step("c"), step("d")], Some("e".to_owned()));
        assert_eq!(seen(&mailbox, &other).await, Some(expected));
        assert_eq!(seen(&mailbox, &CheckId::random()).await, None);
        let foreign = MailboxId::parse("orders").unwrap();
        assert_eq!(seen(&foreign, &one).await, None);
    }

    #[tokio::test]
    async fn a_check_with_the_id_of_another_leaves_its_steps_alone() {
        let (store, mailbox, id) = (MemorySteps::default(), mailbox(), CheckId::random());
        let keeping = || Keeping::new(&store, &mailbox, Some(id.clone()), NOW);
        let (mut first, mut second) = (keeping(), keeping());
        first.keep(&[step("a")], Some("b")).await;
        second.keep(&[step("c")], Some("d")).await;
        second.keep(&[step("c"), step("d")], None).await;
        assert_eq!(store.kept(&mailbox, &id).unwrap().steps, [step("a")]);
        first.keep(&[step("a"), step("b")], None).await;
        assert_eq!(store.kept(&mailbox, &id).unwrap().steps.len(), 2);
    }

    #[tokio::test]
    async fn steps_are_kept_for_15_minutes_and_without_an_id_not_at_all() {
        let (store, mailbox, id) = (MemorySteps::default(), mailbox(), CheckId::random());
        Keeping::new(&store, &mailbox, None, NOW)
            .keep(&[step("a")], None)
            .await;
        assert!(store.calls.made().is_empty());
        let mut keeping = Keeping::new(&store, &mailbox, Some(id.clone()), NOW);
        keeping.keep(&[step("a")], None).await;
        for (seconds, is_there) in [(15 * 60 - 1, true), (15 * 60, false)] {
            let now = Timestamp::from_second(seconds).unwrap();
            let kept = store.read(&mailbox, &id, now).await.unwrap();
            assert_eq!(kept.is_some(), is_there, "{seconds}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_hangs_costs_one_try_and_one_that_fails_nothing() {
        for (hangs, costs) in [(true, PATIENCE), (false, Duration::ZERO)] {
            let (store, mailbox, id) = (MemorySteps::default(), mailbox(), CheckId::random());
            let mut keeping = Keeping::new(&store, &mailbox, Some(id.clone()), NOW);
            keeping.keep(&[step("a")], Some("b")).await;
            if hangs {
                store.hang();
            } else {
                store.calls.break_after(0);
            }
            let started = Instant::now();
            keeping.keep(&[step("a"), step("b")], Some("c")).await;
            keeping.keep(&[step("a"), step("b"), step("c")], None).await;
            assert_eq!(started.elapsed(), costs, "hangs: {hangs}");
            let asked = if hangs { 2 } else { 1 };
            assert_eq!(
                store.calls.made().len(),
                asked,
                "it is asked once more and then left alone"
            );
            assert_eq!(store.kept(&mailbox, &id).unwrap().steps, [step("a")]);
        }
    }
}
