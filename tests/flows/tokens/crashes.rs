//! Functions that are killed at a step between the provider's answer and the stored tokens.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tests::contoso::Contoso;
use tests::stack::{Ambush, Moment};

use super::{is_whole, renew, secret, version};
use crate::connected;
use crate::town::address;

/// The steps at which a function can die that stores tokens: the operation, on which secret, before or after it is done.
/// The grant is current once its label has moved.
const STEPS: [(&str, &str, Moment); 6] = [
    ("PutSecretValue", "grant", Moment::Before),
    ("PutSecretValue", "grant", Moment::After),
    ("UpdateSecretVersionStage", "grant", Moment::After),
    ("PutSecretValue", "access-token", Moment::Before),
    ("PutSecretValue", "access-token", Moment::After),
    ("UpdateSecretVersionStage", "access-token", Moment::After),
];
/// How many of these steps leave the grant as it was.
const WITHOUT_A_GRANT: usize = 2;

/// How often a piece of work is begun. A visit of the schedule that has stored newer tokens meanwhile leaves nothing to
/// do, and nothing to be killed at.
const BEGINNINGS: usize = 5;
/// How much later than of the end of its work one may hear of the kill.
const A_MOMENT: Duration = Duration::from_secs(5);

/// Lets a function do its work, and kills it at a step.
async fn killed_at(
    contoso: &Contoso,
    function: &str,
    mailbox: &str,
    (operation, kind, moment): (&'static str, &str, Moment),
    work: impl AsyncFn() -> Result<String>,
) -> Result<()> {
    let mut killed = contoso.stack.ambush(Ambush {
        function: contoso.stack.function(function),
        operation,
        about: secret(contoso, mailbox, kind),
        moment,
    });
    let mut endings = Vec::new();
    for _ in 0..BEGINNINGS {
        endings.push(work().await.unwrap_or_else(|error| format!("{error:#}")));
        if let Ok(heard) = tokio::time::timeout(A_MOMENT, &mut killed).await {
            return heard.context("the worker had gone before it was killed");
        }
    }
    bail!("{function} was not killed {moment:?} {operation} of {kind}; its work ended {endings:?}")
}

/// Whatever became of the renewed tokens, the grant is the same, and the next renewal continues it.
pub(crate) async fn a_renewal_killed_at_any_step_is_completed_by_the_next(
    contoso: &Contoso,
) -> Result<()> {
    let mailbox = "renewing";
    connected(contoso, mailbox).await?;
    let first = is_whole(contoso, mailbox).await?;
    for step in STEPS {
        let renewal = async || renew(contoso, mailbox, &version(contoso, mailbox).await?).await;
        killed_at(contoso, "token-refresh", mailbox, step, renewal).await?;
        assert_eq!(is_whole(contoso, mailbox).await?, first, "{step:?}");
    }
    Ok(())
}

/// Until the new grant is current the old one goes on; from then on the new one does, and nobody has to consent again.
pub(crate) async fn a_consent_killed_at_any_step_leaves_the_old_grant_or_the_new(
    contoso: &Contoso,
) -> Result<()> {
    let mailbox = "consenting";
    connected(contoso, mailbox).await?;
    let mut current = is_whole(contoso, mailbox).await?;
    for (number, step) in STEPS.into_iter().enumerate() {
        let upn = address(mailbox);
        let consent = async || Ok(contoso.connect(mailbox, &upn).await?.text);
        killed_at(contoso, "oauth-callback", mailbox, step, consent).await?;
        let found = is_whole(contoso, mailbox).await?;
        assert_eq!(found == current, number < WITHOUT_A_GRANT, "{step:?}");
        current = found;
    }
    Ok(())
}
