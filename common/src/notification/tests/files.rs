//! The files that go with a notification: what is accepted, and what is said of the rest.

use super::*;

#[test]
fn attachments_are_files_with_names_types_and_bytes() {
    let attach = |attachment: Value| {
        letter(json!({ "attachments": [attachment] }))
            .attachments
            .remove(0)
    };
    let plain = attach(json!({"filename": "Größe.pdf", "content": "aGVsbG8"}));
    assert_eq!(plain.content.given(), Some(&b"hello"[..]));
    assert_eq!(plain.content_type.as_str(), "application/octet-stream");
    assert_eq!(plain.disposition, Disposition::Attachment);
    let wrapped = attach(
        json!({"filename": "a", "content": "aGVs\r\nbG8=\n", "content_type": "TEXT/csv;charset=utf-8"}),
    );
    assert_eq!(wrapped.content.given(), Some(&b"hello"[..]));
    assert_eq!(wrapped.content_type.as_str(), "TEXT/csv; charset=utf-8");
    let shown = json!({"filename": "a", "content": "", "content_type": "image/png", "content_id": "<logo@x>"});
    let shown = attach(shown);
    assert_eq!(shown.content_id.unwrap().as_str(), "logo@x");
    assert_eq!(shown.content.given(), Some(&[][..]));
}

#[test]
fn what_is_no_attachment_is_refused_field_by_field() {
    let refused = |attachment: Value, at: &str, words: &str| {
        refused_field(
            json!({ "attachments": [attachment] }),
            &[(&format!("/attachments/0{at}"), words)],
        );
    };
    refused(json!({"content": "YQ=="}), "/filename", "is missing");
    for (name, words) in [
        ("", "is empty"),
        ("../etc/passwd", "is not a path"),
        ("a\r\nb", "line break"),
        ("fdp.\u{202e}exe", "direction"),
        ("=?utf-8?b?eA==?=", "=?"),
    ] {
        refused(
            json!({"filename": name, "content": "YQ=="}),
            "/filename",
            words,
        );
    }
    refused(
        json!({"filename": "a", "content": "ä"}),
        "/content",
        "is not base64",
    );
    refused(
        json!({"filename": "a", "content": "data:image/png;base64,AAAA"}),
        "/content",
        "is not base64",
    );
    refused(
        json!({"filename": "a", "content": [1, 2]}),
        "/content",
        "is a list",
    );
    for kind in [
        "pdf",
        "text/",
        "a/b; c",
        "a/b\r\nX: y",
        "text/plain; charset=\"a b\"",
        "multipart/mixed",
        "message/rfc822",
    ] {
        refused(
            json!({"filename": "a", "content": "", "content_type": kind}),
            "/content_type",
            "is ",
        );
    }
    refused(
        json!({"filename": "a", "content": "", "content_id": "a"}),
        "",
        "has no content_type",
    );
    refused(
        json!({"filename": "a", "content": "", "content_type": "a/b", "content_id": "a b"}),
        "/content_id",
        "space",
    );
    refused(
        json!({"filename": "a", "content": "", "disposition": "hidden"}),
        "/disposition",
        "neither",
    );
    refused(json!("a.pdf"), "", "is a string; accepted is an object");
    let twice = json!({"filename": "a", "content": "", "content_type": "a/b", "content_id": "a"});
    refused_field(
        json!({"attachments": [twice, twice]}),
        &[("/attachments/1/content_id", "earlier attachment")],
    );
    let many = vec![json!({"filename": "a", "content": ""}); 251];
    refused_field(
        json!({ "attachments": many }),
        &[("/attachments/250", "up to 250")],
    );
}

#[test]
fn a_file_in_the_bucket_is_named_so_that_it_cannot_change() {
    let attach = |s3: Value| {
        let attachment = json!({"filename": "a.pdf", "s3": s3});
        letter(json!({ "attachments": [attachment] }))
            .attachments
            .remove(0)
            .content
    };
    let named = |content: Content| match content {
        Content::Stored(named) => *named,
        Content::Given(_) => panic!("nothing is given"),
    };
    let hash = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
    let full = named(attach(json!({
        "bucket": "pillarbox-bucket", "key": "mailboxes/billing/a.pdf", "versionId": "v.1", "size": 3, "sha256": hash,
    })));
    assert_eq!(full.bucket.as_deref(), Some("pillarbox-bucket"));
    assert_eq!(full.key.as_str(), "mailboxes/billing/a.pdf");
    assert_eq!(full.version.unwrap().as_str(), "v.1");
    assert_eq!(full.size, Some(3));
    assert_eq!(full.sha256, Some(crate::digest::sha256(b"abc")));
    let by_hash = named(attach(json!({"key": "a", "sha256": hash})));
    assert!(by_hash.version.is_none() && by_hash.size.is_none());

    let refused = |attachment: Value, faults: &[(&str, &str)]| {
        let faults: Vec<_> = faults
            .iter()
            .map(|(at, words)| (format!("/attachments/0{at}"), *words))
            .collect();
        let faults: Vec<_> = faults
            .iter()
            .map(|(at, words)| (at.as_str(), *words))
            .collect();
        refused_field(json!({ "attachments": [attachment] }), &faults);
    };
    let stored = |s3: Value| json!({"filename": "a.pdf", "s3": s3});
    refused(
        json!({"filename": "a.pdf", "content": "", "s3": {"key": "a", "version_id": "1"}}),
        &[("", "both content and s3")],
    );
    refused(json!({"filename": "a.pdf"}), &[("/content", "is missing")]);
    refused(
        stored(json!({"key": "a"})),
        &[("/s3", "neither version_id nor sha256")],
    );
    refused(
        stored(json!({"version_id": "1"})),
        &[("/s3/key", "is missing")],
    );
    refused(
        stored(json!("s3://bucket/key")),
        &[("/s3", "is a string; accepted is an object")],
    );
    for key in [
        "",
        "/a",
        "a/",
        "a//b",
        "a/../b",
        "./a",
        "a%2f..%2fb",
        "a\\b",
        "a\nb",
    ] {
        let faults = [("/s3/key", " a key ")];
        refused(stored(json!({"key": key, "version_id": "1"})), &faults);
    }
    refused(
        stored(
            json!({"key": "a", "version_id": "", "size": 1.5, "sha256": "abc", "url": "https://contoso.com"}),
        ),
        &[
            ("/s3/url", "is not a field here"),
            ("/s3/version_id", "is not a version id"),
            ("/s3/size", "is not a number of octets"),
            ("/s3/sha256", "is not a SHA-256"),
        ],
    );
    for size in [json!(-1), json!(1_073_741_825), json!("3")] {
        let faults = [("/s3/size", "is not a number of octets from 0 to 1073741824")];
        refused(
            stored(json!({"key": "a", "version_id": "1", "size": size})),
            &faults,
        );
    }
}
