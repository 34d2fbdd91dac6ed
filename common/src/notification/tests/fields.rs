//! Field by field: what is accepted, and what is said of the rest.

use super::*;

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
fn local_parts_in_utf8_are_taken_wherever_an_address_is_and_only_if_asked_for() {
    let mut fields = json!({
        "from": "Änna <änna@contoso.com>", "sender": "rückläufer@contoso.com", "to": {"email": "jürgen@exämple.com"},
        "cc": ["山田@example.com"], "bcc": "a🎡@example.com", "reply_to": "für.alle@contoso.com",
        "list_unsubscribe": {"email": "ü@contoso.com"}, "smtputf8": true,
    });
    let read = Notification::parse(&with(fields.clone())).unwrap();
    assert_eq!(read.to[0].email.as_str(), "jürgen@xn--exmple-cua.com");
    for asked in [json!(false), json!(null)] {
        fields["smtputf8"] = asked;
        let places = [
            "/from",
            "/sender",
            "/to/email",
            "/cc/0",
            "/bcc",
            "/reply_to",
            "/list_unsubscribe/email",
        ];
        let error = Notification::parse(&with(fields.clone())).unwrap_err();
        let mut faults: Vec<_> = error
            .faults()
            .iter()
            .map(|fault| fault.pointer.as_str())
            .collect();
        faults.sort_unstable();
        let mut places = places.to_vec();
        places.sort_unstable();
        assert_eq!(faults, places);
        assert!(
            error
                .faults()
                .iter()
                .all(|fault| fault.problem.contains("smtputf8")),
            "{error}"
        );
    }
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
        &[(
            "/to/email",
            "outside ASCII; accepted with \"smtputf8\": true",
        )],
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
        letter(json!({"subject": " Hello \n"})).subject.as_str(),
        "Hello"
    );
    assert_eq!(
        letter(json!({"subject": "ü".repeat(255)}))
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
    assert!(letter(json!({"text": "", "attachments": file})).body == Body::Text(String::new()));
    let html = |text: Value| match letter(json!({"text": text, "html": "<p>Hi"})).body {
        Body::Html { text, .. } => text,
        Body::Text(text) => TextBesideHtml::Given(text),
    };
    assert!(html(Value::Null) == TextBesideHtml::FromHtml);
    assert!(html(json!("")) == TextBesideHtml::None);
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
            letter(json!({"headers": {name: "v"}})).headers[0].name(),
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
        letter(json!({ "list_unsubscribe": value }))
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
        json!({"send_at": "tomorrow"}),
        &[("/send_at", "is not a time")],
    );
    refused_field(
        json!({"expires_at": "tomorrow"}),
        &[("/expires_at", "is not a time")],
    );
    refused_field(
        json!({"expires_at": "2026-12-24T18:00:00"}),
        &[("/expires_at", "offset from UTC")],
    );
    refused_field(
        json!({"send_at": "2026-12-24T18:00:00Z", "expires_at": "2026-12-24T19:00:00+01:00"}),
        &[("/expires_at", "is not later than send_at")],
    );
    refused_field(
        json!({"smtputf8": "yes", "cc": "änna@example.com"}),
        &[
            ("/smtputf8", "accepted is true or false"),
            ("/cc", "outside ASCII"),
        ],
    );
    refused_field(
        json!({"dry_run": "yes"}),
        &[("/dry_run", "accepted is true or false")],
    );
    refused_field(json!({"on_unknown": "drop"}), &[("/on_unknown", "neither")]);
}

#[test]
fn a_template_makes_the_words_and_nothing_else_does() {
    let form =
        |template: Value| json!({"id": "n", "to": "a@b.com", "template": template}).to_string();
    let asked = json!({"name": "invoice", "version": "3", "locale": "de-AT", "data": {"rows": [{"price": 1.5}]}});
    let notification = Notification::parse(&form(asked)).unwrap();
    let Mail::Form(form_of_it) = &notification.mail else {
        panic!("it has a template");
    };
    assert_eq!(form_of_it.template.name.to_string(), "invoice");
    let rows = &form_of_it.template.data["rows"];
    assert_eq!(rows, &json!([{"price": 1.5}]));

    let rendered = |subject: &str, text: Option<&str>| Rendered {
        subject: subject.to_owned(),
        text: text.map(str::to_owned),
        html: None,
    };
    let filled = notification
        .clone()
        .filled(rendered("Rechnung\n", Some("Guten Tag")));
    let Mail::Letter(letter) = filled.unwrap().mail else {
        panic!("it is a letter now");
    };
    assert_eq!(letter.subject.as_str(), "Rechnung");
    assert!(letter.body == Body::Text("Guten Tag".to_owned()));
    for (words, pointer, problem) in [
        (rendered("", Some("x")), "/template/subject", "is empty"),
        (
            rendered("a\r\nBcc: b@c.com", Some("x")),
            "/template/subject",
            "has a line break",
        ),
        (rendered("x", Some(" ")), "/template", "has an empty text"),
    ] {
        let fault = notification.clone().filled(words).unwrap_err();
        let [fault] = fault.faults() else {
            panic!("{fault}");
        };
        assert_eq!(fault.pointer, pointer);
        assert!(fault.problem.contains(problem), "{fault}");
    }

    let refused = |body: Value| Notification::parse(&body.to_string()).unwrap_err();
    let fault = refused(json!({
        "to": "a@b.com", "subject": "x", "html": "y", "template": {"name": "../x", "version": 3, "locale": "de_AT", "data": [], "dta": 1},
    }));
    let said: Vec<_> = fault
        .faults()
        .iter()
        .map(|fault| fault.pointer.as_str())
        .collect();
    assert_eq!(
        said,
        [
            "/subject",
            "/html",
            "/template/dta",
            "/template/name",
            "/template/version",
            "/template/locale",
            "/template/data"
        ]
    );
    let fault = refused(json!({"to": "a@b.com", "template": {"name": "x"}}));
    assert_eq!(
        fault.to_string(),
        "not a notification: /template/version is missing"
    );
}
