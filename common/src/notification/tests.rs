mod any;
mod fields;
mod files;
mod formats;
mod page;
mod raw;
mod wrappers;

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

/// Reads a notification and takes its letter.
fn letter(fields: Value) -> Letter {
    letter_of(read(fields))
}

fn letter_of(notification: Notification) -> Letter {
    match notification.mail {
        Mail::Letter(letter) => *letter,
        Mail::Form(_) | Mail::Raw(_) => panic!("it has no letter"),
    }
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
    assert!(notification.id.is_none() && notification.expires_at.is_none());
    let letter = letter_of(notification);
    assert_eq!(letter.subject.as_str(), "Hello");
    assert!(letter.body == Body::Text("Hello, Anna.".to_owned()));
    assert!(letter.from.is_none());
    assert_eq!(letter.priority, Priority::Normal);
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
        "send_at": "2026-12-24T08:00:00Z",
        "expires_at": "2026-12-24T19:00:00+01:00",
        "on_unknown": "retry",
        "dry_run": true,
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
        .replace("send_at", "sendAt")
        .replace("expires_at", "expiresAt")
        .replace("on_unknown", "onUnknown")
        .replace("dry_run", "dryRun");
    let read = Notification::parse(&snake.to_string()).unwrap();

    assert_eq!(read.id.as_ref().unwrap().as_str(), "invoice-4711");
    let letter = letter_of(read.clone());
    let from = letter.from.as_ref().unwrap();
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
    assert_eq!(letter.reply_to[0].email.as_str(), "help@contoso.com");
    assert!(
        matches!(&letter.body, Body::Html { text: TextBesideHtml::Given(text), .. } if text == "Attached.")
    );
    let attachment = &letter.attachments[0];
    assert_eq!(attachment.disposition, Disposition::Inline);
    assert_eq!(attachment.content.given(), Some(&[0, 1, 2][..]));
    let headers: Vec<_> = letter
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
    let references: Vec<_> = letter.references.iter().map(MessageId::to_string).collect();
    assert_eq!(
        references,
        ["<a@contoso.com>", "<b@contoso.com>", "<c@contoso.com>"]
    );
    assert_eq!(letter.priority, Priority::High);
    let unsubscribe = letter.list_unsubscribe.as_ref().unwrap();
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
    let send_at = read.send_at.unwrap();
    let (fourteen_days, second) = (Notification::FURTHEST, jiff::SignedDuration::from_secs(1));
    assert_eq!(send_at.to_string(), "2026-12-24T08:00:00Z");
    assert!(!read.is_too_far_ahead(send_at - fourteen_days));
    assert!(read.is_too_far_ahead(send_at - fourteen_days - second));
    assert_eq!(read.on_unknown, Some(OnUnknown::Retry));
    assert!(read.dry_run);

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
        "send_at",
        "expires_at",
        "on_unknown",
        "dry_run",
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
