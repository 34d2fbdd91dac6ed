//! The template of a notification: its name, its version, and what its words are filled with.

use serde_json::{Value, json};

use super::{
    fault::{Faults, Pointer},
    reader::{Fields, Found, Names, Reading, Spelling},
};
use crate::address::LocalParts;
use crate::template::{Locale, Rendered, Template, TemplateName};

const NAMES: Names = Names {
    known: &["name", "version", "locale", "data"],
    refused: &[],
    spelling: Spelling::SnakeOrCamel,
};

/// The words that a template makes.
const WORDS: Names = Names::exact(&["subject", "text", "html"], &[]);

pub(super) fn read(found: Found<'_>) -> Option<Template> {
    let mut fields = found.fields("an object with name and version", &NAMES)?;
    let mut name = |member| {
        let found = fields.require(member)?;
        found.parse("a string", TemplateName::parse)
    };
    let [name, version] = ["name", "version"].map(&mut name);
    let locale = fields
        .take("locale")
        .map(|found| found.parse("a string", Locale::parse));
    let data = match fields.take("data") {
        Some(found) => found.object("an object"),
        None => Some(serde_json::Map::new()),
    };
    Some(Template {
        name: name?,
        version: version?,
        locale: match locale {
            Some(locale) => Some(locale?),
            None => None,
        },
        data: data?,
    })
}

/// What a template has made, in the place of the fields that it stands for.
pub(super) fn words(rendered: Rendered, faults: &Faults) -> Option<Fields<'_>> {
    let Rendered {
        subject,
        text,
        html,
    } = rendered;
    let mut made = json!({ "subject": subject.trim_end() });
    for (name, words) in [("text", text), ("html", html)] {
        if let Some(words) = words {
            made[name] = Value::String(words);
        }
    }
    let reading = Reading {
        faults,
        local_parts: LocalParts::Ascii,
    };
    let at = Pointer::default().member("template");
    Found::at(made, at, reading).fields("the words of a mail", &WORDS)
}
