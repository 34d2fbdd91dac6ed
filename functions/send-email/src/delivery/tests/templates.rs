//! Notifications whose words a template makes.

use common::fakes::Calls;
use serde_json::json;

use super::*;

fn form(data: serde_json::Value) -> String {
    let template = json!({"name": "invoice", "version": "3", "locale": "de", "data": data});
    json!({"id": "invoice-1", "to": "a@fabrikam.com", "template": template}).to_string()
}

fn world() -> World {
    let world = World::new();
    for (file, content) in [
        ("subject.txt", "Invoice {{ number }}"),
        ("subject.de.txt", "Rechnung {{ number }}"),
        ("text.txt", "Due on {{ due }}"),
    ] {
        let key = format!("templates/invoice/3/{file}");
        world.objects.put(&key, content);
    }
    world
}

#[tokio::test]
async fn a_template_makes_the_mail_in_the_language_of_its_reader() {
    let world = world();
    let copy = world.copy("1", &form(json!({"number": 7, "due": "1 March"})));
    world.settle(&copy).await;
    let accepted = world.server.accepted.lock().unwrap().clone();
    let message = String::from_utf8(accepted[0].1.clone()).unwrap();
    assert!(message.contains("Subject: Rechnung 7\r\n"), "{message}");
    assert!(message.contains("Due on 1 March"), "{message}");
}

#[tokio::test]
async fn data_that_is_missing_is_named_and_the_body_is_unchanged() {
    let world = world();
    let body = form(json!({"number": 7}));
    world.settle(&world.copy("1", &body)).await;
    let handed = world.handed();
    assert_eq!(handed[0].body, body);
    assert_eq!(handed[0].report["class"], "invalid_message");
    assert_eq!(
        handed[0].report["reply"],
        "/template cannot be filled: templates/invoice/3/text.txt line 1: `due` is undefined"
    );
    assert!(world.accepted().is_empty());
}

#[tokio::test]
async fn templates_that_cannot_be_read_cost_no_mail() {
    let mut world = world();
    world.objects.calls = Calls::default();
    let copy = world.copy("1", &form(json!({"number": 7, "due": "1 March"})));
    world.objects.calls.break_after(1);
    assert!(matches!(world.deliver(&copy).await, Fate::PutBack(_)));
    world.objects.calls.repair();
    world.settle(&copy).await;
    assert_eq!(world.accepted().len(), 1);
    assert!(world.handed().is_empty());
}
