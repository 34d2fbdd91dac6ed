//! What a notification says: its subject, and its text or html.

use std::fmt;

use super::{attachment::Attachment, fault::Problem, reader::Fields};

/// The subject: one line of 1 to 255 characters, which is as long as Exchange takes.
#[derive(Clone, PartialEq, Eq)]
pub struct Subject(String);

impl Subject {
    pub(super) const MAX_LEN: usize = 255;

    /// Reads a subject; white space around it is dropped.
    ///
    /// # Errors
    ///
    /// When it is empty, too long, or not one line of text.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let subject = text.trim();
        if subject.is_empty() {
            Err(Problem::new("is empty; a subject has 1 to 255 characters"))
        } else if subject.chars().count() > Self::MAX_LEN {
            Err(Problem::new(
                "is too long; a subject has 1 to 255 characters",
            ))
        } else if !is_one_line(subject) {
            Err(Problem::new(
                "has a line break or a control character; a subject is one line",
            ))
        } else {
            Ok(Self(subject.to_owned()))
        }
    }

    /// No subject yet: the template of a form makes it.
    pub(super) const fn none() -> Self {
        Self(String::new())
    }

    /// Returns the subject.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The body of a mail, in the forms that its readers can choose from.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// Plain text alone.
    Text(String),
    /// Html, and what a reader without html gets.
    Html {
        /// The html document.
        html: String,
        /// What stands beside it.
        text: TextBesideHtml,
    },
}

/// The plain text of a mail that has html.
#[derive(Clone, PartialEq, Eq)]
pub enum TextBesideHtml {
    /// The producer's own.
    Given(String),
    /// To be made from the html.
    FromHtml,
    /// None: the producer asked for that by an empty text.
    None,
}

impl Body {
    /// Reads `text` and `html`. An empty text alone is a mail that says nothing, unless it carries something.
    pub(super) fn read(fields: &mut Fields<'_>, carries: Carries) -> Option<Self> {
        let text = fields
            .take("text")
            .map(|found| found.parse("a string", without_nul));
        let html = fields
            .take("html")
            .map(|found| found.parse("a string", html_document));
        match (text, html) {
            // Refused above.
            (Some(None), _) | (_, Some(None)) => None,
            (None, None) => fields.refuse("has neither text nor html; one of them is needed"),
            (Some(Some(text)), None) if text.trim().is_empty() && carries == Carries::Nothing => {
                fields.refuse("has an empty text, no html and no attachment; a mail says something")
            }
            (Some(Some(text)), None) => Some(Self::Text(text)),
            (text, Some(Some(html))) => Some(Self::Html {
                html,
                text: match text.flatten() {
                    None => TextBesideHtml::FromHtml,
                    Some(text) if text.is_empty() => TextBesideHtml::None,
                    Some(text) => TextBesideHtml::Given(text),
                },
            }),
        }
    }
}

/// Whether a notification has attachments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    Nothing,
    Attachments,
}

impl Carries {
    pub(super) fn of(attachments: &[Attachment]) -> Self {
        if attachments.is_empty() {
            Self::Nothing
        } else {
            Self::Attachments
        }
    }
}

/// Tells whether a text can stand in a header: no line break, no control character.
pub(super) fn is_one_line(text: &str) -> bool {
    !text
        .chars()
        .any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
}

fn without_nul(text: &str) -> Result<String, Problem> {
    if text.contains('\0') {
        return Err(Problem::new("has a NUL character, which mail cannot carry"));
    }
    Ok(text.to_owned())
}

fn html_document(text: &str) -> Result<String, Problem> {
    if text.trim().is_empty() {
        return Err(Problem::new("is empty; leave it out to send plain text"));
    }
    without_nul(text)
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject(…)")
    }
}
