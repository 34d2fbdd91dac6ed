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
    let message = composed(json!({"to": people(2000, 1), "cc": "P1@D0.EXAMPLE"}));
    assert_eq!(message.envelope.to().len(), 2000);
    assert_fit_for_the_wire(&message.bytes);
    let fields = json!({"to": people(2001, 1)});
    let said = refused(fields, &policy(), Class::TooManyRecipients);
    assert_eq!(said, "2001 recipients; a notification has up to 2000");
    let long: Vec<_> = people(1000, 1)
        .iter()
        .map(|one| format!("{}{one}", "x".repeat(55)))
        .collect();
    assert!(long.concat().len() < 128 * 1024);
    composed(json!({"bcc": long}));
    let domain = format!("{}.{}.example", "x".repeat(60), "y".repeat(60));
    let longer: Vec<_> = (0..1000).map(|i| format!("p{i}@{domain}")).collect();
    refused(json!({"bcc": longer}), &policy(), Class::TooManyRecipients);
}

#[test]
fn the_parts_of_a_message_differ_in_their_message_id_alone() {
    let body =
        notification(json!({"html": "<p>Hello</p>", "to": ["a@example.com", "b@example.com"]}));
    let whole = identity("n-1");
    let [one, two, again] =
        [1, 2, 2].map(|part| compose(&body, &policy(), &whole.of_part(part)).unwrap());
    assert_eq!(one, compose(&body, &policy(), &whole).unwrap());
    assert_eq!(two, again);
    assert_ne!(one.message_id, two.message_id);
    let same = text_of(&one).replace(&one.message_id.to_string(), &two.message_id.to_string());
    assert_eq!(same, text_of(&two));
    // A producer's own stays in all of them: what answers it has to find each.
    let own = notification(json!({"message_id": "<own@contoso.com>"}));
    let part = compose(&own, &policy(), &whole.of_part(2)).unwrap();
    assert_eq!(part.message_id.as_str(), "own@contoso.com");
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
