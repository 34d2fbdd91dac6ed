//! The schemas of what a notification has parts of its own for: addresses, files, a template, ways off a list.

use serde_json::{Value, json};

use super::keyword::{all, choice, described, given, has, object, string};
use super::pattern;
use crate::notification::stored::MAX_SIZE;
use crate::notification::thread::MessageId;

pub(super) fn template() -> Value {
    let mut template = object(vec![
        (
            "name",
            string("The template's name.", pattern::template_name()),
        ),
        (
            "version",
            string("The version of it.", pattern::template_name()),
        ),
        (
            "locale",
            string("The language of the reader.", pattern::locale()),
        ),
        (
            "data",
            json!({
                "description": "What the template is filled with.",
                "type": ["object", "null"],
            }),
        ),
    ]);
    template["required"] = json!(["name", "version"]);
    template["properties"]["name"]["type"] = "string".into();
    template["properties"]["version"]["type"] = "string".into();
    template["type"] = json!(["object", "null"]);
    template["description"] = "The template that makes the words of the mail.".into();
    template
}

pub(super) fn party() -> Value {
    let mut named = object(vec![
        (
            "name",
            string("The name that mail programs show.", pattern::display_name()),
        ),
        ("email", string("The address itself.", pattern::address())),
    ]);
    named["required"] = json!(["email"]);
    named["properties"]["email"]["type"] = "string".into();
    json!({
        "description": "An address, with a name or without.",
        "anyOf": [{"type": "string", "pattern": pattern::party()}, named],
    })
}

pub(super) fn party_ref() -> Value {
    json!({"$ref": "#/$defs/party"})
}

pub(super) fn parties(description: &str) -> Value {
    let list = json!({"type": "array", "items": party_ref()});
    json!({"description": description, "anyOf": [party_ref(), list, {"type": "null"}]})
}

pub(super) fn attachment() -> Value {
    let mut attachment = object(vec![
        (
            "filename",
            string("The name a reader saves it under.", pattern::filename()),
        ),
        (
            "content_type",
            string("Its media type.", pattern::content_type()),
        ),
        (
            "content_id",
            string(
                "The name by which the html shows it.",
                pattern::content_id(),
            ),
        ),
        (
            "disposition",
            choice(
                "In the mail, or listed below it.",
                &["inline", "attachment"],
            ),
        ),
        (
            "content",
            json!({
                "description": "The file in base64.",
                "type": ["string", "null"],
                "contentEncoding": "base64",
                "pattern": pattern::base64(),
            }),
        ),
        ("s3", stored()),
    ]);
    attachment["required"] = json!(["filename"]);
    attachment["oneOf"] = json!([given("content"), given("s3")]);
    attachment["properties"]["filename"]["type"] = "string".into();
    let is_listed = has("disposition", json!({"const": "attachment"}));
    let is_shown = json!({"anyOf": [
        has("disposition", json!({"const": "inline"})),
        all([given("content_id"), json!({"not": is_listed})]),
    ]});
    attachment["if"] = is_shown;
    attachment["then"] = described(
        given("content_type"),
        "What is shown inline needs its media type.",
    );
    attachment
}

/// A file in the stack's bucket.
pub(super) fn stored() -> Value {
    let mut stored = object(vec![
        (
            "bucket",
            json!({
                "description": "The stack's own bucket, which is meant without it too.",
                "type": ["string", "null"],
            }),
        ),
        (
            "key",
            string(
                "Its key, below mailboxes/<mailbox>/.",
                pattern::object_key(),
            ),
        ),
        (
            "version_id",
            string("The version that S3 gave it.", pattern::version_id()),
        ),
        (
            "size",
            json!({
                "description": "How many octets it has.",
                "type": ["integer", "null"],
                "minimum": 0,
                "maximum": MAX_SIZE,
            }),
        ),
        (
            "sha256",
            string(
                "Its SHA-256 in hexadecimal digits.",
                "^[0-9A-Fa-f]{64}$".to_owned(),
            ),
        ),
    ]);
    stored["description"] = "The file, as an object in the stack's bucket.".into();
    stored["type"] = json!(["object", "null"]);
    stored["anyOf"] = json!([
        {"type": "null"},
        all([
            has("key", json!({"type": "string"})),
            json!({"anyOf": [given("version_id"), given("sha256")]}),
        ]),
    ]);
    stored
}

pub(super) fn list_unsubscribe() -> Value {
    let mut ways = object(vec![
        ("url", string("A page, by https.", pattern::https())),
        ("email", string("An address.", pattern::path())),
        (
            "one_click",
            json!({
                "description": "A POST to the page is all it takes (RFC 8058).",
                "type": ["boolean", "null"],
            }),
        ),
    ]);
    ways["description"] = "How readers get off the list.".into();
    ways["type"] = json!(["object", "null"]);
    ways["anyOf"] = json!([
        {"type": "null"},
        given("url"),
        all([given("email"), json!({"not": has("one_click", json!({"const": true}))})]),
    ]);
    ways
}

pub(super) fn message_ids(description: &str) -> Value {
    let ids = json!({"type": "string", "pattern": pattern::message_ids()});
    let list = json!({"type": "array", "maxItems": MessageId::MAX_COUNT, "items": ids});
    json!({"description": description, "anyOf": [ids, list, {"type": "null"}]})
}
