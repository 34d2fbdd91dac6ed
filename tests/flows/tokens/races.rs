//! Several renew at once, people consent meanwhile, and answers are lost or late: the newest grant survives, and nothing
//! stops its mailbox.

use std::time::Duration;

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;
use tests::contoso::Contoso;
use tests::microsoft::entra::{GrantType, TokenEffect, TokenFault};

use super::{is_good, is_whole, renew, version};
use crate::town::address;
use crate::{SOON, connected};

/// How many renew at once.
const RENEWALS: usize = 5;

/// What Entra does with the renewals of a mailbox's account.
fn fault(mailbox: &str, effect: TokenEffect) -> TokenFault {
    TokenFault::new(effect)
        .for_account(&address(mailbox))
        .for_grant(GrantType::RefreshToken)
}

/// The visit that has, or last had, the renewal of a mailbox in hand.
async fn visit_in_hand(contoso: &Contoso, mailbox: &str) -> Result<Option<String>> {
    let table = aws_sdk_dynamodb::Client::new(contoso.stack.sdk_config());
    let item = table
        .get_item()
        .table_name(contoso.stack.name())
        .key("pk", AttributeValue::S(format!("mailbox#{mailbox}")))
        .consistent_read(true)
        .send()
        .await?
        .item;
    let by = item.and_then(|item| item.get("renewing_by")?.as_s().ok().cloned());
    Ok(by)
}

/// Lets `meanwhile` happen as soon as a renewal has begun that was not in hand `before`.
async fn once_it_is_in_hand<T>(
    contoso: &Contoso,
    mailbox: &str,
    before: Option<String>,
    meanwhile: impl Future<Output = Result<T>>,
) -> Result<T> {
    let begun = async {
        let mut rounds = tokio::time::interval(Duration::from_millis(50));
        while visit_in_hand(contoso, mailbox).await? == before {
            rounds.tick().await;
        }
        meanwhile.await
    };
    tokio::time::timeout(SOON, begun).await?
}

/// Everybody complains of the same token.
pub(crate) async fn renewals_at_once_leave_one_grant_that_is_whole(
    contoso: &Contoso,
) -> Result<()> {
    let mailbox = "raced";
    connected(contoso, mailbox).await?;
    let first = is_whole(contoso, mailbox).await?;
    for _ in 0..3 {
        let seen = version(contoso, mailbox).await?;
        let renewals = (0..RENEWALS).map(|_| renew(contoso, mailbox, &seen));
        for found in try_join_all(renewals).await? {
            is_good(&found)?;
        }
        assert_eq!(is_whole(contoso, mailbox).await?, first);
    }
    Ok(())
}

/// Entra has renewed, and nobody here hears of it.
pub(crate) async fn an_answer_that_is_lost_costs_no_grant(contoso: &Contoso) -> Result<()> {
    let mailbox = "unheard";
    connected(contoso, mailbox).await?;
    let first = is_whole(contoso, mailbox).await?;
    let entra = contoso.microsoft.entra();
    entra.inject(fault(mailbox, TokenEffect::LoseAnswer).once());
    let seen = version(contoso, mailbox).await?;
    // Entra is asked again at once; whether that is enough does not matter here.
    renew(contoso, mailbox, &seen).await?;
    assert_eq!(is_whole(contoso, mailbox).await?, first);
    Ok(())
}

/// A person consents anew while several renewals of the old grant are at Entra. They all succeed there, and count for
/// nothing.
pub(crate) async fn a_consent_beats_the_renewals_under_way(contoso: &Contoso) -> Result<()> {
    let mailbox = "overtaken";
    connected(contoso, mailbox).await?;
    let first = is_whole(contoso, mailbox).await?;
    let seen = version(contoso, mailbox).await?;
    let before = visit_in_hand(contoso, mailbox).await?;
    let slow = fault(mailbox, TokenEffect::Pause(Duration::from_secs(10)));
    contoso
        .microsoft
        .entra()
        .inject(slow.times(RENEWALS as u64));
    let renewals = try_join_all((0..RENEWALS).map(|_| renew(contoso, mailbox, &seen)));
    let consent = once_it_is_in_hand(contoso, mailbox, before, connected(contoso, mailbox));
    let (renewals, consent) = tokio::join!(renewals, consent);
    consent?;
    for found in renewals? {
        is_good(&found)?;
    }
    assert_ne!(is_whole(contoso, mailbox).await?, first);
    Ok(())
}

/// The grant is revoked while its renewal is on the way, and somebody consents anew before the refusal comes.
pub(crate) async fn a_late_refusal_of_the_old_grant_stops_nobody(contoso: &Contoso) -> Result<()> {
    let mailbox = "stale";
    connected(contoso, mailbox).await?;
    let first = is_whole(contoso, mailbox).await?;
    let seen = version(contoso, mailbox).await?;
    let before = visit_in_hand(contoso, mailbox).await?;
    let entra = contoso.microsoft.entra();
    entra.inject(fault(mailbox, TokenEffect::Pause(Duration::from_secs(10))).once());
    let consent = once_it_is_in_hand(contoso, mailbox, before, async {
        entra.revoke(&address(mailbox));
        connected(contoso, mailbox).await
    });
    let (late, consent) = tokio::join!(renew(contoso, mailbox, &seen), consent);
    consent?;
    is_good(&late?)?;
    let status = contoso.status(mailbox).await?;
    assert_eq!(status["state"], "active", "{status:#}");
    assert_ne!(is_whole(contoso, mailbox).await?, first);
    Ok(())
}
