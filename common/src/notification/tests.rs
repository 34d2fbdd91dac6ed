use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A notification of the least that one needs, with these fields put in or replaced.
fn with(fields: Value) -> String {
    let mut body = json!({"to": "anna@example.com", "subject": "Hello", "text": "Hello, Anna."});
    if let (Some(body), Value::Object(fields)) = (body.as_object_mut(), fields) {
        body.extend(fields);
    }
    body.to_string()
}

fn read(fields: Value) -> Notification {
    Notification::parse(&with(fields)).unwrap()
}

/// Asserts that exactly these faults are found, each with a problem that contains the words.
fn refused(body: &str, expected: &[(&str, &str)]) {
    let error = Notification::parse(body).unwrap_err();
    let found: Vec<_> = error
        .faults()
        .iter()
        .map(|fault| fault.pointer.as_str())
        .collect();
    let pointers: Vec<_> = expected.iter().map(|(pointer, _)| *pointer).collect();
    assert_eq!(found, pointers, "{error}");
    for (fault, (_, words)) in error.faults().iter().zip(expected) {
        assert!(fault.problem.contains(words), "{fault} should say: {words}");
    }
}

fn refused_field(fields: Value, expected: &[(&str, &str)]) {
    refused(&with(fields), expected);
}

#[test]
fn the_least_there_can_be_is_enough() {
    let notification = read(json!({}));
    assert_eq!(notification.to[0].email.as_str(), "anna@example.com");
    assert_eq!(notification.subject.as_str(), "Hello");
    assert!(notification.body == Body::Text("Hello, Anna.".to_owned()));
    assert!(
        notification.id.is_none()
            && notification.from.is_none()
            && notification.expires_at.is_none()
    );
    assert_eq!(notification.priority, Priority::Normal);
}

#[test]
fn every_field_is_read_in_either_spelling() {
    let snake = json!({
        "version": 1,
        "id": "invoice-4711",
        "from": "Contoso Billing <billing@contoso.com>",
        "sender": "bounces@contoso.com",
        "to": ["anna@example.com", {"name": "Bob", "email": "bob@example.com"}],
        "cc": {"email": "cc@example.com"},
        "bcc": "bcc@example.com",
        "reply_to": ["help@contoso.com"],
        "subject": "Your invoice",
        "text": "Attached.",
        "html": "<p>Attached.</p>",
        "attachments": [{"filename": "a.png", "content_type": "image/png", "content_id": "a", "content": "AAEC"}],
        "headers": {"X-Campaign": "autumn", "List-ID": "invoices.contoso.com"},
        "message_id": "<1@contoso.com>",
        "in_reply_to": "<0@contoso.com>",
        "references": ["<a@contoso.com> <b@contoso.com>", "c@contoso.com"],
        "priority": "high",
        "list_unsubscribe": {"url": "https://contoso.com/u/1", "email": "u@contoso.com", "one_click": true},
        "tags": ["invoice"],
        "metadata": {"order": "4711"},
        "expires_at": "2026-12-24T19:00:00+01:00",
        "on_unknown": "retry",
    });
    let camel = snake
        .to_string()
        .replace("reply_to\":[", "replyTo\":[")
        .replace("content_type", "contentType")
        .replace("content_id", "contentId")
        .replace("message_id", "messageId")
        .replace("in_reply_to", "inReplyTo")
        .replace("list_unsubscribe", "listUnsubscribe")
        .replace("one_click", "oneClick")
        .replace("expires_at", "expiresAt")
        .replace("on_unknown", "onUnknown");
    let read = Notification::parse(&snake.to_string()).unwrap();

    assert_eq!(read.id.as_ref().unwrap().as_str(), "invoice-4711");
    let from = read.from.as_ref().unwrap();
    assert_eq!(from.name.as_ref().unwrap().as_str(), "Contoso Billing");
    assert_eq!(from.email.as_str(), "billing@contoso.com");
    assert_eq!(
        read.sender.as_ref().unwrap().as_str(),
        "bounces@contoso.com"
    );
    let recipients: Vec<_> = read
        .recipients()
        .map(|party| party.email.as_str())
        .collect();
    let expected = [
        "anna@example.com",
        "bob@example.com",
        "cc@example.com",
        "bcc@example.com",
    ];
    assert_eq!(recipients, expected);
    assert_eq!(read.reply_to[0].email.as_str(), "help@contoso.com");
    assert!(
        matches!(&read.body, Body::Html { text: TextBesideHtml::Given(text), .. } if text == "Attached.")
    );
    let attachment = &read.attachments[0];
    assert_eq!(attachment.disposition, Disposition::Inline);
    assert_eq!(attachment.content, [0, 1, 2]);
    let headers: Vec<_> = read
        .headers
        .iter()
        .map(|header| (header.name(), header.value()))
        .collect();
    assert_eq!(
        headers,
        [
            ("List-ID", "invoices.contoso.com"),
            ("X-Campaign", "autumn")
        ]
    );
    let references: Vec<_> = read.references.iter().map(MessageId::to_string).collect();
    assert_eq!(
        references,
        ["<a@contoso.com>", "<b@contoso.com>", "<c@contoso.com>"]
    );
    assert_eq!(read.priority, Priority::High);
    let unsubscribe = read.list_unsubscribe.as_ref().unwrap();
    assert_eq!(
        unsubscribe.header(),
        "<https://contoso.com/u/1>, <mailto:u@contoso.com>"
    );
    assert!(unsubscribe.is_one_click());
    assert_eq!(read.tags, ["invoice"]);
    assert_eq!(read.metadata["order"], "4711");
    let expires_at = "2026-12-24T18:00:00Z".parse().unwrap();
    assert!(
        read.is_expired(expires_at)
            && !read.is_expired(expires_at - jiff::SignedDuration::from_secs(1))
    );
    assert_eq!(read.on_unknown, Some(OnUnknown::Retry));

    // All the same but for the hash, which is taken over what was written.
    let mut camel = Notification::parse(&camel).unwrap();
    assert_ne!(camel.content_hash, read.content_hash);
    camel.content_hash = read.content_hash.clone();
    assert!(camel == read);
}

#[test]
fn all_faults_are_told_at_once() {
    refused(
        r#"{"version": 2, "id": "", "to": ["anna", 7], "subjcet": "Hello", "html": 1, "priority": "urgent"}"#,
        &[
            (
                "/subjcet",
                "is not a field here; there are: version, id, from",
            ),
            ("/version", "is not 1"),
            ("/id", "is empty"),
            ("/to/0", "has no @"),
            ("/to/1", "is a number; accepted is \"local-part@domain\""),
            ("/subject", "is missing"),
            ("/html", "is a number; accepted is a string"),
            ("/priority", "is not \"high\", \"normal\" or \"low\""),
        ],
    );
}

#[test]
fn what_is_not_an_object_of_json_is_refused_as_a_whole() {
    refused(
        "",
        &[(
            "",
            "is not JSON: EOF while parsing a value at line 1 column 0",
        )],
    );
    refused(
        "Dear Anna,",
        &[("", "is not JSON: expected value at line 1 column 1")],
    );
    refused("{} {}", &[("", "is not JSON: trailing characters")]);
    refused("[]", &[("", "is a list; accepted is an object")]);
    refused("null", &[("", "is null; accepted is an object")]);
    refused(
        &"[".repeat(100_000),
        &[("", "is not JSON: recursion limit exceeded")],
    );
    assert!(Notification::parse(&format!("\u{feff}{}", with(json!({})))).is_ok());
}

#[test]
fn a_name_that_appears_twice_is_refused() {
    refused(
        r#"{"to": "a@example.com", "to": "b@example.com", "subject": "s", "text": "t"}"#,
        &[("/to", "appears twice")],
    );
    refused(
        r#"{"to": {"email": "a@example.com", "email": "b@example.com"}, "subject": "s", "text": "t"}"#,
        &[("/to/email", "appears twice")],
    );
    refused_field(
        json!({"reply_to": "a@b.com", "replyTo": "a@b.com"}),
        &[("/replyTo", "two spellings")],
    );
}

#[test]
fn fields_of_later_versions_are_refused_as_such() {
    for field in [
        "template", "send_at", "sendAt", "dry_run", "dryRun", "raw", "format",
    ] {
        refused_field(
            json!({ field: "x" }),
            &[(&format!("/{field}"), "is not available in this version")],
        );
    }
    refused_field(
        json!({"attachments": [{"filename": "a", "s3": {"bucket": "b", "key": "k"}}]}),
        &[
            ("/attachments/0/s3", "is not available in this version"),
            ("/attachments/0/content", "is missing"),
        ],
    );
}

#[test]
fn null_is_as_good_as_absent() {
    assert!(
        read(json!({"cc": null, "html": null, "attachments": null, "id": null}))
            .cc
            .is_empty()
    );
    refused_field(json!({"subject": null}), &[("/subject", "is missing")]);
    refused_field(json!({"to": [null]}), &[("/to/0", "is null")]);
}

#[test]
fn addresses_are_read_in_three_forms() {
    let named = |value: Value| {
        let party = read(json!({ "to": value })).to.remove(0);
        (
            party.name.map(|name| name.as_str().to_owned()),
            party.email.to_string(),
        )
    };
    let anna = |name: &str| (Some(name.to_owned()), "anna@example.com".to_owned());
    assert_eq!(
        named(json!(" anna@example.com ")),
        (None, "anna@example.com".to_owned())
    );
    assert_eq!(
        named(json!("<anna@example.com>")),
        (None, "anna@example.com".to_owned())
    );
    assert_eq!(
        named(json!("Anna Müller <anna@example.com>")),
        anna("Anna Müller")
    );
    assert_eq!(
        named(json!("\"Müller, Anna \\\"A\\\"\" <anna@example.com>")),
        anna("Müller, Anna \"A\"")
    );
    assert_eq!(
        named(json!("anna@work <anna@example.com>")),
        anna("anna@work")
    );
    assert_eq!(
        named(json!({"name": "Anna <3", "email": "anna@example.com"})),
        anna("Anna <3")
    );
    assert_eq!(
        named(json!({"email": "b@exämple.com"})),
        (None, "b@xn--exmple-cua.com".to_owned())
    );
}

#[test]
fn what_is_no_address_is_refused_where_it_stands() {
    refused_field(
        json!({"to": "a@example.com, b@example.com"}),
        &[("/to", "more than one address; give a list")],
    );
    refused_field(
        json!({"to": "\"Anna <a@example.com>"}),
        &[("/to", "no closing one")],
    );
    refused_field(
        json!({"to": "\"Anna\" M <a@example.com>"}),
        &[("/to", "no closing one")],
    );
    refused_field(
        json!({"to": {"email": "änna@example.com"}}),
        &[("/to/email", "outside ASCII")],
    );
    refused_field(
        json!({"to": {"name": "Anna"}}),
        &[("/to/email", "is missing")],
    );
    refused_field(
        json!({"to": {"address": "a@example.com"}}),
        &[
            ("/to/address", "there are: name, email"),
            ("/to/email", "is missing"),
        ],
    );
    refused_field(
        json!({"to": {"name": "A\r\nBcc: x@y.com", "email": "a@b.com"}}),
        &[("/to/name", "line break")],
    );
    refused_field(
        json!({"to": {"name": "moc.osotnoc\u{202e}", "email": "a@b.com"}}),
        &[("/to/name", "direction")],
    );
    refused_field(
        json!({"to": {"name": " ", "email": "a@b.com"}}),
        &[("/to/name", "empty name")],
    );
    refused_field(json!({"from": ["a@b.com"]}), &[("/from", "is a list")]);
    refused_field(
        json!({"sender": "Anna <a@b.com>"}),
        &[("/sender", "white space")],
    );
    refused_field(json!({"to": [], "cc": []}), &[("", "has no recipient")]);
}

#[test]
fn a_subject_is_one_line() {
    assert_eq!(
        read(json!({"subject": " Hello \n"})).subject.as_str(),
        "Hello"
    );
    assert_eq!(
        read(json!({"subject": "ü".repeat(255)}))
            .subject
            .as_str()
            .chars()
            .count(),
        255
    );
    refused_field(
        json!({"subject": "ü".repeat(256)}),
        &[("/subject", "is too long")],
    );
    refused_field(
        json!({"subject": "a\r\nBcc: x@example.com"}),
        &[("/subject", "line break")],
    );
    refused_field(
        json!({"subject": "a\u{2028}b"}),
        &[("/subject", "line break")],
    );
    refused_field(json!({"subject": " "}), &[("/subject", "is empty")]);
}

#[test]
fn a_mail_says_something() {
    refused_field(json!({"text": null}), &[("", "has neither text nor html")]);
    refused_field(json!({"text": ""}), &[("", "has an empty text")]);
    refused_field(json!({"html": " "}), &[("/html", "is empty")]);
    refused_field(json!({"text": "a\u{0}b"}), &[("/text", "NUL")]);
    let file = json!([{"filename": "a.txt", "content": "YQ=="}]);
    assert!(read(json!({"text": "", "attachments": file})).body == Body::Text(String::new()));
    let html = |text: Value| match read(json!({"text": text, "html": "<p>Hi"})).body {
        Body::Html { text, .. } => text,
        Body::Text(text) => TextBesideHtml::Given(text),
    };
    assert!(html(Value::Null) == TextBesideHtml::FromHtml);
    assert!(html(json!("")) == TextBesideHtml::None);
}

#[test]
fn attachments_are_files_with_names_types_and_bytes() {
    let attach = |attachment: Value| {
        read(json!({ "attachments": [attachment] }))
            .attachments
            .remove(0)
    };
    let plain = attach(json!({"filename": "Größe.pdf", "content": "aGVsbG8"}));
    assert_eq!(plain.content, b"hello");
    assert_eq!(plain.content_type.as_str(), "application/octet-stream");
    assert_eq!(plain.disposition, Disposition::Attachment);
    let wrapped = attach(
        json!({"filename": "a", "content": "aGVs\r\nbG8=\n", "content_type": "TEXT/csv;charset=utf-8"}),
    );
    assert_eq!(wrapped.content, b"hello");
    assert_eq!(wrapped.content_type.as_str(), "TEXT/csv; charset=utf-8");
    let shown = json!({"filename": "a", "content": "", "content_type": "image/png", "content_id": "<logo@x>"});
    let shown = attach(shown);
    assert_eq!(shown.content_id.unwrap().as_str(), "logo@x");
    assert!(shown.content.is_empty());
}

#[test]
fn what_is_no_attachment_is_refused_field_by_field() {
    let refused = |attachment: Value, at: &str, words: &str| {
        refused_field(
            json!({ "attachments": [attachment] }),
            &[(&format!("/attachments/0{at}"), words)],
        );
    };
    refused(json!({"content": "YQ=="}), "/filename", "is missing");
    for (name, words) in [
        ("", "is empty"),
        ("../etc/passwd", "is not a path"),
        ("a\r\nb", "line break"),
        ("fdp.\u{202e}exe", "direction"),
        ("=?utf-8?b?eA==?=", "=?"),
    ] {
        refused(
            json!({"filename": name, "content": "YQ=="}),
            "/filename",
            words,
        );
    }
    refused(
        json!({"filename": "a", "content": "ä"}),
        "/content",
        "is not base64",
    );
    refused(
        json!({"filename": "a", "content": "data:image/png;base64,AAAA"}),
        "/content",
        "is not base64",
    );
    refused(
        json!({"filename": "a", "content": [1, 2]}),
        "/content",
        "is a list",
    );
    for kind in [
        "pdf",
        "text/",
        "a/b; c",
        "a/b\r\nX: y",
        "text/plain; charset=\"a b\"",
        "multipart/mixed",
        "message/rfc822",
    ] {
        refused(
            json!({"filename": "a", "content": "", "content_type": kind}),
            "/content_type",
            "is ",
        );
    }
    refused(
        json!({"filename": "a", "content": "", "content_id": "a"}),
        "",
        "has no content_type",
    );
    refused(
        json!({"filename": "a", "content": "", "content_type": "a/b", "content_id": "a b"}),
        "/content_id",
        "space",
    );
    refused(
        json!({"filename": "a", "content": "", "disposition": "hidden"}),
        "/disposition",
        "neither",
    );
    refused(json!("a.pdf"), "", "is a string; accepted is an object");
    let twice = json!({"filename": "a", "content": "", "content_type": "a/b", "content_id": "a"});
    refused_field(
        json!({"attachments": [twice, twice]}),
        &[("/attachments/1/content_id", "earlier attachment")],
    );
    let many = vec![json!({"filename": "a", "content": ""}); 251];
    refused_field(
        json!({ "attachments": many }),
        &[("/attachments/250", "up to 250")],
    );
}

#[test]
fn headers_are_taken_from_the_allow_list_only() {
    for name in [
        "X-Campaign",
        "x-auto-response-suppress",
        "List-Id",
        "Feedback-ID",
        "Thread-Topic",
    ] {
        assert_eq!(
            read(json!({"headers": {name: "v"}})).headers[0].name(),
            name
        );
    }
    let refused = |name: &str, value: &str, words: &str| {
        let pointer = format!(
            "/headers/{}",
            name.replace('/', "~1").replace(['\r', '\n'], "\u{fffd}")
        );
        refused_field(json!({"headers": {name: value}}), &[(&pointer, words)]);
    };
    for name in [
        "Date",
        "Received",
        "DKIM-Signature",
        "Content-Type",
        "MIME-Version",
        "Return-Path",
        "Resent-To",
    ] {
        refused(name, "v", "is not a header a notification may set");
    }
    for name in [
        "X-MS-Exchange-Organization-SCL",
        "X-Microsoft-Antispam",
        "X-Originating-IP",
        "X-Sender",
        "X-",
    ] {
        refused(name, "v", "is not a header a notification may set");
    }
    refused("Reply-To", "v", "use reply_to");
    refused("Bcc", "v", "use bcc");
    refused("X-Priority", "1", "use priority");
    refused("List-Unsubscribe", "<https://x>", "use list_unsubscribe");
    for name in ["", "X-A B", "X-A:", "X-A\r\nBcc", "X-Ä"] {
        refused(name, "v", "is not the name of a header");
    }
    refused("X-A", "v\r\nBcc: x@example.com", "line break");
    refused("X-A", " ", "is empty");
    refused("X-A", &"v".repeat(901), "too long");
    refused_field(
        json!({"headers": {"X-A": "v", "x-a": "w"}}),
        &[("/headers/x-a", "two spellings")],
    );
    refused_field(
        json!({"headers": {"X-A": 1}}),
        &[("/headers/X-A", "is a number")],
    );
}

#[test]
fn ids_name_one_thing() {
    assert!(read(json!({"id": "x".repeat(128)})).id.is_some());
    refused_field(json!({"id": "x".repeat(129)}), &[("/id", "is too long")]);
    refused_field(json!({"id": "a b"}), &[("/id", "has a space")]);
    refused_field(json!({"id": "ä"}), &[("/id", "outside printable ASCII")]);
    refused_field(
        json!({"id": 4711}),
        &[("/id", "is a number; accepted is a string")],
    );
    refused_field(
        json!({"message_id": "4711"}),
        &[("/message_id", "is not a message id")],
    );
    refused_field(
        json!({"message_id": "<a@b> <c@d>"}),
        &[("/message_id", "is not a message id")],
    );
    refused_field(
        json!({"in_reply_to": ["a@b", "<a@b>\r\nBcc: x"]}),
        &[("/in_reply_to/1", "is not a message id")],
    );
    refused_field(json!({"references": ""}), &[("/references", "holds no id")]);
}

#[test]
fn a_way_off_the_list_is_safe_to_follow() {
    let unsubscribe = |value: Value| {
        read(json!({ "list_unsubscribe": value }))
            .list_unsubscribe
            .unwrap()
    };
    let page = unsubscribe(json!({"url": "https://exämple.com/ü?a=<b>"}));
    assert_eq!(
        page.header(),
        "<https://xn--exmple-cua.com/%C3%BC?a=%3Cb%3E>"
    );
    assert!(!page.is_one_click());
    let email = unsubscribe(json!({"email": "u?subject=x@example.com"}));
    assert_eq!(email.header(), "<mailto:u%3Fsubject%3Dx@example.com>");
    let refused = |value: Value, at: &str, words: &str| {
        refused_field(
            json!({ "list_unsubscribe": value }),
            &[(&format!("/list_unsubscribe{at}"), words)],
        );
    };
    refused(json!({}), "", "has neither url nor email");
    refused(
        json!({"email": "u@example.com", "one_click": true}),
        "",
        "has one_click and no url",
    );
    refused(
        json!({"url": "http://example.com"}),
        "/url",
        "is not an https:// URL",
    );
    refused(
        json!({"url": "javascript:alert(1)"}),
        "/url",
        "is not an https:// URL",
    );
    refused(json!({"url": "/unsubscribe"}), "/url", "is not a URL");
    refused(
        json!({"url": "https://a:b@example.com"}),
        "/url",
        "password",
    );
    refused(
        json!({"url": "https://example.com", "one_click": "yes"}),
        "/one_click",
        "accepted is true or false",
    );
}

#[test]
fn values_for_events_are_short_and_plain() {
    refused_field(
        json!({"tags": "a"}),
        &[("/tags", "is a string; accepted is a list")],
    );
    refused_field(
        json!({"tags": ["", "a\nb"]}),
        &[("/tags/0", "is empty"), ("/tags/1", "line break")],
    );
    refused_field(json!({"tags": vec!["a"; 21]}), &[("/tags/20", "up to 20")]);
    refused_field(
        json!({"metadata": {"a": 1}}),
        &[("/metadata/a", "is a number")],
    );
    refused_field(
        json!({"metadata": {"": "x"}}),
        &[("/metadata/", "has no usable name")],
    );
    refused_field(
        json!({"expires_at": "tomorrow"}),
        &[("/expires_at", "is not a time")],
    );
    refused_field(
        json!({"expires_at": "2026-12-24T18:00:00"}),
        &[("/expires_at", "offset from UTC")],
    );
    refused_field(json!({"on_unknown": "drop"}), &[("/on_unknown", "neither")]);
}

#[test]
fn no_fault_quotes_a_value() {
    let canary = "canary";
    let fields = [
        "version",
        "id",
        "from",
        "sender",
        "to",
        "cc",
        "bcc",
        "reply_to",
        "subject",
        "html",
        "attachments",
        "headers",
        "message_id",
        "in_reply_to",
        "references",
        "priority",
        "list_unsubscribe",
        "tags",
        "metadata",
        "expires_at",
        "on_unknown",
        "template",
        "unknown",
    ];
    let values = [
        json!(format!("{canary}\r\n\u{0}")),
        json!([format!("{canary} \u{0}")]),
        json!({"email": canary, "url": canary, "x": [canary]}),
        json!([{"filename": format!("{canary}/"), "content": format!("{canary}!"), "content_type": canary}]),
        json!(0.5),
    ];
    for field in fields {
        for value in &values {
            if let Err(error) = Notification::parse(&with(json!({ field: value }))) {
                assert!(!format!("{error} {error:?}").contains(canary), "{error}");
            }
        }
    }
    let broken = Notification::parse(r#"{"subject": "canary"#).unwrap_err();
    assert!(!broken.to_string().contains(canary), "{broken}");
}

#[test]
fn pointers_are_escaped_and_bounded() {
    let name = format!("a/b~c\n{}", "x".repeat(200));
    let error = Notification::parse(&with(json!({ name: 1 }))).unwrap_err();
    assert_eq!(
        error.faults()[0].pointer,
        format!("/a~1b~0c\u{fffd}{}…", "x".repeat(58))
    );
    let many = Notification::parse(&with(json!({"to": vec![1; 5000]}))).unwrap_err();
    assert_eq!(many.faults().len(), 1000);
    assert!(many.to_string().ends_with("; and 980 more"), "{many}");
}

#[test]
fn the_hash_is_of_the_content_alone() {
    let hash = |body: &str| Notification::parse(body).unwrap().content_hash().clone();
    let one = hash(r#"{"id": "1", "to": "a@b.com", "subject": "s", "text": "é"}"#);
    let same =
        hash("{\"text\":\"\\u00e9\",\n\"subject\":\"s\", \"to\":\"a@b.com\", \"id\": \"2\"}");
    let other = hash(r#"{"id": "1", "to": "a@b.com", "subject": "s", "text": "e"}"#);
    assert_eq!(one, same);
    assert_ne!(one, other);
    assert_eq!(ContentHash::parse(one.as_str()), Ok(one.clone()));
    // sha256 of {"subject":"s","text":"é","to":"a@b.com"} as any other tool computes it.
    assert_eq!(
        one.as_str(),
        "7bce2f971a0a510e79dece76a8508c9fec23ce744243628749b824d4d2b489ee"
    );
    assert!(ContentHash::parse("abc").is_err());
}

#[test]
fn a_log_sees_neither_text_nor_people() {
    let notification =
        read(json!({"id": "i-1", "subject": "canary", "to": "Canary <canary@example.com>"}));
    let logged = format!("{notification:?} {:?}", notification.to);
    assert!(
        logged.contains("i-1") && !logged.to_lowercase().contains("canary"),
        "{logged}"
    );
}

/// JSON of any shape, rich in the names that the reader knows.
fn any_json() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        prop::sample::select(NAMES.known).prop_map(str::to_owned),
        prop::sample::select(
            &[
                "name",
                "email",
                "filename",
                "content",
                "contentType",
                "url",
                "oneClick",
                "s3"
            ][..]
        )
        .prop_map(str::to_owned),
        ".{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,24}".prop_map(Value::from),
        "(.{0,9} ?<)?[a-z.]{1,6}@[a-z.]{1,9}>?".prop_map(Value::from),
        "https://.{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(body in ".{0,200}") {
        prop_assert!(Notification::parse(&body).is_err());
    }

    #[test]
    fn no_json_makes_the_parser_panic(fields in any_json()) {
        let _: Result<_, _> = Notification::parse(&fields.to_string());
        let _: Result<_, _> = Notification::parse(&with(fields));
    }

    #[test]
    fn an_id_reads_back_as_it_is_written(text in ".{0,130}") {
        if let Ok(id) = NotificationId::parse(&text) {
            prop_assert_eq!(id.to_string(), text);
        }
    }
}
