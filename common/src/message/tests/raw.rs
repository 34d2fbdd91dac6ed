//! Messages that their producers have written.

use super::*;

fn raw(message: &str, fields: Value) -> Notification {
    let mut body = json!({"raw": STANDARD.encode(message)});
    if let (Some(body), Value::Object(fields)) = (body.as_object_mut(), fields) {
        body.extend(fields);
    }
    Notification::parse(&body.to_string()).unwrap()
}

#[test]
fn a_raw_message_leaves_as_it_is_with_what_it_lacks_above() {
    let written = "From: service@contoso.com\r\nTo: anna@example.com\r\nBcc: bob@example.com\r\nSubject: Hello\r\n\
        Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSchöne Grüße!\r\n";
    let composed = || compose(&raw(written, json!({})), &policy(), &identity("n-1")).unwrap();
    let message = composed();
    let above = format!(
        "Date: Tue, 24 Nov 2026 09:30:15 +0000\r\nMessage-ID: {}\r\n",
        message.message_id
    );
    let kept = written.replace("Bcc: bob@example.com\r\n", "");
    assert_eq!(text_of(&message), above + &kept);
    assert_eq!(
        message.envelope.from().unwrap().to_string(),
        "service@contoso.com"
    );
    let recipients = message.envelope.to().iter().map(ToString::to_string);
    let everybody = ["anna@example.com", "bob@example.com"];
    assert_eq!(recipients.collect::<Vec<_>>(), everybody);
    let read = MessageParser::new().parse(&message.bytes).unwrap();
    assert_eq!(read.body_text(0).unwrap().trim_end(), "Schöne Grüße!");
    assert!(composed() == message);
}

#[test]
fn a_raw_message_is_from_whom_the_mailbox_may_send_as() {
    let refused = |headers: &str, fields: Value| {
        let message = format!("{headers}\r\nTo: anna@example.com\r\nSubject: Hello\r\n\r\nHi\r\n");
        let error = compose(&raw(&message, fields), &policy(), &identity("n")).unwrap_err();
        assert_eq!(error.class(), Class::SenderNotAllowed);
        error.to_string()
    };
    assert!(refused("From: ceo@contoso.com", json!({})).contains("`raw`"));
    let sender = "From: billing@contoso.com\r\nSender: ceo@contoso.com";
    assert!(refused(sender, json!({})).contains("`raw`"));
    let path = json!({"sender": "ceo@contoso.com"});
    assert!(refused("From: billing@contoso.com", path).contains("`sender`"));
}
