//! The pages, as `templates/` draws them.

use askama::Template;
use common::class::{Class, Concerning};
use common::consent::{Check, Ending, Kept, Outcome, Prompt, Purpose, Queue, Refusal};
use common::mailbox::{Scopes, Settings};
use url::Url;

use crate::answer::STYLE;
use crate::words::{self, Notice};

/// The way of a person, as every page of an attempt shows it.
const STEPS: [&str; 3] = ["Look", "Sign in", "Result"];

/// Asks whether to begin.
#[derive(Template)]
#[template(path = "start.html")]
pub(crate) struct Start<'a> {
    pub(crate) about: Concerning<'a>,
    pub(crate) prompt: Prompt,
    pub(crate) permission: Permission,
}

/// Asks an administrator whether to begin.
#[derive(Template)]
#[template(path = "approve.html")]
pub(crate) struct Approve<'a> {
    pub(crate) about: Concerning<'a>,
    pub(crate) settings: &'a Settings,
    pub(crate) permission: Permission,
}

/// What the person is asked to permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permission {
    SendOnly,
    SendAndMore,
}

impl Permission {
    pub(crate) fn of(scopes: &Scopes) -> Self {
        let is_harmless = |scope: &str| Scopes::allow_sending(scope) || !scope.contains('/');
        if scopes.iter().all(is_harmless) {
            Self::SendOnly
        } else {
            Self::SendAndMore
        }
    }
}

/// Leads to the provider.
#[derive(Template)]
#[template(path = "continue.html")]
pub(crate) struct Continue<'a> {
    pub(crate) url: &'a str,
}

/// Only says something.
#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct Message {
    title: &'static str,
    paragraphs: &'static [&'static str],
}

impl Message {
    pub(crate) fn new(notice: Notice) -> Self {
        Self {
            title: notice.title(),
            paragraphs: notice.paragraphs(),
        }
    }
}

/// Shows how an attempt ended.
#[derive(Template)]
#[template(path = "result.html")]
pub(crate) struct ResultPage<'a> {
    about: Concerning<'a>,
    title: String,
    tone: Tone,
    paragraphs: Vec<String>,
    reply: Option<&'a str>,
    checks: Vec<Line>,
    kept: Option<&'a Kept>,
    large: Option<String>,
    /// Whether to say that the mailbox is as it was.
    is_unchanged: bool,
    onward: Option<Button>,
    ask_for_link: bool,
    /// Where this person may approve the app, being an administrator.
    approve: Option<Url>,
    /// Where another person may.
    approval_elsewhere: Option<Url>,
}

/// The ways that lead on from a result, where they are open.
#[derive(Debug)]
pub(crate) struct Onward {
    /// To the next attempt.
    pub(crate) again: Option<Url>,
    /// To an administrator's approval, in this browser.
    pub(crate) approve: Option<Url>,
    /// To an administrator's approval, at Microsoft, for whoever it is passed on to.
    pub(crate) approval_elsewhere: Option<Url>,
}

/// The button that leads on.
struct Button {
    url: Url,
    label: &'static str,
}

/// What the color and the sign of a page say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Good,
    Wait,
    Bad,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Wait => "wait",
            Self::Bad => "bad",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Wait => "…",
            Self::Bad => "✗",
        }
    }
}

/// One check and how it went.
struct Line {
    what: &'static str,
    result: CheckResult,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CheckResult {
    Passed,
    Failed,
    Waits,
    NotReached,
}

impl CheckResult {
    fn word(self) -> &'static str {
        match self {
            Self::Passed => "yes",
            Self::Failed => "no",
            Self::Waits => "waits",
            Self::NotReached => "not reached",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Passed => "✓",
            Self::Failed => "✗",
            Self::Waits => "…",
            Self::NotReached => "–",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Passed => "good",
            Self::Failed => "bad",
            Self::Waits => "wait",
            Self::NotReached => "quiet",
        }
    }
}

impl<'a> ResultPage<'a> {
    pub(crate) fn new(outcome: &'a Outcome, about: Concerning<'a>, onward: Onward) -> Self {
        let Concerning {
            mailbox,
            address,
            username,
            ..
        } = about;
        let ask_for_link = onward.again.is_none();
        let button = |label| onward.again.map(|url| Button { url, label });
        let blank = Self {
            about,
            title: String::new(),
            tone: Tone::Wait,
            paragraphs: Vec::new(),
            reply: None,
            checks: Vec::new(),
            kept: None,
            large: None,
            is_unchanged: false,
            onward: None,
            ask_for_link: false,
            approve: None,
            approval_elsewhere: None,
        };
        match &outcome.ending {
            Ending::Pending => Self {
                title: "Waiting for the answer".to_owned(),
                paragraphs: vec![
                    "The sign-in is not finished, or is being checked just now. Load this page again in a moment.".to_owned(),
                    "If nothing changes within half a minute, the sign-in was left half-way: try again.".to_owned(),
                ],
                onward: button("Try again"),
                ..blank
            },
            Ending::Approved => Self {
                title: "The app is approved".to_owned(),
                tone: Tone::Good,
                paragraphs: vec![
                    "Accounts of the organization may now let this app send mail for them. An approval stores nothing here, and the mailbox is not connected by it.".to_owned(),
                    format!("What is left: somebody signs in as {username}, once, to connect the mailbox."),
                ],
                onward: button("Connect the mailbox now"),
                ask_for_link,
                ..blank
            },
            Ending::Connected { kept, queue } => Self {
                title: format!("{address} is connected"),
                tone: Tone::Good,
                paragraphs: connected(*queue, mailbox),
                checks: lines(None, Some(*queue)),
                ..blank.with(kept)
            },
            Ending::Blocked { kept, stop } => Self {
                title: "Connected, but not sending yet".to_owned(),
                tone: Tone::Wait,
                paragraphs: vec![
                    "The permission is stored, and nobody has to sign in again. But the mail server does not let the mailbox in yet.".to_owned(),
                    stop.class.remedy(&about),
                    "Pillarbox tries again by itself, and sends what waits as soon as it is let in.".to_owned(),
                ],
                reply: Some(&stop.reason),
                checks: lines(Some(Check::MailServer), None),
                ..blank.with(kept)
            },
            Ending::Refused(refusal) => Self {
                title: words::title(*refusal, outcome.purpose).to_owned(),
                tone: Tone::Bad,
                paragraphs: words::paragraphs(*refusal, outcome.purpose, &about),
                checks: match outcome.purpose {
                    Purpose::Connection => refusal_lines(*refusal),
                    Purpose::Approval => Vec::new(),
                },
                is_unchanged: *refusal != Refusal::NotStored,
                onward: button("Try again"),
                ask_for_link,
                ..blank.approvable(*refusal, outcome.purpose, onward.approve, onward.approval_elsewhere)
            },
        }
    }

    /// Offers an administrator's approval where that is what helps.
    fn approvable(
        self,
        refusal: Refusal,
        purpose: Purpose,
        approve: Option<Url>,
        elsewhere: Option<Url>,
    ) -> Self {
        match purpose {
            Purpose::Connection if words::needs_approval(refusal) => Self {
                approve: approve.filter(|_| elsewhere.is_some()),
                approval_elsewhere: elsewhere,
                ..self
            },
            Purpose::Connection | Purpose::Approval => self,
        }
    }

    fn with(self, kept: &'a Kept) -> Self {
        Self {
            large: kept
                .is_large()
                .then(|| Class::TokenTooLarge.remedy(&self.about)),
            kept: Some(kept),
            ..self
        }
    }
}

fn connected(queue: Queue, mailbox: &str) -> Vec<String> {
    let mail = match queue {
        Queue::Open => "Mail that waits is being sent from now on.".to_owned(),
        Queue::Opening => "Mail that waits is sent within the next minutes.".to_owned(),
        Queue::Paused => format!(
            "The mailbox is paused: mail waits until somebody runs `operator resume {mailbox}`."
        ),
    };
    vec![mail, "You can close this page.".to_owned()]
}

/// Every check up to the failed one passed, and those after it were not made. Mail waits where there is a grant and
/// no open queue.
fn lines(failed: Option<Check>, queue: Option<Queue>) -> Vec<Line> {
    let mail = match (failed, queue) {
        (_, Some(Queue::Open)) => CheckResult::Passed,
        (Some(Check::MailServer), _) | (_, Some(Queue::Opening | Queue::Paused)) => {
            CheckResult::Waits
        }
        (_, None) => CheckResult::NotReached,
    };
    let line = |check| Line {
        what: words::check(check),
        result: match failed {
            _ if check == Check::Queue => mail,
            Some(failed) if check == failed => CheckResult::Failed,
            Some(failed) if check > failed => CheckResult::NotReached,
            Some(_) | None => CheckResult::Passed,
        },
    };
    Check::ALL.map(line).into()
}

fn refusal_lines(refusal: Refusal) -> Vec<Line> {
    match refusal.check() {
        Some(check) => lines(Some(check), None),
        None => Vec::new(),
    }
}

/// A part of a sentence: words, or a command to be copied.
pub(crate) struct Run<'a> {
    pub(crate) text: &'a str,
    pub(crate) is_code: bool,
}

/// Splits a sentence at its backquotes.
pub(crate) fn runs(sentence: &str) -> impl Iterator<Item = Run<'_>> {
    let parts = sentence.split('`').enumerate();
    parts.map(|(position, text)| Run {
        text,
        is_code: position % 2 == 1,
    })
}

/// A life in words: minutes up to two hours, then hours.
fn life(seconds: u64) -> String {
    match seconds / 60 {
        1 => "1 minute".to_owned(),
        minutes if minutes < 120 => format!("{minutes} minutes"),
        minutes => format!("{} hours", minutes / 60),
    }
}

/// A number with its thousands apart.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
