//! Events: their schemas, their page, and what becomes of long ones.

mod mailbox;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::*;
use crate::class::{Class, Concerning};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn about(kind: Kind) -> About {
    let stack = StackName::parse("pillarbox").unwrap();
    let mailbox = MailboxId::parse("billing").unwrap();
    let at = "2027-03-01T12:00:03Z".parse().unwrap();
    About::new(kind, (&stack, &mailbox), &["invoice-1", "copy", "1"], at)
}

fn recipient(address: &str, state: RecipientState) -> Recipient {
    Recipient {
        address: address.to_owned(),
        state,
        reply: Some(format!("250 2.1.5 {address} OK")),
    }
}

fn email() -> Email {
    Email {
        notification: Some("invoice-1".to_owned()),
        copy: "5e1b".to_owned(),
        attempts: 1,
        message_id: Some("<1@contoso.com>".to_owned()),
        recipients: vec![recipient("a@fabrikam.com", RecipientState::Accepted)],
        tags: vec!["invoice".to_owned()],
        metadata: [("order".to_owned(), "17".to_owned())].into(),
        ..Email::default()
    }
}

fn sent(email: Email) -> Event {
    Event::EmailSent(Box::new(Sent {
        about: about(Kind::EmailSent),
        email,
        reply: "250 2.0.0 OK <1@contoso.com> for a@fabrikam.com".to_owned(),
    }))
}

/// The schema of a kind, which no other name is let through by.
fn strict(kind: Kind) -> Value {
    let schemas = schemas().into_iter();
    let mut of_kind = schemas.filter(|(other, _)| *other == kind);
    let mut schema: Value = of_kind.next().unwrap().1.into();
    schema["unevaluatedProperties"] = false.into();
    schema
}

fn assert_valid(kind: Kind, detail: &Value) {
    let schema = jsonschema::draft202012::new(&strict(kind)).unwrap();
    let faults = schema.iter_errors(detail);
    let faults: Vec<_> = faults.map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{detail:#}: {faults:?}");
}

#[test]
fn the_documented_schemas_are_those_of_the_types() {
    let folder = docs().join("events");
    let mut stale = Vec::new();
    for (kind, schema) in schemas() {
        let schema = Value::from(schema);
        let documented = fs::read_to_string(folder.join(kind.schema())).unwrap_or_default();
        let documented: Value = serde_json::from_str(&documented).unwrap_or_default();
        if documented != schema {
            let made = std::env::temp_dir().join(kind.schema());
            fs::write(&made, format!("{schema:#}\n")).unwrap();
            stale.push(made);
        }
    }
    assert!(
        stale.is_empty(),
        "docs/events is not what the types say; what they say is in {stale:?}"
    );
    let kept = fs::read_dir(folder).unwrap();
    assert_eq!(kept.count(), Kind::ALL.len(), "a schema of no kind");
}

#[test]
fn the_page_has_an_example_of_every_kind_that_its_schema_lets_through() {
    let page = fs::read_to_string(docs().join("events.md")).unwrap();
    let examples = page.split("\n```json\n").skip(1);
    let examples = examples.map(|rest| rest.split_once("\n```").unwrap().0);
    let mut shown = BTreeSet::new();
    for example in examples {
        let event: Value = serde_json::from_str(example).unwrap_or_else(|error| {
            panic!("{error}: {example}");
        });
        let Some(name) = event["detail-type"].as_str() else {
            // A pattern of a rule: it names kinds that there are.
            assert_eq!(event["source"], json!([SOURCE]), "{event}");
            for kind in event["detail-type"].as_array().into_iter().flatten() {
                assert!(
                    Kind::ALL.iter().any(|known| kind == known.as_str()),
                    "{kind}"
                );
            }
            continue;
        };
        let kind = Kind::ALL.iter().find(|kind| kind.as_str() == name);
        let kind = *kind.unwrap_or_else(|| panic!("{name} is no kind"));
        assert_eq!(event["source"], SOURCE);
        assert_valid(kind, &event["detail"]);
        assert_eq!(event["time"], event["detail"]["at"], "{name}");
        let class: Option<Class> =
            serde_json::from_value(event["detail"]["class"].clone()).unwrap();
        if let (Some(class), Some(remedy)) = (class, event["detail"]["remedy"].as_str()) {
            let about = Concerning::mailbox("billing", "billing@contoso.com");
            assert_eq!(remedy, class.remedy(&about), "{name}");
        }
        shown.insert(kind);
    }
    assert_eq!(shown, Kind::ALL.iter().copied().collect());
    for kind in Kind::ALL {
        let link = format!("[`{}`](events/{})", kind.as_str(), kind.schema());
        assert!(page.contains(&link), "{link}");
        let schema = strict(*kind);
        for name in schema["properties"].as_object().unwrap().keys() {
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }
}

#[test]
fn an_event_has_one_id_however_often_it_is_told() {
    let id = |kind| about(kind).event_id;
    assert_eq!(id(Kind::EmailSent), id(Kind::EmailSent));
    assert_eq!(id(Kind::EmailSent).len(), 32);
    let ids: BTreeSet<_> = Kind::ALL.iter().map(|kind| id(*kind)).collect();
    assert_eq!(ids.len(), Kind::ALL.len());
    let again = About {
        at: "2027-03-02T12:00:00Z".parse().unwrap(),
        ..about(Kind::EmailSent)
    };
    assert_eq!(again.event_id, id(Kind::EmailSent), "time makes no other");
}

#[test]
fn a_long_event_keeps_what_is_most_of_use() {
    let many = |count: usize| {
        let address = |number| format!("{number}{}@fabrikam.com", "a".repeat(60));
        let recipients = (0..count).map(|number| Recipient {
            reply: Some("ü".repeat(200)),
            ..recipient(&address(number), RecipientState::Refused)
        });
        recipients.collect::<Vec<_>>()
    };
    // The most that a notification may say of itself.
    let full = Email {
        recipients: many(1000),
        tags: vec!["\u{1f600}".repeat(128); 20],
        metadata: (0..50)
            .map(|number| (format!("{number:064}"), "\u{1f600}".repeat(1024)))
            .collect(),
        ..email()
    };
    let Event::EmailSent(mut longest) = sent(full) else {
        unreachable!()
    };
    longest.reply = "\u{1f600}".repeat(16 * 1024);
    for (event, least) in [
        (Event::EmailSent(longest), 0),
        (
            sent(Email {
                recipients: many(1000),
                ..email()
            }),
            300,
        ),
    ] {
        let detail = event.detail();
        assert!(detail.len() <= LONGEST, "{}", detail.len());
        let detail: Value = serde_json::from_str(&detail).unwrap();
        assert_valid(Kind::EmailSent, &detail);
        let kept = detail["recipients"].as_array().unwrap().len();
        assert!(kept >= least && kept < 1000, "{kept}");
        assert_eq!(detail["recipients_left_out"], 1000 - kept);
    }
    let whole = sent(Email {
        recipients: many(100),
        ..email()
    });
    let detail: Value = serde_json::from_str(&whole.detail()).unwrap();
    assert_eq!(detail["recipients"].as_array().unwrap().len(), 100);
    assert_eq!(detail["recipients_left_out"], 0);
}

#[test]
fn a_hashed_event_shows_no_address_of_a_recipient() {
    let key = HashKey::new([7; HashKey::LENGTH]);
    let event = sent(email()).hashed(&key);
    let detail = event.detail();
    assert!(!detail.contains("fabrikam"), "{detail}");
    let hash = key.hash("a@fabrikam.com");
    let detail: Value = serde_json::from_str(&detail).unwrap();
    assert_eq!(detail["recipients"][0]["address"], hash);
    assert_eq!(
        detail["recipients"][0]["reply"],
        format!("250 2.1.5 {hash} OK")
    );
    assert_eq!(
        detail["reply"],
        format!("250 2.0.0 OK <1@contoso.com> for {hash}")
    );
    assert_valid(Kind::EmailSent, &detail);
}
