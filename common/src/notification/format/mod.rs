//! The bodies of other vendors' APIs, by the field `format`: a producer that has one keeps it, and adds that field.
//!
//! Each module translates field by field into ours, and what it puts together remembers where it was found, so that a fault
//! points at the vendor's own field. What a vendor's field asks for and a mailbox cannot do is refused by its name; nothing
//! is dropped silently.

mod nodemailer;
mod parts;
mod postmark;
mod resend;
mod sendgrid;
mod ses;

use serde_json::Value;

use super::reader::{Fields, Found, Names};

/// Our fields that may stand beside a vendor's.
pub(super) const BESIDE: &[&str] = &[
    "version",
    "id",
    "format",
    "send_at",
    "expires_at",
    "on_unknown",
    "dry_run",
    "smtputf8",
];

/// A body that is read.
pub(super) struct Format {
    /// Its name in the field `format`.
    pub(super) name: &'static str,
    /// The names on its top level.
    pub(super) names: &'static Names,
    translate: for<'f> fn(Fields<'f>, Fields<'f>) -> Option<Fields<'f>>,
}

/// All of them.
pub(super) const FORMATS: &[Format] = &[
    Format {
        name: "nodemailer",
        names: &nodemailer::NAMES,
        translate: nodemailer::translate,
    },
    Format {
        name: "postmark",
        names: &postmark::NAMES,
        translate: postmark::translate,
    },
    Format {
        name: "resend",
        names: &resend::NAMES,
        translate: resend::translate,
    },
    Format {
        name: "sendgrid.v3",
        names: &sendgrid::NAMES,
        translate: sendgrid::translate,
    },
    Format {
        name: "ses.v2",
        names: &ses::NAMES,
        translate: ses::translate,
    },
];

impl Format {
    /// Returns the format that a body says it has, if it is one of these.
    pub(super) fn of(body: &Value) -> Option<&'static Self> {
        let name = body.get("format")?.as_str()?;
        FORMATS.iter().find(|format| format.name == name)
    }

    /// Says which there are.
    pub(super) fn accepted() -> String {
        let names: Vec<_> = FORMATS
            .iter()
            .map(|format| format!("\"{}\"", format.name))
            .collect();
        format!("one of {}", names.join(", "))
    }

    /// Reads a body, giving its fields our names.
    pub(super) fn fields<'f>(&self, body: Found<'f>) -> Option<Fields<'f>> {
        let mut ours = Fields::none(&body);
        let place = body.replaced(Value::Null);
        let mut theirs = Vec::new();
        for (name, found) in body.entries("an object")? {
            match BESIDE.iter().find(|beside| **beside == name) {
                Some(_) if found.is_null() => {}
                Some(beside) => ours.put(beside, Some(found)),
                None => theirs.push((name, found)),
            }
        }
        ours.take("format");
        let theirs = place.as_object(theirs).fields("an object", self.names)?;
        (self.translate)(theirs, ours)
    }
}
