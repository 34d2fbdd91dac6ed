//! The page with all mailboxes.

use anyhow::{Context as _, Result, ensure};
use reqwest::StatusCode;
use serde_json::json;
use tests::browser::Kind;
use tests::contoso::Contoso;

use super::Visitor;
use crate::consent::STRANGER;

/// A scanner opens the link and learns nothing; then the operator sees every mailbox, once.
pub(crate) async fn an_operator_sees_all_mailboxes_once_after_a_scanner_opened_the_link(
    contoso: &Contoso,
) -> Result<()> {
    let answer = contoso
        .operator(&json!({ "command": "status-link" }))
        .await?;
    let link = answer["link"].as_str().context("no link")?;
    let scanner = contoso.microsoft.authority().http_client()?.build()?;
    for _ in 0..3 {
        let page = scanner.get(link).send().await?;
        ensure!(page.status() == StatusCode::OK, "{}", page.status());
        ensure!(
            !page.text().await?.contains(STRANGER),
            "the scanner learned a name"
        );
    }

    let visitor = Visitor::at(Kind::Chromium, contoso).await?;
    visitor.browser.go(link).await?;
    visitor.sees("See how the mailboxes are").await?;
    visitor
        .browser
        .press_by_keyboard("Show the mailboxes")
        .await?;
    let page = visitor.sees("How the mailboxes are").await?;
    for mailbox in crate::town::MAILBOXES {
        let named = page.text.contains(&format!("{mailbox}: "));
        ensure!(named, "{mailbox} is missing: {}", page.text);
    }
    let stranger = format!("{STRANGER}: not connected yet, mail waits");
    ensure!(page.text.contains(&stranger), "{}", page.text);

    visitor.browser.go(link).await?;
    visitor.sees("This link shows nothing any more").await?;
    visitor.leaves().await
}
