//! The page that shows how the mailboxes are, to whoever has a link to it.
//!
//! What is shown was taken when the link was made; nothing is asked here that this function may not ask. `GET` shows
//! a button and nothing else, because scanners open links; the form takes the snapshot out, once.

use askama::Template;
use common::clock::Clock;
use common::consent::unguessable::StatusTicket;
use common::snapshot::{self, Portrait, Snapshot, SnapshotsUnavailable};
use common::telemetry::chain;
use jiff::Timestamp;

use crate::answer::{Forms, STYLE, page};
use crate::event::{Answer, Origin, Request};
use crate::ports::Ports;
use crate::words::Notice;

/// Asks whether to show.
#[derive(Template)]
#[template(path = "ask_status.html")]
struct AskStatus;

/// Shows the mailboxes.
#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage {
    summary: String,
    taken_at: String,
    mailboxes: Vec<Shown>,
    left_out: usize,
}

/// A mailbox as the page shows it.
struct Shown {
    mailbox: String,
    verdict: &'static str,
    tone: &'static str,
    sign: &'static str,
    paragraphs: Vec<String>,
    reply: Option<String>,
    facts: Vec<(&'static str, String)>,
}

/// Shows a button, if there is something behind it.
pub(crate) async fn ask(ports: &impl Ports, request: &Request) -> Result<Answer, Notice> {
    let ticket = ticket(request)?;
    let now = ports.clock().now();
    match snapshot::is_there(ports.snapshots(), &ticket, now).await {
        Ok(true) => Ok(page(200, &AskStatus, Forms::ToOurselves)),
        Ok(false) => Err(Notice::StatusOver),
        Err(error) => Err(unavailable(&error)),
    }
}

/// Shows the snapshot, and forgets it.
pub(crate) async fn show(ports: &impl Ports, request: &Request) -> Result<Answer, Notice> {
    if request.origin == Origin::OtherSite {
        return Err(Notice::OtherSite);
    }
    let ticket = ticket(request)?;
    let now = ports.clock().now();
    match snapshot::take(ports.snapshots(), &ticket, now).await {
        Ok(Some(snapshot)) => Ok(page(200, &StatusPage::from(snapshot), Forms::None)),
        Ok(None) => Err(Notice::StatusOver),
        Err(error) => Err(unavailable(&error)),
    }
}

fn ticket(request: &Request) -> Result<StatusTicket, Notice> {
    let ticket = request.query.get("ticket").and_then(StatusTicket::parse);
    ticket.ok_or(Notice::StatusOver)
}

fn unavailable(error: &SnapshotsUnavailable) -> Notice {
    tracing::error!(
        error = chain(error),
        "the store of snapshots did not answer"
    );
    Notice::Unavailable
}

impl From<Snapshot> for StatusPage {
    fn from(snapshot: Snapshot) -> Self {
        let Snapshot {
            taken_at,
            mailboxes,
            left_out,
        } = snapshot;
        let all = mailboxes.len();
        let well = mailboxes.iter().filter(|mailbox| mailbox.is_well()).count();
        let summary = match all - well {
            _ if all == 0 => "The stack has no mailbox.".to_owned(),
            0 => "Nothing has to be done.".to_owned(),
            1 => "One mailbox needs somebody to look after it.".to_owned(),
            some => format!("{some} mailboxes need somebody to look after them."),
        };
        Self {
            summary,
            taken_at: moment(taken_at),
            mailboxes: mailboxes
                .into_iter()
                .map(|mailbox| Shown::of(mailbox, taken_at))
                .collect(),
            left_out,
        }
    }
}

impl Shown {
    fn of(portrait: Portrait, taken_at: Timestamp) -> Self {
        let (verdict, tone, sign) = verdict(&portrait);
        let mut facts = Vec::new();
        let mut fact = |what, value: Option<String>| facts.extend(value.map(|value| (what, value)));
        fact("Address", portrait.address);
        fact("Connected by", portrait.account);
        fact("Connected", portrait.connected_at.map(moment));
        fact("Stopped", portrait.since.map(moment));
        fact(
            "Access token",
            portrait
                .token_expires_at
                .map(|end| match end.duration_since(taken_at).as_mins() {
                    minutes if minutes < 0 => "has ended".to_owned(),
                    1 => "1 minute left".to_owned(),
                    minutes => format!("{minutes} minutes left"),
                }),
        );
        fact(
            "Client secret",
            portrait.client_secret_days_left.map(|days| match days {
                days if days < 0 => "has expired".to_owned(),
                1 => "1 day left".to_owned(),
                days => format!("{days} days left"),
            }),
        );
        fact("Waiting", portrait.waiting.map(|count| count.to_string()));
        fact("Set aside", portrait.failed.map(|count| count.to_string()));
        fact("Last accepted", portrait.last_accepted_at.map(moment));
        let mut paragraphs: Vec<_> = portrait.remedy.into_iter().collect();
        paragraphs.extend(
            portrait
                .warnings
                .into_iter()
                .map(|text| format!("Warning: {text}.")),
        );
        paragraphs.extend(
            portrait
                .faults
                .into_iter()
                .map(|text| format!("Not known: {text}.")),
        );
        if let Some(failure) = portrait.last_failure {
            let what = format!("{}, {}", failure.class, moment(failure.at));
            facts.push(("Last failure", what));
            // The mailbox's own remedy says it already where both have the same class.
            let remedy = failure
                .remedy
                .filter(|_| portrait.class != Some(failure.class));
            facts.extend(remedy.map(|remedy| ("What helps", remedy)));
        }
        Self {
            mailbox: portrait.mailbox,
            verdict,
            tone,
            sign,
            paragraphs,
            reply: portrait.reason,
            facts,
        }
    }
}

/// What is said of a mailbox first, with the color and the sign of it.
fn verdict(portrait: &Portrait) -> (&'static str, &'static str, &'static str) {
    match portrait.state.as_deref() {
        _ if portrait.paused => ("paused, mail waits", "wait", "…"),
        Some("active") if portrait.is_well() => ("sends", "good", "✓"),
        Some("active") => ("sends, and needs somebody", "wait", "!"),
        Some("on_trial") => ("tried by one mail at a time", "wait", "…"),
        Some("awaiting_consent") => ("not connected yet, mail waits", "bad", "✗"),
        Some("needs_consent") => ("needs a new consent, mail waits", "bad", "✗"),
        Some("blocked") => ("stopped, mail waits", "bad", "✗"),
        Some(_) | None => ("not known", "bad", "?"),
    }
}

/// A moment in words.
fn moment(at: Timestamp) -> String {
    at.strftime("%-d %B %Y, %H:%M UTC").to_string()
}
