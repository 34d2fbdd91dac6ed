//! The schemas of the events: made of the types, and kept in `docs/events`.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::class::Class;

/// A moment, as RFC 3339 writes it.
pub(super) struct Time;

/// The name of a class.
pub(super) struct ClassName;

impl JsonSchema for Time {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// A day, as RFC 3339 writes it.
pub(super) struct Day;

impl JsonSchema for Day {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date" })
    }
}

impl JsonSchema for ClassName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Class".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<_> = Class::ALL.iter().map(|class| class.as_str()).collect();
        json_schema!({ "type": "string", "enum": names })
    }
}

/// The schema of a detail, under the name of its kind.
pub(super) fn of<T: JsonSchema>(kind: &str) -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), kind.into());
    schema
}
