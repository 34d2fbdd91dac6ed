//! Flows of the tokens: who wins where several renew at once, what is left where one stops, and what an operator does to
//! them. The store is the deployed stack's Secrets Manager.

pub(crate) mod commands;
pub(crate) mod crashes;
pub(crate) mod races;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::contoso::Contoso;

use crate::SOON;

/// The name of a secret of a mailbox.
fn secret(contoso: &Contoso, mailbox: &str, kind: &str) -> String {
    format!("{}/mailboxes/{mailbox}/{kind}", contoso.stack.name())
}

/// What a secret of a mailbox holds under a label, and its version.
async fn stored(
    contoso: &Contoso,
    mailbox: &str,
    kind: &str,
    label: &str,
) -> Result<(String, Value)> {
    let secrets = aws_sdk_secretsmanager::Client::new(contoso.stack.sdk_config());
    let value = secrets
        .get_secret_value()
        .secret_id(secret(contoso, mailbox, kind))
        .version_stage(label)
        .send()
        .await
        .with_context(|| format!("{kind} has no {label}"))?;
    let version = value.version_id.context("a value without a version")?;
    let text = value.secret_string.unwrap_or_default();
    Ok((version, serde_json::from_str(&text)?))
}

/// The version of the access token that is current.
async fn version(contoso: &Contoso, mailbox: &str) -> Result<String> {
    let (version, _) = stored(contoso, mailbox, "access-token", "AWSCURRENT").await?;
    Ok(version)
}

/// Has the token of a mailbox renewed, as `send-email` does with one that was refused; answers what was found.
async fn renew(contoso: &Contoso, mailbox: &str, seen: &str) -> Result<String> {
    let request = json!({ "mailbox": mailbox, "seen_version": seen });
    let answer = contoso.stack.invoke("token-refresh", &request).await?;
    let found = answer["mailboxes"][0]["found"].as_str().map(str::to_owned);
    found.with_context(|| format!("the visit failed: {answer}"))
}

/// Asserts that a visit found a token that is good, its own or somebody else's.
fn is_good(found: &str) -> Result<()> {
    let is_good = ["refreshed", "fresh"].contains(&found);
    ensure!(is_good, "the visit found {found}");
    Ok(())
}

/// Renews the token of a mailbox once more, asserts that it sends then, with an access token of its newest grant, and
/// answers the id of that.
async fn is_whole(contoso: &Contoso, mailbox: &str) -> Result<String> {
    is_good(&renew(contoso, mailbox, &version(contoso, mailbox).await?).await?)?;
    contoso
        .wait_for_status(mailbox, SOON, |status| status["state"] == "active")
        .await?;
    let (_, grant) = stored(contoso, mailbox, "grant", "AWSCURRENT").await?;
    let (_, access) = stored(contoso, mailbox, "access-token", "AWSCURRENT").await?;
    assert_eq!(
        [&access["grant_id"], &access["seq"]],
        [&grant["grant_id"], &grant["seq"]]
    );
    let token = access["access_token"].as_str().unwrap_or_default();
    let bearer = contoso.microsoft.entra().check_access_token(token);
    ensure!(bearer.is_ok(), "Exchange would not take the token");
    let grant_id = grant["grant_id"].as_str();
    grant_id.map(str::to_owned).context("a grant without an id")
}
