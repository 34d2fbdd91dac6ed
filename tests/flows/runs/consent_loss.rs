//! The consent-loss run: a revoked grant costs nobody a notification.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tests::contoso::Contoso;

use crate::letters::{drained, letter, subjects};
use crate::town::address;
use crate::{SOON, connected};

const MAILBOX: &str = "revoked";
const LETTERS: usize = 50;
/// What was put back when the mailbox stopped returns within two minutes, and 30 of them leave in a minute.
const AFTER_CONSENT: Duration = Duration::from_secs(300);

/// Entra revokes the grant and Exchange no longer takes its token. What is on the queue waits, without a single attempt;
/// after a new consent all of it is accepted, each once, and nothing ever was in the failed queue.
pub(crate) async fn fifty_waiting_notifications_outlast_a_revoked_grant(
    contoso: &Contoso,
) -> Result<()> {
    connected(contoso, MAILBOX).await?;
    let upn = address(MAILBOX);
    let entra = contoso.microsoft.entra();
    entra.revoke(&upn);
    entra.end_access_tokens(&upn);

    let sent: BTreeSet<_> = (1..=LETTERS)
        .map(|number| format!("outlasts a revoked grant {number}"))
        .collect();
    for subject in &sent {
        contoso
            .enqueue(MAILBOX, &letter(subject).to_string())
            .await?;
    }
    let status = contoso
        .wait_for_status(MAILBOX, SOON, |status| status["state"] == "needs_consent")
        .await?;
    assert_eq!(status["failed_queue"]["waiting"], json!(0), "{status:#}");
    assert_eq!(contoso.waiting(MAILBOX).await?, LETTERS as u64);
    assert_eq!(subjects(contoso, &upn), Vec::<String>::new());

    connected(contoso, MAILBOX).await?;
    drained(contoso, MAILBOX, AFTER_CONSENT).await?;
    let arrived = subjects(contoso, &upn);
    assert_eq!(arrived.len(), LETTERS, "each once");
    assert_eq!(arrived.into_iter().collect::<BTreeSet<_>>(), sent);
    let status = contoso.status(MAILBOX).await?;
    assert_eq!(status["failed_queue"]["waiting"], json!(0), "{status:#}");
    Ok(())
}
