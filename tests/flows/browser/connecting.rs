//! The right person connects a mailbox.

use anyhow::Result;
use serde_json::json;
use tests::browser::Kind;
use tests::contoso::Contoso;
use tests::microsoft::Person;

use super::Visitor;
use crate::SOON;
use crate::town::address;

/// A mail scanner has opened the link first, more than once; then a person goes the whole way, without a pointer.
pub(crate) async fn a_person_connects_by_keyboard_after_a_scanner_opened_the_link(
    contoso: &Contoso,
) -> Result<()> {
    let mailbox = "shop";
    let link = contoso.link(mailbox).await?;
    for _ in 0..3 {
        let mut scanner = Person::new(&contoso.microsoft, "nobody@contoso.com")?;
        scanner.browser().open(&link, |_| true).await?.page()?;
    }
    let visitor = Visitor::at(Kind::Chromium, contoso).await?;
    visitor.browser.go(&link).await?;
    let start = visitor
        .sees(&format!("Connect {}", address(mailbox)))
        .await?;
    assert!(start.text.contains("Not to read any."), "{start:#?}");
    visitor.browser.press_by_keyboard("Continue").await?;
    visitor.consents(&address(mailbox)).await?;
    let end = visitor.sees(&connected(mailbox)).await?;
    for words in ["What was checked", "Access token", &address(mailbox)] {
        assert!(end.text.contains(words), "{words}: {end:#?}");
    }
    sends(contoso, mailbox).await?;
    visitor.browser.reload().await?;
    assert_eq!(visitor.sees(&connected(mailbox)).await?, end);
    visitor.browser.go(&link).await?;
    visitor.sees("This link has been used").await?;
    visitor.leaves().await
}

/// Clicks twice at every step, goes back from the end and clicks again: one consent, and nothing is spoilt.
pub(crate) async fn clicking_twice_and_going_back_do_no_harm(contoso: &Contoso) -> Result<()> {
    let mailbox = "impatient";
    let visitor = Visitor::at(Kind::Chromium, contoso).await?;
    visitor.browser.go(&contoso.link(mailbox).await?).await?;
    visitor.browser.press_twice("Continue").await?;
    visitor.consents(&address(mailbox)).await?;
    let end = visitor.sees(&connected(mailbox)).await?;
    let address_of_end = visitor.browser.url().await?;
    sends(contoso, mailbox).await?;
    let redeemed = redemptions(contoso, mailbox);
    assert_eq!(redeemed, 1);

    visitor.browser.back().await?;
    visitor.browser.back().await?;
    visitor.browser.go(address_of_end.as_str()).await?;
    assert_eq!(
        visitor.browser.arrive(&connected(mailbox)).await?.text,
        end.text
    );
    assert_eq!(redemptions(contoso, mailbox), redeemed);
    sends(contoso, mailbox).await?;
    visitor.leaves().await
}

/// Two people at two browsers, step by step side by side: each connects their own mailbox.
pub(crate) async fn two_people_at_once_connect_each_their_own(contoso: &Contoso) -> Result<()> {
    let (left, right) = ("left", "right");
    let (one, other) = Visitor::pair(contoso).await?;
    one.browser.go(&contoso.link(left).await?).await?;
    one.browser.press("Continue").await?;
    other.browser.go(&contoso.link(right).await?).await?;
    other.browser.press("Continue").await?;
    one.signs_in(&address(left), &address(left)).await?;
    other.signs_in(&address(right), &address(right)).await?;
    other.browser.choose("decision", "accept").await?;
    one.browser.choose("decision", "accept").await?;
    for (visitor, own, others) in [(&one, left, right), (&other, right, left)] {
        let end = visitor.browser.arrive(&connected(own)).await?;
        assert!(!end.text.contains(&address(others)), "{end:#?}");
    }
    sends(contoso, left).await?;
    sends(contoso, right).await?;
    other.leaves().await?;
    one.leaves().await
}

/// The same way in Firefox, whose rules for cookies and forms between sites are its own.
pub(crate) async fn a_person_connects_in_firefox(contoso: &Contoso) -> Result<()> {
    let mailbox = "fox";
    let visitor = Visitor::at(Kind::Firefox, contoso).await?;
    visitor.browser.go(&contoso.link(mailbox).await?).await?;
    visitor
        .sees(&format!("Connect {}", address(mailbox)))
        .await?;
    visitor.browser.press("Continue").await?;
    visitor.consents(&address(mailbox)).await?;
    visitor.sees(&connected(mailbox)).await?;
    sends(contoso, mailbox).await?;
    visitor.leaves().await
}

/// In an organization where only administrators approve, a person is sent for one, who approves and goes on.
pub(crate) async fn an_administrator_approves_and_the_mailbox_is_connected(
    contoso: &Contoso,
) -> Result<()> {
    let mailbox = "approved";
    let visitor = Visitor::at(Kind::Chromium, contoso).await?;
    visitor.browser.go(&contoso.link(mailbox).await?).await?;
    visitor.browser.press("Continue").await?;
    visitor
        .signs_in(&address(mailbox), &address(mailbox))
        .await?;
    visitor.browser.choose("decision", "return").await?;
    visitor.sees("An administrator has to approve").await?;
    visitor.browser.press("Approve as an administrator").await?;
    visitor
        .sees("Approve the app for your organization")
        .await?;
    visitor
        .browser
        .press("Continue as an administrator")
        .await?;
    visitor
        .browser
        .choose("account", "admin@contoso.com")
        .await?;
    visitor.browser.choose("decision", "accept").await?;
    visitor.sees("The app is approved").await?;
    let status = contoso.status(mailbox).await?;
    assert_eq!(status["state"], "awaiting_consent", "{status:#}");
    visitor.browser.press("Connect the mailbox now").await?;
    visitor.browser.press("Continue").await?;
    // The administrator has consented for everybody, so nothing is asked any more.
    visitor
        .signs_in(&address(mailbox), &address(mailbox))
        .await?;
    visitor.sees(&connected(mailbox)).await?;
    sends(contoso, mailbox).await?;
    visitor.leaves().await
}

/// The mail server does not let the mailbox in: the consent is kept, and the page says what to repair. Once that is done,
/// the next tick connects the mailbox by itself.
pub(crate) async fn a_mail_server_that_refuses_keeps_the_consent_and_names_the_remedy(
    contoso: &Contoso,
) -> Result<()> {
    use tests::microsoft::SmtpAuth;
    let mailbox = "warehouse";
    let directory = contoso.microsoft.directory();
    let turn = |smtp_auth| {
        directory.change_account(&address(mailbox), |account| account.smtp_auth = smtp_auth)
    };
    turn(SmtpAuth::DisabledForMailbox)?;
    let visitor = Visitor::at(Kind::Chromium, contoso).await?;
    visitor.browser.go(&contoso.link(mailbox).await?).await?;
    visitor.browser.press("Continue").await?;
    visitor.consents(&address(mailbox)).await?;
    let end = visitor.sees("Connected, but not sending yet").await?;
    let remedy = format!("Set-CASMailbox -Identity {}", address(mailbox));
    assert!(end.text.contains(&remedy), "{end:#?}");
    assert!(end.text.contains("535 5.7.139"), "{end:#?}");
    let status = contoso.status(mailbox).await?;
    assert_eq!(status["class"], "smtp_auth_disabled", "{status:#}");
    visitor.leaves().await?;

    turn(SmtpAuth::Enabled)?;
    // The schedule may have tried it in vain a moment ago.
    let resume = json!({ "command": "resume", "mailbox": mailbox });
    contoso.operator(&resume).await?;
    contoso.stack.invoke("token-refresh", &json!({})).await?;
    sends(contoso, mailbox).await
}

fn connected(mailbox: &str) -> String {
    format!("{} is connected", address(mailbox))
}

/// How many codes were redeemed for a mailbox's account.
fn redemptions(contoso: &Contoso, mailbox: &str) -> usize {
    use tests::microsoft::entra::GrantType;
    let account = address(mailbox);
    let requests = contoso.microsoft.entra().token_requests();
    let of_account = requests.iter().filter(|request| {
        request.grant_type == Some(GrantType::AuthorizationCode)
            && request.account.as_deref() == Some(&account)
    });
    of_account.count()
}

async fn sends(contoso: &Contoso, mailbox: &str) -> Result<()> {
    let status = contoso
        .wait_for_status(mailbox, SOON, |status| status["sends"] == true)
        .await;
    status.map(|_| ())
}
