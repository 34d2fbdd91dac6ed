//! Notifications that mean harm, and what becomes of them on the wire.

use proptest::prelude::*;

use super::*;
use crate::notification::{Body, DisplayName};

/// Text with all that has ever broken a header or a body.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ -~]{0,12}",
        2 => "\\PC{0,6}",
        1 => prop::sample::select(&["\r\n", "\n", "\r", "\t", "  ", "=?utf-8?q?", "?=", "\r\nBcc: ", "\u{0}", "\"", "\\",
            ".", "\r\n.\r\n", "--", "🎡", "\u{202e}", "\u{85}", "\u{a0}", "\u{3000}", "<", ">", "@", ",", ";", "(", ")"][..])
            .prop_map(str::to_owned),
        1 => "[a-z]{80,120}",
        1 => " {80}",
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

/// Notifications made of hostile text; the parser accepts a part of them.
fn any_notification() -> impl Strategy<Value = Value> {
    let party = (
        hostile(),
        "[a-z0-9é]{1,9}([.+'][a-z山]{1,4})?@[a-zü]{1,9}\\.(com|test)",
    )
        .prop_map(|(name, email)| json!({"name": name, "email": email}));
    let header = ("X-[A-Za-z]{1,8}|Comments|[ -~]{0,9}", hostile());
    let attachment = (
        hostile(),
        hostile(),
        "[!-~]{1,12}",
        prop::collection::vec(any::<u8>(), 0..300),
    )
        .prop_map(|(filename, content_type, content_id, content)| {
            let plausible = filename.replace(
                ['/', '\\', '\r', '\n', '\t', '\0', '\u{85}', '\u{202e}'],
                "",
            );
            let kind = if content_type.len() % 2 == 0 {
                "image/png".to_owned()
            } else {
                content_type
            };
            json!({"filename": plausible, "content_type": kind, "content_id": content_id,
                "content": STANDARD.encode(content)})
        });
    let parts = (
        prop::collection::vec(party, 1..4),
        hostile(),
        prop::option::of(hostile()),
        prop::option::of(hostile()),
        prop::option::of(prop::collection::vec(attachment, 0..3)),
        prop::option::of(prop::collection::vec(header, 0..3)),
        prop::option::of("https://[!-~]{1,60}"),
        prop::option::of("[!-~]{1,40}@[!-~]{1,100}"),
        any::<bool>(),
    );
    parts.prop_map(|(to, subject, text, html, attachments, headers, url, id, smtputf8)| {
        let headers: Option<serde_json::Map<_, _>> =
            headers.map(|headers| headers.into_iter().map(|(name, value)| (name, value.into())).collect());
        let unsubscribe = url.map(|url| json!({"url": url, "one_click": true}));
        json!({"to": to, "subject": subject, "text": text, "html": html, "attachments": attachments,
            "headers": headers, "list_unsubscribe": unsubscribe, "in_reply_to": id, "message_id": id, "smtputf8": smtputf8})
    })
}

/// Leaves out what is refused, and puts in what is then missing, so that the rest of it gets through.
fn mended(mut fields: Value) -> Option<Notification> {
    for _ in 0..8 {
        let error = match Notification::parse(&fields.to_string()) {
            Ok(notification) => return Some(notification),
            Err(error) => error,
        };
        for fault in error.faults() {
            let (parent, name) = fault.pointer.rsplit_once('/').unwrap_or_default();
            let removed = match fields.pointer_mut(parent) {
                Some(Value::Object(members)) => members.remove(name),
                Some(_) | None => None,
            };
            let top = fault.pointer.split('/').nth(1).unwrap_or("text");
            if let (None, Some(members)) = (removed, fields.as_object_mut()) {
                members.remove(top);
            }
        }
        for (name, value) in [
            ("subject", "Subject"),
            ("text", "Text."),
            ("to", "a@example.com"),
        ] {
            if fields[name].is_null() {
                fields[name] = value.into();
            }
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_notification_makes_a_message_that_was_not_asked_for(fields in any_notification()) {
        let asked_for_utf8 = fields["smtputf8"] == true;
        let Some(notification) = mended(fields) else {
            return Err(TestCaseError::fail("a notification without its faults has faults"));
        };
        let message = compose(&notification, &policy(), &identity("n")).unwrap();
        let letter = letter_of(&notification);
        assert_fit_lines(&message.bytes);
        let utf8: Vec<_> = notification.to.iter().map(|to| to.email.as_str()).filter(|to| !to.is_ascii()).collect();
        let without = utf8.iter().fold(text_of(&message).to_owned(), |text, email| text.replace(email, ""));
        prop_assert!(without.is_ascii(), "something else than an address is in UTF-8: {without}");
        prop_assert!(utf8.is_empty() || asked_for_utf8, "nobody asked for SMTPUTF8");

        let mut expected = vec!["Date", "From", "To", "Subject", "Message-ID"];
        if !letter.in_reply_to.is_empty() {
            expected.extend(["In-Reply-To", "References"]);
        }
        if letter.list_unsubscribe.is_some() {
            expected.extend(["List-Unsubscribe", "List-Unsubscribe-Post"]);
        }
        expected.push("Auto-Submitted");
        expected.extend(letter.headers.iter().map(|header| header.name()));
        expected.sort_unstable();
        let mut names = header_names(&message);
        names.retain(|name| !matches!(*name, "MIME-Version" | "Content-Type" | "Content-Transfer-Encoding"));
        names.sort_unstable();
        prop_assert_eq!(names, expected);

        let read = MessageParser::new().parse(&message.bytes).unwrap();
        prop_assert_eq!(one_space(read.subject().unwrap()), one_space(letter.subject.as_str()));
        let name = |name: Option<&str>| name.map(one_space).filter(|name| !name.is_empty());
        let to: Vec<_> = read.to().unwrap().iter().map(|to| (name(to.name()), to.address().unwrap().to_owned())).collect();
        let asked: Vec<_> = notification
            .to
            .iter()
            .map(|party| (name(party.name.as_ref().map(DisplayName::as_str)), party.email.to_string()))
            .collect();
        prop_assert_eq!(to, asked);
        match &letter.body {
            Body::Text(text) => prop_assert_eq!(as_lines(&read.body_text(0).unwrap()), as_lines(text)),
            Body::Html { html, .. } => prop_assert_eq!(as_lines(&read.body_html(0).unwrap()), as_lines(html)),
        }
        for attachment in &letter.attachments {
            let name = attachment.filename.as_str();
            prop_assert!(read.attachments().any(|part| Some(part.contents()) == attachment.content.given()), "{name}");
        }
    }

    #[test]
    fn every_line_end_is_crlf(text in "[ab\r\n]{0,40}") {
        let normal = text::with_crlf(&text);
        prop_assert!(!normal.replace("\r\n", "").contains(['\r', '\n']));
        prop_assert_eq!(text::with_crlf(&normal), normal);
    }
}

/// Folding keeps words, not how many spaces stand between them.
fn one_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text whatever its lines end in, but for the end of the last one.
fn as_lines(text: &str) -> String {
    text::with_crlf(text).trim_end_matches("\r\n").to_owned()
}
