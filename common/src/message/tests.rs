mod fuzz;
mod golden;
mod hostile;
mod limits;
mod raw;

use base64::{Engine, engine::general_purpose::STANDARD};
use mail_parser::{HeaderForm, MessageParser, MimeHeaders};
use serde_json::{Value, json};

use super::*;
use crate::{
    class::Class,
    mailbox::MailboxId,
    notification::{Content, NotificationId},
};

/// A picture of one red pixel.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

fn policy() -> SenderPolicy {
    SenderPolicy {
        address: EmailAddress::parse("billing@contoso.com").unwrap(),
        senders: vec![EmailAddress::parse("service@contoso.com").unwrap()],
        recipient_domains: Vec::new(),
        message_bytes: 35 * 1024 * 1024,
    }
}

fn identity(id: &str) -> MessageIdentity {
    let first_attempt = "2026-11-24T09:30:15.5Z".parse().unwrap();
    MessageIdentity::derive(
        &MailboxId::parse("billing").unwrap(),
        &NotificationId::parse(id).unwrap(),
        first_attempt,
    )
}

fn notification(fields: Value) -> Notification {
    let mut body = json!({"to": "anna@example.com", "subject": "Hello", "text": "Hello, Anna."});
    if let (Some(body), Value::Object(fields)) = (body.as_object_mut(), fields) {
        body.extend(fields);
    }
    Notification::parse(&body.to_string()).unwrap()
}

fn letter_of(notification: &Notification) -> &Letter {
    match &notification.mail {
        Mail::Letter(letter) => letter,
        Mail::Form(_) | Mail::Raw(_) => panic!("it has no letter"),
    }
}

fn composed(fields: Value) -> Message {
    compose(&notification(fields), &policy(), &identity("n-1")).unwrap()
}

fn text_of(message: &Message) -> &str {
    std::str::from_utf8(&message.bytes).unwrap()
}

fn headers_of(message: &Message) -> &str {
    text_of(message).split("\r\n\r\n").next().unwrap()
}

/// The names of the message's headers, in their order.
fn header_names(message: &Message) -> Vec<&str> {
    let is_start = |line: &&str| !line.starts_with(' ');
    headers_of(message)
        .split("\r\n")
        .filter(is_start)
        .map(|line| line.split_once(':').unwrap().0)
        .collect()
}

/// Asserts what holds for every message that does not ask for SMTPUTF8: lines of up to 998 octets of ASCII, all ended by CRLF.
fn assert_fit_for_the_wire(bytes: &[u8]) {
    assert!(bytes.is_ascii());
    assert_fit_lines(bytes);
}

/// Asserts what holds for every message: lines of up to 998 octets, all ended by CRLF.
fn assert_fit_lines(bytes: &[u8]) {
    assert!(bytes.ends_with(b"\r\n") && !bytes.contains(&0));
    let mut rest = bytes;
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let (line, after) = rest.split_at(end);
        assert!(line.len() <= 998, "{} octets", line.len());
        assert!(!line.contains(&b'\r') && !line.contains(&b'\n'), "{line:?}");
        rest = &after[2..];
    }
}

/// Compares with a file that was read aloud once; everything in a message is deterministic, so nothing is masked. An
/// independent reader takes the message apart without leaving anything undecoded.
fn golden(message: &Message, expected: &str) {
    assert_fit_for_the_wire(&message.bytes);
    golden_in_utf8(message, expected);
}

/// The same for a message with addresses in UTF-8.
fn golden_in_utf8(message: &Message, expected: &str) {
    assert_fit_lines(&message.bytes);
    let read = MessageParser::new().parse(&message.bytes).unwrap();
    assert!(read.from().is_some() && read.date().is_some() && read.subject().is_some());
    assert_eq!(
        read.message_id(),
        message
            .message_id
            .to_string()
            .get(1..)
            .and_then(|id| id.strip_suffix('>'))
    );
    assert!(read.parts.iter().all(|part| !part.is_encoding_problem));
    assert_eq!(text_of(message).replace("\r\n", "\n"), expected);
}

#[test]
fn plain_text() {
    let message = composed(json!({
        "from": "Contoso Billing <billing@contoso.com>",
        "to": ["Anna Miller <anna@example.com>", "bob@example.com"],
        "cc": "carol@example.com",
        "bcc": "archive@contoso.com",
        "reply_to": "help@contoso.com",
        "subject": "Your invoice 4711",
        "text": "Dear Anna,\n\nyour invoice is due on 1 December.\n\nContoso",
    }));
    golden(
        &message,
        include_str!("../../tests/fixtures/plain_text.eml"),
    );
    let recipients: Vec<_> = message
        .envelope
        .to()
        .iter()
        .map(ToString::to_string)
        .collect();
    let everybody = [
        "anna@example.com",
        "bob@example.com",
        "carol@example.com",
        "archive@contoso.com",
    ];
    assert_eq!(recipients, everybody);
    assert_eq!(
        message.envelope.from().unwrap().to_string(),
        "billing@contoso.com"
    );
    assert!(!text_of(&message).contains("archive@"));
}

#[test]
fn html_with_inline_image() {
    let message = composed(json!({
        "subject": "Welcome",
        "text": null,
        "html": "<h1>Welcome, Anna</h1>\n<p><img src=\"cid:logo\" alt=\"Contoso\"></p>\n\
            <p>Your account is ready: <a href=\"https://contoso.com/start\">sign in</a>.</p>",
        "attachments": [
            {"filename": "logo.png", "content_type": "image/png", "content_id": "logo", "content": PIXEL},
        ],
    }));
    golden(
        &message,
        include_str!("../../tests/fixtures/html_with_inline_image.eml"),
    );
}

#[test]
fn attachments() {
    let message = composed(json!({
        "subject": "Your invoice 4711",
        "text": "Attached.",
        "attachments": [
            {"filename": "invoice-4711.txt", "content_type": "text/plain; charset=utf-8", "content": "VG90YWw6IDEyIOKCrAo="},
            {"filename": "Größen & Maße.csv", "content_type": "text/csv", "content": "YTtiCjE7Mgo="},
        ],
    }));
    golden(
        &message,
        include_str!("../../tests/fixtures/attachments.eml"),
    );
}

#[test]
fn everything_at_once() {
    let message = composed(json!({
        "from": {"name": "Straße & Söhne", "email": "service@contoso.com"},
        "sender": "billing@contoso.com",
        "to": "\"Müller, Jürgen\" <juergen@exämple.com>",
        "subject": "Grüße aus Köln 🎡 und ein Betreff, der lang genug ist, um auf eine zweite Zeile zu gehören",
        "text": "Schöne Grüße!",
        "html": "<p>Schöne Grüße! <img src=\"cid:logo\"></p>",
        "attachments": [
            {"filename": "logo.png", "content_type": "image/png", "content_id": "logo", "content": PIXEL},
            {"filename": "termin.ics", "content_type": "text/calendar; method=REQUEST", "content": "QkVHSU46VkNBTEVOREFS"},
        ],
        "headers": {"X-Kampagne": "Herbst für alle", "Feedback-ID": "4711:contoso"},
        "in_reply_to": "<question-1@example.com>",
        "references": ["<question-0@example.com>", "<question-1@example.com>"],
        "priority": "high",
        "list_unsubscribe": {"url": "https://contoso.com/u/4711", "email": "leave@contoso.com", "one_click": true},
    }));
    golden(
        &message,
        include_str!("../../tests/fixtures/everything_at_once.eml"),
    );
    assert_eq!(
        message.envelope.from().unwrap().to_string(),
        "billing@contoso.com"
    );

    // An independent reader sees what the producer meant.
    let read = MessageParser::new().parse(&message.bytes).unwrap();
    let from = read.from().unwrap().first().unwrap();
    assert_eq!(
        (from.name(), from.address()),
        (Some("Straße & Söhne"), Some("service@contoso.com"))
    );
    let to = read.to().unwrap().first().unwrap();
    assert_eq!(
        (to.name(), to.address()),
        (Some("Müller, Jürgen"), Some("juergen@xn--exmple-cua.com"))
    );
    let subject = "Grüße aus Köln 🎡 und ein Betreff, der lang genug ist, um auf eine zweite Zeile zu gehören";
    assert_eq!(read.subject(), Some(subject));
    assert_eq!(extra_header(&read, "X-Kampagne"), "Herbst für alle");
    assert_eq!(read.body_text(0).unwrap().trim_end(), "Schöne Grüße!");
    assert_eq!(
        read.body_html(0).unwrap().trim_end(),
        "<p>Schöne Grüße! <img src=\"cid:logo\"></p>"
    );
    let names: Vec<_> = read
        .attachments()
        .map(|part| part.attachment_name().unwrap())
        .collect();
    assert_eq!(names, ["logo.png", "termin.ics"]);
    let logo = read.attachment(0).unwrap();
    assert_eq!(logo.content_id(), Some("logo"));
    assert_eq!(logo.contents(), STANDARD.decode(PIXEL).unwrap());
}

#[test]
fn a_repeat_is_the_same_message_and_no_other_is() {
    let fields = json!({"attachments": [{"filename": "a", "content": "YQ=="}]});
    let [first, again] = [composed(fields.clone()), composed(fields.clone())];
    assert!(first == again);
    let other = compose(&notification(fields.clone()), &policy(), &identity("n-2")).unwrap();
    assert_ne!(first.message_id, other.message_id);
    let elsewhere = MessageIdentity::derive(
        &MailboxId::parse("support").unwrap(),
        &NotificationId::parse("n-1").unwrap(),
        "2026-11-24T09:30:15Z".parse().unwrap(),
    );
    let elsewhere = compose(&notification(fields), &policy(), &elsewhere).unwrap();
    assert_ne!(first.message_id, elsewhere.message_id);
}

#[test]
fn a_date_before_1970_is_that_of_1970() {
    let first_attempt = "0001-01-01T00:00:00Z".parse().unwrap();
    let identity = MessageIdentity::derive(
        &MailboxId::parse("billing").unwrap(),
        &NotificationId::parse("n").unwrap(),
        first_attempt,
    );
    let message = compose(&notification(json!({})), &policy(), &identity).unwrap();
    assert!(headers_of(&message).contains("Date: Thu, 01 Jan 1970 00:00:00 +0000"));
}

#[test]
fn the_producers_own_message_id_is_kept() {
    let message = composed(json!({"message_id": "4711@contoso.com"}));
    assert_eq!(message.message_id.as_str(), "4711@contoso.com");
    assert!(headers_of(&message).contains("\r\nMessage-ID: <4711@contoso.com>\r\n"));
}

#[test]
fn a_reply_refers_to_what_it_answers() {
    let message = composed(json!({"in_reply_to": "a@b.com"}));
    assert!(
        headers_of(&message).contains("\r\nIn-Reply-To: <a@b.com>\r\nReferences: <a@b.com>\r\n")
    );
}

#[test]
fn ids_of_any_length_are_never_broken() {
    let ids: Vec<_> = (0..100)
        .map(|i| format!("{}-{i}@example.com", "x".repeat(i * 8)))
        .collect();
    let message = composed(json!({ "references": ids }));
    assert_fit_for_the_wire(&message.bytes);
    let unfolded = headers_of(&message).replace("\r\n ", " ");
    for id in ids {
        assert!(unfolded.contains(&format!("<{id}>")), "{id}");
    }
}

#[test]
fn html_can_do_without_text_and_without_words() {
    let message = composed(json!({"text": "", "html": "<p>Hi</p>"}));
    assert!(headers_of(&message).contains("Content-Type: text/html; charset=utf-8"));
    let message =
        composed(json!({"text": null, "html": "<img src=\"https://contoso.com/a.png\">"}));
    assert!(headers_of(&message).contains("Content-Type: text/html; charset=utf-8"));
}

#[test]
fn text_that_cannot_be_made_is_asked_for() {
    let html = "<div>".repeat(1000);
    let deep = notification(json!({"text": null, "html": html}));
    let error = compose(&deep, &policy(), &identity("n")).unwrap_err();
    assert_eq!(error.class(), Class::InvalidMessage);
    assert!(
        compose(
            &notification(json!({"text": "Hi", "html": html})),
            &policy(),
            &identity("n")
        )
        .is_ok()
    );
}

#[test]
fn an_image_without_html_is_a_file_among_others() {
    let picture = json!({"filename": "a.png", "content_type": "image/png", "content_id": "a", "content": PIXEL});
    let message = composed(json!({ "attachments": [picture] }));
    assert!(headers_of(&message).contains("Content-Type: multipart/mixed;"));
    assert!(text_of(&message).contains("\r\nContent-Disposition: inline; filename=\"a.png\"\r\n"));
}

#[test]
fn what_only_looks_encoded_is_shown_as_it_is() {
    let subject = "=?utf-8?Q?=0D=0ABcc:_x@example.com?= and more than fits a word";
    let message = composed(json!({"subject": subject, "headers": {"X-A": "=?utf-8?B?eA==?="}}));
    assert_fit_for_the_wire(&message.bytes);
    let read = MessageParser::new().parse(&message.bytes).unwrap();
    assert_eq!(read.subject(), Some(subject));
    assert_eq!(extra_header(&read, "X-A"), "=?utf-8?B?eA==?=");
}

#[test]
fn line_ends_and_lone_dots_of_any_kind_are_carried() {
    let message = composed(json!({"text": "a\rb\n.\r\n..\nc"}));
    assert!(text_of(&message).ends_with("\r\n\r\na\r\nb\r\n.\r\n..\r\nc\r\n"));
}

#[test]
fn line_ends_are_normalised_in_linear_time() {
    // Quadratic, this is some 10^12 steps.
    let message = composed(json!({"text": "a\n".repeat(500_000)}));
    assert_fit_for_the_wire(&message.bytes);
}

/// Reads a header that mail-parser has no form for.
fn extra_header(message: &mail_parser::Message<'_>, name: &'static str) -> String {
    let values = message.header_as(name, HeaderForm::Text);
    values[0].as_text().unwrap().to_owned()
}

#[test]
fn a_log_sees_neither_text_nor_people() {
    let message =
        composed(json!({"subject": "canary", "text": "canary", "to": "canary@example.com"}));
    assert!(!format!("{message:?}").contains("canary"));
}
