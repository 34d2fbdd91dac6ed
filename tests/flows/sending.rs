//! Flows of the sending.

use std::time::Duration;

use anyhow::{Context, Result};
use common::mailbox::{MailboxId, Settings};
use common::message::{MessageIdentity, SenderPolicy, compose};
use common::metrics::Metric;
use common::notification::{Notification, NotificationId};
use jiff::Timestamp;
use serde_json::json;
use tests::contoso::{ADDRESS, Contoso, MAILBOX};
use tests::microsoft::exchange::{Effect, Fault, Moment, Stage};

use crate::letters::{drained, letter, mails, subjects};
use crate::town::{UNTOLD, address};
use crate::{SOON, connected, measured};

/// The template's own mailbox is connected, and what arrives is what the composer makes of the notification: the same
/// bytes, in the same envelope.
pub(crate) async fn a_notification_arrives_byte_for_byte_as_composed(
    contoso: &Contoso,
) -> Result<()> {
    let page = contoso.connect(MAILBOX, ADDRESS).await?;
    contoso
        .wait_for_status(MAILBOX, SOON, |status| status["sends"] == true)
        .await
        .context(page.text)?;
    let body = json!({
        "id": "byte-for-byte",
        "to": [{ "name": "Łukasz Żółć", "email": "lukasz@fabrikam.com" }],
        "bcc": "archive@fabrikam.com",
        "subject": "Rechnung für März",
        "text": ".a line that begins with a dot\r\n.\r\nand one that is only a dot",
        "html": "<p>Grüße</p>",
        "attachments": [{ "filename": "zahlen.csv", "content_type": "text/csv", "content": "YSxiCjEsMgo=" }],
    })
    .to_string();
    contoso.enqueue(MAILBOX, &body).await?;
    let received = mails(contoso, "Rechnung für März", 1, SOON).await?;

    let notification = Notification::parse(&body)?;
    let mailbox = MailboxId::parse(MAILBOX)?;
    let settings = format!(r#"{{"address":"{ADDRESS}","tenant":"contoso.com","client_id":"app"}}"#);
    let policy = SenderPolicy::from(&Settings::parse(mailbox.clone(), &settings)?);
    let date = received[0]
        .parsed()?
        .date()
        .context("a mail without a date")?
        .to_timestamp();
    let identity = MessageIdentity::derive(
        &mailbox,
        &NotificationId::parse("byte-for-byte")?,
        Timestamp::from_second(date)?,
    );
    let composed = compose(&notification, &policy, &identity)?;
    assert_eq!(
        String::from_utf8_lossy(&received[0].raw),
        String::from_utf8_lossy(&composed.bytes)
    );
    assert_eq!(received[0].envelope.reverse_path, ADDRESS);
    let recipients: Vec<_> = composed
        .envelope
        .to()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(received[0].envelope.forward_paths, recipients);
    assert_eq!(received[0].account, ADDRESS);
    drained(contoso, MAILBOX, SOON).await
}

/// A producer that repeats itself causes one mail; another content under the same id is handed over.
pub(crate) async fn a_repeated_notification_is_one_mail(contoso: &Contoso) -> Result<()> {
    let mailbox = "repeated";
    connected(contoso, mailbox).await?;
    let letter = letter("sent once");
    for _ in 0..3 {
        contoso.enqueue(mailbox, &letter.to_string()).await?;
    }
    mails(contoso, "sent once", 1, SOON).await?;
    drained(contoso, mailbox, A_LEASE).await?;
    let mut other = letter;
    other["text"] = json!("Goodbye");
    contoso.enqueue(mailbox, &other.to_string()).await?;
    let failed = contoso.take_failed(mailbox, 1, SOON).await?;
    assert_eq!(failed[0].report["class"], "idempotency_conflict");
    assert_eq!(failed[0].id.as_deref(), Some("sent-once"));
    assert_eq!(mails(contoso, "sent once", 1, SOON).await?.len(), 1);
    Ok(())
}

/// What is no notification is set aside with its body unchanged and its faults by their places.
pub(crate) async fn a_body_that_is_no_notification_is_in_the_failed_queue_with_the_field_named(
    contoso: &Contoso,
) -> Result<()> {
    // The mailbox of another flow, which looks at its failed queue for nothing; both may connect it.
    let mailbox = "orders";
    connected(contoso, mailbox).await?;
    let body = r#"{"to": "erika@fabrikam.com", "subjct": "Hello", "text": "Hello"}"#;
    contoso.enqueue(mailbox, body).await?;
    let failed = contoso.take_failed(mailbox, 1, SOON).await?;
    assert_eq!(failed[0].body, body);
    assert_eq!(failed[0].report["class"], "invalid_message");
    let reply = failed[0].report["reply"].as_str().unwrap_or_default();
    assert!(reply.contains("/subjct"), "{reply}");
    Ok(())
}

/// A mailbox that the README's block added sends under its own account, whatever the first one does.
pub(crate) async fn a_second_mailbox_has_its_own_queue_and_account(
    contoso: &Contoso,
) -> Result<()> {
    let mailbox = "orders";
    connected(contoso, mailbox).await?;
    contoso
        .enqueue(mailbox, &letter("from the second mailbox").to_string())
        .await?;
    let mails = mails(contoso, "from the second mailbox", 1, SOON).await?;
    assert_eq!(mails[0].account, "orders@contoso.com");
    assert_eq!(mails[0].envelope.reverse_path, "orders@contoso.com");
    Ok(())
}

/// Exchange says that the mailbox is too fast: nobody sends for a minute or two, and the mail leaves then.
pub(crate) async fn a_server_that_asks_for_time_gets_it(contoso: &Contoso) -> Result<()> {
    const TOO_FAST: &str =
        "421 4.4.2 Message submission rate for this client has exceeded the configured limit";
    /// Up to two minutes are held back, and the queue shows the copy again after that.
    const HELD_BACK: Duration = Duration::from_secs(240);
    let mailbox = "slowed";
    connected(contoso, mailbox).await?;
    let too_fast = Fault::new(Stage::Mail, Effect::ReplyAndClose(TOO_FAST.to_owned()));
    let exchange = contoso.microsoft.exchange();
    exchange.inject(too_fast.for_account(&address(mailbox)).once());
    contoso
        .enqueue(mailbox, &letter("not so fast").to_string())
        .await?;
    measured::wait_for(contoso, mailbox, Metric::Throttled, 1).await?;
    mails(contoso, "not so fast", 1, HELD_BACK).await?;
    drained(contoso, mailbox, SOON).await?;
    assert_eq!(subjects(contoso, &address(mailbox)), ["not so fast"]);
    Ok(())
}

/// A notification that comes after it was worth sending is in the failed queue, and does not leave.
pub(crate) async fn what_is_no_longer_worth_sending_is_set_aside(contoso: &Contoso) -> Result<()> {
    let mailbox = "expiring";
    connected(contoso, mailbox).await?;
    let mut late = letter("too late");
    late["expires_at"] = "2026-01-01T00:00:00Z".into();
    contoso.enqueue(mailbox, &late.to_string()).await?;
    let failed = contoso.take_failed(mailbox, 1, SOON).await?;
    assert_eq!(failed[0].report["class"], "expired");
    assert_eq!(failed[0].body, late.to_string());
    assert_eq!(subjects(contoso, &address(mailbox)), [""; 0]);
    Ok(())
}

/// EventBridge takes no event of a mailbox: its mail leaves, and a metric says how much was not told.
pub(crate) async fn news_that_nobody_takes_costs_no_mail(contoso: &Contoso) -> Result<()> {
    let mailbox = UNTOLD;
    connected(contoso, mailbox).await?;
    contoso.stack.take_no_events(mailbox);
    for subject in ["the first without news", "the second without news"] {
        contoso
            .enqueue(mailbox, &letter(subject).to_string())
            .await?;
        mails(contoso, subject, 1, SOON).await?;
    }
    drained(contoso, mailbox, SOON).await?;
    measured::wait_for(contoso, mailbox, Metric::EventsNotPut, 2).await
}

/// Exchange stops accepting a token before its time: it is renewed once, on the spot, and the mail leaves.
pub(crate) async fn a_token_that_the_server_refuses_is_renewed_once_and_the_mail_leaves(
    contoso: &Contoso,
) -> Result<()> {
    let mailbox = "renewed";
    connected(contoso, mailbox).await?;
    let upn = "renewed@contoso.com";
    let before = contoso.status(mailbox).await?["refreshed_at"].clone();
    let refreshes = || {
        let requests = contoso.microsoft.entra().token_requests();
        requests
            .iter()
            .filter(|request| request.account.as_deref() == Some(upn))
            .count()
    };
    let requests = refreshes();
    contoso.microsoft.entra().end_access_tokens(upn);
    contoso
        .enqueue(mailbox, &letter("with a renewed token").to_string())
        .await?;
    mails(contoso, "with a renewed token", 1, SOON).await?;
    drained(contoso, mailbox, SOON).await?;
    assert_ne!(contoso.status(mailbox).await?["refreshed_at"], before);
    assert_eq!(refreshes(), requests + 1, "one refusal causes one renewal");
    Ok(())
}

/// A token that expires is renewed by the schedule alone, while nobody sends; the next mail leaves with it.
pub(crate) async fn the_schedule_renews_a_token_that_expires(contoso: &Contoso) -> Result<()> {
    let mailbox = "scheduled";
    contoso.stack.tick("rate(1 minute)").await?;
    let entra = contoso.microsoft.entra();
    let usual = entra.behaviour().access_token_life;
    entra.change_behaviour(|behaviour| {
        behaviour.access_token_life = (Duration::from_secs(90), Duration::from_secs(90))
    });
    let consent = connected(contoso, mailbox).await;
    entra.change_behaviour(|behaviour| behaviour.access_token_life = usual);
    consent?;
    let first = contoso.status(mailbox).await?["token_expires_at"].clone();
    let renewed = |status: &serde_json::Value| {
        status["token_expires_at"] != first && !status["token_expires_at"].is_null()
    };
    contoso
        .wait_for_status(mailbox, Duration::from_secs(180), renewed)
        .await?;
    contoso
        .enqueue(mailbox, &letter("after the first token").to_string())
        .await?;
    mails(contoso, "after the first token", 1, SOON).await?;
    Ok(())
}

/// A worker that dies before anything was sent leaves nothing behind: the notification is sent when its lease ends.
pub(crate) async fn a_worker_killed_before_it_sends_loses_nothing(contoso: &Contoso) -> Result<()> {
    let mailbox = "killed";
    let subject = "killed before it was sent";
    kill_at(contoso, mailbox, Stage::Credential, subject).await?;
    mails(contoso, subject, 1, A_LEASE).await?;
    drained(contoso, mailbox, SOON).await?;
    assert_eq!(contoso.status(mailbox).await?["failed_queue"]["waiting"], 0);
    Ok(())
}

/// A worker that dies while its message is under way leaves an `unknown`: handed over once, and never sent again.
pub(crate) async fn a_worker_killed_while_it_sends_leaves_an_unknown(
    contoso: &Contoso,
) -> Result<()> {
    let mailbox = "lost";
    let subject = "killed while it was sent";
    kill_at(contoso, mailbox, Stage::EndOfMessage, subject).await?;
    let failed = contoso.take_failed(mailbox, 1, A_LEASE).await?;
    assert_eq!(failed[0].report["class"], "unknown_after_data");
    assert_eq!(failed[0].id.as_deref(), Some("killed-while-it-was-sent"));
    drained(contoso, mailbox, SOON).await?;
    let inbox = contoso.microsoft.inbox().messages();
    assert!(inbox.iter().all(|message| message.subject() != subject));
    Ok(())
}

/// Longer than the lease of a worker in these flows.
const A_LEASE: Duration = Duration::from_secs(400);

/// Connects a mailbox, puts a notification on its queue, and kills the worker that sends it at a stage of the dialogue.
async fn kill_at(contoso: &Contoso, mailbox: &str, stage: Stage, subject: &str) -> Result<()> {
    connected(contoso, mailbox).await?;
    let account = crate::town::address(mailbox);
    let (held_up, mut connections) = tokio::sync::mpsc::unbounded_channel();
    let here = move |moment: &Moment| {
        let here = moment.account.as_deref() == Some(&account);
        // After the flow nobody is left to hear of it.
        let _ = here.then(|| held_up.send(moment.connection));
        here
    };
    let exchange = contoso.microsoft.exchange();
    exchange.inject(Fault::new(stage, Effect::Hang).when(here).once());
    contoso
        .enqueue(mailbox, &letter(subject).to_string())
        .await?;

    let number = tokio::time::timeout(SOON, connections.recv()).await;
    let number = number.context("no worker came to the point where it is killed")?;
    let connection = number.context("the connection is not known")?;
    contoso.worker_of(connection)?.kill().await
}

/// A dry run asks the server and sends nothing, and what it would refuse is in the failed queue; the notification itself,
/// under the same id, then leaves at its time and not before.
pub(crate) async fn a_dry_run_leaves_the_id_to_the_mail_that_leaves_when_it_is_told_to(
    contoso: &Contoso,
) -> Result<()> {
    let mailbox = "later";
    connected(contoso, mailbox).await?;
    let mut dry = letter("asked first and sent later");
    dry["dry_run"] = json!(true);
    contoso.enqueue(mailbox, &dry.to_string()).await?;
    drained(contoso, mailbox, SOON).await?;

    let unknown = "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found";
    let account = crate::town::address(mailbox);
    let here = move |moment: &Moment| moment.account.as_deref() == Some(&account);
    let exchange = contoso.microsoft.exchange();
    exchange.inject(Fault::reply(Stage::Rcpt, unknown).when(here).once());
    contoso.enqueue(mailbox, &dry.to_string()).await?;
    let failed = contoso.take_failed(mailbox, 1, SOON).await?;
    assert_eq!(failed[0].report["class"], "recipient_refused");

    let seconds = contoso.microsoft.clock().now().as_second() + 8;
    let send_at = Timestamp::from_second(seconds)?;
    let mut real = letter("asked first and sent later");
    real["send_at"] = json!(send_at.to_string());
    contoso.enqueue(mailbox, &real.to_string()).await?;
    let received = mails(contoso, "asked first and sent later", 1, SOON).await?;
    assert_eq!(received.len(), 1);
    let date = received[0]
        .parsed()?
        .date()
        .context("a mail without a date")?
        .to_timestamp();
    assert!(date >= seconds, "{date} is before {seconds}");
    assert!(received[0].accepted_at >= send_at);
    Ok(())
}

/// 851 recipients, of whom 450 are of one domain and one has an address outside ASCII, get their mail in three parts that
/// Exchange takes; the one whom it refuses gets it after a redrive, and nobody gets it twice.
pub(crate) async fn a_notification_to_many_goes_out_in_parts_and_is_completed_by_a_redrive(
    contoso: &Contoso,
) -> Result<()> {
    let mailbox = "numbered";
    connected(contoso, mailbox).await?;
    let subject = "to many";
    let people = |domain: &'static str, count| {
        (0..count).map(move |number| format!("reader-{number:03}@{domain}"))
    };
    let mut everybody: Vec<String> = people("fabrikam.com", 450)
        .chain(people("example.com", 200))
        .chain(people("example.org", 200))
        .collect();
    everybody.push("jürgen@example.net".to_owned());
    let mut many = letter(subject);
    many["to"] = json!(everybody);
    many["smtputf8"] = json!(true);
    let unknown = "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found";
    let account = crate::town::address(mailbox);
    let here = move |moment: &Moment| moment.account.as_deref() == Some(&account);
    let exchange = contoso.microsoft.exchange();
    exchange.inject(Fault::reply(Stage::Rcpt, unknown).when(here).once());
    for _ in 0..2 {
        contoso.enqueue(mailbox, &many.to_string()).await?;
    }
    let received = mails(contoso, subject, 3, SOON).await?;
    let sizes: Vec<_> = received
        .iter()
        .map(|mail| mail.envelope.forward_paths.len())
        .collect();
    assert_eq!(sizes, [499, 301, 50]);
    assert!(received.iter().all(|mail| mail.envelope.smtputf8));
    drained(contoso, mailbox, A_LEASE).await?;

    contoso
        .wait_for_status(mailbox, SOON, |status| {
            status["failed_queue"]["waiting"] == 1
        })
        .await?;
    let redrive = json!({ "command": "redrive", "mailbox": mailbox, "class": "recipient_refused" });
    contoso.operator(&redrive).await?;
    let received = mails(contoso, subject, 4, SOON).await?;
    assert_eq!(received[3].envelope.forward_paths, everybody[..1]);
    assert_eq!(received[3].raw, received[0].raw, "it is the same message");
    drained(contoso, mailbox, A_LEASE).await?;
    let mut reached: Vec<_> = mails(contoso, subject, 4, SOON)
        .await?
        .into_iter()
        .flat_map(|mail| mail.envelope.forward_paths)
        .collect();
    reached.sort();
    everybody.sort();
    assert_eq!(reached, everybody);
    let trace = json!({ "command": "trace", "mailbox": mailbox, "id": "to-many" });
    let traced = contoso.operator(&trace).await?;
    assert_eq!(
        (&traced["state"], &traced["attempts"]),
        (&json!("accepted"), &json!(4))
    );
    Ok(())
}

/// What arrives while a mailbox is paused waits on its queue, and leaves when it is resumed.
pub(crate) async fn a_paused_mailbox_keeps_its_mail_until_it_is_resumed(
    contoso: &Contoso,
) -> Result<()> {
    let mailbox = "paused";
    connected(contoso, mailbox).await?;
    contoso
        .operator(&json!({ "command": "pause", "mailbox": mailbox }))
        .await?;
    contoso
        .enqueue(mailbox, &letter("while it was paused").to_string())
        .await?;
    let status = contoso
        .wait_for_status(mailbox, SOON, |status| status["queue"]["waiting"] == 1)
        .await?;
    assert_eq!(
        (&status["sends"], &status["paused"]),
        (&json!(false), &json!(true))
    );
    contoso
        .operator(&json!({ "command": "resume", "mailbox": mailbox }))
        .await?;
    // What a worker had already taken comes back after two minutes at the most.
    mails(contoso, "while it was paused", 1, Duration::from_secs(180)).await?;
    Ok(())
}
