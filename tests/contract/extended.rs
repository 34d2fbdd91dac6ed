//! What the SQS extended client of AWS puts into the bucket and on the queue.

use std::process::Command;

use common::notification::{Notification, Opened};
use common::object::{ObjectKey, Reference};
use serde_json::{Value, json};
use tests::stack::{Environment, Progress};

use crate::libraries::{folder, has_python, run};
use crate::producers::PACKAGES;

#[tokio::test]
async fn what_the_extended_client_leaves_on_the_queue_leads_to_the_notification() {
    if !has_python() {
        return;
    }
    let environment = Environment::prepare(PACKAGES, Progress::detect()).await;
    let python = environment.unwrap().python();
    let text = "A line of a mail that is larger than a queue takes.\n".repeat(6_000);
    let body =
        json!({"id": "invoice-4711", "to": "anna@example.com", "subject": "Hello", "text": text});
    let body = body.to_string();
    for attribute in ["new", "legacy"] {
        let mut program = Command::new(&python);
        // Isolated, because there is a file beside it that is called as a module of Python's own.
        let script = folder().join("extended.py");
        let program = program.arg("-I").arg(script).arg(attribute);
        let written: Value = serde_json::from_str(&run(program, &body)).unwrap();
        let said = |name: &str| written[name].as_str().unwrap();
        assert_eq!(said("object"), body);
        let Opened::Elsewhere(pointer) = Notification::open(said("body")).unwrap() else {
            panic!("{attribute}: {written}");
        };
        let object = Reference {
            bucket: Some(said("bucket").to_owned()),
            key: ObjectKey::parse("mailboxes/billing/4711.json").unwrap(),
            version: None,
            size: None,
            sha256: None,
        };
        assert_eq!(pointer.object, object);
        let read = pointer.follow(said("object")).unwrap();
        assert!(read == Notification::parse(&body).unwrap());
    }
}
