//! Walks a JSON tree, turning values into types and everything else into faults.
//!
//! A reader gives `None` for what it cannot use and has then recorded a fault, so reading goes on and finds them all.
//! `null` counts as absent: many languages write it for a field that nobody set.

use std::{borrow::Cow, collections::BTreeMap, fmt::Display};

use serde_json::Value;

use super::fault::{Faults, Pointer};

/// A value and the place it was found at.
pub(super) struct Found<'f> {
    value: Value,
    at: Pointer,
    faults: &'f Faults,
}

/// The fields of an object, by their names in snake_case.
pub(super) struct Fields<'f> {
    found: BTreeMap<&'static str, Found<'f>>,
    at: Pointer,
    faults: &'f Faults,
}

/// The names an object may have.
pub(super) struct Names {
    /// Those that are read.
    pub(super) known: &'static [&'static str],
    /// Those that the contract names and a later version reads.
    pub(super) later: &'static [&'static str],
}

impl<'f> Found<'f> {
    pub(super) fn root(value: Value, faults: &'f Faults) -> Self {
        Self {
            value,
            at: Pointer::default(),
            faults,
        }
    }

    /// Records a fault here.
    pub(super) fn refuse<T>(&self, problem: impl Display) -> Option<T> {
        self.faults.add(&self.at, problem.to_string());
        None
    }

    pub(super) fn is_object(&self) -> bool {
        self.value.is_object()
    }

    /// Reads a string and makes a value of it.
    pub(super) fn parse<T, E: Display>(
        self,
        accepted: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let Some(text) = self.value.as_str() else {
            return self.refuse_kind(accepted);
        };
        match parse(text) {
            Ok(value) => Some(value),
            Err(problem) => self.refuse(problem),
        }
    }

    /// Checks that this is the one number it may be.
    pub(super) fn check_number(self, only: u64, accepted: &str) {
        if !self.value.is_number() {
            self.refuse_kind::<()>(accepted);
        } else if self.value.as_u64() != Some(only) {
            self.refuse::<()>(format!("is not {accepted}, the only one there is"));
        }
    }

    /// Reads `true` or `false`.
    pub(super) fn flag(self) -> Option<bool> {
        self.value
            .as_bool()
            .or_else(|| self.refuse_kind("true or false"))
    }

    /// Takes a list apart; anything else is a list of itself.
    pub(super) fn one_or_many(self) -> Vec<Self> {
        let Value::Array(items) = self.value else {
            return vec![self];
        };
        let item = |(i, value)| Self {
            value,
            at: self.at.item(i),
            faults: self.faults,
        };
        items.into_iter().enumerate().map(item).collect()
    }

    /// Takes a list apart.
    pub(super) fn list(self, accepted: &str) -> Option<Vec<Self>> {
        if self.value.is_array() {
            Some(self.one_or_many())
        } else {
            self.refuse_kind(accepted)
        }
    }

    /// Takes an object apart whose names are the producer's.
    pub(super) fn entries(self, accepted: &str) -> Option<Vec<(String, Self)>> {
        let Value::Object(members) = self.value else {
            return self.refuse_kind(accepted);
        };
        let entry = |(name, value): (String, Value)| {
            let at = self.at.member(&name);
            let faults = self.faults;
            (name, Self { value, at, faults })
        };
        Some(members.into_iter().map(entry).collect())
    }

    /// Takes an object apart whose names are ours, in snake_case or camelCase.
    pub(super) fn fields(self, accepted: &str, names: &Names) -> Option<Fields<'f>> {
        let (at, faults) = (self.at.clone(), self.faults);
        let mut found = BTreeMap::new();
        for (name, member) in self.entries(accepted)? {
            let name = snake_case(&name);
            if member.value.is_null() {
                continue;
            } else if let Some(known) = names.known.iter().find(|known| **known == name) {
                if let Some(twin) = found.insert(*known, member) {
                    twin.refuse::<()>("is given in two spellings; one is enough");
                }
            } else if names.later.contains(&&*name) {
                member.refuse::<()>("is not available in this version");
            } else {
                member.refuse::<()>(format!(
                    "is not a field here; there are: {}",
                    names.known.join(", ")
                ));
            }
        }
        Some(Fields { found, at, faults })
    }

    /// Records that the value is of another kind than what is accepted.
    pub(super) fn refuse_kind<T>(&self, accepted: &str) -> Option<T> {
        let kind = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        self.refuse(format!("is {kind}; accepted is {accepted}"))
    }
}

impl<'f> Fields<'f> {
    /// Takes a field out, if it is there.
    pub(super) fn take(&mut self, name: &str) -> Option<Found<'f>> {
        self.found.remove(name)
    }

    /// Takes a field out that has to be there.
    pub(super) fn require(&mut self, name: &str) -> Option<Found<'f>> {
        let found = self.found.remove(name);
        if found.is_none() {
            self.faults.add(&self.at.member(name), "is missing");
        }
        found
    }

    /// Records a fault of the object as a whole.
    pub(super) fn refuse<T>(&self, problem: impl Display) -> Option<T> {
        self.faults.add(&self.at, problem.to_string());
        None
    }
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
