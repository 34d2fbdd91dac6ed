//! Flows of the failed queue: a person finds out why, repairs it, and puts back what was set aside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::contoso::Contoso;
use tests::microsoft::exchange::{Effect, Fault, Stage};
use tests::stack::{Ambush, Moment};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::letters::{drained, letter, subjects};
use crate::town::{CUT_SHORT, REDRIVEN, address};
use crate::{SOON, connected};

/// What Exchange says of a recipient that does not exist.
const NOBODY: &str =
    "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup";

/// What Exchange refused goes back once its cause is repaired: by its id, by its class, and with everything else. A
/// notification whose end nobody knows moves only when somebody asks to send it again. Each is accepted once, and is
/// still known by its id, whether its body has it or an attribute.
pub(crate) async fn what_was_set_aside_goes_back_by_id_by_class_and_all_of_it(
    contoso: &Contoso,
) -> Result<()> {
    let desk = Desk::open(contoso, REDRIVEN).await?;
    let is_away = desk.refuse_recipients();
    let in_body = ["by its id", "by its class", "by its class as well"];
    for subject in in_body {
        contoso
            .enqueue(REDRIVEN, &letter(subject).to_string())
            .await?;
    }
    let mut forwarded = letter("named by an attribute");
    let id = forwarded.as_object_mut().and_then(|body| body.remove("id"));
    let id = id.as_ref().and_then(Value::as_str).context("it has none")?;
    let forwarded = forwarded.to_string();
    contoso
        .enqueue_named(REDRIVEN, &forwarded, Some(id))
        .await?;
    let misspelt = json!({ "id": "misspelt", "to": "erika@fabrikam.com", "subjct": "Hi" });
    contoso.enqueue(REDRIVEN, &misspelt.to_string()).await?;
    desk.failed(5).await?;
    is_away.store(false, Ordering::Relaxed);
    let silence = Fault::new(Stage::EndOfMessage, Effect::HangUp).once();
    let exchange = contoso.microsoft.exchange();
    exchange.inject(silence.for_account(&address(REDRIVEN)));
    let lost = letter("nobody knows");
    contoso.enqueue(REDRIVEN, &lost.to_string()).await?;
    desk.failed(6).await?;

    let listed = desk.ask(json!({ "command": "failed" })).await?;
    let listed = listed["failed"].as_array().context("no list")?.clone();
    let message_id = |id: &str| {
        let failed = listed.iter().find(|failed| failed["id"] == id);
        failed.map(|failed| failed["message_id"].clone())
    };
    assert_eq!(listed.len(), 6, "{listed:#?}");

    let answer = desk.redrive(json!({ "ids": ["by-its-id"] })).await?;
    assert_eq!(answer["put_back"]["ids"], json!(["by-its-id"]));
    assert_eq!(answer["not_meant"], 5, "{answer:#}");
    desk.arrived(&["by its id"]).await?;

    let answer = desk
        .redrive(json!({ "class": "recipient_refused" }))
        .await?;
    let by_class = &answer["put_back"]["by_class"];
    assert_eq!(by_class, &json!({ "recipient_refused": 3 }), "{answer:#}");
    let of_the_class = [
        "by its class",
        "by its class as well",
        "named by an attribute",
    ];
    desk.arrived(&of_the_class).await?;

    // What is no notification comes back, because nobody has repaired it; what is unknown does not even go.
    let answer = desk.redrive(json!({ "all": true })).await?;
    assert_eq!(answer["put_back"]["count"], 1, "{answer:#}");
    assert_eq!(answer["stays"]["by_reason"], json!({ "unknown": 1 }));
    desk.failed(2).await?;
    let resend = json!({ "class": "unknown_after_data", "resend": true });
    let answer = desk.redrive(resend).await?;
    assert_eq!(answer["put_back"]["ids"], json!(["nobody-knows"]));
    desk.arrived(&["nobody knows"]).await?;
    let dropped = desk.ask(json!({ "command": "drop", "all": true })).await?;
    assert_eq!(dropped["dropped"]["count"], 1, "{dropped:#}");

    // A producer that repeats itself now is told nothing, because each is still known by its id.
    contoso
        .enqueue_named(REDRIVEN, &forwarded, Some(id))
        .await?;
    for subject in in_body.into_iter().chain(["nobody knows"]) {
        contoso
            .enqueue(REDRIVEN, &letter(subject).to_string())
            .await?;
    }
    drained(contoso, REDRIVEN, SOON).await?;
    let mails = contoso.microsoft.inbox().messages();
    let mails = mails
        .iter()
        .filter(|mail| mail.account == address(REDRIVEN))
        .map(|mail| {
            let id = mail.subject().replace(' ', "-");
            (id, format!("<{}>", mail.message_id()))
        })
        .collect::<Vec<_>>();
    assert_eq!(mails.len(), 5, "each once: {mails:?}");
    for (id, sent_as) in &mails {
        let failed_as = message_id(id).context("it was not in the failed queue")?;
        assert_eq!(
            failed_as,
            json!(sent_as),
            "a redrive sends the same message"
        );
    }
    desk.failed(0).await
}

/// The worker of `operator` is killed in the middle of a redrive, between the ledger and the queue. What it had in hand
/// comes back after five minutes, and the same command puts back the rest before: each is accepted once.
pub(crate) async fn a_redrive_that_is_cut_short_is_repeated(contoso: &Contoso) -> Result<()> {
    /// Three times as many as are taken in hand at once.
    const COUNT: usize = 30;
    /// For five minutes the copies are hidden that the worker had in hand.
    const IN_HAND: Duration = Duration::from_secs(360);
    let mailbox = CUT_SHORT;
    let desk = Desk::open(contoso, mailbox).await?;
    let exchange = contoso.microsoft.exchange();
    exchange.change_limits_of(&address(mailbox), |limits| limits.messages = usize::MAX);
    let is_away = desk.refuse_recipients();
    let mut sent: Vec<_> = (1..=COUNT)
        .map(|number| format!("cut short {number}"))
        .collect();
    for subject in &sent {
        contoso
            .enqueue(mailbox, &letter(subject).to_string())
            .await?;
    }
    desk.failed(COUNT).await?;
    is_away.store(false, Ordering::Relaxed);

    // The ledger says that it waits, and its copy is not on the queue yet.
    let killed = contoso.stack.ambush(Ambush {
        function: contoso.stack.function("operator"),
        operation: "PutItem",
        about: format!("ledger#{mailbox}#cut-short-{}", COUNT / 2),
        moment: Moment::After,
    });
    let cut_short = desk.redrive(json!({ "all": true })).await;
    ensure!(cut_short.is_err(), "it came to its end: {cut_short:#?}");
    tokio::time::timeout(SOON, killed).await??;

    let deadline = Instant::now() + IN_HAND;
    let mut rounds = interval(Duration::from_secs(5));
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let answer = desk.redrive(json!({ "all": true })).await?;
        let failed = contoso.status(mailbox).await?["failed_queue"].clone();
        if failed["waiting"] == 0 && failed["in_flight"] == 0 {
            break;
        }
        ensure!(Instant::now() < deadline, "{failed:#}, {answer:#}");
    }
    drained(contoso, mailbox, SOON).await?;
    let mut arrived = subjects(contoso, &address(mailbox));
    arrived.sort();
    sent.sort();
    assert_eq!(arrived, sent, "each once");
    Ok(())
}

/// What a person does about one failed queue.
pub(crate) struct Desk<'a> {
    contoso: &'a Contoso,
    mailbox: &'static str,
}

impl<'a> Desk<'a> {
    pub(crate) async fn open(contoso: &'a Contoso, mailbox: &'static str) -> Result<Self> {
        connected(contoso, mailbox).await?;
        Ok(Self { contoso, mailbox })
    }

    /// Refuses every recipient of the mailbox, until the switch that it gives is turned off.
    pub(crate) fn refuse_recipients(&self) -> Arc<AtomicBool> {
        let is_away = Arc::new(AtomicBool::new(true));
        let switch = Arc::clone(&is_away);
        let fault = Fault::reply(Stage::Rcpt, NOBODY)
            .for_account(&address(self.mailbox))
            .when(move |_| is_away.load(Ordering::Relaxed));
        self.contoso.microsoft.exchange().inject(fault);
        switch
    }

    /// Waits until so many copies are in the failed queue, and none on the mailbox's own.
    pub(crate) async fn failed(&self, count: usize) -> Result<()> {
        let is_so = |status: &Value| {
            status["failed_queue"]["waiting"] == count
                && status["queue"]["waiting"] == 0
                && status["queue"]["in_flight"] == 0
        };
        let patience = SOON * 2;
        let status = self.contoso.wait_for_status(self.mailbox, patience, is_so);
        status.await.map(|_| ())
    }

    /// Waits until these have arrived, and nothing of them is left on the queue.
    pub(crate) async fn arrived(&self, expected: &[&str]) -> Result<()> {
        drained(self.contoso, self.mailbox, SOON).await?;
        let arrived = subjects(self.contoso, &address(self.mailbox));
        for subject in expected {
            let count = arrived.iter().filter(|arrived| arrived == subject).count();
            ensure!(count == 1, "{count} mails with the subject {subject:?}");
        }
        Ok(())
    }

    async fn redrive(&self, mut request: Value) -> Result<Value> {
        request["command"] = json!("redrive");
        self.ask(request).await
    }

    async fn ask(&self, mut request: Value) -> Result<Value> {
        request["mailbox"] = json!(self.mailbox);
        self.contoso.operator(&request).await
    }
}
