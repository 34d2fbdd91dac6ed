//! The pages, as `templates/` draws them.

use askama::Template;
use common::class::{Class, Concerning};
use common::consent::{Check, Ending, Kept, Prompt, Queue, Refusal};
use common::mailbox::Scopes;
use url::Url;

use crate::answer::STYLE;
use crate::words::{self, Notice};

/// Asks whether to begin.
#[derive(Template)]
#[template(path = "start.html")]
pub(crate) struct Start<'a> {
    pub(crate) about: Concerning<'a>,
    pub(crate) prompt: Prompt,
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
    pending: bool,
    paragraphs: Vec<String>,
    reply: Option<&'a str>,
    checks: Vec<Line>,
    kept: Option<&'a Kept>,
    large: Option<String>,
    /// Whether to say that the mailbox is as it was.
    is_unchanged: bool,
    again: Option<&'a Url>,
    ask_for_link: bool,
    admin: Option<&'a Url>,
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
    pub(crate) fn new(
        ending: &'a Ending,
        about: Concerning<'a>,
        again: Option<&'a Url>,
        admin: Option<&'a Url>,
    ) -> Self {
        let Concerning {
            mailbox, address, ..
        } = about;
        let blank = Self {
            about,
            title: String::new(),
            tone: Tone::Wait,
            pending: false,
            paragraphs: Vec::new(),
            reply: None,
            checks: Vec::new(),
            kept: None,
            large: None,
            is_unchanged: false,
            again: None,
            ask_for_link: false,
            admin: None,
        };
        match ending {
            Ending::Pending => Self {
                title: "Waiting for the answer".to_owned(),
                pending: true,
                paragraphs: vec![
                    "The sign-in is not finished, or is being checked just now. This page looks again by itself every few seconds.".to_owned(),
                    "If nothing changes within half a minute, the sign-in was left half-way.".to_owned(),
                ],
                again,
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
                title: words::title(*refusal).to_owned(),
                tone: Tone::Bad,
                paragraphs: words::paragraphs(*refusal, &about),
                checks: refusal_lines(*refusal),
                is_unchanged: *refusal != Refusal::NotStored,
                again,
                ask_for_link: again.is_none(),
                admin: admin.filter(|_| words::needs_approval(*refusal)),
                ..blank
            },
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
struct Run<'a> {
    text: &'a str,
    is_code: bool,
}

/// Splits a sentence at its backquotes.
fn runs(sentence: &str) -> impl Iterator<Item = Run<'_>> {
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
