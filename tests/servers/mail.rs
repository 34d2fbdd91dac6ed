//! Messages to submit, and what is said of them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use common::submission::{Envelope, Outcome, Session, Submission, Verdict};
use tests::contoso::ADDRESS;
use tokio::time::Instant;

/// The time that a trial gives to one message.
const PATIENCE: Duration = Duration::from_secs(60);

/// A message with this body, and with all the headers that a server might add.
pub(crate) fn message(body: &str) -> Vec<u8> {
    let headers = [
        "Message-ID: <1@contoso.com>",
        "Date: Mon, 23 Nov 2026 10:00:00 +0000",
        "From: billing@contoso.com",
        "To: anna@fabrikam.com",
        "Subject: Hello",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
    ];
    format!("{}\r\n\r\n{body}", headers.join("\r\n")).into_bytes()
}

/// A body with everything that has led a server or a client astray.
pub(crate) fn awkward_body() -> String {
    let lines = [
        ".",
        "..",
        ".a line that begins with a dot",
        "a line that ends with a dot.",
        "",
        "QUIT",
        "From the beginning",
        "  spaces at both ends  ",
        "\ta tab",
        &"x".repeat(990),
        ".",
    ];
    lines.join("\r\n") + "\r\n"
}

/// An envelope from the mailbox.
pub(crate) fn envelope(to: &[&str]) -> Result<Envelope> {
    let to = to.iter().map(|to| to.parse()).collect::<Result<_, _>>()?;
    Ok(Envelope::new(Some(ADDRESS.parse()?), to)?)
}

/// Submits a message.
pub(crate) async fn submit(
    session: &mut Session,
    to: &[&str],
    message: &[u8],
) -> Result<Submission> {
    let deadline = Instant::now() + PATIENCE;
    Ok(session.submit(&envelope(to)?, message, deadline).await?)
}

/// Submits a message that the server takes for all its recipients.
pub(crate) async fn deliver(session: &mut Session, to: &[&str], message: &[u8]) -> Result<()> {
    let submission = submit(session, to, message).await?;
    ensure!(
        matches!(submission.verdict, Verdict::Accepted(_)),
        "{submission:?}"
    );
    ensure!(
        letters(&submission) == "A".repeat(to.len()),
        "{submission:?}"
    );
    Ok(())
}

/// One letter for what became of each recipient.
pub(crate) fn letters(submission: &Submission) -> String {
    let recipients = submission.recipients.iter();
    recipients
        .map(|recipient| match recipient.outcome {
            Outcome::Accepted(_) => 'A',
            Outcome::Refused(_) => 'R',
            Outcome::Deferred(_) => 'D',
            Outcome::Unknown => '?',
        })
        .collect()
}

/// Waits for what a server does on its own.
pub(crate) async fn eventually<T>(
    what: &str,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().with_context(|| what.to_owned())? {
            return Ok(found);
        }
        ensure!(Instant::now() < deadline, "{what} has not come");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
