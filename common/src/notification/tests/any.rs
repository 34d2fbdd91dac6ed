//! Whatever comes.

use proptest::prelude::*;

use super::*;

/// JSON of any shape, rich in the names that the reader knows.
fn any_json() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        prop::sample::select(NAMES.known).prop_map(str::to_owned),
        prop::sample::select(
            &[
                "name",
                "email",
                "filename",
                "content",
                "contentType",
                "url",
                "oneClick",
                "s3",
                "key",
                "versionId",
                "size",
                "sha256"
            ][..]
        )
        .prop_map(str::to_owned),
        ".{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,24}".prop_map(Value::from),
        "(.{0,9} ?<)?[a-z.]{1,6}@[a-z.]{1,9}>?".prop_map(Value::from),
        "https://.{0,20}".prop_map(Value::from),
        "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(body in ".{0,200}") {
        prop_assert!(Notification::parse(&body).is_err());
    }

    #[test]
    fn no_json_makes_the_parser_panic(fields in any_json()) {
        let _: Result<_, _> = Notification::parse(&fields.to_string());
        let _: Result<_, _> = Notification::parse(&with(fields));
    }

    #[test]
    fn an_id_reads_back_as_it_is_written(text in ".{0,130}") {
        if let Ok(id) = NotificationId::parse(&text) {
            prop_assert_eq!(id.to_string(), text);
        }
    }
}
