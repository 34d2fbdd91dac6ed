//! Keywords of JSON Schema, as the schema of a notification uses them: every field may be null, and has two spellings.

use serde_json::{Map, Value, json};

use super::pattern;
use crate::notification::reader::camel_case;

/// An object whose names are ours, in either spelling and not in both.
pub(super) fn object(fields: Vec<(&'static str, Value)>) -> Value {
    let mut properties = Map::new();
    let mut twins = Map::new();
    for (name, field) in fields {
        let camel = camel_case(name);
        if camel != name {
            let is_null = json!({"type": "null"});
            let either = json!({"anyOf": [
                {"properties": {name: is_null}},
                {"properties": {&camel: is_null}},
            ]});
            twins.insert(camel.clone(), either);
            properties.insert(camel, field.clone());
        }
        properties.insert(name.to_owned(), field);
    }
    let mut object = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !twins.is_empty() {
        object["dependentSchemas"] = Value::Object(twins);
    }
    object
}

/// That a field is given, in one spelling or the other.
pub(super) fn given(name: &str) -> Value {
    has(name, json!({"not": {"type": "null"}}))
}

/// That a field is given and is like this.
pub(super) fn has(name: &str, like: Value) -> Value {
    let like = match like.get("const").or(like.get("not")) {
        Some(_) => like,
        None => all([json!({"not": {"type": "null"}}), like]),
    };
    let spelled = |name: &str| json!({"required": [name], "properties": {name: like}});
    match camel_case(name) {
        camel if camel == name => spelled(name),
        camel => json!({"anyOf": [spelled(name), spelled(&camel)]}),
    }
}

pub(super) fn all<const N: usize>(schemas: [Value; N]) -> Value {
    json!({"allOf": Vec::from(schemas)})
}

/// Anything but an empty list.
pub(super) fn nonempty() -> Value {
    json!({"minItems": 1})
}

pub(super) fn string(description: &str, pattern: String) -> Value {
    json!({"description": description, "type": ["string", "null"], "pattern": pattern})
}

pub(super) fn choice(description: &str, words: &[&str]) -> Value {
    let words: Vec<_> = words
        .iter()
        .map(|word| json!(word))
        .chain([Value::Null])
        .collect();
    json!({"description": description, "enum": words})
}

pub(super) fn time(description: &str) -> Value {
    json!({
        "description": description,
        "type": ["string", "null"],
        "format": "date-time",
        "pattern": pattern::time(),
    })
}

pub(super) fn or_null(schema: Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

pub(super) fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}

pub(super) fn extend(schema: &mut Value, more: Value) {
    if let (Value::Object(schema), Value::Object(more)) = (schema, more) {
        schema.extend(more);
    }
}
