//! The session that the README shows: a new operator with nothing but the `pillarbox` command.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use tests::contoso::Contoso;
use tests::microsoft::exchange::{Fault, Stage};
use tests::shell;

use super::at_a_terminal;
use crate::town::address;

/// The mailbox of the session.
const MAILBOX: &str = "finance";
/// What Exchange says of somebody whom it does not know.
const NOBODY: &str =
    "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup";

/// From a mailbox that nobody has connected to one that sends; a broken consent noticed and repaired; a failed notification
/// found and sent again. The README's text is what the commands wrote, but for numbers and names that differ each time.
pub(crate) async fn the_readme_shows_a_session_as_it_was(contoso: &Contoso) -> Result<()> {
    let shown = shown()?;
    let mut played = String::new();
    for line in shown.lines() {
        if let Some(event) = line.strip_prefix("# ") {
            let _ = writeln!(played, "{line}");
            happens(contoso, event)?;
        } else if let Some(command) = line.strip_prefix("$ pillarbox ") {
            let words = shell::words(command);
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            let (_, text) = at_a_terminal(contoso, &words).await?;
            let _ = write!(played, "{line}\n{}\n\n", text.trim_end());
        }
    }
    ensure!(
        alike(&shown) == alike(&played),
        "the README shows another session than this one:\n{played}"
    );
    Ok(())
}

/// The README's session.
fn shown() -> Result<String> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md"))?;
    let after = readme.split_once("<!-- session -->\n\n```console\n");
    let (_, after) = after.context("the README marks no session")?;
    let (session, _) = after.split_once("```").context("it has no end")?;
    Ok(session.to_owned())
}

/// What happens outside between two commands.
fn happens(contoso: &Contoso, event: &str) -> Result<()> {
    let upn = address(MAILBOX);
    match event {
        "Erika changes her password, and Microsoft revokes what she has consented to." => {
            contoso.microsoft.entra().revoke(&upn);
        }
        "Somebody has mistyped an address." => {
            let fault = Fault::reply(Stage::Rcpt, NOBODY).for_account(&upn);
            let fault = fault.for_recipient("nobody@fabrikam.com").once();
            contoso.microsoft.exchange().inject(fault);
        }
        "The address was right, and its mailbox is there now." => {}
        other => bail!("nobody knows how this happens: {other}"),
    }
    Ok(())
}

/// The words of a session without what differs each time: numbers, with them where a line breaks, and names by chance.
fn alike(session: &str) -> Vec<String> {
    session.split_whitespace().map(word).collect()
}

fn word(word: &str) -> String {
    // How much time is left is told in another unit where it is less.
    if matches!(word, "s" | "min" | "h" | "d") {
        return "(time)".to_owned();
    }
    let name = word.rsplit("ticket=").next().unwrap_or(word);
    let name = name.split('@').next().unwrap_or(name);
    let name = name.trim_matches(['<', '>', ';']);
    let is_of_chance = |letter: char| letter.is_ascii_hexdigit() || letter == '-';
    if name.len() >= 32 && name.chars().all(is_of_chance) {
        return "(by chance)".to_owned();
    }
    let mut alike = String::new();
    for letter in word.chars() {
        match letter {
            '0'..='9' if alike.ends_with('0') => {}
            '0'..='9' => alike.push('0'),
            letter => alike.push(letter),
        }
    }
    alike
}
