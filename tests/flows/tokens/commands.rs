//! What an operator does to the tokens of a mailbox.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::contoso::Contoso;
use tests::microsoft::entra::{GrantType, TokenFault};
use tests::microsoft::exchange::{Fault, Stage};

use super::{is_whole, renew, stored, version};
use crate::letters::{drained, letter, mails, subjects};
use crate::town::address;
use crate::{SOON, connected};

/// The way to the server is shown step by step, each with its time, up to the one that fails, with its remedy; what it
/// cannot prove is said. A renewal is made at once.
pub(crate) async fn an_operator_checks_each_step_and_renews(contoso: &Contoso) -> Result<()> {
    let mailbox = "checked";
    let command = |command: &str| json!({ "command": command, "mailbox": mailbox });
    connected(contoso, mailbox).await?;
    let check = contoso.operator(&command("check")).await?;
    assert_eq!(check["ok"], true, "{check:#}");
    let steps = check["steps"].as_array().context("no steps")?;
    let names: Vec<_> = steps
        .iter()
        .filter_map(|step| step["step"].as_str())
        .collect();
    let asked = format!("MAIL FROM {0}, RCPT TO {0}, RSET", address(mailbox));
    let expected = [
        "settings",
        "access token",
        "audience and scopes",
        "DNS",
        "TCP",
        "greeting and EHLO",
        "STARTTLS",
        "certificate",
        "AUTH XOAUTH2",
        asked.as_str(),
    ];
    assert_eq!(names, expected);
    assert!(steps.iter().all(|step| step["duration_ms"].is_u64()));
    let not_proven = check["not_proven"].as_array().context("no limits")?;
    assert!(!not_proven.is_empty());
    assert!(subjects(contoso, &address(mailbox)).is_empty(), "no mail");

    let disabled = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.";
    for (stage, reply, failed) in [
        (Stage::Credential, disabled, "AUTH XOAUTH2"),
        (
            Stage::Mail,
            "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded",
            &asked,
        ),
        (Stage::Rcpt, "550 5.1.10 Recipient not found", &asked),
    ] {
        let fault = Fault::reply(stage, reply)
            .for_account(&address(mailbox))
            .once();
        contoso.microsoft.exchange().inject(fault);
        let check = contoso.operator(&command("check")).await?;
        assert_eq!(check["ok"], false, "{check:#}");
        let steps = check["steps"].as_array().context("no steps")?;
        let (last, before) = steps.split_last().context("no steps")?;
        assert!(before.iter().all(|step| step["ok"] == true), "{check:#}");
        assert_eq!(
            (&last["ok"], &last["step"]),
            (&json!(false), &json!(failed))
        );
        let found = last["found"].as_str().unwrap_or_default();
        assert!(found.contains(&reply[..9]), "{found}");
        let remedy = last["remedy"].as_str().unwrap_or_default();
        assert!(!remedy.is_empty(), "{check:#}");
    }

    let before = version(contoso, mailbox).await?;
    let renewed = contoso.operator(&command("refresh")).await?;
    assert_eq!(renewed["found"], "refreshed", "{renewed:#}");
    assert_ne!(version(contoso, mailbox).await?, before);
    Ok(())
}

/// A test mail goes to the mailbox itself, by its own queue.
pub(crate) async fn an_operator_sends_a_test_mail(contoso: &Contoso) -> Result<()> {
    let mailbox = "tested";
    connected(contoso, mailbox).await?;
    let command = json!({ "command": "send-test", "mailbox": mailbox });
    let sent = contoso.operator(&command).await?;
    assert_eq!(sent["to"], address(mailbox), "{sent:#}");
    drained(contoso, mailbox, SOON).await?;
    assert_eq!(
        subjects(contoso, &address(mailbox)),
        ["Test from Pillarbox"]
    );
    Ok(())
}

/// A client secret that Entra refuses is read again and tried once more, because somebody may just have replaced it. If
/// that is refused too, a person has to act, and the mailbox goes on as soon as one has.
pub(crate) async fn a_refused_client_secret_is_read_again_and_tried_once_more(
    contoso: &Contoso,
) -> Result<()> {
    let mailbox = "rekeyed";
    connected(contoso, mailbox).await?;
    let refused = |times| {
        let fault = TokenFault::aadsts(7_000_215).for_account(&address(mailbox));
        let fault = fault.for_grant(GrantType::RefreshToken).times(times);
        contoso.microsoft.entra().inject(fault);
    };
    refused(1);
    let seen = version(contoso, mailbox).await?;
    assert_eq!(renew(contoso, mailbox, &seen).await?, "refreshed");

    refused(2);
    let seen = version(contoso, mailbox).await?;
    assert_eq!(renew(contoso, mailbox, &seen).await?, "refused");
    let status = contoso.status(mailbox).await?;
    assert_eq!(status["class"], "client_credential_refused", "{status:#}");
    is_whole(contoso, mailbox).await?;
    Ok(())
}

/// Neither the current nor the previous version of a secret keeps a token, the valve is closed and the mail waits, until a new consent brings the mailbox
/// back.
pub(crate) async fn a_disconnected_mailbox_keeps_its_mail_and_no_token(
    contoso: &Contoso,
) -> Result<()> {
    let mailbox = "disconnected";
    connected(contoso, mailbox).await?;
    // So that there is something under every label.
    is_whole(contoso, mailbox).await?;
    let disconnect = json!({ "command": "disconnect", "mailbox": mailbox });
    let ended = contoso.operator(&disconnect).await?;
    let status = &ended["mailbox"];
    assert_eq!(status["state"], "awaiting_consent", "{ended:#}");
    assert_eq!(
        (&status["sends"], &status["account"]),
        (&json!(false), &Value::Null)
    );
    let withdraw = ended["withdraw"].as_str().unwrap_or_default();
    assert!(withdraw.contains(&address(mailbox)), "{withdraw}");
    // The local AWS leaves a label of our own where it was when it is given to another version; Secrets Manager moves it.
    for kind in ["grant", "access-token"] {
        for label in ["AWSCURRENT", "AWSPREVIOUS"] {
            let (_, value) = stored(contoso, mailbox, kind, label).await?;
            assert_eq!(value["disconnected"], true, "{kind} {label}");
        }
    }

    let subject = "while it was disconnected";
    contoso
        .enqueue(mailbox, &letter(subject).to_string())
        .await?;
    // A worker may have it in hand until it finds out.
    let is_kept = |queue: &Value| queue["waiting"] == 1 || queue["in_flight"] == 1;
    let closed = |status: &Value| status["valve"] == "Disabled" && is_kept(&status["queue"]);
    contoso.wait_for_status(mailbox, SOON, closed).await?;
    let seen = version(contoso, mailbox).await?;
    let found = renew(contoso, mailbox, &seen).await?;
    assert_eq!(found, "awaiting_consent", "nothing is left to renew");
    connected(contoso, mailbox).await?;
    // What a worker had already taken comes back after two minutes at the most.
    mails(contoso, subject, 1, SOON * 3).await?;
    is_whole(contoso, mailbox).await?;
    Ok(())
}
