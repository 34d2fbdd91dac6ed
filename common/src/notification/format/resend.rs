//! `resend`: the body of Resend's `POST /emails`.

use serde_json::json;

use super::{
    super::reader::{Fields, Found, Names},
    parts::{address, addresses, buffer, headers, pairs},
};

pub(super) const NAMES: Names = Names::exact(
    &[
        "from",
        "to",
        "cc",
        "bcc",
        "reply_to",
        "subject",
        "html",
        "text",
        "headers",
        "attachments",
        "tags",
        "scheduled_at",
    ],
    &[
        (
            "template",
            "names a template at Resend; send the text itself",
        ),
        (
            "topic_id",
            "names a topic at Resend, which only Resend knows",
        ),
    ],
);
const TAG: Names = Names::exact(&["name", "value"], &[]);
const ATTACHMENT: Names = Names::exact(
    &["filename", "content", "content_type", "content_id"],
    &[(
        "path",
        "is a place to fetch the file from; give its content",
    )],
);

pub(super) fn translate<'f>(mut theirs: Fields<'f>, mut ours: Fields<'f>) -> Option<Fields<'f>> {
    ours.put_read("from", theirs.take("from"), address);
    for name in ["to", "cc", "bcc", "reply_to"] {
        ours.put_read(name, theirs.take(name), addresses);
    }
    for name in ["subject", "html", "text"] {
        ours.put(name, theirs.take(name));
    }
    match (ours.take("send_at"), theirs.take("scheduled_at")) {
        (Some(_), Some(twin)) => return twin.refuse("is given beside send_at; one is enough"),
        (send_at, scheduled_at) => ours.put("send_at", send_at.or(scheduled_at)),
    }
    if let Some(found) = theirs.take("headers") {
        let place = found.replaced(json!(null));
        headers(
            &mut ours,
            &place,
            found.entries("an object of names and values")?,
        )?;
    }
    if let Some(found) = theirs.take("tags") {
        let place = found.replaced(json!(null));
        ours.put(
            "metadata",
            Some(place.as_object(pairs(found, &TAG, ["name", "value"])?)),
        );
    }
    if let Some(found) = theirs.take("attachments") {
        let place = found.replaced(json!(null));
        let files = found.list("a list of attachments")?;
        let files = files.into_iter().filter_map(file).collect();
        ours.put("attachments", Some(place.as_list(files)));
    }
    Some(ours)
}

fn file(found: Found<'_>) -> Option<Found<'_>> {
    let place = found.replaced(json!(null));
    let mut fields = found.fields("an object with filename and content", &ATTACHMENT)?;
    Some(place.as_ours([
        ("filename", Some(fields.need("filename"))),
        ("content", buffer(fields.need("content"))),
        ("content_type", fields.take("content_type")),
        ("content_id", fields.take("content_id")),
    ]))
}
