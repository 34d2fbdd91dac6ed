//! Walks a JSON tree, turning values into types and everything else into faults.
//!
//! A reader gives `None` for what it cannot use and has then recorded a fault, so reading goes on and finds them all.
//! `null` counts as absent: many languages write it for a field that nobody set.

use std::{borrow::Cow, collections::BTreeMap, fmt::Display};

use serde_json::{Map, Value};

use super::{
    fault::{Faults, Pointer},
    party,
};
use crate::address::{EmailAddress, LocalParts};

/// What all values of one notification are read with.
#[derive(Clone, Copy)]
pub(super) struct Reading<'f> {
    /// Where faults are put.
    pub(super) faults: &'f Faults,
    /// Which local parts its addresses may have.
    pub(super) local_parts: LocalParts,
}

/// A value and the place it was found at.
pub(super) struct Found<'f> {
    value: Content<'f>,
    at: Pointer,
    reading: Reading<'f>,
}

/// What was found: JSON as it came, or values put together anew that remember where each was found.
enum Content<'f> {
    Json(Value),
    List(Vec<Found<'f>>),
    Object(Vec<(String, Found<'f>)>),
    /// Something that was refused already: whoever reads it finds nothing more to say.
    Refused,
}

/// The fields of an object, by their names in snake_case.
pub(super) struct Fields<'f> {
    found: BTreeMap<&'static str, Found<'f>>,
    at: Pointer,
    reading: Reading<'f>,
}

/// The names an object may have.
pub(super) struct Names {
    /// Those that are read.
    pub(super) known: &'static [&'static str],
    /// Those that have a meaning and are not read, and why.
    pub(super) refused: &'static [(&'static str, &'static str)],
    /// How they are spelled.
    pub(super) spelling: Spelling,
}

impl Names {
    /// Names that are spelled as they are listed.
    pub(super) const fn exact(
        known: &'static [&'static str],
        refused: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self {
            known,
            refused,
            spelling: Spelling::Exact,
        }
    }
}

/// How the names of an object are spelled.
pub(super) enum Spelling {
    /// In snake_case or camelCase.
    SnakeOrCamel,
    /// As they are listed.
    Exact,
}

impl<'f> Found<'f> {
    pub(super) fn root(value: Value, reading: Reading<'f>) -> Self {
        Self::at(value, Pointer::default(), reading)
    }

    /// A value that stands for something at a place.
    pub(super) fn at(value: Value, at: Pointer, reading: Reading<'f>) -> Self {
        Self {
            value: Content::Json(value),
            at,
            reading,
        }
    }

    /// Which local parts its addresses may have.
    pub(super) fn local_parts(&self) -> LocalParts {
        self.reading.local_parts
    }

    /// Puts a value in the place of this one.
    pub(super) fn replaced(&self, value: Value) -> Self {
        self.with(Content::Json(value))
    }

    /// Puts a list in the place of this value.
    pub(super) fn as_list(&self, items: Vec<Self>) -> Self {
        self.with(Content::List(items))
    }

    /// Puts an object in the place of this value.
    pub(super) fn as_object(&self, members: impl IntoIterator<Item = (String, Self)>) -> Self {
        self.with(Content::Object(members.into_iter().collect()))
    }

    /// Puts an object of our names in the place of this value; what is absent is left out.
    pub(super) fn as_ours<const N: usize>(&self, members: [(&str, Option<Self>); N]) -> Self {
        let present = |(name, member): (&str, Option<Self>)| Some((name.to_owned(), member?));
        self.as_object(members.into_iter().filter_map(present))
    }

    fn with(&self, value: Content<'f>) -> Self {
        Self {
            value,
            at: self.at.clone(),
            reading: self.reading,
        }
    }

    /// Records a fault here.
    pub(super) fn refuse<T>(&self, problem: impl Display) -> Option<T> {
        self.reading.faults.add(&self.at, problem.to_string());
        None
    }

    pub(super) fn is_object(&self) -> bool {
        match &self.value {
            Content::Json(value) => value.is_object(),
            Content::Object(_) => true,
            Content::List(_) | Content::Refused => false,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        self.is(&Value::Null)
    }

    /// Tells whether it is just this.
    pub(super) fn is(&self, other: &Value) -> bool {
        matches!(&self.value, Content::Json(value) if value == other)
    }

    /// Returns the text, if it is one.
    pub(super) fn as_str(&self) -> Option<&str> {
        match &self.value {
            Content::Json(value) => value.as_str(),
            Content::List(_) | Content::Object(_) | Content::Refused => None,
        }
    }

    /// Reads a string and makes a value of it.
    pub(super) fn parse<T, E: Display>(
        &self,
        accepted: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let Some(text) = self.as_str() else {
            return self.refuse_kind(accepted);
        };
        match parse(text) {
            Ok(value) => Some(value),
            Err(problem) => self.refuse(problem),
        }
    }

    /// Reads a bare address.
    pub(super) fn address(&self) -> Option<EmailAddress> {
        let local_parts = self.local_parts();
        self.parse("an e-mail address", |text| {
            party::bare_address(text, local_parts)
        })
    }

    /// Returns the number, if it is one.
    pub(super) fn as_number(&self) -> Option<f64> {
        match &self.value {
            Content::Json(value) => value.as_f64(),
            Content::List(_) | Content::Object(_) | Content::Refused => None,
        }
    }

    /// Reads a whole number from 0 to `most`, a count of `unit`.
    pub(super) fn count(self, most: u32, unit: &str) -> Option<usize> {
        let number = self
            .as_number()
            .filter(|number| number.fract() == 0.0 && (0.0..=f64::from(most)).contains(number));
        match number {
            // Nothing is lost: it is whole, and from 0 to a u32.
            Some(number) => Some(number as usize),
            None => self.refuse(format!("is not a number of {unit} from 0 to {most}")),
        }
    }

    /// Checks that this is the one number it may be.
    pub(super) fn check_number(self, only: u32, accepted: &str) {
        match self.as_number() {
            None => {
                self.refuse_kind::<()>(accepted);
            }
            Some(number) if number != f64::from(only) => {
                self.refuse::<()>(format!("is not {accepted}, the only one there is"));
            }
            Some(_) => {}
        }
    }

    /// Reads `true` or `false`.
    pub(super) fn flag(self) -> Option<bool> {
        match &self.value {
            Content::Json(Value::Bool(flag)) => Some(*flag),
            Content::Json(_) | Content::List(_) | Content::Object(_) | Content::Refused => {
                self.refuse_kind("true or false")
            }
        }
    }

    /// Takes a list apart; anything else is a list of itself.
    pub(super) fn one_or_many(self) -> Vec<Self> {
        let items = match self.value {
            Content::Json(Value::Array(items)) => items,
            Content::List(items) => return items,
            Content::Json(_) | Content::Object(_) | Content::Refused => return vec![self],
        };
        let item = |(i, value)| Self {
            value: Content::Json(value),
            at: self.at.item(i),
            reading: self.reading,
        };
        items.into_iter().enumerate().map(item).collect()
    }

    /// Takes a list apart.
    pub(super) fn list(self, accepted: &str) -> Option<Vec<Self>> {
        match &self.value {
            Content::Json(Value::Array(_)) | Content::List(_) => Some(self.one_or_many()),
            Content::Json(_) | Content::Object(_) | Content::Refused => self.refuse_kind(accepted),
        }
    }

    /// Returns an object as it is, whatever it holds.
    pub(super) fn object(self, accepted: &str) -> Option<Map<String, Value>> {
        match self.value {
            Content::Json(Value::Object(object)) => Some(object),
            Content::Json(_) | Content::List(_) | Content::Object(_) | Content::Refused => {
                self.refuse_kind(accepted)
            }
        }
    }

    /// Takes an object apart whose names are the producer's.
    pub(super) fn entries(self, accepted: &str) -> Option<Vec<(String, Self)>> {
        let members = match self.value {
            Content::Json(Value::Object(members)) => members,
            Content::Object(members) => return Some(members),
            Content::Json(_) | Content::List(_) | Content::Refused => {
                return self.refuse_kind(accepted);
            }
        };
        let entry = |(name, value): (String, Value)| {
            let at = self.at.member(&name);
            let (value, reading) = (Content::Json(value), self.reading);
            (name, Self { value, at, reading })
        };
        // In the order of their names, whichever order the JSON library keeps.
        let mut entries: Vec<_> = members.into_iter().map(entry).collect();
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        Some(entries)
    }

    /// Takes an object apart whose names are listed.
    pub(super) fn fields(self, accepted: &str, names: &Names) -> Option<Fields<'f>> {
        let (at, reading) = (self.at.clone(), self.reading);
        let mut found = BTreeMap::new();
        for (name, member) in self.entries(accepted)? {
            let name = match names.spelling {
                Spelling::SnakeOrCamel => snake_case(&name),
                Spelling::Exact => Cow::Borrowed(&*name),
            };
            let why_not = names.refused.iter().find(|(refused, _)| *refused == name);
            if member.is_null() {
                continue;
            } else if let Some(known) = names.known.iter().find(|known| **known == name) {
                if let Some(twin) = found.insert(*known, member) {
                    twin.refuse::<()>("is given in two spellings; one is enough");
                }
            } else if let Some((_, why)) = why_not {
                member.refuse::<()>(why);
            } else {
                member.refuse::<()>(format!(
                    "is not a field here; there are: {}",
                    names.known.join(", ")
                ));
            }
        }
        Some(Fields { found, at, reading })
    }

    /// Records that the value is of another kind than what is accepted.
    pub(super) fn refuse_kind<T>(&self, accepted: &str) -> Option<T> {
        let kind = match &self.value {
            Content::Json(Value::Null) => "null",
            Content::Json(Value::Bool(_)) => "true or false",
            Content::Json(Value::Number(_)) => "a number",
            Content::Json(Value::String(_)) => "a string",
            Content::Json(Value::Array(_)) | Content::List(_) => "a list",
            Content::Json(Value::Object(_)) | Content::Object(_) => "an object",
            Content::Refused => return None,
        };
        self.refuse(format!("is {kind}; accepted is {accepted}"))
    }
}

impl<'f> Fields<'f> {
    /// Takes a field out that has to be there; one that is not is refused by this name, and by no other.
    pub(super) fn need(&mut self, name: &str) -> Found<'f> {
        self.require(name).unwrap_or_else(|| Found {
            value: Content::Refused,
            at: self.at.member(name),
            reading: self.reading,
        })
    }

    /// Puts a field in, if there is one, once it is read; what cannot be read is refused by what it was, and not missed.
    pub(super) fn put_read(
        &mut self,
        name: &'static str,
        found: Option<Found<'f>>,
        read: impl FnOnce(Found<'f>) -> Option<Found<'f>>,
    ) {
        if let Some(found) = found {
            let refused = found.with(Content::Refused);
            self.put(name, Some(read(found).unwrap_or(refused)));
        }
    }

    /// Begins with no fields, in the place of a value.
    pub(super) fn none(of: &Found<'f>) -> Self {
        Self {
            found: BTreeMap::new(),
            at: of.at.clone(),
            reading: of.reading,
        }
    }

    /// Puts a field in, if there is one.
    pub(super) fn put(&mut self, name: &'static str, found: Option<Found<'f>>) {
        if let Some(found) = found {
            self.found.insert(name, found);
        }
    }

    /// Refuses what is left, by its name.
    pub(super) fn refuse_rest(&mut self, problem: impl Display) {
        for found in std::mem::take(&mut self.found).into_values() {
            found.refuse::<()>(&problem);
        }
    }

    /// Takes a field out, if it is there.
    pub(super) fn take(&mut self, name: &str) -> Option<Found<'f>> {
        self.found.remove(name)
    }

    /// Takes a field out that has to be there.
    pub(super) fn require(&mut self, name: &str) -> Option<Found<'f>> {
        let found = self.found.remove(name);
        if found.is_none() {
            self.reading.faults.add(&self.at.member(name), "is missing");
        }
        found
    }

    /// Records a fault of the object as a whole.
    pub(super) fn refuse<T>(&self, problem: impl Display) -> Option<T> {
        self.reading.faults.add(&self.at, problem.to_string());
        None
    }
}

/// Turns `reply_to` into `replyTo`.
pub(super) fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut camel, word| {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
        camel
    })
}

/// Turns `replyTo` into `reply_to`; what has an underscore already is left alone.
fn snake_case(name: &str) -> Cow<'_, str> {
    if name.contains('_') || !name.contains(|c: char| c.is_ascii_uppercase()) {
        return Cow::Borrowed(name);
    }
    let mut snake = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    Cow::Owned(snake)
}
