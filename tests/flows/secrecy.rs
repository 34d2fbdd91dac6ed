//! No secret leaves its room, whatever the flows did: a search through everything that was shown to anybody, with the
//! functions' logs at their loudest.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::canaries::Canaries;
use tests::contoso::{Contoso, client_id};
use tests::stack::{Kind, Sight};
use url::Url;

const FUNCTIONS: [&str; 4] = ["oauth-callback", "token-refresh", "send-email", "operator"];
/// What every flow leaves behind.
const ALWAYS: [Kind; 4] = [Kind::Page, Kind::Answer, Kind::Log, Kind::Item];

/// No code, token or client secret is anywhere; and what opens the consent pages is shown to its own person alone.
pub(crate) async fn no_secret_is_shown(contoso: &Contoso) -> Result<()> {
    let witness = contoso.stack.witness();
    for function in FUNCTIONS {
        let lines = contoso.stack.logs(function).await?;
        witness.see(Kind::Log, function, lines.join("\n"));
    }
    leave_copies_to(contoso).await?;
    show_items_to(contoso).await?;
    let sights = witness.sights();

    let seen: BTreeSet<_> = sights.iter().map(|sight| sight.kind).collect();
    for kind in ALWAYS {
        ensure!(seen.contains(&kind), "nothing was seen of any {kind:?}");
    }
    let logged = sights.iter().filter(|sight| sight.kind == Kind::Log);
    let is_measured = logged.clone().any(|log| log.text.contains("\"_aws\""));
    ensure!(is_measured, "no metric is in any log");

    // Only where it was seen: the text would tell the secret once more.
    let mut leaks = BTreeSet::new();
    let (given_out, own) = (given_out(contoso)?, own(&sights)?);
    for sight in &sights {
        let is_shown_to_one = [Kind::Page, Kind::Answer].contains(&sight.kind);
        let is_leak =
            given_out.sing_at(&sight.text) || !is_shown_to_one && own.sing_at(&sight.text);
        if is_leak {
            leaks.insert((sight.kind, &sight.place));
        }
    }
    ensure!(leaks.is_empty(), "a secret is shown: {leaks:?}");
    Ok(())
}

/// What Entra gave out, and the client secrets.
fn given_out(contoso: &Contoso) -> Result<Canaries> {
    let mut canaries = Canaries::default();
    for secret in contoso.microsoft.entra().issued_secrets() {
        canaries.watch_for(&secret);
    }
    let app = contoso.microsoft.directory().app(&client_id());
    for secret in app.context("the app is not registered")?.secrets {
        canaries.watch_for(&secret.value);
    }
    ensure!(!canaries.is_empty(), "there is nothing to look for");
    Ok(canaries)
}

/// The tickets of the links and the cookies of the attempts.
fn own(sights: &[Sight]) -> Result<Canaries> {
    let mut canaries = Canaries::default();
    let of_kind = |kind| sights.iter().filter(move |sight| sight.kind == kind);
    for answer in of_kind(Kind::Answer) {
        let answer: Value = serde_json::from_str(&answer.text).unwrap_or_default();
        if let Some(link) = answer["link"].as_str() {
            for (_, ticket) in Url::parse(link)?.query_pairs() {
                canaries.watch_for(&ticket);
            }
        }
    }
    ensure!(!canaries.is_empty(), "no link has a ticket");
    for line in of_kind(Kind::Page).flat_map(|page| page.text.lines()) {
        if let Some((_, cookie)) = line.split_once("set-cookie: __Host-consent-") {
            let value = cookie.split(['=', ';']).nth(1).context("a cookie")?;
            canaries.watch_for(value);
        }
    }
    Ok(canaries)
}

/// Shows the witness what is left on the queues.
async fn leave_copies_to(contoso: &Contoso) -> Result<()> {
    let sqs = aws_sdk_sqs::Client::new(contoso.stack.sdk_config());
    let queues = sqs.list_queues().send().await?;
    for queue in queues.queue_urls.unwrap_or_default() {
        loop {
            let received = sqs
                .receive_message()
                .queue_url(&queue)
                .max_number_of_messages(10)
                .message_attribute_names("All")
                .send()
                .await?;
            let copies = received.messages.unwrap_or_default();
            if copies.is_empty() {
                break;
            }
            for copy in copies {
                contoso.see_copy(&queue, &copy);
                let receipt = copy.receipt_handle.unwrap_or_default();
                sqs.delete_message()
                    .queue_url(&queue)
                    .receipt_handle(receipt)
                    .send()
                    .await?;
            }
        }
    }
    Ok(())
}

/// Shows the witness the table: the ledger, the states, the paces, and what is left of consents.
async fn show_items_to(contoso: &Contoso) -> Result<()> {
    let table = aws_sdk_dynamodb::Client::new(contoso.stack.sdk_config());
    let mut pages = table
        .scan()
        .table_name(contoso.stack.name())
        .into_paginator()
        .items()
        .send();
    while let Some(item) = pages.next().await {
        let item = item?;
        let key = format!("{:?}", item.get("pk"));
        let witness = contoso.stack.witness();
        witness.see(Kind::Item, key, format!("{item:?}"));
    }
    Ok(())
}
