//! Documents that are notifications, and documents that nearly are.

use proptest::prelude::*;
use serde_json::{Value, json};

/// The least that is a notification.
pub(crate) fn minimal() -> Value {
    json!({"to": "anna@example.com", "subject": "Hello", "text": "Hello, Anna."})
}

/// A notification with some of its fields, of which a few may be odd, missing or in the other spelling.
pub(crate) fn any_document() -> impl Strategy<Value = Value> {
    let fields = prop::collection::vec(prop_oneof![8 => good(), 2 => odd()], 0..5);
    (
        fields,
        prop::option::weighted(0.1, "[a-z]{1,9}"),
        any::<bool>(),
    )
        .prop_map(|(fields, unknown, camel)| {
            let mut document = minimal();
            for (name, value) in fields {
                document[if camel {
                    camel_case(name)
                } else {
                    name.to_owned()
                }] = value;
            }
            if let Some(unknown) = unknown {
                document[unknown] = json!("?");
            }
            document
        })
}

fn text(pattern: &'static str) -> BoxedStrategy<Value> {
    pattern.prop_map(Value::from).boxed()
}

fn one_of(values: Value) -> BoxedStrategy<Value> {
    let Value::Array(values) = values else {
        return Just(values).boxed();
    };
    prop::sample::select(values).boxed()
}

/// Values that are what their fields want.
fn good() -> impl Strategy<Value = (&'static str, Value)> {
    let address = || {
        text(
            "([a-z]{1,3}([.+][a-z]{1,2})?|[a-zé]{1,2}(\\.[é🎡-])?)@([a-z0-9é]{1,3}-?[a-z]\\.){1,2}[a-z]{2}",
        )
    };
    let named = || {
        (text("[ -~é]{0,6}[a-z]"), address())
            .prop_map(|(name, email)| json!({"name": name, "email": email}))
    };
    let written = || text("([a-zé' ]{1,6}|\"[a-z, ]{0,3}[a-z]\") ?<[a-z]{1,3}@[a-z]{1,3}\\.com>");
    let party = move || prop_oneof![address(), named(), written()].boxed();
    let parties = move || {
        prop_oneof![
            party(),
            prop::collection::vec(party(), 0..3).prop_map(Value::from)
        ]
        .boxed()
    };
    let ids = || text("<?[a-z]{1,3}@[a-z]{1,3}");
    let stored = (
        text("[a-zé .]{0,3}[a-z](/[a-z.]{0,2}[a-z]){0,2}"),
        one_of(json!([null, "v.1"])),
        text("[0-9a-fA-F]{64}"),
        one_of(json!([null, 0, 17, 5.0, 1_073_741_824])),
    )
        .prop_map(|(key, version, hash, size)| {
            json!({"key": key, "version_id": version, "sha256": hash, "size": size})
        });
    let file = prop_oneof![
        text("([A-Za-z0-9+/]{4}){0,2}([A-Za-z0-9+/][AQgw](==)?)?")
            .prop_map(|content| (content, Value::Null)),
        stored.prop_map(|stored| (Value::Null, stored)),
    ];
    let attachment = (
        text("[a-zé. ]{0,4}[a-z]"),
        file,
        one_of(json!([
            null,
            "image/png",
            "text/csv; charset=utf-8",
            "a/b;c=\"d\""
        ])),
        one_of(json!([null, "logo", "<logo@x>"])),
        one_of(json!([null, "inline", "attachment"])),
    )
        .prop_map(
            |(filename, (content, s3), content_type, content_id, disposition)| {
                json!([{"filename": filename, "content": content, "s3": s3, "content_type": content_type,
                "contentId": content_id, "disposition": disposition}])
            },
        );
    let unsubscribe = (
        one_of(json!([null, "https://contoso.com/u?a=1"])),
        one_of(json!([null, "u@contoso.com"])),
        one_of(json!([null, true, false])),
    )
        .prop_map(
            |(url, email, one_click)| json!({"url": url, "email": email, "one_click": one_click}),
        );
    let header = (
        "X-[A-Z][a-z]{0,3}|List-ID|list-help|Comments",
        "[ -~é]{0,4}[a-z]",
    );
    prop_oneof![
        one_of(json!([null, 1, 1.0])).prop_map(|value| ("version", value)),
        text("[!-~]{1,12}").prop_map(|value| ("id", value)),
        party().prop_map(|value| ("from", value)),
        address().prop_map(|value| ("sender", value)),
        parties().prop_map(|value| ("to", value)),
        parties().prop_map(|value| ("cc", value)),
        parties().prop_map(|value| ("bcc", value)),
        parties().prop_map(|value| ("reply_to", value)),
        text(" ?[!-~é]{1,9}( [a-z]+)? ?").prop_map(|value| ("subject", value)),
        text("[ -~é\n]{0,9}").prop_map(|value| ("text", value)),
        text("<p>[ -~é\n]{0,9}").prop_map(|value| ("html", value)),
        attachment.prop_map(|value| ("attachments", value)),
        prop::collection::btree_map(header.0, header.1, 0..2).prop_map(|value| ("headers", json!(value))),
        ids().prop_map(|value| ("message_id", value)),
        ids().prop_map(|value| ("in_reply_to", value)),
        prop::collection::vec(ids(), 0..3).prop_map(|value| ("references", json!(value))),
        one_of(json!([null, "high", "normal", "low"])).prop_map(|value| ("priority", value)),
        unsubscribe.prop_map(|value| ("list_unsubscribe", value)),
        prop::collection::vec("[ -~é]{1,4}", 0..3).prop_map(|value| ("tags", json!(value))),
        prop::collection::btree_map("[a-zé]{1,4}", "[ -~é]{1,4}", 0..3).prop_map(|value| ("metadata", json!(value))),
        text("20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])")
            .prop_map(|value| ("expires_at", value)),
        // Before any time that it may expire at, which is the one thing that a schema cannot compare.
        text("19[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])")
            .prop_map(|value| ("send_at", value)),
        one_of(json!([null, "hold", "retry"])).prop_map(|value| ("on_unknown", value)),
        one_of(json!([null, true, false])).prop_map(|value| ("dry_run", value)),
        one_of(json!([null, true, true, false])).prop_map(|value| ("smtputf8", value)),
        one_of(json!([null, null, null, {"name": "invoice", "version": "3"}, {"name": "a", "version": "v.1_b-2", "locale": "de-AT", "data": {"x": [1]}}]))
            .prop_map(|value| ("template", value)),
    ]
}

/// Values at the edges of what their fields want, and beyond.
fn odd() -> impl Strategy<Value = (&'static str, Value)> {
    const NAMES: &[&str] = &[
        "version",
        "id",
        "from",
        "sender",
        "to",
        "cc",
        "bcc",
        "reply_to",
        "subject",
        "text",
        "html",
        "attachments",
        "headers",
        "message_id",
        "in_reply_to",
        "references",
        "priority",
        "list_unsubscribe",
        "tags",
        "metadata",
        "send_at",
        "expires_at",
        "on_unknown",
        "dry_run",
        "smtputf8",
        "template",
        "raw",
        "replyTo",
        "messageId",
    ];
    let any_name = || prop::sample::select(NAMES);
    let kinds = one_of(
        json!([null, true, 0, 1, 2.5, "", " ", "\n", "a\nb", "\u{0}", "x", [], [null], [[]], {}, {"a": 1}]),
    );
    let address = || {
        text(
            "[ab\"<>@. ,;\\\\\u{e9}\u{a0}\u{85}\u{202e}-]{0,7}(@[ab.é0-9<> -]{0,6}(\\.[0-9a-c]{1,2})?[> ]{0,2})?",
        )
    };
    let id = || text("[<> ]{0,2}[ab@é]{0,4}@?[ab<> ]{0,4}");
    let address_in = |name| move |value: Value| (name, value);
    let attachment = (
        text("[a/\\\\=?é. \n\u{202e}]{0,5}"),
        text("[AQx=\n+/_-]{0,7}"),
        text("[a/;=\" *]{0,9}|(Multipart|message)/[a-z]{1,3}|text/a; ?b=\"?[a-z* ]{1,2}\"?"),
        text("[a<> \"é]{0,4}"),
        one_of(json!([null, "inline", "attachment", "Inline", 1])),
    );
    let odd_stored = (
        text("[a/.%\\\\ é\n]{0,5}"),
        one_of(json!([null, "", "v 1", "v.1"])),
        one_of(json!([null, "abc", 1])),
        one_of(json!([null, -1, 1.5, 1_073_741_825, "1", 2])),
        one_of(json!([null, "b", "", 1])),
    )
        .prop_map(|(key, version, hash, size, bucket)| {
            json!({"key": key, "versionId": version, "sha256": hash, "size": size, "bucket": bucket})
        });
    let attachment = (attachment, odd_stored);
    let attachment =
        attachment.prop_flat_map(|((filename, content, kind, id, disposition), stored)| {
            let good = json!({"filename": "a.png", "content": "", "content_type": "a/b"});
            let odd = vec![
                ("filename", filename),
                ("content", content),
                ("content_type", kind),
                ("content_id", id),
                ("disposition", disposition),
                ("content_type", Value::Null),
                ("filename", Value::Null),
                ("s3", json!({})),
                ("s3", stored),
                ("content", Value::Null),
                ("contentType", json!("a/b")),
            ];
            prop::collection::vec(prop::sample::select(odd), 1..3).prop_map(move |odd| {
                let mut attachment = good.clone();
                for (name, value) in odd {
                    attachment[name] = value;
                }
                ("attachments", json!([attachment]))
            })
        });
    let header_name = "[Xx]-([Mm][Ss]|[Ss]ender|[Bb]cc|Originating|priority|forefront)?-?[a-z_]{0,3}|[A-Za-z :-]{0,8}|bcc|List-[IiDdUu]{2}|Date";
    prop_oneof![
        2 => (any_name(), kinds),
        1 => address().prop_map(address_in("to")),
        1 => address().prop_map(address_in("from")),
        1 => address().prop_map(address_in("sender")),
        1 => address().prop_map(|email| ("cc", json!({"email": email}))),
        1 => text("[ab\u{85}\u{a0}\u{202e}\u{feff}\" \n]{0,4}").prop_map(|name| ("cc", json!({"name": name, "email": "a@b.com"}))),
        1 => text("[a \n\u{85}\u{2028}\u{a0}\u{feff}é]{0,4}").prop_map(|value| ("subject", value)),
        1 => text("[a \n\u{0}\u{85}]{0,3}").prop_map(|value| ("text", value)),
        1 => text("[a \n\u{0}\u{85}]{0,3}").prop_map(|value| ("html", value)),
        2 => attachment,
        1 => (header_name, "[a \n\u{85}é]{0,3}").prop_map(|(name, value)| ("headers", json!({name: value}))),
        1 => id().prop_map(|value| ("message_id", value)),
        1 => id().prop_map(|value| ("references", value)),
        1 => prop::collection::vec(id(), 0..2).prop_map(|value| ("in_reply_to", json!(value))),
        1 => (one_of(json!([null, 1, "http://a.com", "HTTPS://a.com", "https:", ""])), one_of(json!([null, "a", "a@b.com", " a@b.com"])), one_of(json!([null, true, "true"])))
            .prop_map(|(url, email, one_click)| ("list_unsubscribe", json!({"url": url, "email": email, "oneClick": one_click}))),
        1 => prop::collection::btree_map("[a\n]{0,2}", "[a\n]{0,2}", 0..2).prop_map(|value| ("metadata", json!(value))),
        1 => text("2026-[01][0-9]-[0-3][0-9][Tt ]?[0-9]{2}:?[0-9]{2}(:[0-6][0-9])?([.,][0-9]{0,10})?(Z|z|[+-][0-9]{2}(:?[0-9]{2})?)?(\\[UTC\\])?")
            .prop_map(|value| ("expires_at", value)),
    ]
}

fn camel_case(name: &str) -> String {
    let mut camel = String::new();
    let mut letters = name.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '_' => camel.extend(letters.next().map(|letter| letter.to_ascii_uppercase())),
            letter => camel.push(letter),
        }
    }
    camel
}
