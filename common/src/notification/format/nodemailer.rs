//! `nodemailer`: the options of `sendMail` as JSON, or what its JSON transport makes of them.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{
    super::{
        fault::Problem,
        reader::{Fields, Found, Names},
    },
    parts::{address, addresses, bare_address, buffer, headers, only, pairs},
};

const NO_FETCHING: &str = "is a place to fetch from; give the content itself";
const NOT_HERE: &str = "cannot be carried; leave it out";
pub(super) const NAMES: Names = Names::exact(
    &[
        "from",
        "sender",
        "to",
        "cc",
        "bcc",
        "replyTo",
        "inReplyTo",
        "references",
        "subject",
        "text",
        "html",
        "attachments",
        "headers",
        "messageId",
        "priority",
        "list",
        "raw",
        "envelope",
        "disableFileAccess",
        "disableUrlAccess",
    ],
    &[
        (
            "date",
            "is that of the first attempt to send it; leave it out",
        ),
        ("alternatives", NOT_HERE),
        ("amp", NOT_HERE),
        ("attachDataUrls", NOT_HERE),
        ("dkim", NOT_HERE),
        ("dsn", NOT_HERE),
        ("encoding", NOT_HERE),
        ("icalEvent", NOT_HERE),
        ("textEncoding", NOT_HERE),
        ("watchHtml", NOT_HERE),
    ],
);
const PERSON: Names = Names::exact(&["name", "address"], &[]);
const HEADER: Names = Names::exact(&["key", "value"], &[]);
const LIST: Names = Names::exact(
    &["unsubscribe"],
    &[
        ("help", "has a header; give List-Help in headers"),
        ("id", "has a header; give List-ID in headers"),
    ],
);
const ENVELOPE: Names = Names::exact(&["from", "to"], &[("cc", NOT_HERE), ("bcc", NOT_HERE)]);
const ATTACHMENT: Names = Names::exact(
    &[
        "filename",
        "content",
        "encoding",
        "contentType",
        "contentDisposition",
        "contentTransferEncoding",
        "cid",
    ],
    &[
        ("path", NO_FETCHING),
        ("href", NO_FETCHING),
        ("httpHeaders", NO_FETCHING),
        ("headers", NOT_HERE),
        ("raw", NOT_HERE),
    ],
);

pub(super) fn translate<'f>(mut theirs: Fields<'f>, mut ours: Fields<'f>) -> Option<Fields<'f>> {
    let raw = theirs.take("raw");
    let envelope = theirs.take("envelope");
    match (raw, envelope) {
        (Some(raw), envelope) => {
            let message = match raw.as_str() {
                Some(text) => raw.replaced(STANDARD.encode(text).into()),
                None => buffer(raw)?,
            };
            ours.put("raw", Some(message));
            if let Some(envelope) = envelope {
                let mut envelope = envelope.fields("an object with from and to", &ENVELOPE)?;
                ours.put_read("sender", envelope.take("from"), bare_address);
                ours.put_read("to", envelope.take("to"), addresses);
            }
            theirs.refuse_rest("is not taken beside raw, which holds the whole message");
            return Some(ours);
        }
        (None, Some(envelope)) => {
            envelope.refuse::<()>("is taken beside raw alone; the addresses say whom it goes to");
        }
        (None, None) => {}
    }
    ours.put_read("from", theirs.take("from"), person);
    ours.put("sender", theirs.take("sender").and_then(person).map(bare));
    for (their, our) in [
        ("to", "to"),
        ("cc", "cc"),
        ("bcc", "bcc"),
        ("replyTo", "reply_to"),
    ] {
        ours.put_read(our, theirs.take(their), people);
    }
    if let Some(found) = theirs.take("headers") {
        let place = found.replaced(json!(null));
        let given = match found.is_object() {
            true => found.entries("an object of names and values")?,
            false => pairs(found, &HEADER, ["key", "value"])?,
        };
        headers(&mut ours, &place, given)?;
    }
    for (their, our) in [
        ("inReplyTo", "in_reply_to"),
        ("references", "references"),
        ("subject", "subject"),
        ("text", "text"),
        ("html", "html"),
        ("messageId", "message_id"),
        ("priority", "priority"),
    ] {
        ours.put(our, theirs.take(their));
    }
    if let Some(list) = theirs.take("list") {
        let way = list
            .fields("an object with unsubscribe", &LIST)?
            .require("unsubscribe")?;
        let field = way.parse("a URL or an address in a string", |text| {
            Ok::<_, Problem>(if text.contains("://") { "url" } else { "email" })
        })?;
        let place = way.replaced(json!(null));
        ours.put(
            "list_unsubscribe",
            Some(place.as_ours([(field, Some(way))])),
        );
    }
    if let Some(found) = theirs.take("attachments") {
        let place = found.replaced(json!(null));
        let files = found.list("a list of attachments")?.into_iter().enumerate();
        let files = files
            .map(|(i, found)| file(i, found))
            .collect::<Option<_>>()?;
        ours.put("attachments", Some(place.as_list(files)));
    }
    for name in ["disableFileAccess", "disableUrlAccess"] {
        only(theirs.take(name), &[json!(true)], "is always true here");
    }
    Some(ours)
}

/// Whoever stands as `{name, address}`, `Name <address>` or both in a list.
fn people(found: Found<'_>) -> Option<Found<'_>> {
    let place = found.replaced(json!(null));
    let mut people = Vec::new();
    for one in found.one_or_many() {
        match one.is_object() {
            true => people.push(person(one)?),
            false => people.extend(addresses(one)?.one_or_many()),
        }
    }
    Some(place.as_list(people))
}

fn person(found: Found<'_>) -> Option<Found<'_>> {
    if !found.is_object() {
        return address(found);
    }
    let place = found.replaced(json!(null));
    let mut fields = found.fields("an object with name and address", &PERSON)?;
    let name = fields.take("name").filter(|name| !name.is(&json!("")));
    Some(place.as_ours([("name", name), ("email", Some(fields.need("address")))]))
}

/// The address of somebody, without the name.
fn bare(person: Found<'_>) -> Found<'_> {
    let place = person.replaced(json!(null));
    let members = person.entries("an address").unwrap_or_default();
    let email = members.into_iter().find(|(name, _)| name == "email");
    email.map_or(place, |(_, email)| email)
}

fn file(index: usize, found: Found<'_>) -> Option<Found<'_>> {
    let place = found.replaced(json!(null));
    let mut fields = found.fields("an object with filename and content", &ATTACHMENT)?;
    // Every file is written in base64, whatever its encoding on the way here.
    fields.take("contentTransferEncoding");
    let unnamed = || place.replaced(format!("attachment-{}", index + 1).into());
    let filename = fields.take("filename").unwrap_or_else(unnamed);
    let encoding = fields.take("encoding").map(|found| {
        found.parse("\"base64\" or \"utf8\"", |text| match text {
            "base64" => Ok(true),
            "utf8" | "utf-8" => Ok(false),
            _ => Err(Problem::new("is neither \"base64\" nor \"utf8\"")),
        })
    });
    let is_base64 = match encoding {
        None => false,
        Some(encoding) => encoding?,
    };
    let content = fields.require("content")?;
    let content = match content.as_str() {
        Some(text) if !is_base64 => content.replaced(STANDARD.encode(text).into()),
        Some(_) | None => buffer(content)?,
    };
    Some(place.as_ours([
        ("filename", Some(filename)),
        ("content", Some(content)),
        ("content_type", fields.take("contentType")),
        ("content_id", fields.take("cid")),
        ("disposition", fields.take("contentDisposition")),
    ]))
}
