//! Messages that their producers have written.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::*;

const MESSAGE: &str = "From: Contoso Billing <billing@contoso.com>\r\nTo: Anna <anna@example.com>, bob@example.com\r\n\
    Cc: carol@example.com\r\nBcc: archive@contoso.com,\r\n secret@contoso.com\r\nSubject: Hello\r\n\
    Message-ID: <1@contoso.com>\r\nDate: Wed, 25 Nov 2026 08:00:00 +0000\r\n\r\nHello, Anna.\r\n";

fn body(message: &[u8]) -> Value {
    json!({"raw": STANDARD.encode(message)})
}

fn raw_of(message: &str) -> (RawMessage, Vec<String>) {
    let notification = Notification::parse(&body(message.as_bytes()).to_string()).unwrap();
    let recipients = notification
        .recipients()
        .map(|party| party.email.to_string())
        .collect();
    match notification.mail {
        Mail::Raw(raw) => (raw, recipients),
        Mail::Letter(_) | Mail::Form(_) => panic!("a raw message is no letter"),
    }
}

fn refused_message(message: &[u8], words: &str) {
    refused(&body(message).to_string(), &[("/raw", words)]);
}

#[test]
fn a_raw_message_stays_as_it_is_but_for_bcc() {
    let (raw, recipients) = raw_of(MESSAGE);
    let kept = MESSAGE.replace("Bcc: archive@contoso.com,\r\n secret@contoso.com\r\n", "");
    assert_eq!(String::from_utf8(raw.bytes).unwrap(), kept);
    assert_eq!(raw.from.as_str(), "billing@contoso.com");
    assert_eq!(raw.message_id.unwrap().as_str(), "1@contoso.com");
    assert_eq!(raw.date, Dated::Yes);
    let everybody = [
        "anna@example.com",
        "bob@example.com",
        "carol@example.com",
        "archive@contoso.com",
        "secret@contoso.com",
    ];
    assert_eq!(recipients, everybody);
}

#[test]
fn recipients_of_the_notification_take_the_place_of_those_of_the_message() {
    let mut body = body(MESSAGE.as_bytes());
    body["to"] = "dora@example.com".into();
    let notification = Notification::parse(&body.to_string()).unwrap();
    let recipients: Vec<_> = notification
        .recipients()
        .map(|party| party.email.as_str())
        .collect();
    assert_eq!(recipients, ["dora@example.com"]);
    let nobody = MESSAGE
        .replace(
            "To: Anna <anna@example.com>, bob@example.com\r\nCc: carol@example.com\r\n",
            "",
        )
        .replace("Bcc: archive@contoso.com,\r\n secret@contoso.com\r\n", "");
    refused(
        &self::body(nobody.as_bytes()).to_string(),
        &[("", "has no recipient")],
    );
}

#[test]
fn a_raw_message_says_everything_itself() {
    let mut body = body(MESSAGE.as_bytes());
    body["subject"] = "Other".into();
    body["headers"] = json!({"X-A": "b"});
    refused(
        &body.to_string(),
        &[
            ("/headers", "is not taken beside raw"),
            ("/subject", "is not taken beside raw"),
        ],
    );
}

#[test]
fn a_raw_message_has_one_author() {
    let from = |from: &str| {
        MESSAGE
            .replace("From: Contoso Billing <billing@contoso.com>\r\n", from)
            .into_bytes()
    };
    refused_message(&from(""), "has no From");
    refused_message(
        &from("From: a@b.com\r\nfrom: c@d.com\r\n"),
        "more than one header from",
    );
    refused_message(
        &from("From: a@b.com, c@d.com\r\n"),
        "more than one address in From",
    );
    refused_message(
        &from("From: billing@contoso.com <ceo@contoso.com>\r\n"),
        "a header From that is not a list",
    );
    refused_message(&from("From: team: a@b.com;\r\n"), "a group");
    refused_message(
        &from("From: a@b.com\r\nResent-From: c@d.com\r\n"),
        "Resent-",
    );
    refused_message(
        &from("From: a@b.com\r\nSender: c@d.com, e@f.com\r\n"),
        "more than one address in Sender",
    );
    refused_message(&from("From : a@b.com\r\n"), "a line among its headers");
    refused_message(
        &from("From: J\u{fc}rgen <a@b.com>\r\n"),
        "\"smtputf8\": true",
    );
    let latin1 = from("From: a@b.com\r\nSubject: Gr_e\r\n")
        .into_iter()
        .map(|byte| match byte {
            b'_' => 0xfc,
            byte => byte,
        });
    let mut body = body(&latin1.collect::<Vec<_>>());
    body["smtputf8"] = true.into();
    refused(&body.to_string(), &[("/raw", "a header that is not UTF-8")]);
}

#[test]
fn what_servers_refuse_or_rewrite_is_refused_here() {
    let after = |text: &str| format!("{MESSAGE}{text}").into_bytes();
    refused_message(&after("a\0b\r\n"), "NUL");
    refused_message(&after("a\nb\r\n"), "LF alone");
    refused_message(&after("a\rb\r\n"), "CR alone");
    refused_message(&after("a\r"), "CR alone");
    refused_message(&after(&format!("{}\r\n", "x".repeat(999))), "998");
    assert_eq!(
        raw_of(&format!("{MESSAGE}{}\r\n", "x".repeat(998))).1.len(),
        5
    );
    let top = format!("Content-Transfer-Encoding: BINARY\r\n{MESSAGE}");
    refused_message(top.as_bytes(), "encoding binary");
    let inner = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n".to_owned() + &MESSAGE.replace(
        "Hello, Anna.\r\n",
        "--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: x@y.com\r\nContent-Transfer-Encoding: binary\r\n\r\nx\r\n--b--\r\n",
    );
    refused_message(inner.as_bytes(), "encoding binary");
    refused_message(b"Hello, Anna.\r\n", "a line among its headers");
    refused_message(b" From: a@b.com\r\n\r\n", "a line among its headers");
    refused_message(b"", "");
    refused(
        &json!({"raw": "?"}).to_string(),
        &[("/raw", "is not base64")],
    );
    refused(&json!({"raw": 1}).to_string(), &[("/raw", "is a number")]);
}

#[test]
fn a_message_of_eight_bits_or_without_an_end_is_taken() {
    let (raw, _) = raw_of(&MESSAGE.replace("Hello, Anna.\r\n", "Schöne Grüße"));
    assert!(raw.bytes.ends_with("Schöne Grüße\r\n".as_bytes()));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _: Result<_, _> = Notification::parse(&body(&bytes).to_string());
    }

    #[test]
    fn no_header_lets_bcc_or_a_second_author_through(
        headers in "((From|from|Bcc|BCC|To|Resent-Bcc|X-A| |\t|:|): ?([ab]@c\\.com|,|<|>|\"|\\(|\\)|;|x){0,4}\r\n){0,6}",
    ) {
        let message = format!("{headers}\r\nbcc: x\r\n");
        if let Ok(notification) = Notification::parse(&body(message.as_bytes()).to_string()) {
            let Mail::Raw(raw) = notification.mail else { unreachable!() };
            let text = String::from_utf8(raw.bytes).unwrap();
            let head = text.split("\r\n\r\n").next().unwrap().to_ascii_lowercase();
            let names: Vec<_> = head.split("\r\n").filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
            proptest::prop_assert!(!names.contains(&"bcc"), "{head}");
            proptest::prop_assert_eq!(names.iter().filter(|name| **name == "from").count(), 1);
        }
    }
}
