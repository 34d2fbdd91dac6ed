//! Accounts, tenants and clouds of every kind that a mailbox may have: each consents, and its mail leaves as its address.

use anyhow::{Context as _, Result};
use tests::contoso::Contoso;
use tests::microsoft::Person;

use crate::letters::{letter, mails};
use crate::{SOON, households};

async fn consents_and_sends(contoso: &Contoso, mailbox: &str) -> Result<()> {
    let household = households::of(mailbox);
    let link = contoso.link(mailbox).await?;
    let page = Person::new(&contoso.microsoft, household.username)?
        .connect(&link)
        .await?;
    let status = contoso
        .wait_for_status(mailbox, SOON, |status| status["sends"] == true)
        .await
        .context(page.text)?;
    assert_eq!(status["account"], household.username, "{status:#}");

    let subject = format!("A letter of {mailbox}");
    contoso
        .enqueue(mailbox, &letter(&subject).to_string())
        .await?;
    let mails = mails(contoso, &subject, 1, SOON).await?;
    let mail = mails.first().context("no mail")?;
    assert_eq!(mail.account, household.username);
    assert_eq!(mail.envelope.reverse_path, household.address);
    let parsed = mail.parsed()?;
    let from = parsed.from().and_then(|from| from.first()?.address());
    assert_eq!(from, Some(household.address));
    Ok(())
}

pub(crate) async fn a_user_name_other_than_the_address(contoso: &Contoso) -> Result<()> {
    consents_and_sends(contoso, "news").await
}

pub(crate) async fn a_shared_mailbox_through_its_delegate(contoso: &Contoso) -> Result<()> {
    consents_and_sends(contoso, "shared").await
}

pub(crate) async fn an_alias_of_the_mailbox_that_signs_in(contoso: &Contoso) -> Result<()> {
    consents_and_sends(contoso, "alias").await
}

pub(crate) async fn a_tenant_given_by_its_guid(contoso: &Contoso) -> Result<()> {
    consents_and_sends(contoso, "by-guid").await
}

pub(crate) async fn the_clouds_of_the_us_government(contoso: &Contoso) -> Result<()> {
    consents_and_sends(contoso, "gcc-high").await?;
    consents_and_sends(contoso, "dod").await
}

pub(crate) async fn the_cloud_of_china(contoso: &Contoso) -> Result<()> {
    consents_and_sends(contoso, "china").await
}

pub(crate) async fn a_personal_account(contoso: &Contoso) -> Result<()> {
    consents_and_sends(contoso, "consumer").await
}
