//! Notifications that come in what other services wrap around them.

use super::*;

fn parsed(body: &Value) -> Notification {
    Notification::parse(&body.to_string()).unwrap()
}

fn id_of(notification: &Notification) -> Option<&str> {
    notification.id.as_ref().map(NotificationId::as_str)
}

/// An envelope of SNS, as it puts one on a queue without raw delivery.
fn topic(message: &str) -> Value {
    json!({
        "Type": "Notification",
        "MessageId": "5d0a3c9e-6a54-5c7b-9f8e-2f6a1c1f0001",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:invoices",
        "Message": message,
        "Timestamp": "2026-11-25T08:00:00.000Z",
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
        "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/cert.pem",
        "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
    })
}

/// An event of EventBridge.
fn event(detail: &Value) -> Value {
    json!({
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": "Invoice issued",
        "source": "contoso.billing",
        "account": "123456789012",
        "time": "2026-11-25T08:00:00Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": detail,
    })
}

#[test]
fn what_was_wrapped_is_the_notification_that_it_would_be_alone() {
    let body = with(json!({"subject": "Your invoice"}));
    let alone = Notification::parse(&body).unwrap();
    let inner: Value = serde_json::from_str(&body).unwrap();
    let twice = Value::String(body.clone());
    let published = topic(&body);
    let rule_to_topic = topic(&event(&inner).to_string());
    for wrapped in [
        twice,
        published,
        event(&inner),
        rule_to_topic,
        event(&topic(&body)),
    ] {
        let read = parsed(&wrapped);
        assert_eq!(read.content_hash(), alone.content_hash(), "{wrapped}");
        assert!(letter_of(read) == letter_of(alone.clone()));
    }
}

#[test]
fn the_nearest_name_is_the_notifications_id() {
    let named = with(json!({"id": "invoice-4711"}));
    let unnamed = with(json!({}));
    assert_eq!(id_of(&parsed(&topic(&named))), Some("invoice-4711"));
    let mut attributed = topic(&unnamed);
    attributed["MessageAttributes"] =
        json!({"pillarbox-id": {"Type": "String", "Value": "attribute-1"}});
    assert_eq!(id_of(&parsed(&attributed)), Some("attribute-1"));
    // What a service delivers twice has one id of the service's, and two of the queue's.
    assert_eq!(
        id_of(&parsed(&topic(&unnamed))),
        Some("5d0a3c9e-6a54-5c7b-9f8e-2f6a1c1f0001")
    );
    let detail: Value = serde_json::from_str(&unnamed).unwrap();
    let event_id = Some("6a7e8feb-b491-4cf7-a9f1-bf3703467718");
    assert_eq!(id_of(&parsed(&event(&detail))), event_id);
    assert_eq!(
        id_of(&parsed(&topic(&event(&detail).to_string()))),
        event_id
    );
}

#[test]
fn faults_are_placed_in_what_was_wrapped() {
    let bad = with(json!({"subjcet": "Hello"}));
    for wrapped in [topic(&bad), event(&serde_json::from_str(&bad).unwrap())] {
        refused(&wrapped.to_string(), &[("/subjcet", "is not a field here")]);
    }
    refused(&topic("Dear Anna").to_string(), &[("", "is not JSON")]);
    refused(
        &topic("{\"to\": \"a@b.com\", \"to\": \"c@d.com\"}").to_string(),
        &[
            ("/to", "appears twice"),
            ("/subject", "is missing"),
            ("", "neither text nor html"),
        ],
    );
    let mut attributed = topic(&with(json!({})));
    attributed["MessageAttributes"] = json!({"pillarbox-id": {"Type": "String", "Value": "a b"}});
    refused(
        &attributed.to_string(),
        &[("/MessageAttributes/pillarbox-id/Value", "has a space")],
    );
}

/// What the SQS extended client leaves on the queue.
fn pointer(class: &str) -> Value {
    json!([class, {"s3BucketName": "pillarbox-bucket", "s3Key": "mailboxes/billing/0af5"}])
}

const NEW: &str = "software.amazon.payloadoffloading.PayloadS3Pointer";

#[test]
fn a_pointer_of_the_extended_client_leads_to_the_notification_that_it_would_be_alone() {
    let body = with(json!({"subject": "Your invoice"}));
    let alone = Notification::parse(&body).unwrap();
    let old = "com.amazon.sqs.javamessaging.MessageS3Pointer";
    for class in [NEW, old] {
        let Opened::Elsewhere(found) = Notification::open(&pointer(class).to_string()).unwrap()
        else {
            panic!("{class} is a pointer");
        };
        assert_eq!(found.object.bucket.as_deref(), Some("pillarbox-bucket"));
        assert_eq!(found.object.key.as_str(), "mailboxes/billing/0af5");
        assert!(found.follow(&body).unwrap() == alone);
    }
    // What SNS wraps around a pointer names what the pointer leads to.
    let published = topic(&pointer(NEW).to_string()).to_string();
    let Opened::Elsewhere(found) = Notification::open(&published).unwrap() else {
        panic!("there is a pointer in the envelope");
    };
    let read = found.follow(&body).unwrap();
    assert_eq!(id_of(&read), Some("5d0a3c9e-6a54-5c7b-9f8e-2f6a1c1f0001"));
    let named = with(json!({"id": "invoice-4711"}));
    assert_eq!(id_of(&found.follow(&named).unwrap()), Some("invoice-4711"));
    assert!(matches!(
        Notification::open(&body).unwrap(),
        Opened::Here(_)
    ));
}

#[test]
fn a_pointer_leads_to_a_notification_and_to_nothing_else() {
    let Opened::Elsewhere(found) = Notification::open(&pointer(NEW).to_string()).unwrap() else {
        panic!("it is a pointer");
    };
    let fault = |body: &str| found.follow(body).unwrap_err().to_string();
    assert!(fault(&pointer(NEW).to_string()).contains("where the notification itself is needed"));
    assert!(fault("Dear Anna").contains("is not JSON"));
    assert!(fault(&with(json!({"subjcet": "x"}))).contains("/subjcet is not a field here"));

    let refused = |at: Value, expected: &[(&str, &str)]| {
        let error = Notification::open(&json!([NEW, at]).to_string()).unwrap_err();
        let found: Vec<_> = error
            .faults()
            .iter()
            .map(|fault| fault.pointer.as_str())
            .collect();
        let pointers: Vec<_> = expected.iter().map(|(at, _)| *at).collect();
        assert_eq!(found, pointers);
        for (fault, (_, words)) in error.faults().iter().zip(expected) {
            assert!(fault.problem.contains(words), "{fault}");
        }
    };
    let writes = "is not a string, as the SQS extended client writes it";
    let (bucket, key) = ("/1/s3BucketName", "/1/s3Key");
    refused(json!({}), &[(bucket, writes), (key, writes)]);
    refused(json!("s3://a/b"), &[(bucket, writes), (key, writes)]);
    refused(
        json!({"s3BucketName": "a", "s3Key": "mailboxes/billing/../payroll/a"}),
        &[(key, "is empty, . or ..")],
    );
}

#[test]
fn what_cannot_be_unwrapped_is_refused_for_what_it_is() {
    refused(
        &pointer(NEW).to_string(),
        &[("", "is a pointer of the SQS extended client")],
    );
    let task = json!({"TaskToken": "AQB", "Message": {"to": "a@b.com"}});
    refused(&task.to_string(), &[("", "waitForTaskToken")]);
    let mut deep = with(json!({}));
    for _ in 0..5 {
        deep = Value::String(deep).to_string();
    }
    refused(&deep, &[("", "is a string; accepted is an object")]);
}
