//! `ses.v2`: the body of `SendEmail` of Amazon SES, version 2 of its API.

use serde_json::json;

use super::{
    super::reader::{Fields, Found, Names},
    parts::{address, addresses, bare_address, headers, only, pairs},
};

const NOT_HERE: &str = "names something at SES that a mailbox does not have";
pub(super) const NAMES: Names = Names::exact(
    &[
        "FromEmailAddress",
        "Destination",
        "ReplyToAddresses",
        "FeedbackForwardingEmailAddress",
        "Content",
        "EmailTags",
    ],
    &[
        ("ConfigurationSetName", NOT_HERE),
        ("EndpointId", NOT_HERE),
        ("TenantName", NOT_HERE),
        ("FromEmailAddressIdentityArn", NOT_HERE),
        ("FeedbackForwardingEmailAddressIdentityArn", NOT_HERE),
        ("ListManagementOptions", NOT_HERE),
    ],
);
const DESTINATION: Names = Names::exact(&["ToAddresses", "CcAddresses", "BccAddresses"], &[]);
const CONTENT: Names = Names::exact(
    &["Simple", "Raw"],
    &[("Template", "names a template at SES; send the text itself")],
);
const RAW: Names = Names::exact(&["Data"], &[]);
const SIMPLE: Names = Names::exact(&["Subject", "Body", "Headers", "Attachments"], &[]);
const BODY: Names = Names::exact(&["Text", "Html"], &[]);
const TEXT: Names = Names::exact(&["Data", "Charset"], &[]);
const PAIR: Names = Names::exact(&["Name", "Value"], &[]);
const ATTACHMENT: Names = Names::exact(
    &[
        "RawContent",
        "FileName",
        "ContentType",
        "ContentId",
        "ContentDisposition",
        "ContentTransferEncoding",
    ],
    &[("ContentDescription", "cannot be carried; leave it out")],
);

pub(super) fn translate<'f>(mut theirs: Fields<'f>, mut ours: Fields<'f>) -> Option<Fields<'f>> {
    if let Some(found) = theirs.take("Destination") {
        let mut people = found.fields("an object of addresses", &DESTINATION)?;
        for (their, our) in [
            ("ToAddresses", "to"),
            ("CcAddresses", "cc"),
            ("BccAddresses", "bcc"),
        ] {
            ours.put_read(our, people.take(their), addresses);
        }
    }
    ours.put(
        "reply_to",
        theirs
            .take("ReplyToAddresses")
            .filter(|list| !list.is(&json!([])))
            .and_then(addresses),
    );
    let reports = theirs.take("FeedbackForwardingEmailAddress");
    ours.put_read("sender", reports, bare_address);
    if let Some(found) = theirs.take("EmailTags") {
        let place = found.replaced(json!(null));
        ours.put(
            "metadata",
            Some(place.as_object(pairs(found, &PAIR, ["Name", "Value"])?)),
        );
    }
    let from = theirs.take("FromEmailAddress");
    let mut content = theirs.require("Content")?.fields("an object", &CONTENT)?;
    if let Some(raw) = content.take("Raw") {
        // The message says whom it is from; what is given beside it is who sends it.
        if let Some(from) = from {
            ours.put("sender", bare_address(from));
        }
        ours.put("raw", Some(raw.fields("an object", &RAW)?.need("Data")));
        return Some(ours);
    }
    ours.put_read("from", from, address);
    let mut simple = content.require("Simple")?.fields("an object", &SIMPLE)?;
    ours.put_read("subject", Some(simple.need("Subject")), text);
    if let Some(body) = simple.take("Body") {
        let mut body = body.fields("an object", &BODY)?;
        ours.put_read("text", body.take("Text"), text);
        ours.put_read("html", body.take("Html"), text);
    }
    if let Some(found) = simple.take("Headers") {
        let place = found.replaced(json!(null));
        headers(&mut ours, &place, pairs(found, &PAIR, ["Name", "Value"])?)?;
    }
    if let Some(found) = simple.take("Attachments") {
        let place = found.replaced(json!(null));
        let files = found.list("a list of attachments")?;
        let files = files.into_iter().filter_map(file).collect();
        ours.put("attachments", Some(place.as_list(files)));
    }
    Some(ours)
}

/// The data of a text; its character set says how SES shall write it, and here it is always UTF-8.
fn text(found: Found<'_>) -> Option<Found<'_>> {
    Some(found.fields("an object with Data", &TEXT)?.need("Data"))
}

fn file(found: Found<'_>) -> Option<Found<'_>> {
    let place = found.replaced(json!(null));
    let mut fields = found.fields("an object with FileName and RawContent", &ATTACHMENT)?;
    let disposition = fields
        .take("ContentDisposition")
        .map(|found| match found.as_str() {
            Some("INLINE") => found.replaced(json!("inline")),
            Some("ATTACHMENT") => found.replaced(json!("attachment")),
            _ => found,
        });
    // Every file is written in base64.
    let encodings = [
        json!("BASE64"),
        json!("QUOTED_PRINTABLE"),
        json!("SEVEN_BIT"),
    ];
    only(
        fields.take("ContentTransferEncoding"),
        &encodings,
        "is not an encoding of SES: BASE64, QUOTED_PRINTABLE or SEVEN_BIT",
    );
    Some(place.as_ours([
        ("filename", Some(fields.need("FileName"))),
        ("content", Some(fields.need("RawContent"))),
        ("content_type", fields.take("ContentType")),
        ("content_id", fields.take("ContentId")),
        ("disposition", disposition),
    ]))
}
