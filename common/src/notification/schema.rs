//! The contract as a JSON Schema (2020-12), for editors, generators and the tests of producers.
//!
//! It is made from the names and limits that the reader checks, and a property test keeps the two of one mind. Five things
//! no schema can say: that a name appears twice in one object, that two headers or two content ids are the same, that one
//! time is later than another, which domains of other scripts are domains, and how many octets a character has. The reader
//! says them, and what is wrong with a raw message.

mod keyword;
mod part;
mod pattern;

use serde_json::{Value, json};

use self::keyword::{
    all, choice, described, extend, given, has, nonempty, object, or_null, string, time,
};
use self::part::{attachment, list_unsubscribe, message_ids, parties, party, party_ref, template};
use super::{attachment::Attachment, format::FORMATS, header::ExtraHeader, label};

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
