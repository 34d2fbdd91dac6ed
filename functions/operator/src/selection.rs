//! Which copies of a failed queue a person means.

use std::collections::{BTreeSet, HashSet};

use common::class::Class;
use common::failed::Report;
use common::notification::NotificationId;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::Deserialize;

/// The payload of `redrive` and `drop`: the copies that fit everything that is said.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Selection {
    /// The mailbox.
    pub(crate) mailbox: String,
    /// A class, or several.
    #[serde(default)]
    class: Option<OneOrMany>,
    /// Ids of notifications.
    #[serde(default)]
    ids: Option<HashSet<String>>,
    /// They failed at least so long ago: `2 days`, `36h`, `P7D`.
    #[serde(default)]
    older_than: Option<String>,
    /// They failed at most so long ago.
    #[serde(default)]
    newer_than: Option<String>,
    /// All of them; said alone, so that nobody means it by accident.
    #[serde(default)]
    all: bool,
    /// Sends again what is `unknown`.
    #[serde(default)]
    pub(crate) resend: bool,
    /// Says what would be done, and does nothing.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Why a selection selects nothing.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum SelectionError {
    /// Nothing was said.
    #[error("say which copies are meant: `class`, `ids`, `older_than`, `newer_than`, or `all`")]
    Nothing,
    /// `all` and something else.
    #[error("`all` means all of them: leave it out, or leave out what else was said")]
    AllAndMore,
    /// A class that does not exist.
    #[error("`class`: {0:?} is not the name of a class")]
    Class(String),
    /// A time that is none.
    #[error("`{0}` is not a length of time such as \"2 days\", \"36h\" or \"P7D\"")]
    Age(&'static str),
    /// `resend` where nothing is sent.
    #[error("`resend` belongs to `redrive`")]
    Resend,
}

/// A [`Selection`] that was understood.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    classes: Option<BTreeSet<Class>>,
    ids: Option<HashSet<String>>,
    older_than: Option<SignedDuration>,
    newer_than: Option<SignedDuration>,
}

impl Selection {
    /// The copies that are meant.
    ///
    /// # Errors
    ///
    /// When nothing was said, or something that cannot be understood.
    pub(crate) fn filter(&self) -> Result<Filter, SelectionError> {
        let filter = Filter {
            classes: self.class.as_ref().map(OneOrMany::classes).transpose()?,
            ids: self.ids.clone(),
            older_than: age("older_than", self.older_than.as_deref())?,
            newer_than: age("newer_than", self.newer_than.as_deref())?,
        };
        match (self.all, filter == Filter::default()) {
            (false, true) => Err(SelectionError::Nothing),
            (true, false) => Err(SelectionError::AllAndMore),
            (true, true) | (false, false) => Ok(filter),
        }
    }
}

impl OneOrMany {
    fn classes(&self) -> Result<BTreeSet<Class>, SelectionError> {
        let names = match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        };
        let class = |name: &String| {
            name.parse()
                .map_err(|_| SelectionError::Class(name.clone()))
        };
        names.iter().map(class).collect()
    }
}

impl Filter {
    /// Whether a copy with this report and id, which failed at `failed_at`, is meant.
    pub(crate) fn fits(
        &self,
        report: &Report,
        id: Option<&NotificationId>,
        failed_at: Option<Timestamp>,
        now: Timestamp,
    ) -> bool {
        let age = failed_at.map(|failed_at| now.duration_since(failed_at));
        let class =
            |classes: &BTreeSet<_>| report.class.is_some_and(|class| classes.contains(&class));
        let name = |ids: &HashSet<String>| id.is_some_and(|id| ids.contains(id.as_str()));
        self.classes.as_ref().is_none_or(class)
            && self.ids.as_ref().is_none_or(name)
            && self
                .older_than
                .is_none_or(|least| age.is_some_and(|age| age >= least))
            && self
                .newer_than
                .is_none_or(|most| age.is_some_and(|age| age <= most))
    }
}

fn age(field: &'static str, text: Option<&str>) -> Result<Option<SignedDuration>, SelectionError> {
    let days = SpanRelativeTo::days_are_24_hours();
    let length = |text: &str| text.parse::<Span>().ok()?.to_duration(days).ok();
    text.map(|text| {
        length(text)
            .filter(|age| !age.is_negative())
            .ok_or(SelectionError::Age(field))
    })
    .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(json: &str) -> Result<Filter, SelectionError> {
        let selection: Selection = serde_json::from_str(json).expect("a selection");
        selection.filter()
    }

    #[test]
    fn everything_that_is_said_has_to_fit() {
        let now: Timestamp = "2027-03-10T12:00:00Z".parse().expect("a time");
        let fits = |json: &str, class: Option<Class>, id: &str, hours: i64| {
            let id = NotificationId::parse(id).ok();
            let report = Report {
                class,
                ..Report::default()
            };
            let failed_at = Some(now - SignedDuration::from_hours(hours));
            filter(json)
                .expect("a filter")
                .fits(&report, id.as_ref(), failed_at, now)
        };
        let expired = Some(Class::Expired);
        for (json, fitting) in [
            (r#"{"mailbox":"a","all":true}"#, true),
            (r#"{"mailbox":"a","class":"expired"}"#, true),
            (
                r#"{"mailbox":"a","class":["refused_other","expired"]}"#,
                true,
            ),
            (r#"{"mailbox":"a","class":"refused_other"}"#, false),
            (r#"{"mailbox":"a","class":[]}"#, false),
            (r#"{"mailbox":"a","ids":["i-1","i-2"]}"#, true),
            (r#"{"mailbox":"a","ids":["i-2"]}"#, false),
            (r#"{"mailbox":"a","older_than":"1 day"}"#, true),
            (r#"{"mailbox":"a","older_than":"P2D"}"#, false),
            (r#"{"mailbox":"a","newer_than":"36h"}"#, true),
            (r#"{"mailbox":"a","newer_than":"2 hours"}"#, false),
            (r#"{"mailbox":"a","class":"expired","ids":["i-2"]}"#, false),
        ] {
            assert_eq!(fits(json, expired, "i-1", 30), fitting, "{json}");
        }
        assert!(!fits(
            r#"{"mailbox":"a","class":"expired"}"#,
            None,
            "i-1",
            30
        ));
        assert!(fits(r#"{"mailbox":"a","all":true}"#, None, "i-1", 30));
    }

    #[test]
    fn a_selection_that_selects_by_accident_is_refused() {
        for (json, error) in [
            (r#"{"mailbox":"a"}"#, SelectionError::Nothing),
            (r#"{"mailbox":"a","resend":true}"#, SelectionError::Nothing),
            (
                r#"{"mailbox":"a","all":true,"class":"expired"}"#,
                SelectionError::AllAndMore,
            ),
            (
                r#"{"mailbox":"a","class":"unknown"}"#,
                SelectionError::Class("unknown".to_owned()),
            ),
            (
                r#"{"mailbox":"a","older_than":"soon"}"#,
                SelectionError::Age("older_than"),
            ),
            (
                r#"{"mailbox":"a","newer_than":"-2h"}"#,
                SelectionError::Age("newer_than"),
            ),
        ] {
            assert_eq!(filter(json), Err(error), "{json}");
        }
        let unknown = serde_json::from_str::<Selection>(r#"{"mailbox":"a","id":"i-1"}"#);
        assert!(unknown.is_err());
    }
}
