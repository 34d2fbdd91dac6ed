//! The schema in `docs/` is the one that the types have, and says what the reader says.

use common::notification::{Notification, schema};
use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::documents::{any_document, minimal};

fn validator() -> Validator {
    jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&schema())
        .unwrap()
}

#[test]
fn the_schema_in_the_docs_is_that_of_the_types() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/notification.schema.json"
    );
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(
        kept == schema(),
        "write it anew: cargo run --package common --example schema > docs/notification.schema.json"
    );
}

#[test]
fn the_schema_is_one() {
    assert!(jsonschema::draft202012::meta::is_valid(&schema()));
}

/// Asserts that reader and schema say the same.
fn assert_agreement(validator: &Validator, document: &Value) -> Result<bool, TestCaseError> {
    let read = Notification::parse(&document.to_string());
    let says: Vec<_> = validator
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    prop_assert_eq!(
        read.is_ok(),
        says.is_empty(),
        "{:#}\nthe reader: {:?}\nthe schema: {:#?}",
        document,
        read.err().map(|error| error.to_string()),
        says
    );
    Ok(says.is_empty())
}

#[test]
fn reader_and_schema_accept_together_and_refuse_together() {
    let validator = validator();
    let mut accepted = 0;
    let mut refused = 0;
    let config = ProptestConfig::with_cases(3000);
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    let counts = std::cell::RefCell::new((&mut accepted, &mut refused));
    runner
        .run(&any_document(), |document| {
            let mut counts = counts.borrow_mut();
            match assert_agreement(&validator, &document)? {
                true => *counts.0 += 1,
                false => *counts.1 += 1,
            }
            Ok(())
        })
        .unwrap();
    // An agreement about nothing but refusals, or nothing but acceptance, would be worth nothing.
    assert!(accepted > 600 && refused > 600, "{accepted} {refused}");
}

#[test]
fn both_know_how_long_is_too_long() {
    let validator = validator();
    let long = |unit: &str, times: usize| unit.repeat(times);
    let cases = [
        ("id", json!(long("x", 128)), true),
        ("id", json!(long("x", 129)), false),
        ("subject", json!(long("ü", 255)), true),
        ("subject", json!(long("ü", 256)), false),
        (
            "from",
            json!({"name": long("ü", 256), "email": "a@b.com"}),
            true,
        ),
        (
            "from",
            json!({"name": long("ü", 257), "email": "a@b.com"}),
            false,
        ),
        ("from", json!(format!("{} <a@b.com>", long("ü", 256))), true),
        (
            "from",
            json!(format!("{} <a@b.com>", long("ü", 257))),
            false,
        ),
        (
            "from",
            json!(format!("\"{}\" <a@b.com>", long("\\\"", 256))),
            true,
        ),
        (
            "from",
            json!(format!("\"{}\" <a@b.com>", long("\\\"", 257))),
            false,
        ),
        ("to", json!(format!("{}@b.com", long("x", 64))), true),
        ("to", json!(format!("{}@b.com", long("x", 65))), false),
        ("to", json!(format!("a@{}.com", long("x", 63))), true),
        ("to", json!(format!("a@{}.com", long("x", 64))), false),
        (
            "to",
            json!(format!("{}@{}com", long("x", 50), long("abcdefghi.", 20))),
            true,
        ),
        (
            "to",
            json!(format!("{}@{}com", long("x", 51), long("abcdefghi.", 20))),
            false,
        ),
        ("smtputf8", json!(true), true),
        ("smtputf8", json!(1), false),
        ("message_id", json!(format!("{}@b", long("x", 898))), true),
        ("message_id", json!(format!("{}@b", long("x", 899))), false),
        ("references", json!(vec!["a@b"; 100]), true),
        ("references", json!(vec!["a@b"; 101]), false),
        ("references", json!(long("a@b ", 100)), true),
        ("references", json!(long("a@b ", 101)), false),
        ("tags", json!(vec!["a"; 20]), true),
        ("tags", json!(vec!["a"; 21]), false),
        ("tags", json!([long("ü", 128)]), true),
        ("tags", json!([long("ü", 129)]), false),
        ("metadata", json!({long("ü", 64): long("ü", 1024)}), true),
        ("metadata", json!({long("ü", 65): "x"}), false),
        ("metadata", json!({"x": long("ü", 1025)}), false),
        ("headers", json!({"X-A": long("ü", 900)}), true),
        ("headers", json!({"X-A": long("ü", 901)}), false),
        (
            "headers",
            json!({format!("X-{}", long("a", 74)): "v"}),
            true,
        ),
        (
            "headers",
            json!({format!("X-{}", long("a", 75)): "v"}),
            false,
        ),
        (
            "attachments",
            json!(vec![json!({"filename": "a", "content": ""}); 250]),
            true,
        ),
        (
            "attachments",
            json!(vec![json!({"filename": "a", "content": ""}); 251]),
            false,
        ),
        (
            "attachments",
            json!([{"filename": long("ü", 255), "content": ""}]),
            true,
        ),
        (
            "attachments",
            json!([{"filename": long("ü", 256), "content": ""}]),
            false,
        ),
        (
            "attachments",
            json!([{"filename": "a", "s3": {"key": long("x", 1024), "version_id": long("v", 1024)}}]),
            true,
        ),
        (
            "attachments",
            json!([{"filename": "a", "s3": {"key": long("x", 1025), "version_id": "v"}}]),
            false,
        ),
        (
            "attachments",
            json!([{"filename": "a", "s3": {"key": "x", "version_id": long("v", 1025)}}]),
            false,
        ),
        (
            "list_unsubscribe",
            json!({"url": format!("https://b.com/{}", long("x", 886))}),
            true,
        ),
        (
            "list_unsubscribe",
            json!({"url": format!("https://b.com/{}", long("x", 1000))}),
            false,
        ),
    ];
    for (field, value, is_accepted) in cases {
        let mut document = minimal();
        document[field] = value;
        let agreed = assert_agreement(&validator, &document).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(agreed, is_accepted, "{field}: {document}");
    }
}
