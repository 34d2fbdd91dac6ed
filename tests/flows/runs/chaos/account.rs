//! The account of the chaos run: what became of every letter, by what Exchange accepted and what the failed queue holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;
use tests::contoso::FailedCopy;

use super::post::{Kind, Letter};

/// The class of what nobody can know.
const UNKNOWN: &str = "unknown_after_data";

/// What became of all letters.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Ids that were accepted once.
    pub(super) accepted: usize,
    /// Ids that are in the failed queue and were not accepted, by class.
    pub(super) set_aside: BTreeMap<String, usize>,
    /// Ids that are named `unknown`, and how many of them Exchange has.
    pub(super) unknown: (usize, usize),
    /// Ids that Exchange accepted more than once.
    pub(super) doubled: Vec<String>,
    /// Ids that are nowhere.
    pub(super) lost: Vec<String>,
    /// What was said of an id and is not so.
    pub(super) lies: Vec<String>,
}

impl Account {
    /// Draws it up. `arrived` are the subjects that Exchange accepted, each the id of its letter.
    pub(super) fn of(letters: &[Letter], arrived: &[String], failed: &[FailedCopy]) -> Self {
        let mut account = Self::default();
        for letter in letters {
            let times = arrived.iter().filter(|id| **id == letter.id).count();
            let classes: BTreeSet<_> = failed
                .iter()
                .filter(|copy| id_of(copy).as_deref() == Some(&letter.id))
                .filter_map(|copy| copy.report["class"].as_str())
                .collect();
            account.enter(letter, times, &classes);
        }
        account
    }

    fn enter(&mut self, letter: &Letter, times: usize, classes: &BTreeSet<&str>) {
        let id = &letter.id;
        let is_unknown = classes.contains(UNKNOWN);
        let allowed = match letter.kind {
            Kind::Plain | Kind::Forwarded => None,
            Kind::Undeliverable => Some("recipient_refused"),
            Kind::Illegible => Some("invalid_message"),
            Kind::Contradicted => Some("idempotency_conflict"),
        };
        for class in classes {
            if *class != UNKNOWN && Some(*class) != allowed {
                self.lies
                    .push(format!("{id} is in the failed queue as {class}"));
            }
        }
        if letter.kind == Kind::Contradicted && !classes.contains("idempotency_conflict") {
            self.lies.push(format!("nobody was told of the other {id}"));
        }
        match times {
            0 if is_unknown => self.unknown.0 += 1,
            0 => match classes.first() {
                Some(class) if letter.kind != Kind::Contradicted => {
                    *self.set_aside.entry((*class).to_owned()).or_default() += 1;
                }
                Some(_) | None => self.lost.push(id.clone()),
            },
            1 if is_unknown => {
                self.unknown.0 += 1;
                self.unknown.1 += 1;
            }
            1 => self.accepted += 1,
            _ => self.doubled.push(id.clone()),
        }
    }
}

/// The id of a failed copy: its attribute's, or its body's where the body is no notification.
fn id_of(copy: &FailedCopy) -> Option<String> {
    let in_body = || {
        let body: Value = serde_json::from_str(&copy.body).ok()?;
        body["id"].as_str().map(str::to_owned)
    };
    copy.id.clone().or_else(in_body)
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            accepted,
            set_aside,
            unknown: (unknown, arrived),
            doubled,
            lost,
            lies,
        } = self;
        writeln!(f, "  accepted once        {accepted}")?;
        for (class, count) in set_aside {
            writeln!(f, "  {class:<20} {count}")?;
        }
        writeln!(
            f,
            "  unknown              {unknown}, of which Exchange has {arrived}"
        )?;
        writeln!(f, "  doubled              {} {doubled:?}", doubled.len())?;
        writeln!(f, "  lost                 {} {lost:?}", lost.len())?;
        write!(f, "  told wrongly         {} {lies:?}", lies.len())
    }
}
