//! The contract as a JSON Schema (2020-12), for editors, generators and the tests of producers.
//!
//! It is made from the names and limits that the reader checks, and a property test keeps the two of one mind. Five things
//! no schema can say: that a name appears twice in one object, that two headers or two content ids are the same, that one
//! time is later than another, which domains of other scripts are domains, and how many octets a character has. The reader
//! says them, and what is wrong with a raw message.

mod pattern;

use serde_json::{Map, Value, json};

use super::{
    attachment::Attachment, format::FORMATS, header::ExtraHeader, label, reader::camel_case,
    stored::MAX_SIZE, thread::MessageId,
};

/// Returns the schema of a notification.
pub fn schema() -> Value {
    let mut notification = object(fields());
    let letter = [
        "from",
        "reply_to",
        "subject",
        "text",
        "html",
        "attachments",
        "headers",
        "message_id",
        "in_reply_to",
        "references",
        "priority",
        "list_unsubscribe",
        "template",
    ];
    let made = ["subject", "text", "html"].map(given);
    let conditions = json!({
        "if": given("raw"),
        "then": {
            "$comment": "A raw message says everything itself.",
            "not": {"anyOf": letter.map(given)},
        },
        "else": {
            "allOf": [
                {
                    "$comment": "A recipient.",
                    "anyOf": [has("to", nonempty()), has("cc", nonempty()), has("bcc", nonempty())],
                },
                {
                    "if": given("template"),
                    "then": {
                        "$comment": "A template makes the words.",
                        "not": {"anyOf": made},
                    },
                    "else": words(),
                },
            ],
        },
        "allOf": [{
            "if": {"not": has("smtputf8", json!({"const": true}))},
            "then": ascii_local_parts(),
        }],
    });
    extend(&mut notification, conditions);
    let formats: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Notification of Pillarbox, version 1",
        "description": "One message on a mailbox's queue: one mail.",
        "type": "object",
        "if": given("format"),
        "then": {
            "$comment": "The body of another vendor's API, which is described there.",
            "properties": {"format": {"enum": formats}},
        },
        "else": {"$ref": "#/$defs/notification"},
        "$defs": {"notification": notification, "party": party()},
    })
}

/// A subject, and something to say.
fn words() -> Value {
    json!({
        "required": ["subject"],
        "properties": {"subject": {"type": "string"}},
        "anyOf": [
            given("html"),
            has("text", json!({"pattern": pattern::words()})),
            all([given("text"), has("attachments", nonempty())]),
        ],
    })
}

fn template() -> Value {
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

fn fields() -> Vec<(&'static str, Value)> {
    vec![
        (
            "version",
            json!({"enum": [1, null], "description": "The version of this contract."}),
        ),
        (
            "id",
            string(
                "What makes repeats one mail: a name for what happened.",
                pattern::id(),
            ),
        ),
        (
            "from",
            described(
                or_null(party_ref()),
                "Whom the mail is from: the mailbox's own address or one of its senders.",
            ),
        ),
        (
            "sender",
            string("Where reports of failed delivery go.", pattern::path()),
        ),
        ("to", parties("Whom the mail is to.")),
        ("cc", parties("Who gets a copy.")),
        (
            "bcc",
            parties("Who gets a copy without the others' knowing."),
        ),
        ("reply_to", parties("Where answers go.")),
        (
            "subject",
            string("The subject, one line.", pattern::subject()),
        ),
        (
            "text",
            string(
                "The mail as plain text; empty beside html for none.",
                pattern::text(),
            ),
        ),
        ("html", string("The mail as html.", pattern::words())),
        (
            "attachments",
            json!({
                "description": "Files that go with it.",
                "type": ["array", "null"],
                "maxItems": Attachment::MAX_COUNT,
                "items": attachment(),
            }),
        ),
        (
            "headers",
            json!({
                "description": "Headers of your own.",
                "type": ["object", "null"],
                "maxProperties": ExtraHeader::MAX_COUNT,
                "propertyNames": {"pattern": pattern::header_name()},
                "additionalProperties": {"type": "string", "pattern": pattern::header_value()},
            }),
        ),
        (
            "message_id",
            string("The mail's Message-ID.", pattern::message_id()),
        ),
        (
            "in_reply_to",
            message_ids("The Message-IDs that this mail answers."),
        ),
        (
            "references",
            message_ids("The Message-IDs of the conversation, oldest first."),
        ),
        (
            "priority",
            choice(
                "How urgent mail programs show it.",
                &["high", "normal", "low"],
            ),
        ),
        ("list_unsubscribe", list_unsubscribe()),
        ("template", template()),
        (
            "tags",
            json!({
                "description": "Words for your own use; not in the mail.",
                "type": ["array", "null"],
                "maxItems": label::MAX_TAGS,
                "items": {"type": "string", "pattern": pattern::line(label::MAX_TAG)},
            }),
        ),
        (
            "metadata",
            json!({
                "description": "Values for your own use; not in the mail.",
                "type": ["object", "null"],
                "maxProperties": label::MAX_VALUES,
                "propertyNames": {"pattern": pattern::line(label::MAX_NAME)},
                "additionalProperties": {"type": "string", "pattern": pattern::line(label::MAX_VALUE)},
            }),
        ),
        (
            "send_at",
            time("When to send it, up to 14 days after it is put on the queue."),
        ),
        (
            "expires_at",
            time("After which it is no longer worth sending."),
        ),
        (
            "on_unknown",
            choice(
                "What to do should nobody know whether it went out.",
                &["hold", "retry"],
            ),
        ),
        (
            "dry_run",
            json!({
                "description": "Ask the server how it would take the mail, and send nothing.",
                "type": ["boolean", "null"],
            }),
        ),
        (
            "smtputf8",
            json!({
                "description": "Take addresses whose local part is outside ASCII, which a server has to offer SMTPUTF8 for.",
                "type": ["boolean", "null"],
            }),
        ),
        (
            "raw",
            json!({
                "description": "A message of your own in base64, in the place of the fields that write one.",
                "type": ["string", "null"],
                "contentEncoding": "base64",
                "minLength": 4,
                "pattern": pattern::base64(),
            }),
        ),
        (
            "format",
            json!({"description": "Whose body this is, if not ours.", "type": "null"}),
        ),
    ]
}

/// That every address has a local part in ASCII, be it alone, in an object or in a list.
fn ascii_local_parts() -> Value {
    let pattern = pattern::ascii_local_part();
    let one = json!({"pattern": pattern, "properties": {"email": {"pattern": pattern}}});
    let mut many = one.clone();
    many["items"] = one.clone();
    let unsubscribe = json!({"properties": {"email": {"pattern": pattern}}});
    json!({
        "$comment": "Without smtputf8, every local part is in ASCII.",
        "properties": {
            "from": one, "sender": one, "to": many, "cc": many, "bcc": many,
            "reply_to": many, "replyTo": many,
            "list_unsubscribe": unsubscribe, "listUnsubscribe": unsubscribe,
        },
    })
}

fn party() -> Value {
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

fn attachment() -> Value {
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
fn stored() -> Value {
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

fn list_unsubscribe() -> Value {
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

/// An object whose names are ours, in either spelling and not in both.
fn object(fields: Vec<(&'static str, Value)>) -> Value {
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
fn given(name: &str) -> Value {
    has(name, json!({"not": {"type": "null"}}))
}

/// That a field is given and is like this.
fn has(name: &str, like: Value) -> Value {
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

fn all<const N: usize>(schemas: [Value; N]) -> Value {
    json!({"allOf": Vec::from(schemas)})
}

/// Anything but an empty list.
fn nonempty() -> Value {
    json!({"minItems": 1})
}

fn string(description: &str, pattern: String) -> Value {
    json!({"description": description, "type": ["string", "null"], "pattern": pattern})
}

fn choice(description: &str, words: &[&str]) -> Value {
    let words: Vec<_> = words
        .iter()
        .map(|word| json!(word))
        .chain([Value::Null])
        .collect();
    json!({"description": description, "enum": words})
}

fn time(description: &str) -> Value {
    json!({
        "description": description,
        "type": ["string", "null"],
        "format": "date-time",
        "pattern": pattern::time(),
    })
}

fn party_ref() -> Value {
    json!({"$ref": "#/$defs/party"})
}

fn parties(description: &str) -> Value {
    let list = json!({"type": "array", "items": party_ref()});
    json!({"description": description, "anyOf": [party_ref(), list, {"type": "null"}]})
}

fn message_ids(description: &str) -> Value {
    let ids = json!({"type": "string", "pattern": pattern::message_ids()});
    let list = json!({"type": "array", "maxItems": MessageId::MAX_COUNT, "items": ids});
    json!({"description": description, "anyOf": [ids, list, {"type": "null"}]})
}

fn or_null(schema: Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}

fn extend(schema: &mut Value, more: Value) {
    if let (Value::Object(schema), Value::Object(more)) = (schema, more) {
        schema.extend(more);
    }
}
