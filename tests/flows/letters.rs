//! What the flows put on queues, and how they wait for what becomes of it.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::contoso::Contoso;
use tests::microsoft::inbox::Message;

/// The mails whose subject is `subject`, as soon as there are `count`.
pub(crate) async fn mails(
    contoso: &Contoso,
    subject: &str,
    count: usize,
    patience: Duration,
) -> Result<Vec<Message>> {
    let of_subject = |messages: &[Message]| {
        messages
            .iter()
            .filter(|message| message.subject() == subject)
            .cloned()
            .collect::<Vec<_>>()
    };
    let inbox = contoso.microsoft.inbox();
    let all = inbox
        .wait_until(|messages| of_subject(messages).len() >= count, patience)
        .await;
    Ok(of_subject(&all.with_context(|| {
        format!("{count} mails with the subject {subject:?}")
    })?))
}

/// Waits until a mailbox's queue is empty.
pub(crate) async fn drained(contoso: &Contoso, mailbox: &str, patience: Duration) -> Result<()> {
    let empty =
        |status: &Value| status["queue"]["waiting"] == 0 && status["queue"]["in_flight"] == 0;
    contoso
        .wait_for_status(mailbox, patience, empty)
        .await
        .map(|_| ())
}

/// A notification whose id is its subject, as far as an id can be.
pub(crate) fn letter(subject: &str) -> Value {
    json!({ "id": subject.replace(' ', "-"), "to": "erika@fabrikam.com", "subject": subject, "text": "Hello" })
}

/// The subjects of all mails that an account has sent so far, in their order.
pub(crate) fn subjects(contoso: &Contoso, account: &str) -> Vec<String> {
    let messages = contoso.microsoft.inbox().messages();
    let sent = messages.iter().filter(|message| message.account == account);
    sent.map(Message::subject).collect()
}
