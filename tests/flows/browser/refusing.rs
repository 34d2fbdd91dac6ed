//! Everybody else is told why not, in words of its own, and nothing is stored.

use anyhow::{Context as _, Result};
use common::consent::State;
use serde_json::json;
use tests::browser::Kind;
use tests::contoso::Contoso;
use tests::microsoft::entra::{Field, Refusal, TokenEffect, TokenFault};

use super::Visitor;
use crate::consent::nothing_is_stored;
use crate::town::address;

const MAILBOX: &str = "reception";

/// Every refusal that Microsoft or its answer can bring, one after the other, each by a link of its own; and at last the
/// right person, by the "Try again" of the last refusal.
pub(crate) async fn each_refusal_has_a_page_of_its_own_and_stores_nothing(
    contoso: &Contoso,
) -> Result<()> {
    let entra = contoso.microsoft.entra();
    let account = address(MAILBOX);
    let visitor = Visitor::at(Kind::Chromium, contoso).await?;
    let begin = async || {
        visitor.browser.go(&contoso.link(MAILBOX).await?).await?;
        visitor.browser.press("Continue").await
    };

    begin().await?;
    visitor.signs_in(&account, &account).await?;
    visitor.browser.choose("decision", "cancel").await?;
    visitor.sees("You did not agree").await?;
    nothing_is_stored(contoso, MAILBOX).await?;

    for (refusal, heading) in [
        (
            Refusal::numbered(65001).with_error("consent_required"),
            "The app has no consent yet",
        ),
        (Refusal::numbered(90094), "An administrator has to approve"),
        (
            Refusal::numbered(50105),
            "The account is not assigned to the app",
        ),
        (Refusal::numbered(53003), "A sign-in policy stopped you"),
    ] {
        entra.refuse_next_sign_in(&account, refusal);
        begin().await?;
        visitor.signs_in(&account, &account).await?;
        visitor.sees(heading).await?;
        nothing_is_stored(contoso, MAILBOX).await?;
    }

    // From here on the account consents at Microsoft, and the answer is not good enough.
    begin().await?;
    visitor.signs_in(&account, &account).await?;
    entra.inject(fault(TokenEffect::Omit(Field::RefreshToken)));
    visitor.browser.choose("decision", "accept").await?;
    visitor.sees("The permission would not last").await?;
    nothing_is_stored(contoso, MAILBOX).await?;

    let other_directory = format!(
        "e30.{}.c2ln",
        claims(&json!({ "tid": "9188040d-6c67-4c5b-b112-36a304b66dad" }))
    );
    for (effect, heading) in [
        (
            TokenEffect::Replace(Field::Scope, json!("openid profile")),
            "The permission to send is missing",
        ),
        (
            TokenEffect::Replace(Field::IdToken, json!(other_directory)),
            "That account is from another organization",
        ),
        (
            TokenEffect::Omit(Field::IdToken),
            "Microsoft did not say who signed in",
        ),
        (
            TokenEffect::Refuse(Refusal::numbered(54005)),
            "The sign-in was too old",
        ),
        (
            TokenEffect::Refuse(Refusal::numbered(7_000_222)),
            "Microsoft does not accept the client secret",
        ),
    ] {
        entra.inject(fault(effect));
        begin().await?;
        visitor.signs_in(&account, &account).await?;
        visitor.sees(heading).await?;
        nothing_is_stored(contoso, MAILBOX).await?;
    }

    begin().await?;
    visitor.signs_in("carl@contoso.com", &account).await?;
    visitor.browser.choose("decision", "accept").await?;
    let wrong = visitor.sees("That is another account").await?;
    assert!(wrong.text.contains(&account), "{wrong:#?}");
    assert!(!wrong.text.contains("carl@"), "{wrong:#?}");
    nothing_is_stored(contoso, MAILBOX).await?;

    visitor.browser.press("Try again").await?;
    visitor.sees(&format!("Connect {account}")).await?;
    visitor.browser.press("Continue").await?;
    // Nobody is suggested this time: the account has to be chosen.
    visitor.browser.choose("account", &account).await?;
    visitor.sees(&format!("{account} is connected")).await?;
    visitor.leaves().await
}

fn fault(effect: TokenEffect) -> TokenFault {
    TokenFault::new(effect)
        .once()
        .for_account(&address(MAILBOX))
}

fn claims(claims: &serde_json::Value) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims.to_string())
}

/// An answer that is altered, another browser's, late or used: a page each, and no token request.
pub(crate) async fn an_answer_that_is_not_good_has_a_page_of_its_own(
    contoso: &Contoso,
) -> Result<()> {
    // Its way to Microsoft leads nowhere, so the page before it stays, and shows the state that it sends along.
    let mailbox = "staying";
    let base = contoso.stack.public_url();
    let answer = |state: &str| format!("{base}/oauth/callback?error=access_denied&state={state}");
    let (owner, stranger) = Visitor::pair(contoso).await?;
    let begin = async || {
        owner.browser.go(&contoso.link(mailbox).await?).await?;
        owner.browser.press("Continue").await?;
        owner.sees("Continue to Microsoft").await?;
        let url = owner.browser.link("Continue to Microsoft").await?;
        let state = url.query_pairs().find(|(name, _)| name == "state");
        anyhow::Ok(state.context("no state")?.1.into_owned())
    };
    let state = begin().await?;
    stranger.browser.go(&answer(&"0".repeat(64))).await?;
    stranger.sees("This sign-in is not known").await?;
    stranger.browser.go(&answer(&state)).await?;
    stranger
        .sees("This sign-in began in another browser")
        .await?;

    // In the browser that began it, it is as good as before, and good for once.
    owner.browser.go(&answer(&state)).await?;
    let end = owner.sees("You did not agree").await?;
    owner.browser.go(&answer(&state)).await?;
    assert_eq!(owner.browser.arrive("You did not agree").await?, end);
    stranger.browser.go(&answer(&state)).await?;
    stranger.sees("This sign-in was finished before").await?;

    let state = begin().await?;
    expire(contoso, &state).await?;
    owner.browser.go(&answer(&state)).await?;
    owner.sees("The sign-in took too long").await?;

    let requests = contoso.microsoft.entra().token_requests();
    let of_account = requests
        .iter()
        .filter(|request| request.account.as_deref() == Some(&address(mailbox)));
    assert_eq!(of_account.count(), 0);
    nothing_is_stored(contoso, mailbox).await?;
    stranger.leaves().await?;
    owner.leaves().await
}

/// Ends the time of an attempt, for which a test cannot wait.
async fn expire(contoso: &Contoso, state: &str) -> Result<()> {
    use aws_sdk_dynamodb::types::AttributeValue;
    let hash = State::parse(state).context("not a state")?.hash();
    let dynamodb = aws_sdk_dynamodb::Client::new(contoso.stack.sdk_config());
    dynamodb
        .update_item()
        .table_name(contoso.stack.name())
        .key(
            "pk",
            AttributeValue::S(format!("attempt#{}", hash.as_str())),
        )
        .update_expression("SET expires_at = :past")
        .condition_expression("attribute_exists(browser)")
        .expression_attribute_values(":past", AttributeValue::N("1".to_owned()))
        .send()
        .await?;
    Ok(())
}
