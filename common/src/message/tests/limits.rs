//! What a mailbox's policy and Exchange's limits refuse.

use super::*;
use crate::address::Domain;

/// Asserts that a notification is refused with this class, and tells what was said.
fn refused(fields: Value, policy: &SenderPolicy, class: Class) -> String {
    let error = compose(&notification(fields), policy, &identity("n")).unwrap_err();
    assert_eq!(error.class(), class, "{error}");
    error.to_string()
}

#[test]
fn only_the_mailboxs_senders_may_send() {
    for from in ["billing@contoso.com", "Service@CONTOSO.com"] {
        assert!(
            compose(
                &notification(json!({"from": from})),
                &policy(),
                &identity("n")
            )
            .is_ok()
        );
    }
    let said = refused(
        json!({"from": "ceo@contoso.com"}),
        &policy(),
        Class::SenderNotAllowed,
    );
    assert!(said.contains("`from`") && !said.contains("ceo"), "{said}");
    let said = refused(
        json!({"sender": "ceo@contoso.com"}),
        &policy(),
        Class::SenderNotAllowed,
    );
    assert!(said.contains("`sender`"), "{said}");
}

#[test]
fn only_the_mailboxs_recipient_domains_get_mail() {
    let staging = SenderPolicy {
        recipient_domains: vec![Domain::parse("contoso.com").unwrap()],
        ..policy()
    };
    assert!(
        compose(
            &notification(json!({"to": "a@CONTOSO.com"})),
            &staging,
            &identity("n")
        )
        .is_ok()
    );
    let fields = json!({"to": "a@contoso.com", "bcc": ["x@example.com", "y@sub.contoso.com"]});
    let said = refused(fields, &staging, Class::RecipientRefused);
    assert!(said.ends_with(": 2"), "{said}");
}

#[test]
fn recipients_count_once_and_up_to_the_limits() {
    let people = |count: usize, domains: usize| -> Vec<String> {
        (0..count)
            .map(|i| format!("p{i}@d{}.example", i % domains))
            .collect()
    };
    let message = composed(json!({"to": people(500, 3), "cc": "P1@D1.EXAMPLE"}));
    assert_eq!(message.envelope.to().len(), 500);
    assert_fit_for_the_wire(&message.bytes);
    refused(
        json!({"to": people(501, 3)}),
        &policy(),
        Class::TooManyRecipients,
    );
    refused(
        json!({"to": people(201, 1)}),
        &policy(),
        Class::TooManyRecipients,
    );
    let few = SenderPolicy {
        recipients_per_message: 2,
        ..policy()
    };
    let said = refused(json!({"to": people(3, 3)}), &few, Class::TooManyRecipients);
    assert_eq!(said, "3 recipients; a message of this mailbox has up to 2");
}

#[test]
fn size_is_that_of_the_encoded_message() {
    let attachment =
        json!({"attachments": [{"filename": "a", "content": STANDARD.encode([7; 3000])}]});
    let length = composed(attachment.clone()).bytes.len();
    assert!(length > 4000);
    let limited = |message_bytes| SenderPolicy {
        message_bytes,
        ..policy()
    };
    assert!(
        compose(
            &notification(attachment.clone()),
            &limited(length),
            &identity("n-1")
        )
        .is_ok()
    );
    refused(attachment, &limited(length - 40), Class::MessageTooLarge);

    let name = "ü".repeat(256);
    let people: Vec<_> = (0..500)
        .map(|i| json!({"name": name, "email": format!("p{i}@d{}.example", i % 3)}))
        .collect();
    let said = refused(json!({ "to": people }), &policy(), Class::MessageTooLarge);
    assert!(said.contains("of headers"), "{said}");
}
