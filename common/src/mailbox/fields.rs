//! Fields of a JSON object, read one by one; every fault is remembered.

use std::fmt;

use serde_json::{Map, Value};

/// One thing that is wrong with a field of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field, with `more.` in front where it stands there.
    pub field: String,
    /// What is wrong, and what is accepted.
    pub problem: String,
}

/// Everything that is wrong with the settings of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSettings(pub Vec<Fault>);

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings are faulty: ")?;
        for (position, Fault { field, problem }) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(f, "{separator}`{field}` {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidSettings {}

/// The fields that are not yet read, and what was wrong with those that are.
pub(super) struct Fields {
    left: Map<String, Value>,
    more: Map<String, Value>,
    faults: Vec<Fault>,
}

impl Fields {
    /// Takes the fields of a JSON object, and of the object under `more`.
    pub(super) fn read(json: &str) -> Result<Self, InvalidSettings> {
        let whole = |problem: &str| {
            InvalidSettings(vec![Fault {
                field: "/".to_owned(),
                problem: problem.to_owned(),
            }])
        };
        let Ok(Value::Object(mut left)) = serde_json::from_str(json) else {
            return Err(whole("is not a JSON object"));
        };
        let more = match left.remove("more") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(more)) => more,
            Some(_) => return Err(whole("holds `more`, which must be a JSON object")),
        };
        left.retain(|_, value| !is_absent(value));
        let mut fields = Self {
            left,
            more: Map::new(),
            faults: Vec::new(),
        };
        for (name, value) in more.into_iter().filter(|(_, value)| !is_absent(value)) {
            if fields.left.contains_key(&name) {
                fields.fault(&format!("more.{name}"), "is set already, outside of `more`");
            } else {
                fields.more.insert(name, value);
            }
        }
        Ok(fields)
    }

    /// Whether a field is present and not yet read.
    pub(super) fn has(&self, name: &str) -> bool {
        self.left.contains_key(name) || self.more.contains_key(name)
    }

    /// Records that a field is faulty.
    pub(super) fn fault(&mut self, field: &str, problem: &str) {
        self.faults.push(Fault {
            field: field.to_owned(),
            problem: problem.to_owned(),
        });
    }

    /// Reads a text that must be there.
    pub(super) fn required<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        if !self.has(name) {
            self.fault(name, "is missing");
            return None;
        }
        self.optional(name, parse)
    }

    /// Reads a text that may be absent. `None` also stands for a fault, which is remembered.
    pub(super) fn optional<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let (field, value) = self.take(name)?;
        let parsed = match value.as_str() {
            Some(text) => parse(text.trim()),
            None => Err("is not a text".to_owned()),
        };
        self.keep(&field, parsed)
    }

    /// Reads a list of texts; one text counts as a list of one, an absent field as an empty list.
    pub(super) fn list<T>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let Some((field, value)) = self.take(name) else {
            return Vec::new();
        };
        let values = match value {
            Value::Array(values) => values,
            single @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_)) => vec![single],
        };
        let mut list = Vec::with_capacity(values.len());
        for (position, value) in values.iter().enumerate() {
            let parsed = value.as_str().map_or_else(
                || Err("is not a text".to_owned()),
                |text| parse(text.trim()),
            );
            list.extend(self.keep(&format!("{field}/{position}"), parsed));
        }
        list
    }

    /// Reads a whole number within bounds; digits in a text are accepted, as a template's parameter gives them.
    pub(super) fn number<T: TryFrom<u64>>(
        &mut self,
        name: &str,
        least: u64,
        most: u64,
        default: T,
    ) -> Option<T> {
        let Some((field, value)) = self.take(name) else {
            return Some(default);
        };
        let number = value
            .as_u64()
            .or_else(|| value.as_str()?.trim().parse().ok());
        let number = number
            .filter(|number| (least..=most).contains(number))
            .and_then(|number| T::try_from(number).ok());
        self.keep(
            &field,
            number.ok_or_else(|| format!("is not a whole number from {least} to {most}")),
        )
    }

    /// Reads one of several words; the first is the default.
    pub(super) fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let Some((field, value)) = self.take(name) else {
            return choices.first().map(|(_, choice)| *choice);
        };
        let chosen = choices
            .iter()
            .find(|(word, _)| value.as_str() == Some(word))
            .map(|(_, choice)| *choice);
        let words = || {
            choices
                .iter()
                .map(|(word, _)| format!("`{word}`"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        self.keep(
            &field,
            chosen.ok_or_else(|| format!("is none of {}", words())),
        )
    }

    /// Ends the reading: what is left over is unknown. `None` when there was any fault.
    pub(super) fn finish(mut self) -> Result<(), InvalidSettings> {
        let unknown = self
            .left
            .keys()
            .cloned()
            .chain(self.more.keys().map(|name| format!("more.{name}")));
        let unknown = unknown.map(|field| Fault {
            field,
            problem: "is not a setting".to_owned(),
        });
        self.faults.extend(unknown.collect::<Vec<_>>());
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(InvalidSettings(self.faults))
        }
    }

    fn take(&mut self, name: &str) -> Option<(String, Value)> {
        let value = self.left.remove(name).map(|value| (name.to_owned(), value));
        value.or_else(|| {
            self.more
                .remove(name)
                .map(|value| (format!("more.{name}"), value))
        })
    }

    fn keep<T>(&mut self, field: &str, parsed: Result<T, String>) -> Option<T> {
        parsed.map_err(|problem| self.fault(field, &problem)).ok()
    }
}

/// An empty text stands for a template's parameter that was left empty.
fn is_absent(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}
