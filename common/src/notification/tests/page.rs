//! The page for producers says what is so.

use super::*;
use crate::{
    mailbox::MailboxId,
    message::{MessageIdentity, SenderPolicy, compose},
};

const PAGE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../docs/notification.md"
));

/// The blocks of the page that are in this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let opening = format!("\n```{language}\n");
    PAGE.split(&opening)
        .skip(1)
        .map(|rest| rest.split_once("\n```").unwrap().0)
        .collect()
}

#[test]
fn every_example_becomes_a_message() {
    let policy = SenderPolicy {
        address: EmailAddress::parse("billing@contoso.com").unwrap(),
        senders: Vec::new(),
        recipient_domains: Vec::new(),
        message_bytes: 35 * 1024 * 1024,
    };
    let id = NotificationId::parse("example").unwrap();
    let identity = MessageIdentity::derive(
        &MailboxId::parse("billing").unwrap(),
        &id,
        Timestamp::UNIX_EPOCH,
    );
    let examples = blocks("json");
    assert_eq!(examples.len(), 12);
    let messages: Vec<_> = examples
        .iter()
        .map(|example| {
            let mut notification = Notification::parse(example).unwrap();
            if let Mail::Form(_) = &notification.mail {
                let rendered = Rendered {
                    subject: "Rechnung".to_owned(),
                    text: Some("Guten Tag".to_owned()),
                    html: None,
                };
                notification = notification.filled(rendered).unwrap();
            }
            if let Mail::Letter(letter) = &mut notification.mail {
                for attachment in &mut letter.attachments {
                    if attachment.content.given().is_none() {
                        attachment.content = Content::Given(b"of the bucket".to_vec());
                    }
                }
            }
            compose(&notification, &policy, &identity).unwrap()
        })
        .collect();

    // The text that the page shows is the one that its html gets.
    let welcome = std::str::from_utf8(&messages[2].bytes)
        .unwrap()
        .replace("\r\n", "\n");
    assert!(welcome.contains(blocks("text")[0]), "{welcome}");
}

#[test]
fn the_refusal_it_shows_is_the_one_that_comes() {
    let body = blocks("jsonc")[0].strip_prefix("// Refused:\n").unwrap();
    let error = Notification::parse(body).unwrap_err();
    let shown: Vec<_> = blocks("text")[1].lines().collect();
    assert_eq!(error.faults().len(), shown.len());
    for (fault, line) in error.faults().iter().zip(shown) {
        let said = fault.to_string();
        assert!(said.starts_with(line.trim_end_matches(" …")), "{said}");
    }
}

#[test]
fn every_name_is_on_it() {
    let later = NAMES.refused.iter().map(|(name, _)| name);
    let attachment = [
        "filename",
        "content",
        "content_type",
        "content_id",
        "disposition",
        "s3",
        "bucket",
        "key",
        "version_id",
        "size",
        "sha256",
    ];
    let headers = super::super::header::ALLOWED;
    for name in NAMES
        .known
        .iter()
        .chain(later)
        .chain(&attachment)
        .chain(headers)
    {
        assert!(PAGE.contains(&format!("`{name}`")), "{name}");
    }
}
