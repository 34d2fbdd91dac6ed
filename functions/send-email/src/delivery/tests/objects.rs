//! Notifications that have something in the stack's bucket: a file, or themselves.

use base64::{Engine, engine::general_purpose::STANDARD};
use common::fakes::MemoryObjects;
use serde_json::{Value, json};

use super::*;

const FILE: &str = "mailboxes/billing/invoice.pdf";

/// A notification with one file in the bucket.
fn with_file(s3: Value) -> String {
    json!({
        "id": "invoice-1", "to": ["a@fabrikam.com", "b@fabrikam.com"], "subject": "Invoice", "text": "Hello",
        "attachments": [{"filename": "invoice.pdf", "s3": s3}],
    })
    .to_string()
}

/// What the SQS extended client leaves on the queue.
fn pointer(bucket: &str, key: &str) -> String {
    let at = json!({"s3BucketName": bucket, "s3Key": key});
    json!(["software.amazon.payloadoffloading.PayloadS3Pointer", at]).to_string()
}

/// The reason with which the one copy was handed over, as its class and its reply.
fn handed(world: &World) -> (String, String) {
    let handed = world.handed();
    assert_eq!(handed.len(), 1);
    let said = |name: &str| handed[0].report[name].as_str().unwrap().to_owned();
    (said("class"), said("reply"))
}

fn is_in(message: &[u8], file: &[u8]) -> bool {
    let message = std::str::from_utf8(message).unwrap().replace("\r\n", "");
    message.contains(&STANDARD.encode(file))
}

#[tokio::test]
async fn a_file_of_the_bucket_is_sent_in_its_version_at_every_try() {
    let world = World::new().told([
        Act::Answer(vec![(250, "2.1.5 ok"), (451, "4.7.1 later")]),
        Act::Answer(vec![(250, "2.1.5 ok")]),
    ]);
    let version = world.objects.put(FILE, *b"the first invoice");
    let body = with_file(json!({"key": FILE, "version_id": version.as_str(), "size": 17}));
    let copy = world.copy("1", &body);
    assert!(matches!(world.deliver(&copy).await, Fate::PutBack(_)));
    world.objects.put(FILE, *b"another invoice");
    world.settle(&copy).await;
    let accepted = world.server.accepted.lock().unwrap().clone();
    let [(first, message), (second, again)] = &accepted[..] else {
        panic!("{} messages were accepted", accepted.len());
    };
    assert_eq!((first.len(), second.len()), (1, 1));
    assert!(is_in(message, b"the first invoice"));
    assert!(message == again, "the repeat is the same mail");
}

#[tokio::test]
async fn a_file_that_was_changed_since_is_not_sent() {
    let world = World::new().told([Act::Answer(vec![(451, "4.7.1 later"); 2])]);
    world.objects.put(FILE, *b"abc");
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let body = with_file(json!({"key": FILE, "sha256": hash}));
    let copy = world.copy("1", &body);
    assert!(matches!(world.deliver(&copy).await, Fate::PutBack(_)));
    world.objects.put(FILE, *b"abd");
    world.settle(&copy).await;
    assert!(world.accepted().is_empty());
    let (class, reply) = handed(&world);
    assert_eq!(class, "attachment_unavailable");
    assert_eq!(
        reply,
        "/attachments/0/s3/sha256 is not the SHA-256 of the object"
    );
    assert_eq!(world.handed()[0].body, body, "the body is unchanged");
}

#[tokio::test]
async fn what_cannot_be_had_is_final_and_says_where_and_what_to_do() {
    for (s3, class, reply) in [
        (
            json!({"key": "mailboxes/billing/other.pdf", "version_id": "1"}),
            "attachment_unavailable",
            "/attachments/0/s3 is not there, or not in this version",
        ),
        (
            json!({"key": "mailboxes/billing/secret.pdf", "version_id": "1"}),
            "attachment_unavailable",
            "/attachments/0/s3 is not there, or may not be read",
        ),
        (
            json!({"key": FILE, "version_id": "1", "size": 4}),
            "attachment_unavailable",
            "/attachments/0/s3/size is not the size of the object",
        ),
        (
            json!({"key": "mailboxes/billing/large.pdf", "version_id": "1"}),
            "message_too_large",
            "/attachments/0/s3 has more than 730740 octets, which is all that there is room for",
        ),
        (
            json!({"key": FILE, "version_id": "1", "size": 1_000_000}),
            "message_too_large",
            "/attachments have 1368432 bytes once encoded; a message of this mailbox has up to 1000000",
        ),
        (
            json!({"bucket": "other", "key": FILE, "version_id": "1"}),
            "invalid_message",
            "/attachments/0/s3/bucket is another bucket than the stack's own, which is meant without it",
        ),
        (
            json!({"key": "mailboxes/payroll/a.pdf", "version_id": "1"}),
            "invalid_message",
            "/attachments/0/s3/key does not begin with mailboxes/billing/",
        ),
    ] {
        let mut world = World::new();
        world.settings.message_bytes = 1_000_000;
        world.objects.put(FILE, *b"abc");
        world.objects.put("mailboxes/payroll/a.pdf", *b"abc");
        let large = vec![0; 730_741];
        world.objects.put("mailboxes/billing/large.pdf", large);
        world
            .objects
            .put_denied("mailboxes/billing/secret.pdf", *b"abc");
        world.settle(&world.copy("1", &with_file(s3))).await;
        assert_eq!(handed(&world), (class.to_owned(), reply.to_owned()));
        let handed = world.handed();
        assert_eq!(handed[0].attribute("pillarbox-id"), Some("invoice-1"));
        assert_eq!(handed[0].report["stage"], "fetch");
        assert!(world.accepted().is_empty());
        let asked = |call: &String| call.starts_with("get object");
        let calls = world.calls.made().into_iter().filter(asked).count();
        let is_read = !reply.contains(" bytes ") && class != "invalid_message";
        assert_eq!(calls, usize::from(is_read), "{reply}");
    }
}

#[tokio::test]
async fn what_s3_does_not_answer_waits_and_lets_go_of_its_claim() {
    let mut world = World::new();
    world.objects = MemoryObjects::default();
    let version = world.objects.put(FILE, *b"abc");
    world.objects.calls.break_after(0);
    let body = with_file(json!({"key": FILE, "version_id": version.as_str()}));
    let copy = world.copy("1", &body);
    assert!(matches!(world.deliver(&copy).await, Fate::PutBack(_)));
    assert!(matches!(world.state(), Some(State::Waiting { .. })));
    assert!(world.accepted().is_empty() && world.handed().is_empty());
    world.objects.calls.repair();
    world.settle(&copy).await;
    assert_eq!(world.accepted(), [BOTH]);
}

#[tokio::test]
async fn a_body_in_the_bucket_is_a_copy_like_any_other() {
    let world = World::new();
    let key = "mailboxes/billing/0af5";
    world.objects.put(key, BODY);
    let body = pointer(MemoryObjects::BUCKET, key);
    world.settle(&world.copy("1", &body)).await;
    world.settle(&world.copy("2", BODY)).await;
    world.settle(&world.copy("3", &body)).await;
    assert_eq!(world.accepted(), [BOTH], "they are one notification");
    world.objects.put(key, BODY.replace("Hello", "Goodbye"));
    world.settle(&world.copy("4", &body)).await;
    assert_eq!(handed(&world).0, "idempotency_conflict");
    assert_eq!(world.handed()[0].body, body, "the body is unchanged");
    assert_eq!(
        world.handed()[0].attribute("pillarbox-id"),
        Some("invoice-1")
    );
}

#[tokio::test]
async fn a_refusal_of_a_body_in_the_bucket_names_what_was_in_it() {
    let world = World::new();
    let key = "mailboxes/billing/0af5";
    let stranger = BODY.replace("{\"id\"", "{\"from\":\"ceo@contoso.com\",\"id\"");
    world.objects.put(key, stranger);
    let body = pointer(MemoryObjects::BUCKET, key);
    world.settle(&world.copy("1", &body)).await;
    assert_eq!(handed(&world).0, "sender_not_allowed");
    let remedy = world.handed()[0].report["remedy"].to_string();
    assert!(remedy.contains("ceo@contoso.com"), "{remedy}");
}

#[tokio::test]
async fn a_body_that_cannot_be_had_is_handed_over_with_its_pointer_unchanged() {
    let own = MemoryObjects::BUCKET;
    for (bucket, key, class, reply) in [
        (
            own,
            "mailboxes/billing/none",
            "attachment_unavailable",
            "/1 is not there, or not in this version",
        ),
        (
            own,
            "mailboxes/payroll/a",
            "invalid_message",
            "/1/s3Key does not begin with mailboxes/billing/",
        ),
        (
            own,
            "mailboxes/billing/large",
            "message_too_large",
            "/1 has more than 1000 octets, which is all that there is room for",
        ),
        (
            own,
            "mailboxes/billing/picture",
            "invalid_message",
            "/1 is not UTF-8",
        ),
        (
            "other",
            "mailboxes/billing/0af5",
            "invalid_message",
            "/1/s3BucketName is another bucket than the stack's own, which is meant without it",
        ),
    ] {
        let mut world = World::new();
        world.settings.message_bytes = 1000;
        world.objects.put("mailboxes/payroll/a", BODY);
        world
            .objects
            .put("mailboxes/billing/large", BODY.repeat(20));
        world
            .objects
            .put("mailboxes/billing/picture", [0xff, 0xd8, 0xff]);
        let body = pointer(bucket, key);
        world.settle(&world.copy("1", &body)).await;
        assert_eq!(handed(&world), (class.to_owned(), reply.to_owned()));
        assert_eq!(world.handed()[0].body, body);
    }
}

#[tokio::test]
async fn a_body_that_s3_does_not_answer_for_waits_but_not_for_ever() {
    let mut world = World::new();
    world.objects = MemoryObjects::default();
    world.objects.calls.break_after(0);
    let body = pointer(MemoryObjects::BUCKET, "mailboxes/billing/0af5");
    let mut copy = world.copy("1", &body);
    assert!(matches!(world.deliver(&copy).await, Fate::PutBack(_)));
    assert!(world.handed().is_empty());
    // It may have been for the furthest time there is, and worth sending for the longest from then on.
    let old = world.clock.now() - SignedDuration::from_hours(27 * 24);
    copy.attributes.push(Attribute::text(
        "pillarbox-first-enqueued-at",
        &old.to_string(),
    ));
    world.settle(&copy).await;
    assert_eq!(handed(&world).0, "waited_too_long");
}
