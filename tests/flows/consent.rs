//! Flows of the consent.

use anyhow::Result;
use tests::contoso::Contoso;
use tests::microsoft::Person;

use crate::town::address;

pub(crate) const STRANGER: &str = "stranger";

/// Nothing is stored, and the person is told whose account it has to be.
pub(crate) async fn a_person_who_is_not_the_mailbox_stores_nothing(
    contoso: &Contoso,
) -> Result<()> {
    let page = contoso.connect(STRANGER, "bob@contoso.com").await?;
    assert!(page.text.contains(&address(STRANGER)), "{}", page.text);
    nothing_is_stored(contoso, STRANGER).await
}

/// A person who cancels at Microsoft is told so, and nothing is stored.
pub(crate) async fn a_person_who_cancels_changes_nothing(contoso: &Contoso) -> Result<()> {
    let link = contoso.link(STRANGER).await?;
    let page = Person::new(&contoso.microsoft, &address(STRANGER))?
        .connect_and_cancel(&link)
        .await?;
    assert!(!page.text.is_empty());
    nothing_is_stored(contoso, STRANGER).await
}

/// The link of a completed consent opens nothing any more.
pub(crate) async fn a_link_is_good_for_one_connection(contoso: &Contoso) -> Result<()> {
    let mailbox = "linked";
    let link = contoso.link(mailbox).await?;
    let person = || Person::new(&contoso.microsoft, &address(mailbox));
    person()?.connect(&link).await?;
    let status = contoso
        .wait_for_status(mailbox, crate::SOON, |status| status["sends"] == true)
        .await?;
    assert_eq!(status["account"], address(mailbox));
    let again = person()?.connect(&link).await.unwrap_err();
    assert!(
        again.to_string().contains("no way to Microsoft"),
        "{again:#}"
    );
    Ok(())
}

/// Nobody has connected the mailbox, and there is nothing that would connect it.
pub(crate) async fn nothing_is_stored(contoso: &Contoso, mailbox: &str) -> Result<()> {
    let status = contoso.status(mailbox).await?;
    assert_eq!(status["state"], "awaiting_consent", "{status:#}");
    let secrets = aws_sdk_secretsmanager::Client::new(contoso.stack.sdk_config());
    for kind in ["grant", "access-token"] {
        let name = format!("{}/mailboxes/{mailbox}/{kind}", contoso.stack.name());
        let value = secrets.get_secret_value().secret_id(name).send().await;
        let value = value
            .ok()
            .and_then(|value| value.secret_string)
            .unwrap_or_default();
        assert!(value.is_empty(), "something is stored as {kind}");
    }
    Ok(())
}
