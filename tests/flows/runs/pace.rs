//! The pace runs: more than a limit takes in three of its windows is on the queue at once, and the limit is kept.
//!
//! The simulated Exchange takes whatever comes and keeps count, so that what it counts is what the workers did and not
//! what it allowed. The limits are scaled for time: one takes more in Microsoft's minute, the other has a shorter minute.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use common::pace::Limit;
use serde_json::json;
use tests::contoso::Contoso;
use tests::microsoft::exchange::{Connection, Effect, Fault, Stage};
use tokio::time::Instant;

use super::work::Work;
use super::{Size, report};
use crate::connected;
use crate::letters::{drained, letter, subjects};
use crate::town::{BURST, OUTAGE, address, limit_of};

const LETTERS: usize = 200;
/// What Microsoft allows.
const CONNECTIONS: usize = 3;
/// Two workers send; the third connection is kept for probes.
const SENDERS: usize = 2;
/// What a message costs at most, in receives. Before its turn it is shown again after each window, and the more often the
/// more others are shown with it.
const RECEIVES: u64 = 15;
/// And on average.
const MEAN_RECEIVES: f64 = 6.0;
/// An outage is as long as so many windows of the limit.
const WINDOWS: u32 = 10;
/// How long the whole burst may take. The last windows end after four minutes.
const PATIENCE: Duration = Duration::from_secs(420);

/// 200 notifications arrive at once.
pub(crate) async fn a_burst_keeps_to_the_limit_and_costs_few_receives(
    contoso: &Contoso,
) -> Result<()> {
    let run = Run::begin(contoso, BURST).await?;
    run.post().await?;
    run.end(RECEIVES).await
}

/// 200 notifications have come together while Exchange took nothing for ten windows of the limit, when it takes them
/// again.
pub(crate) async fn the_end_of_an_outage_keeps_to_the_limit_and_costs_few_receives(
    contoso: &Contoso,
) -> Result<()> {
    let run = Run::begin(contoso, OUTAGE).await?;
    let exchange = contoso.microsoft.exchange();
    let (outage, mut over) = tokio::sync::watch::channel(true);
    let is_out = outage.subscribe();
    let away = Effect::ReplyAndClose("421 4.3.2 The service is not available".to_owned());
    exchange.inject(
        Fault::new(Stage::Credential, away)
            .for_account(&run.upn)
            .when(move |_| *is_out.borrow()),
    );
    run.post().await?;
    let length = run.window()? * WINDOWS * Size::asked_for().times;
    let lasts = over.wait_for(|is_out| !is_out);
    let ended = tokio::time::timeout(length, lasts).await;
    assert!(ended.is_err(), "nobody else ends the outage");
    outage.send_replace(false);
    // While it lasts a message is received about twice a minute at first, and later less often.
    run.end(RECEIVES + 2 * length.as_secs().div_ceil(60)).await
}

/// How many connections over which the account sent were open at one time. One that only asked is a probe's, of somebody
/// who checks all mailboxes meanwhile.
fn senders_at_once(connections: &[Connection], upn: &str) -> usize {
    let sends = |connection: &&Connection| {
        connection.account.as_deref() == Some(upn) && connection.accepted > 0
    };
    let senders: Vec<_> = connections.iter().filter(sends).collect();
    let open_with = |one: &&Connection| {
        let is_open = |other: &&&Connection| {
            let is_over = |closed| closed <= one.opened_at;
            other.opened_at <= one.opened_at && !other.closed_at.is_some_and(is_over)
        };
        senders.iter().filter(is_open).count()
    };
    senders.iter().map(open_with).max().unwrap_or(0)
}

/// A run of one mailbox.
struct Run<'a> {
    contoso: &'a Contoso,
    mailbox: &'static str,
    upn: String,
    limit: Limit,
    started: Instant,
}

impl<'a> Run<'a> {
    async fn begin(contoso: &'a Contoso, mailbox: &'static str) -> Result<Self> {
        connected(contoso, mailbox).await?;
        let upn = address(mailbox);
        let exchange = contoso.microsoft.exchange();
        exchange.change_limits_of(&upn, |limits| {
            limits.messages = usize::MAX;
            limits.connections = usize::MAX;
        });
        Ok(Self {
            contoso,
            mailbox,
            upn,
            limit: limit_of(mailbox).context("the mailbox has no limit of its own")?,
            started: Instant::now(),
        })
    }

    fn window(&self) -> Result<Duration> {
        Ok(Duration::try_from(self.limit.window)?)
    }

    /// Puts the notifications on the queue.
    async fn post(&self) -> Result<()> {
        for number in 1..=LETTERS {
            let body = letter(&format!("{} {number}", self.mailbox)).to_string();
            self.contoso.enqueue(self.mailbox, &body).await?;
        }
        Ok(())
    }

    /// Waits until all of them are accepted, and looks at what it took.
    async fn end(self, most_receives: u64) -> Result<()> {
        let Self {
            contoso,
            mailbox,
            upn,
            started,
            limit,
        } = &self;
        drained(contoso, mailbox, PATIENCE + started.elapsed()).await?;
        let took = started.elapsed();
        let (most, window) = (usize::try_from(limit.messages)?, self.window()?);
        let exchange = contoso.microsoft.exchange();
        let in_a_window = exchange.peak_messages(upn, window);
        let connections = exchange.peak_connections(upn);
        let work = Work::of(contoso, mailbox, LETTERS).await?;
        report(&format!(
            "pace run of {mailbox}: {LETTERS} messages in {} s, {in_a_window} in the fullest {} s of {most}, \
             over {connections} connections; {work}",
            took.as_secs(),
            window.as_secs(),
        ));
        let arrived = subjects(contoso, upn);
        assert_eq!(arrived.len(), LETTERS, "each once");
        assert_eq!(arrived.iter().collect::<BTreeSet<_>>().len(), LETTERS);
        assert!(in_a_window <= most, "{in_a_window} in a window");
        assert!(connections <= CONNECTIONS, "{connections} connections");
        let senders = senders_at_once(&exchange.connections(), upn);
        assert!(senders <= SENDERS, "{senders} of them sent");
        assert_eq!(
            work.receives.len(),
            LETTERS,
            "the log tells of each of them"
        );
        let receives = work.most_receives();
        assert!(receives <= most_receives, "{receives} receives");
        let mean = work.mean_receives();
        assert!(mean <= MEAN_RECEIVES, "{mean} receives a message");
        let status = contoso.status(mailbox).await?;
        assert_eq!(status["failed_queue"]["waiting"], json!(0), "{status:#}");
        Ok(())
    }
}
