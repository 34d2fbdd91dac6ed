//! One message for each thing that a notification can ask for, compared with a file that was read aloud once.

use jiff::Timestamp;

use super::*;
use crate::fakes::MemoryObjects;
use crate::template::{self, TemplateCache};

macro_rules! golden {
    ($name:ident, $fields:tt) => {
        #[test]
        fn $name() {
            let file = include_str!(concat!(
                "../../../tests/fixtures/",
                stringify!($name),
                ".eml"
            ));
            golden(&composed(json!($fields)), file);
        }
    };
}

golden!(html_alone, {"text": "", "html": "<p>Hello, <b>Anna</b>.</p>"});
golden!(text_made_from_html, {
    "text": null,
    "html": "<h1>Order 4711</h1><ul><li>2 × Tee</li><li>1 × Kanne</li></ul><p>See <a href=\"https://contoso.com/4711\">your order</a>.</p>",
});
golden!(conversation, {
    "subject": "Re: Ticket 77",
    "message_id": "<ticket-77.closed@contoso.com>",
    "in_reply_to": "<ticket-77.opened@contoso.com>",
    "references": ["<ticket-77.opened@contoso.com>", "<ticket-77.answered@contoso.com>"],
});
golden!(priority_low, {"priority": "low"});
golden!(list, {
    "list_unsubscribe": {"url": "https://contoso.com/u/8f3a", "email": "leave@contoso.com", "one_click": true},
    "headers": {"List-ID": "Contoso News <news.contoso.com>"},
});
golden!(headers_of_their_own, {
    "headers": {"X-Auto-Response-Suppress": "All", "X-Campaign": "Herbst für alle", "Sensitivity": "Company-Confidential"},
});
golden!(names_and_domains_of_other_scripts, {
    "from": {"name": "Straße & Söhne", "email": "service@contoso.com"},
    "to": ["\"Müller, Jürgen\" <juergen@exämple.com>", {"name": "山田 太郎", "email": "taro@例え.jp"}],
    "cc": {"name": "O'Neill (Sales)", "email": "oneill@example.com"},
    "reply_to": "Hilfe für alle <help@contoso.com>",
    "subject": "日本語の件名",
});
golden!(long_lines, {
    "subject": "A subject that is long enough to need a second line, and then some more words so that it needs a third one as well",
    "text": format!("{}\n.\n..two dots\nFrom here", "word ".repeat(250)),
});
golden!(invitation, {
    "html": "<p>See you there.</p>",
    "attachments": [{"filename": "invite.ics", "content_type": "text/calendar; method=REQUEST", "content": "QkVHSU46VkNBTEVOREFSDQpFTkQ6VkNBTEVOREFSDQo="}],
});

#[tokio::test]
async fn words_of_a_template() {
    let bucket = MemoryObjects::default();
    for (file, content) in [
        ("invoice/3/subject.de.txt", "Rechnung {{ number }}\n"),
        ("invoice/3/subject.txt", "Invoice {{ number }}\n"),
        (
            "invoice/3/html.html",
            "<p>Guten Tag {{ name }},</p><ul>{% for row in rows %}<li>{{ row.what }}</li>{% endfor %}</ul>{% include 'partials/footer.html' %}",
        ),
        ("partials/footer.html", "<p>Contoso</p>"),
    ] {
        bucket.put(&format!("templates/{file}"), content);
    }
    let form = json!({
        "to": "anna@example.com",
        "template": {
            "name": "invoice", "version": "3", "locale": "de-AT",
            "data": {"number": 4711, "name": "Müller & <Söhne>", "rows": [{"what": "Papier"}, {"what": "Tinte"}]},
        },
    });
    let form = Notification::parse(&form.to_string()).unwrap();
    let unfilled = compose(&form, &policy(), &identity("n-1")).unwrap_err();
    assert!(matches!(unfilled, ComposeError::Unbuilt(_)), "{unfilled}");
    let (cache, now) = (TemplateCache::default(), Timestamp::UNIX_EPOCH);
    let filled = template::fill(form, &cache, &bucket, 10_000, now)
        .await
        .unwrap();
    let message = compose(&filled, &policy(), &identity("n-1")).unwrap();
    golden(
        &message,
        include_str!("../../../tests/fixtures/words_of_a_template.eml"),
    );
}

#[test]
fn attachment_from_the_bucket() {
    let mut stored = notification(json!({
        "attachments": [{
            "filename": "Rechnung März.pdf", "content_type": "application/pdf",
            "s3": {"key": "mailboxes/billing/2026/rechnung.pdf", "version_id": "v.1", "size": 5},
        }],
    }));
    let unread = compose(&stored, &policy(), &identity("n-1")).unwrap_err();
    assert!(matches!(unread, ComposeError::Unbuilt(_)), "{unread}");
    let Mail::Letter(letter) = &mut stored.mail else {
        panic!("it is a letter");
    };
    letter.attachments[0].content = Content::Given(b"%PDF-".to_vec());
    let message = compose(&stored, &policy(), &identity("n-1")).unwrap();
    golden(
        &message,
        include_str!("../../../tests/fixtures/attachment_from_the_bucket.eml"),
    );
}

#[test]
fn addresses_in_utf8() {
    let message = composed(json!({
        "smtputf8": true,
        "to": ["Jürgen Groß <jürgen@exämple.com>", {"name": "山田 太郎", "email": "山田@例え.jp"}, "anna@example.com"],
        "reply_to": "hilfe.für.alle@contoso.com",
        "subject": "Grüße aus Köln",
        "list_unsubscribe": {"email": "abmeldung.für.alle@contoso.com"},
    }));
    let file = include_str!("../../../tests/fixtures/addresses_in_utf8.eml");
    golden_in_utf8(&message, file);
    let recipients = message.envelope.to().iter().map(ToString::to_string);
    let recipients: Vec<_> = recipients.collect();
    let everybody = [
        "jürgen@xn--exmple-cua.com",
        "山田@xn--r8jz45g.jp",
        "anna@example.com",
    ];
    assert_eq!(recipients, everybody);
    // An independent reader sees the same people.
    let read = MessageParser::new().parse(&message.bytes).unwrap();
    let to: Vec<_> = read
        .to()
        .unwrap()
        .iter()
        .map(|one| one.address().unwrap())
        .collect();
    assert_eq!(to, everybody);
    let names: Vec<_> = read.to().unwrap().iter().map(|one| one.name()).collect();
    assert_eq!(names, [Some("Jürgen Groß"), Some("山田 太郎"), None]);
    // Nothing but addresses is outside ASCII.
    let rest: String = text_of(&message)
        .lines()
        .filter(|line| !line.contains('@'))
        .collect();
    assert!(rest.is_ascii(), "{rest}");
}

#[test]
fn nothing_asks_for_smtputf8_that_has_no_need_of_it() {
    let fields =
        |smtputf8: bool| json!({"smtputf8": smtputf8, "to": "Jürgen <juergen@exämple.com>"});
    let [with, without] = [true, false].map(|asked| composed(fields(asked)).bytes);
    assert!(with.is_ascii());
    assert_eq!(with, without);
}

#[test]
fn raw_message_in_utf8() {
    let written = "From: Straße <service@contoso.com>\r\nTo: jürgen@example.com\r\nBcc: böb@example.com\r\nSubject: Grüße\r\n\r\nHello.\r\n";
    let body = json!({"raw": STANDARD.encode(written), "smtputf8": true}).to_string();
    let raw = Notification::parse(&body).unwrap();
    let message = compose(&raw, &policy(), &identity("n-1")).unwrap();
    golden_in_utf8(
        &message,
        include_str!("../../../tests/fixtures/raw_message_in_utf8.eml"),
    );
    let recipients: Vec<_> = message
        .envelope
        .to()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(recipients, ["jürgen@example.com", "böb@example.com"]);
}

#[test]
fn raw_message() {
    let written = "From: service@contoso.com\r\nTo: anna@example.com\r\nBcc: bob@example.com\r\nSubject: Hello\r\n\
        MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
        Sch=C3=B6ne Gr=C3=BC=C3=9Fe!\r\n";
    let body = json!({"raw": STANDARD.encode(written)}).to_string();
    let raw = Notification::parse(&body).unwrap();
    let message = compose(&raw, &policy(), &identity("n-1")).unwrap();
    golden(
        &message,
        include_str!("../../../tests/fixtures/raw_message.eml"),
    );
}
