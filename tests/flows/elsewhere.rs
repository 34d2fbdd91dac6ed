//! A mailbox whose tokens come from an OAuth server that nobody here wrote: consent and renewal hold to the standard, and
//! not only to what the simulated Microsoft makes of it.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tests::contoso::{Contoso, client_id};
use tests::microsoft::person::{Browser, Page};

use crate::SOON;
use crate::consent::nothing_is_stored;
use crate::households::{self, ELSEWHERE};

/// Somebody else is turned away, and the right person is not asked to be a Microsoft account. The consent passes every
/// check up to the mail server, which does not know the tokens of that server; so the grant is kept. It is renewed over
/// and over, each time by a refresh token that is good for once. A refresh token that somebody uses again ends the grant
/// there, and that is noticed here.
pub(crate) async fn a_server_of_somebody_else_s_grants_and_renews(contoso: &Contoso) -> Result<()> {
    let name = households::of(ELSEWHERE).username;
    let mut browser = Browser::new(contoso.microsoft.authority().http_client()?.build()?);
    let link = contoso.link(ELSEWHERE).await?;
    let start = browser.open(&link, |_| true).await?.page()?;
    let (wrong, _) = consents(&mut browser, &start, "carl@contoso.com").await?;
    assert!(
        wrong.text.contains("That is another account"),
        "{}",
        wrong.text
    );
    nothing_is_stored(contoso, ELSEWHERE).await?;

    let again = wrong.links.iter().find(|link| link.text == "Try again");
    let again = again.context("no second try")?.url.to_string();
    let start = browser.open(&again, |_| true).await?.page()?;
    let (end, issuer) = consents(&mut browser, &start, name).await?;
    assert!(
        end.text.contains("Connected, but not sending yet"),
        "{}",
        end.text
    );
    let status = contoso.status(ELSEWHERE).await?;
    assert_eq!(status["account"], name, "{status:#}");
    assert_eq!(status["class"], "token_rejected", "{status:#}");

    let first = stored(contoso, "grant").await?;
    let mut before = first.clone();
    for _ in 0..3 {
        renew(contoso).await?;
        let grant = stored(contoso, "grant").await?;
        assert!(grant["seq"].as_u64() > before["seq"].as_u64());
        assert_eq!(grant["grant_id"], first["grant_id"]);
        assert_ne!(grant["refresh_token"], before["refresh_token"]);
        let tokens = stored(contoso, "access-token").await?;
        assert_eq!(tokens["seq"], grant["seq"]);
        before = grant;
    }

    // Somebody has kept the first refresh token, and uses it again.
    let token_endpoint = format!("{issuer}/token");
    let secret = contoso.microsoft.directory().app(&client_id()).unwrap();
    let http = contoso.microsoft.authority().http_client()?.build()?;
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("grant_type", "refresh_token"),
            ("client_id", &client_id()),
            ("client_secret", &secret.secrets[0].value),
            ("refresh_token", first["refresh_token"].as_str().unwrap()),
        ])
        .finish();
    let answer = http
        .post(token_endpoint)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await?;
    assert_eq!(
        answer.status().as_u16(),
        400,
        "the server detects the reuse"
    );

    renew(contoso).await?;
    let ended = contoso
        .wait_for_status(ELSEWHERE, SOON, |status| status["state"] == "needs_consent")
        .await?;
    assert_eq!(ended["class"], "consent_revoked", "{ended:#}");
    Ok(())
}

/// Goes from the page with our button through the server's questions and back; gives the page at the end, and the server.
async fn consents(browser: &mut Browser, start: &Page, name: &str) -> Result<(Page, String)> {
    let page = submit(browser, start, &[]).await?;
    let onward = page.links.first().context("no way on")?.url.to_string();
    let page = browser.open(&onward, |_| true).await?.page()?;
    let server = page.url.origin().ascii_serialization();
    let filled = [("login", name), ("password", "any")];
    let mut page = submit(browser, &page, &filled).await?;
    // The question whether the app may, and the form that carries the answer back.
    while page.url.origin().ascii_serialization() == server {
        page = submit(browser, &page, &[]).await?;
    }
    Ok((page, server))
}

/// Fills in the first form of a page and sends it.
async fn submit(browser: &mut Browser, page: &Page, filled: &[(&str, &str)]) -> Result<Page> {
    let form = page.forms.first();
    let mut form = form
        .with_context(|| format!("no form: {}", page.text))?
        .clone();
    for (name, value) in filled {
        form.fields.retain(|(known, _)| known != name);
        form.fields.push(((*name).to_owned(), (*value).to_owned()));
    }
    let button = form.buttons.first().cloned();
    browser
        .submit(page, &form, button.as_ref(), |_| true)
        .await?
        .page()
}

/// Has the token renewed, as a worker does whose token was refused.
async fn renew(contoso: &Contoso) -> Result<()> {
    let secrets = aws_sdk_secretsmanager::Client::new(contoso.stack.sdk_config());
    let name = name(contoso, "access-token");
    let seen = secrets.get_secret_value().secret_id(name).send().await?;
    let request = json!({ "mailbox": ELSEWHERE, "seen_version": seen.version_id() });
    contoso.stack.invoke("token-refresh", &request).await?;
    Ok(())
}

async fn stored(contoso: &Contoso, kind: &str) -> Result<Value> {
    let secrets = aws_sdk_secretsmanager::Client::new(contoso.stack.sdk_config());
    let name = name(contoso, kind);
    let value = secrets.get_secret_value().secret_id(name).send().await?;
    Ok(serde_json::from_str(
        value.secret_string().context("no secret")?,
    )?)
}

fn name(contoso: &Contoso, kind: &str) -> String {
    format!("{}/mailboxes/{ELSEWHERE}/{kind}", contoso.stack.name())
}
