//! Bodies of other vendors: what becomes of each field, and what is said of those that cannot be honoured.

use super::{
    super::format::{BESIDE, FORMATS},
    *,
};

fn parsed(body: &Value) -> Notification {
    Notification::parse(&body.to_string()).unwrap()
}

/// The same mail in ours and in every other vendor's words.
fn bodies() -> Vec<Value> {
    let file = "SGVsbG8=";
    vec![
        json!({
            "id": "i", "from": {"name": "Contoso", "email": "billing@contoso.com"}, "to": [{"name": "Anna", "email": "anna@example.com"}, "bob@example.com"],
            "cc": "carol@example.com", "bcc": "dora@example.com", "reply_to": "help@contoso.com",
            "subject": "Hello", "text": "Hi", "html": "<p>Hi</p>", "headers": {"X-A": "b"},
            "in_reply_to": "<1@contoso.com>",
            "list_unsubscribe": {"url": "https://contoso.com/u", "one_click": true},
            "attachments": [{"filename": "a.txt", "content_type": "text/plain", "content": file}],
        }),
        json!({
            "format": "postmark", "id": "i",
            "From": "Contoso <billing@contoso.com>", "To": "Anna <anna@example.com>, bob@example.com",
            "Cc": "carol@example.com", "Bcc": "dora@example.com", "ReplyTo": "help@contoso.com",
            "Subject": "Hello", "TextBody": "Hi", "HtmlBody": "<p>Hi</p>", "TrackOpens": false, "MessageStream": "outbound",
            "Headers": [{"Name": "X-A", "Value": "b"}, {"Name": "In-Reply-To", "Value": "<1@contoso.com>"},
                {"Name": "List-Unsubscribe", "Value": "<https://contoso.com/u>"},
                {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"}],
            "Attachments": [{"Name": "a.txt", "ContentType": "text/plain", "Content": file}],
        }),
        json!({
            "format": "resend", "id": "i",
            "from": "Contoso <billing@contoso.com>", "to": ["Anna <anna@example.com>", "bob@example.com"],
            "cc": "carol@example.com", "bcc": ["dora@example.com"], "reply_to": "help@contoso.com",
            "subject": "Hello", "text": "Hi", "html": "<p>Hi</p>",
            "headers": {"X-A": "b", "In-Reply-To": "<1@contoso.com>", "List-Unsubscribe": "<https://contoso.com/u>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
            "attachments": [{"filename": "a.txt", "content_type": "text/plain", "content": {"type": "Buffer", "data": [72, 101, 108, 108, 111]}}],
        }),
        json!({
            "format": "sendgrid.v3", "id": "i",
            "personalizations": [{"to": [{"name": "Anna", "email": "anna@example.com"}, {"email": "bob@example.com"}],
                "cc": [{"email": "carol@example.com"}], "bcc": [{"email": "dora@example.com"}],
                "headers": {"In-Reply-To": "<1@contoso.com>"}}],
            "from": {"name": "Contoso", "email": "billing@contoso.com"}, "reply_to": {"email": "help@contoso.com"},
            "subject": "Hello",
            "content": [{"type": "text/plain", "value": "Hi"}, {"type": "text/html", "value": "<p>Hi</p>"}],
            "headers": {"X-A": "b", "List-Unsubscribe": "<https://contoso.com/u>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
            "attachments": [{"filename": "a.txt", "type": "text/plain", "content": file, "disposition": "attachment"}],
        }),
        json!({
            "format": "ses.v2", "id": "i",
            "FromEmailAddress": "Contoso <billing@contoso.com>",
            "Destination": {"ToAddresses": ["Anna <anna@example.com>", "bob@example.com"],
                "CcAddresses": ["carol@example.com"], "BccAddresses": ["dora@example.com"]},
            "ReplyToAddresses": ["help@contoso.com"],
            "Content": {"Simple": {
                "Subject": {"Data": "Hello", "Charset": "UTF-8"},
                "Body": {"Text": {"Data": "Hi"}, "Html": {"Data": "<p>Hi</p>"}},
                "Headers": [{"Name": "X-A", "Value": "b"}, {"Name": "In-Reply-To", "Value": "<1@contoso.com>"},
                    {"Name": "List-Unsubscribe", "Value": "<https://contoso.com/u>"},
                    {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"}],
                "Attachments": [{"FileName": "a.txt", "ContentType": "text/plain", "RawContent": file, "ContentDisposition": "ATTACHMENT"}],
            }},
        }),
        json!({
            "format": "nodemailer", "id": "i",
            "from": {"name": "Contoso", "address": "billing@contoso.com"},
            "to": "Anna <anna@example.com>, bob@example.com",
            "cc": [{"name": "", "address": "carol@example.com"}], "bcc": "dora@example.com", "replyTo": "help@contoso.com",
            "subject": "Hello", "text": "Hi", "html": "<p>Hi</p>", "inReplyTo": "<1@contoso.com>",
            "headers": {"x-a": "b", "list-unsubscribe": "<https://contoso.com/u>",
                "list-unsubscribe-post": "List-Unsubscribe=One-Click"},
            "attachments": [{"filename": "a.txt", "contentType": "text/plain", "content": "Hello"}],
        }),
    ]
}

#[test]
fn one_mail_in_six_formats_is_one_mail() {
    let read: Vec<_> = bodies().iter().map(parsed).collect();
    let ours = letter_of(read[0].clone());
    for (notification, body) in read.iter().zip(bodies()) {
        let name = body["format"].as_str().unwrap_or("ours");
        assert_eq!(notification.id.as_ref().unwrap().as_str(), "i", "{name}");
        assert!(
            notification.to == read[0].to && notification.cc == read[0].cc,
            "{name}"
        );
        assert!(notification.bcc == read[0].bcc, "{name}");
        let letter = letter_of(notification.clone());
        assert!(
            letter.from == ours.from && letter.reply_to == ours.reply_to,
            "{name}"
        );
        assert!(
            letter.subject == ours.subject && letter.body == ours.body,
            "{name}"
        );
        assert!(
            letter.attachments == ours.attachments,
            "{name}: {:?}",
            letter.attachments
        );
        assert!(letter.in_reply_to == ours.in_reply_to, "{name}");
        assert!(letter.list_unsubscribe == ours.list_unsubscribe, "{name}");
        let [header] = &letter.headers[..] else {
            panic!("{name}")
        };
        assert!(
            header.name().eq_ignore_ascii_case("X-A") && header.value() == "b",
            "{name}"
        );
    }
}

#[test]
fn what_only_a_vendor_knows_comes_back_in_tags_and_metadata() {
    let metadata = |body: usize, fields: Value| {
        let mut body = bodies().remove(body);
        body.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let read = parsed(&body);
        (read.tags, read.metadata.into_iter().collect::<Vec<_>>())
    };
    let order = ("order".to_owned(), "4711".to_owned());
    assert_eq!(
        metadata(1, json!({"Tag": "invoice", "Metadata": {"order": "4711"}})),
        (vec!["invoice".to_owned()], vec![order.clone()])
    );
    assert_eq!(
        metadata(2, json!({"tags": [{"name": "order", "value": "4711"}]})).1,
        std::slice::from_ref(&order)
    );
    assert_eq!(
        metadata(
            3,
            json!({"categories": ["invoice"], "custom_args": {"order": "4711"}})
        ),
        (vec!["invoice".to_owned()], vec![order.clone()])
    );
    assert_eq!(
        metadata(
            4,
            json!({"EmailTags": [{"Name": "order", "Value": "4711"}]})
        )
        .1,
        [order]
    );
}

#[test]
fn faults_point_at_the_vendors_own_field() {
    refused(&json!({"format": "postmark", "To": "anna", "TextBody": "Hi", "TrackOpens": true, "TemplateId": 1}).to_string(), &[
        ("/TemplateId", "names a template at Postmark"),
        ("/To", "is not a list of addresses"),
        ("/Subject", "is missing"),
        ("/TrackOpens", "asks for tracking"),
    ]);
    refused(&json!({"format": "ses.v2", "Destination": {"ToAddresses": ["a@b.com"]}, "ConfigurationSetName": "x",
        "Content": {"Simple": {"Subject": {"Data": "a\nb"}, "Body": {"Text": {"Text": "Hi"}}}}}).to_string(), &[
        ("/ConfigurationSetName", "names something at SES"),
        ("/Content/Simple/Body/Text/Text", "there are: Data, Charset"),
        ("/Content/Simple/Body/Text/Data", "is missing"),
        ("/Content/Simple/Subject/Data", "line break"),
    ]);
    refused(&json!({"format": "sendgrid.v3", "personalizations": [{"to": [{"email": "a@b.com"}]}, {"to": [{"email": "c@d.com"}]}]}).to_string(), &[
        ("/personalizations", "has not one personalization"),
    ]);
    refused(&json!({"format": "resend", "to": "a@b.com", "subject": "s", "text": "t", "attachments": [{"filename": "a", "path": "https://b.com/a"}]}).to_string(), &[
        ("/attachments/0/path", "is a place to fetch the file from"),
        ("/attachments/0/content", "is missing"),
    ]);
    refused(&json!({"format": "nodemailer", "to": {"name": "A", "address": "a"}, "subject": "s", "text": "t", "date": "x"}).to_string(), &[
        ("/date", "is that of the first attempt"),
        ("/to/address", "has no @"),
    ]);
    refused(
        &json!({"format": "mailgun"}).to_string(),
        &[
            (
                "/format",
                "is not one of \"nodemailer\", \"postmark\", \"resend\", \"sendgrid.v3\", \"ses.v2\"",
            ),
            ("", "has no recipient"),
            ("/subject", "is missing"),
            ("", "has neither text nor html"),
        ],
    );
}

#[test]
fn a_raw_message_may_come_from_ses_and_nodemailer() {
    let message =
        "From: billing@contoso.com\r\nTo: anna@example.com\r\nSubject: Hello\r\n\r\nHi\r\n";
    let data = "RnJvbTogYmlsbGluZ0Bjb250b3NvLmNvbQ0KVG86IGFubmFAZXhhbXBsZS5jb20NClN1YmplY3Q6IEhlbGxvDQoNCkhpDQo=";
    let ses = parsed(
        &json!({"format": "ses.v2", "FromEmailAddress": "Contoso <billing@contoso.com>", "Content": {"Raw": {"Data": data}}}),
    );
    assert_eq!(ses.sender.as_ref().unwrap().as_str(), "billing@contoso.com");
    let nodemailer = parsed(
        &json!({"format": "nodemailer", "raw": message, "envelope": {"from": "billing@contoso.com", "to": ["bob@example.com"]}}),
    );
    assert_eq!(nodemailer.to[0].email.as_str(), "bob@example.com");
    for notification in [ses, nodemailer] {
        assert!(matches!(notification.mail, Mail::Raw(raw) if raw.bytes == message.as_bytes()));
    }
}

#[test]
fn our_own_fields_stand_beside_a_vendors() {
    for mut body in bodies().into_iter().skip(1) {
        body["expires_at"] = "2026-12-24T18:00:00Z".into();
        body["on_unknown"] = "retry".into();
        body["send_at"] = "2026-12-24T08:00:00Z".into();
        body["dry_run"] = true.into();
        body["smtputf8"] = true.into();
        body["version"] = 1.into();
        let read = parsed(&body);
        assert!(read.dry_run && read.send_at.is_some() && read.expires_at.is_some());
        assert!(read.on_unknown == Some(OnUnknown::Retry));
        body["subject_line"] = "?".into();
        assert!(Notification::parse(&body.to_string()).is_err());
    }
}

#[test]
fn a_vendors_own_time_is_when_it_is_sent() {
    let (at, other) = ("2026-12-24T08:00:00Z", "2026-12-25T08:00:00Z");
    let (seconds, later) = (1_798_099_200, 1_798_185_600);
    let formats = bodies();
    let [mut resend, mut sendgrid] = ["resend", "sendgrid.v3"].map(|format| {
        let of = |body: &&Value| body["format"] == format;
        formats.iter().find(of).unwrap().clone()
    });
    let sent_at = |body: &Value| parsed(body).send_at.unwrap().to_string();
    resend["scheduled_at"] = "2026-12-24T09:00:00+01:00".into();
    assert_eq!(sent_at(&resend), at);
    sendgrid["send_at"] = later.into();
    assert_eq!(sent_at(&sendgrid), other);
    sendgrid["personalizations"][0]["send_at"] = seconds.into();
    assert_eq!(
        sent_at(&sendgrid),
        at,
        "what a personalization says goes before"
    );

    resend["send_at"] = other.into();
    refused(
        &resend.to_string(),
        &[("/scheduled_at", "is given beside send_at")],
    );
    resend["send_at"] = Value::Null;
    resend["scheduled_at"] = "in 1 min".into();
    refused(&resend.to_string(), &[("/scheduled_at", "is not a time")]);
    for odd in [json!(1.5), json!(1e300)] {
        sendgrid["personalizations"][0]["send_at"] = odd;
        let words = "is not a time in whole seconds";
        refused(
            &sendgrid.to_string(),
            &[("/personalizations/0/send_at", words)],
        );
    }
}

#[test]
fn the_page_says_what_becomes_of_every_name() {
    let page = include_str!("../../../../docs/notification.md");
    for format in FORMATS {
        let heading = format!("\n### `{}`\n", format.name);
        let section = page
            .split_once(&heading)
            .unwrap()
            .1
            .split("\n#")
            .next()
            .unwrap();
        let refused = format.names.refused.iter().map(|(name, _)| name);
        for name in format.names.known.iter().chain(refused) {
            assert!(
                section.contains(&format!("`{name}`")),
                "{}: {name}",
                format.name
            );
        }
    }
    for name in BESIDE {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}

fn any_vendor_body() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let index = 1..bodies().len();
    let junk = prop::sample::select(vec![
        json!(null),
        json!(1),
        json!(""),
        json!("a\r\nb"),
        json!([]),
        json!({}),
        json!([null]),
        json!(["x"]),
        json!({"type": "Buffer", "data": [300]}),
        json!([{"name": "a"}]),
        json!(true),
        json!("a@b.com, c@d.com"),
    ]);
    (
        index,
        prop::collection::vec((any::<prop::sample::Index>(), junk), 1..4),
    )
        .prop_map(|(index, changes)| {
            let mut body = bodies().remove(index);
            for (at, junk) in changes {
                let mut places = Vec::new();
                pointers(&body, String::new(), &mut places);
                let place = at.get(&places).clone();
                if place != "/format"
                    && let Some(value) = body.pointer_mut(&place)
                {
                    *value = junk;
                }
            }
            body
        })
}

fn pointers(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, value)| pointers(value, format!("{at}/{name}"), found)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(i, value)| pointers(value, format!("{at}/{i}"), found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    if !at.is_empty() {
        found.push(at);
    }
}

proptest::proptest! {
    #[test]
    fn no_body_of_a_vendor_makes_the_reader_panic(body in any_vendor_body()) {
        if let Err(error) = Notification::parse(&body.to_string()) {
            proptest::prop_assert!(!error.faults().is_empty());
        }
    }
}
