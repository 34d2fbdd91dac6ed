//! Reads JSON, and takes offence at a name that appears twice.
//!
//! JSON leaves open what a repeated name means, and parsers disagree: one would send to the first `to`, another to the
//! last. serde's own maps keep the last one silently, so the tree is built here.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, error::Category};

use super::fault::{Faults, Pointer};

/// Reads a whole body; what is not JSON, or repeats a name, becomes a fault.
pub(super) fn read(body: &str, faults: &Faults) -> Option<Value> {
    let root = Strict {
        at: Pointer::default(),
        faults,
    };
    // Some editors and shells begin a file with a byte order mark.
    let mut json = serde_json::Deserializer::from_str(body.trim_start_matches('\u{feff}'));
    let read = root
        .deserialize(&mut json)
        .and_then(|value| json.end().map(|()| value));
    match read {
        Ok(value) => Some(value),
        Err(error) => {
            faults.add(&Pointer::default(), problem(&error));
            None
        }
    }
}

fn problem(error: &serde_json::Error) -> String {
    match error.classify() {
        // These say what the parser expected, and never what it saw.
        Category::Syntax | Category::Eof => format!("is not JSON: {error}"),
        Category::Data | Category::Io => format!(
            "is not JSON (line {}, column {})",
            error.line(),
            error.column()
        ),
    }
}

struct Strict<'f> {
    at: Pointer,
    faults: &'f Faults,
}

impl<'f> Strict<'f> {
    fn below(&self, at: Pointer) -> Strict<'f> {
        Strict {
            at,
            faults: self.faults,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.below(self.at.item(list.len())))? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let at = self.at.member(&name);
            let value = members.next_value_seed(self.below(at.clone()))?;
            if object.insert(name, value).is_some() {
                self.faults
                    .add(&at, "appears twice; a name may appear once");
            }
        }
        Ok(Value::Object(object))
    }
}
