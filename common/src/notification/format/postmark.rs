//! `postmark`: the body of Postmark's `POST /email`.

use serde_json::json;

use super::{
    super::reader::{Fields, Found, Names},
    parts::{address, addresses, buffer, headers, only, pairs},
};

const NO_TEMPLATE: &str = "names a template at Postmark; send the text itself";
pub(super) const NAMES: Names = Names::exact(
    &[
        "From",
        "To",
        "Cc",
        "Bcc",
        "Subject",
        "Tag",
        "HtmlBody",
        "TextBody",
        "ReplyTo",
        "Headers",
        "Metadata",
        "Attachments",
        "TrackOpens",
        "TrackLinks",
        "MessageStream",
    ],
    &[
        ("TemplateId", NO_TEMPLATE),
        ("TemplateAlias", NO_TEMPLATE),
        ("TemplateModel", NO_TEMPLATE),
        ("InlineCss", NO_TEMPLATE),
    ],
);
const HEADER: Names = Names::exact(&["Name", "Value"], &[]);
const ATTACHMENT: Names = Names::exact(&["Name", "Content", "ContentType", "ContentID"], &[]);

pub(super) fn translate<'f>(mut theirs: Fields<'f>, mut ours: Fields<'f>) -> Option<Fields<'f>> {
    ours.put_read("from", theirs.take("From"), address);
    for (their, our) in [
        ("To", "to"),
        ("Cc", "cc"),
        ("Bcc", "bcc"),
        ("ReplyTo", "reply_to"),
    ] {
        ours.put_read(our, theirs.take(their), addresses);
    }
    ours.put("subject", Some(theirs.need("Subject")));
    ours.put("text", theirs.take("TextBody"));
    ours.put("html", theirs.take("HtmlBody"));
    ours.put("metadata", theirs.take("Metadata"));
    if let Some(tag) = theirs.take("Tag") {
        ours.put("tags", Some(tag.replaced(json!(null)).as_list(vec![tag])));
    }
    if let Some(found) = theirs.take("Headers") {
        let place = found.replaced(json!(null));
        headers(&mut ours, &place, pairs(found, &HEADER, ["Name", "Value"])?)?;
    }
    if let Some(found) = theirs.take("Attachments") {
        let place = found.replaced(json!(null));
        let files = found.list("a list of attachments")?;
        let files = files.into_iter().filter_map(file).collect();
        ours.put("attachments", Some(place.as_list(files)));
    }
    let no_tracking = "asks for tracking, which a mailbox does not do";
    only(theirs.take("TrackOpens"), &[json!(false)], no_tracking);
    only(theirs.take("TrackLinks"), &[json!("None")], no_tracking);
    only(
        theirs.take("MessageStream"),
        &[json!("outbound")],
        "names a stream at Postmark; here the queue is the stream",
    );
    Some(ours)
}

fn file(found: Found<'_>) -> Option<Found<'_>> {
    let place = found.replaced(json!(null));
    let mut fields = found.fields("an object with Name and Content", &ATTACHMENT)?;
    let content_id = fields.take("ContentID").filter(|id| !id.is(&json!("")));
    let content_id =
        content_id.map(
            |id| match id.as_str().and_then(|id| id.strip_prefix("cid:")) {
                Some(bare) => id.replaced(bare.into()),
                None => id,
            },
        );
    Some(place.as_ours([
        ("filename", Some(fields.need("Name"))),
        ("content", buffer(fields.need("Content"))),
        ("content_type", fields.take("ContentType")),
        ("content_id", content_id),
    ]))
}
