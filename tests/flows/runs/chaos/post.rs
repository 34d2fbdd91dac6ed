//! What producers post in the chaos run: letters, and their repeats.

use common::chance::Chance;
use serde_json::json;

/// A notification of the run, by the name that its id is known by.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) id: String,
    pub(super) kind: Kind,
}

/// What is peculiar to a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: it is to be accepted.
    Plain,
    /// Its id is in the attribute `pillarbox-id`, as a forwarder that repeats itself gives it.
    Forwarded,
    /// Its recipient does not exist.
    Undeliverable,
    /// It is no notification.
    Illegible,
    /// Another notification has the same id.
    Contradicted,
}

/// One copy, as a producer puts it on the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Posting {
    pub(super) body: String,
    /// The attribute `pillarbox-id`.
    pub(super) named: Option<String>,
}

/// The address that the server refuses.
pub(super) const NOBODY: &str = "nobody@fabrikam.com";

/// So many letters, most of them plain.
pub(super) fn letters(count: u32, chance: &impl Chance) -> Vec<Letter> {
    let kind = |_| match chance.below(100) {
        0..3 => Kind::Undeliverable,
        3..5 => Kind::Illegible,
        5..8 => Kind::Contradicted,
        8..25 => Kind::Forwarded,
        _ => Kind::Plain,
    };
    (1..=count)
        .map(|number| Letter {
            id: format!("chaos-{number}"),
            kind: kind(number),
        })
        .collect()
}

/// Every copy of every letter, in a random order: one of most, up to four of the others.
pub(super) fn postings(letters: &[Letter], chance: &impl Chance) -> Vec<Posting> {
    let mut postings: Vec<_> = letters
        .iter()
        .flat_map(|letter| {
            let copies = 1 + [0, 0, 0, 0, 0, 1, 1, 1, 2, 3][draw(10, chance)];
            let mut postings = vec![letter.posting(); copies];
            postings.extend(letter.contradiction());
            postings
        })
        .collect();
    for place in (1..postings.len()).rev() {
        postings.swap(place, draw(place + 1, chance));
    }
    postings
}

fn draw(limit: usize, chance: &impl Chance) -> usize {
    usize::try_from(chance.below(limit as u64)).unwrap_or(0)
}

impl Letter {
    fn posting(&self) -> Posting {
        let id = &self.id;
        let to = match self.kind {
            Kind::Undeliverable => NOBODY,
            Kind::Plain | Kind::Forwarded | Kind::Illegible | Kind::Contradicted => {
                "erika@fabrikam.com"
            }
        };
        let mut body = json!({ "id": id, "to": to, "subject": id, "text": "Hello" });
        match self.kind {
            Kind::Plain | Kind::Undeliverable | Kind::Contradicted => Posting {
                body: body.to_string(),
                named: None,
            },
            Kind::Forwarded => {
                body.as_object_mut().map(|fields| fields.remove("id"));
                Posting {
                    body: body.to_string(),
                    named: Some(id.clone()),
                }
            }
            // The id has to be in the body: that is all by which the copy in the failed queue is known.
            Kind::Illegible => Posting {
                body: json!({ "id": id, "to": to, "subjct": id }).to_string(),
                named: None,
            },
        }
    }

    fn contradiction(&self) -> Option<Posting> {
        let body = json!({ "id": self.id, "to": "erika@fabrikam.com", "subject": self.id, "text": "Goodbye" });
        (self.kind == Kind::Contradicted).then(|| Posting {
            body: body.to_string(),
            named: None,
        })
    }
}
