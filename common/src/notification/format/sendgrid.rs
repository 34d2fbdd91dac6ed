//! `sendgrid.v3`: the body of SendGrid's `POST /v3/mail/send`, for one personalization.

use jiff::Timestamp;
use serde_json::json;

use super::{
    super::{
        fault::Problem,
        reader::{Fields, Found, Names},
    },
    parts::headers,
};

const NO_TEMPLATE: &str = "is for a template at SendGrid; send the text itself";
const NOT_HERE: &str = "sets up something at SendGrid that a mailbox does not have";
pub(super) const NAMES: Names = Names::exact(
    &[
        "personalizations",
        "from",
        "reply_to",
        "reply_to_list",
        "subject",
        "content",
        "attachments",
        "headers",
        "categories",
        "custom_args",
    ],
    &[
        ("template_id", NO_TEMPLATE),
        ("sections", NO_TEMPLATE),
        ("batch_id", NOT_HERE),
        ("asm", NOT_HERE),
        ("ip_pool_name", NOT_HERE),
        ("mail_settings", NOT_HERE),
        (
            "tracking_settings",
            "asks for tracking, which a mailbox does not do",
        ),
    ],
);
const PERSONALIZATION: Names = Names::exact(
    &[
        "to",
        "cc",
        "bcc",
        "from",
        "subject",
        "headers",
        "custom_args",
        "send_at",
    ],
    &[
        ("substitutions", NO_TEMPLATE),
        ("dynamic_template_data", NO_TEMPLATE),
    ],
);
const CONTENT: Names = Names::exact(&["type", "value"], &[]);
const ATTACHMENT: Names = Names::exact(
    &["content", "type", "filename", "disposition", "content_id"],
    &[],
);

pub(super) fn translate<'f>(mut theirs: Fields<'f>, mut ours: Fields<'f>) -> Option<Fields<'f>> {
    let people = theirs.require("personalizations")?;
    let place = people.replaced(json!(null));
    let mut people = people.list("a list of one personalization")?;
    let (Some(person), true) = (people.pop(), people.is_empty()) else {
        return place.refuse("has not one personalization; one message on the queue is one mail");
    };
    let mut person = person.fields("a personalization", &PERSONALIZATION)?;
    for name in ["to", "cc", "bcc"] {
        ours.put(name, person.take(name));
    }
    // What a personalization says of the mail takes the place of what is said for all.
    for name in ["from", "subject"] {
        let of_all = theirs.take(name);
        ours.put(name, person.take(name).or(of_all));
    }
    let of_all = ours.take("send_at");
    ours.put_read("send_at", person.take("send_at").or(of_all), moment);
    let answers = theirs.take("reply_to_list");
    ours.put("reply_to", theirs.take("reply_to").or(answers));
    ours.put("tags", theirs.take("categories"));
    for name in ["headers", "custom_args"] {
        let of_all = theirs.take(name);
        let Some(all) = merged(of_all, person.take(name))? else {
            continue;
        };
        match name {
            "headers" => {
                let place = all.replaced(json!(null));
                headers(
                    &mut ours,
                    &place,
                    all.entries("an object of names and values")?,
                )?;
            }
            _ => ours.put("metadata", Some(all)),
        }
    }
    for part in theirs
        .take("content")
        .map(Found::one_or_many)
        .unwrap_or_default()
    {
        let mut part = part.fields("an object with type and value", &CONTENT)?;
        let name = part
            .require("type")?
            .parse("a media type", |text| match text {
                "text/plain" => Ok("text"),
                "text/html" => Ok("html"),
                _ => Err(Problem::new("is neither \"text/plain\" nor \"text/html\"")),
            })?;
        ours.put(name, part.require("value"));
    }
    if let Some(found) = theirs.take("attachments") {
        let place = found.replaced(json!(null));
        let files = found.list("a list of attachments")?;
        let files = files.into_iter().filter_map(file).collect();
        ours.put("attachments", Some(place.as_list(files)));
    }
    Some(ours)
}

/// Turns a time in seconds since 1970 into one of ours, and leaves one of ours as it is.
fn moment(found: Found<'_>) -> Option<Found<'_>> {
    let Some(seconds) = found.as_number() else {
        return Some(found);
    };
    match Timestamp::from_second(seconds as i64) {
        Ok(moment) if seconds.fract() == 0.0 => Some(found.replaced(json!(moment.to_string()))),
        Ok(_) | Err(_) => found.refuse("is not a time in whole seconds since 1970"),
    }
}

/// The members of both objects; where both have one, that of the second.
fn merged<'f>(all: Option<Found<'f>>, one: Option<Found<'f>>) -> Option<Option<Found<'f>>> {
    let (all, one) = match (all, one) {
        (Some(all), Some(one)) => (all, one),
        (one, other) => return Some(one.or(other)),
    };
    let place = all.replaced(json!(null));
    let one = one.entries("an object of names and values")?;
    let all = all.entries("an object of names and values")?;
    let is_new = |name: &String| {
        !one.iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
    };
    let kept: Vec<_> = all.into_iter().filter(|(name, _)| is_new(name)).collect();
    Some(Some(place.as_object(kept.into_iter().chain(one))))
}

fn file(found: Found<'_>) -> Option<Found<'_>> {
    let place = found.replaced(json!(null));
    let mut fields = found.fields("an object with filename and content", &ATTACHMENT)?;
    Some(place.as_ours([
        ("filename", Some(fields.need("filename"))),
        ("content", Some(fields.need("content"))),
        ("content_type", fields.take("type")),
        ("content_id", fields.take("content_id")),
        ("disposition", fields.take("disposition")),
    ]))
}
