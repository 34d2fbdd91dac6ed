//! The pace runs: more than Microsoft takes in minutes is on the queue at once, and Microsoft's limits are kept.
//!
//! The simulated Exchange takes whatever comes and keeps count, so that what it counts is what the workers did and not
//! what it allowed. The minute cannot be made shorter, so the limit is a multiple of Microsoft's; what is measured is
//! whether it is kept.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tests::contoso::Contoso;
use tests::microsoft::exchange::{Effect, Fault, Stage};
use tokio::time::Instant;

use super::{report, size};
use crate::connected;
use crate::letters::{drained, letter, subjects};
use crate::town::{BURST, OUTAGE, PACE_PER_MINUTE, address};

const LETTERS: usize = 200;
/// The length of Microsoft's limit.
const A_MINUTE: Duration = Duration::from_secs(60);
/// Two workers send; the third of Microsoft's connections is kept for probes.
const CONNECTIONS: usize = 2;
/// How long the whole burst may take. The last windows end after four minutes.
const PATIENCE: Duration = Duration::from_secs(420);

/// 200 notifications arrive at once.
pub(crate) async fn a_burst_keeps_to_microsofts_limits(contoso: &Contoso) -> Result<()> {
    let run = Run::begin(contoso, BURST).await?;
    run.post().await?;
    run.end().await
}

/// 200 notifications have come together while Exchange took nothing, when it takes them again.
pub(crate) async fn the_end_of_an_outage_keeps_to_microsofts_limits(
    contoso: &Contoso,
) -> Result<()> {
    let run = Run::begin(contoso, OUTAGE).await?;
    let exchange = contoso.microsoft.exchange();
    let (outage, mut over) = tokio::sync::watch::channel(true);
    let is_out = outage.subscribe();
    let away = Effect::ReplyAndClose("421 4.3.2 The service is not available".to_owned());
    exchange.inject(
        Fault::new(Stage::Credential, away)
            .for_account(&address(OUTAGE))
            .when(move |_| *is_out.borrow()),
    );
    run.post().await?;
    // One length of the limit in CI, ten in a run ten times as large.
    let length = A_MINUTE * size::times().min(10);
    let lasts = over.wait_for(|is_out| !is_out);
    let ended = tokio::time::timeout(length, lasts).await;
    assert!(ended.is_err(), "nobody else ends the outage");
    outage.send_replace(false);
    run.end().await
}

/// A run of one mailbox.
struct Run<'a> {
    contoso: &'a Contoso,
    mailbox: &'static str,
    upn: String,
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
            started: Instant::now(),
        })
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
    async fn end(self) -> Result<()> {
        let Self {
            contoso,
            mailbox,
            upn,
            started,
        } = self;
        drained(contoso, mailbox, PATIENCE + started.elapsed()).await?;
        let took = started.elapsed();
        let exchange = contoso.microsoft.exchange();
        let in_a_minute = exchange.peak_messages(&upn, A_MINUTE);
        let connections = exchange.peak_connections(&upn);
        report(&format!(
            "pace run of {mailbox}: {LETTERS} messages in {} s, {in_a_minute} of them in the fullest minute of {PACE_PER_MINUTE}, \
             over {connections} connections",
            took.as_secs(),
        ));
        let arrived = subjects(contoso, &upn);
        assert_eq!(arrived.len(), LETTERS, "each once");
        assert_eq!(arrived.iter().collect::<BTreeSet<_>>().len(), LETTERS);
        assert!(in_a_minute <= PACE_PER_MINUTE, "{in_a_minute} in a minute");
        assert!(connections <= CONNECTIONS, "{connections} connections");
        let status = contoso.status(mailbox).await?;
        assert_eq!(status["failed_queue"]["waiting"], json!(0), "{status:#}");
        Ok(())
    }
}
