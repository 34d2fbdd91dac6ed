//! `pillarbox failed redrive`: what its exit status says, and a person who does not wait for its end.

use std::sync::atomic::Ordering;

use anyhow::Result;
use tests::contoso::Contoso;
use tests::microsoft::exchange::{Effect, Fault, Stage};

use super::{at_a_terminal, ended, terminal};
use crate::letters::letter;
use crate::redrive::Desk;
use crate::town::{SHELVED as MAILBOX, address};

/// How many notifications are refused. With their second try they are fewer than a mailbox may send in a minute.
const COUNT: usize = 10;

/// The status says whether all that was meant has moved. Ctrl-C takes the bar away at once and costs nothing: what had
/// been begun is done, and each notification arrives once.
pub(crate) async fn a_redrive_says_how_it_went_and_can_be_left(contoso: &Contoso) -> Result<()> {
    let desk = Desk::open(contoso, MAILBOX).await?;
    let is_away = desk.refuse_recipients();
    let subjects: Vec<_> = (1..=COUNT)
        .map(|number| format!("shelved {number}"))
        .collect();
    for subject in &subjects {
        contoso
            .enqueue(MAILBOX, &letter(subject).to_string())
            .await?;
    }
    desk.failed(COUNT).await?;
    is_away.store(false, Ordering::Relaxed);
    let silence = Fault::new(Stage::EndOfMessage, Effect::HangUp).once();
    let exchange = contoso.microsoft.exchange();
    exchange.inject(silence.for_account(&address(MAILBOX)));
    let lost = "nobody knows of it";
    contoso.enqueue(MAILBOX, &letter(lost).to_string()).await?;
    desk.failed(COUNT + 1).await?;

    let redrive = ["failed", "redrive", MAILBOX];
    let refused = [&redrive[..], &["--class", "recipient_refused"]].concat();
    let dry_run = [&refused[..], &["--dry-run"]].concat();
    let (code, text) = at_a_terminal(contoso, &dry_run).await?;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("Nothing was done"), "{text}");
    assert!(text.contains("10 (recipient_refused 10)"), "{text}");
    desk.failed(COUNT + 1).await?;

    let mut terminal = terminal(contoso, &refused)?;
    terminal.wait_for("of 11").await?;
    terminal.interrupt().await?;
    let (code, text) = ended(terminal).await?;
    assert_eq!(code, None, "a signal ended it:\n{text}");
    assert!(!text.contains("put back"), "{text}");
    // Perhaps nothing had been begun yet. Whoever left comes back.
    let (code, text) = at_a_terminal(contoso, &refused).await?;
    assert_eq!(code, Some(0), "{text}");
    desk.failed(1).await?;
    let subjects: Vec<_> = subjects.iter().map(String::as_str).collect();
    desk.arrived(&subjects).await?;

    let all = [&redrive[..], &["--all"]].concat();
    let (code, text) = at_a_terminal(contoso, &all).await?;
    assert_eq!(code, Some(1), "nobody knows whether it was sent:\n{text}");
    assert!(text.contains("not moved"), "{text}");
    let (code, text) = at_a_terminal(contoso, &refused).await?;
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("No notification in the failed queue was meant"),
        "{text}"
    );
    let resend = [&redrive[..], &["nobody-knows-of-it", "--resend"]].concat();
    let (code, text) = at_a_terminal(contoso, &resend).await?;
    assert_eq!(code, Some(0), "{text}");
    desk.arrived(&[lost]).await?;
    desk.failed(0).await
}
