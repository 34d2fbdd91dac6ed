//! The chaos run: everything that can go wrong does, at random, and nothing is lost and nothing doubled.
//!
//! Producers repeat and contradict themselves. DynamoDB, Secrets Manager and EventBridge fail, before and after they
//! have done what they were asked. Exchange puts off, breaks off and accepts without saying so. Workers are killed at their calls and in
//! the middle of the dialogue. The grant is revoked and given anew. Then it is calm, and the run waits until the queue is
//! empty. Exchange's own count is the truth: what it accepted twice is a double, even if nobody heard of it.
//!
//! What is drawn by lot follows from the seed. Which worker meets it, and how often something is tried, follows from how
//! the workers race and is another each time.

mod account;
mod post;
mod trouble;

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::contoso::Contoso;
use tests::microsoft::exchange::{Fault, Stage};
use tests::stack::Storm;
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::account::Account;
use self::post::{NOBODY, Posting};
use self::trouble::Trouble;
use super::{Size, report};
use crate::connected;
use crate::letters::{drained, subjects};
use crate::town::{CHAOS, address, limit_of};

/// Letters of a run of the size that CI has time for.
const LETTERS: u32 = 240;
/// How long the first half of the letters has only that trouble that is not an administrator's.
const GUSTS: Duration = Duration::from_secs(30);
/// How long the trouble lasts after everything was posted.
const STORM: Duration = Duration::from_secs(60);
/// The leases of workers that were killed, then the longest waits of what was put off several times.
const CALM: Duration = Duration::from_secs(600);
/// How long the owner and the operator try, when what they ask meets the storm too.
const PERSISTENCE: Duration = Duration::from_secs(180);

/// What Exchange says of a recipient that does not exist.
const REFUSED: &str =
    "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup";
/// As many as Microsoft takes: two that send and one that probes.
const CONNECTIONS: usize = 3;

/// See the module.
pub(crate) async fn nothing_is_lost_and_nothing_is_doubled(contoso: &Contoso) -> Result<()> {
    let run = Run {
        contoso,
        mailbox: CHAOS,
        upn: address(CHAOS),
        size: Size::asked_for(),
    };
    run.run().await
}

/// A run of one mailbox.
struct Run<'a> {
    contoso: &'a Contoso,
    mailbox: &'static str,
    upn: String,
    size: Size,
}

impl Run<'_> {
    async fn run(&self) -> Result<()> {
        let Self {
            contoso,
            mailbox,
            upn,
            size,
        } = self;
        contoso.stack.tick("rate(1 minute)").await?;
        connected(contoso, mailbox).await?;
        let exchange = contoso.microsoft.exchange();
        exchange.change_limits_of(upn, |limits| limits.messages = usize::MAX);
        exchange.inject(
            Fault::reply(Stage::Rcpt, REFUSED)
                .for_account(upn)
                .for_recipient(NOBODY),
        );

        let letters = post::letters(LETTERS * size.times, &size.chance(1));
        let postings = post::postings(&letters, &size.chance(2));
        let started = Instant::now();
        contoso.stack.storm(Storm {
            seed: size.seed,
            mailbox: (*mailbox).to_owned(),
            spells: 50,
            kills: 5,
        });
        let mut trouble = Trouble::begin(contoso, upn, *size);
        let killed = AtomicU64::new(0);
        tokio::select! {
            () = trouble.kill(contoso, &killed) => {}
            course = self.course(&postings) => course?,
        }
        let (damage, killed) = (contoso.stack.calm(), killed.into_inner());
        let happened = trouble.end();

        drained(contoso, mailbox, CALM).await?;
        let waiting = contoso.status(mailbox).await?["failed_queue"]["waiting"].as_u64();
        let waiting = usize::try_from(waiting.context("the failed queue has no depth")?)?;
        let failed = contoso.take_failed(mailbox, waiting, PERSISTENCE).await?;
        let account = Account::of(&letters, &subjects(contoso, upn), &failed);
        let limit = limit_of(CHAOS).context("the mailbox has no limit of its own")?;
        let in_a_minute = exchange.peak_messages(upn, limit.window.try_into()?);
        let connections = exchange.peak_connections(upn);
        report(&format!(
            "chaos run, seed {}, {} s: {} ids in {} copies\n  {damage:?}\n  at Exchange: {happened} faults, {killed} workers killed; \
             {in_a_minute} messages in the fullest minute, over {connections} connections\n{account}",
            size.seed,
            started.elapsed().as_secs(),
            letters.len(),
            postings.len(),
        ));
        assert_eq!(account.lost, Vec::<String>::new(), "lost");
        assert_eq!(account.doubled, Vec::<String>::new(), "doubled");
        assert_eq!(account.lies, Vec::<String>::new(), "told wrongly");
        assert!(
            in_a_minute <= usize::try_from(limit.messages)?,
            "{in_a_minute} in a minute"
        );
        assert!(connections <= CONNECTIONS, "{connections} connections");
        ensure!(
            damage.killed + killed > 0 && damage.denied > 0 && damage.cut > 0 && happened > 0,
            "there was no chaos to speak of"
        );
        Ok(())
    }

    /// What the people do meanwhile: producers post, an administrator revokes the grant, its owner gives another one.
    async fn course(&self, postings: &[Posting]) -> Result<()> {
        let Self {
            contoso,
            mailbox,
            upn,
            ..
        } = self;
        let (before, after) = postings.split_at(postings.len() / 2);
        self.post(before).await?;
        tokio::time::sleep(GUSTS).await;
        let entra = contoso.microsoft.entra();
        entra.revoke(upn);
        entra.end_access_tokens(upn);
        self.post(after).await?;
        self.persistently(|status| status["state"] == "needs_consent")
            .await?;
        let deadline = Instant::now() + PERSISTENCE;
        loop {
            // A page that the storm has spoilt is answered as a person does: with another link.
            let page = contoso.connect(mailbox, upn).await;
            let status = contoso.status(mailbox).await;
            if status.is_ok_and(|status| status["state"] != "needs_consent") {
                break;
            }
            ensure!(Instant::now() < deadline, "no consent succeeds: {page:?}");
        }
        self.persistently(|status| status["sends"] == true).await?;
        tokio::time::sleep(STORM).await;
        Ok(())
    }

    /// Posts copies, ten at a time, four times a second.
    async fn post(&self, postings: &[Posting]) -> Result<()> {
        let mut beat = interval(Duration::from_millis(250));
        for ten in postings.chunks(10) {
            beat.tick().await;
            for Posting { body, named } in ten {
                self.contoso
                    .enqueue_named(self.mailbox, body, named.as_deref())
                    .await?;
            }
        }
        Ok(())
    }

    /// Asks the operator again and again, although some answers are lost in the storm.
    async fn persistently(&self, is_wanted: impl Fn(&Value) -> bool) -> Result<()> {
        let deadline = Instant::now() + PERSISTENCE;
        let mut rounds = interval(Duration::from_secs(1));
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            let status = self.contoso.status(self.mailbox).await;
            if status.as_ref().is_ok_and(&is_wanted) {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "the mailbox is still: {status:#?}"
            );
        }
    }
}
