//! The schema of what an operator may ask for and is answered: made of the types, and kept in `docs/operator`.

use std::fs;
use std::path::Path;

use common::class::Class;
use common::failed::{Refused, Report};
use common::grant::GrantId;
use common::ledger::{HandOver, Reason, RecipientOutcome, Record, State, UnknownPart};
use common::mailbox::{Connection, MailboxId, MailboxState, Settings};
use common::steps::{KeptSteps, Step};
use jiff::{SignedDuration, Timestamp};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::answer::failed::{Dropped, End, Failed, Listed, Named, Redriven, Why};
use crate::answer::{Answer, Condition, LastFailure, Status};
use crate::render::Rendered;
use crate::request::Request;
use crate::trace::Trace;

/// A moment, as RFC 3339 writes it.
pub(crate) struct Time;

/// The name of a class.
pub(crate) struct ClassName;

/// How many messages a queue holds.
pub(crate) struct Messages;

impl JsonSchema for Time {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

impl JsonSchema for ClassName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Class".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<_> = Class::ALL.iter().map(|class| class.as_str()).collect();
        json_schema!({ "type": "string", "enum": names })
    }
}

impl JsonSchema for Messages {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Depth".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let count = json!({ "type": "integer", "minimum": 0 });
        json_schema!({
            "type": "object",
            "properties": { "waiting": count, "in_flight": count, "delayed": count },
            "required": ["waiting", "in_flight", "delayed"],
        })
    }
}

/// The id of a check.
pub(crate) struct CheckId;

impl JsonSchema for CheckId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CheckId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9a-f]{32}$" })
    }
}

/// One step of a check.
pub(crate) struct OneStep;

impl JsonSchema for OneStep {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Step".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = |description: &str| json!({ "type": "string", "description": description });
        json_schema!({
            "description": "One step of a check.",
            "type": "object",
            "properties": {
                "step": text("What was tried."),
                "ok": { "type": "boolean", "description": "Whether it went well." },
                "duration_ms": { "type": "integer", "minimum": 0, "description": "How long it took, in milliseconds." },
                "found": text("What was found."),
                "remedy": text("What to do, if it did not go well."),
            },
            "required": ["step", "ok", "duration_ms", "found"],
        })
    }
}

/// Why a notification is in the failed queue.
pub(crate) struct FailedReport;

impl JsonSchema for FailedReport {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Report".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let class = generator.subschema_for::<Option<ClassName>>();
        let time = generator.subschema_for::<Time>();
        let (text, count) = (
            json!({ "type": "string" }),
            json!({ "type": "integer", "minimum": 0 }),
        );
        json_schema!({
            "type": "object",
            "properties": {
                "class": class,
                "reply": text,
                "stage": text,
                "remedy": text,
                "attempts": count,
                "message_id": text,
                "first_attempt_at": time,
                "failed_at": time,
                "refused": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": { "recipient": text, "reply": text },
                        "required": ["recipient", "reply"],
                    },
                },
                "refused_more": count,
                "accepted": count,
                "unknown": count,
            },
            "required": ["class", "reply", "stage", "remedy", "attempts", "refused_more", "accepted"],
        })
    }
}

/// The schema of the requests.
fn of_requests() -> Value {
    let settings = SchemaSettings::draft2020_12();
    settings
        .into_generator()
        .into_root_schema_for::<Request>()
        .into()
}

/// The schema of the answers.
fn of_answers() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings
        .into_generator()
        .into_root_schema_for::<Answer>()
        .into()
}

/// Asserts that a page of the documentation holds a schema.
fn is_documented(page: &str, schema: &Value) {
    let text = format!("{schema:#}\n");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operator");
    let documented = fs::read_to_string(path.join(page)).unwrap_or_default();
    // As values, because the order of names in a text depends on what else the JSON library is built for.
    let documented: Value = serde_json::from_str(&documented).unwrap_or_default();
    if documented != *schema {
        let made = std::env::temp_dir().join(page);
        fs::write(&made, text).unwrap();
        panic!(
            "docs/operator/{page} is not what the types say; what they say is in {}",
            made.display()
        );
    }
}

fn settings() -> Settings {
    let json = r#"{"address":"billing@contoso.com","tenant":"contoso.com","client_id":"app"}"#;
    Settings::parse(MailboxId::parse("billing").unwrap(), json).unwrap()
}

/// A mailbox in a state, with everything that can be known of it.
fn status(connection: Connection) -> Status {
    let now: Timestamp = "2027-03-01T12:00:00Z".parse().unwrap();
    let state = MailboxState {
        connection,
        grant_id: Some(GrantId::random()),
        refreshed_at: Some(now - SignedDuration::from_hours(24 * 8)),
        expires_at: Some(now),
        token_bytes: Some(5000),
        ..MailboxState::default()
    };
    Status {
        mailbox: "billing".to_owned(),
        address: Some("billing@contoso.com".to_owned()),
        condition: Some(Condition::of(&state, &settings(), now)),
        valve: Some("Disabled".to_owned()),
        queue: None,
        failed_queue: None,
        last_accepted_at: Some(now),
        last_failure: Some(LastFailure {
            at: now,
            class: Class::Expired,
            remedy: Some("Send it again.".to_owned()),
        }),
        faults: vec!["the queue cannot be reached".to_owned()],
    }
}

/// A notification of a failed queue, with everything that can be known of it.
fn failed() -> Listed {
    let now: Timestamp = "2027-03-01T12:00:00Z".parse().unwrap();
    let refused = Refused {
        recipient: "a@fabrikam.com".to_owned(),
        reply: "550 no".to_owned(),
    };
    let report = Report {
        class: Some(Class::RecipientRefused),
        message_id: Some("<1@contoso.com>".to_owned()),
        first_attempt_at: Some(now),
        failed_at: Some(now),
        refused: vec![refused],
        ..Report::default()
    };
    let failed = |report| Failed {
        id: "invoice-1".to_owned(),
        enqueued_at: Some(now),
        bytes: 12,
        report,
    };
    Listed {
        failed: vec![failed(report), failed(Report::default())],
        end: End::default(),
    }
}

fn redriven() -> Redriven {
    let named = || Named {
        id: "invoice-1".to_owned(),
        class: Some(Class::Expired),
    };
    let mut redriven = Redriven::default();
    redriven.put_back.add(named());
    redriven.stays.add(named(), &Why::Unknown);
    redriven.end.fault = Some("the queue cannot be reached".to_owned());
    redriven
}

/// A notification that reached one recipient and not the other, with everything that can be known of it.
fn traced() -> Trace {
    let at: Timestamp = "2027-03-01T12:00:00Z".parse().unwrap();
    let outcome = |address: &str, accepted| RecipientOutcome {
        address: address.to_owned(),
        accepted,
        reply: "a reply".to_owned(),
    };
    let reason = Reason {
        class: Class::RecipientRefused,
        reply: "550 no".to_owned(),
        stage: "RCPT".to_owned(),
    };
    let hand_over = Some(HandOver {
        reason,
        copy: "5e1b".to_owned(),
        done: true,
    });
    let record = Record {
        revision: 3,
        content: "hash".to_owned(),
        attempts: 1,
        sent_again: false,
        delayed: false,
        first_attempt_at: at,
        message_id: Some("<1@contoso.com>".to_owned()),
        part: 1,
        recipients_per_part: Some(500),
        unknown: vec![UnknownPart {
            message_id: Some("<2@contoso.com>".to_owned()),
            recipients: vec!["c@fabrikam.com".to_owned()],
            reply: "no answer".to_owned(),
            stage: "message".to_owned(),
        }],
        settled: vec![
            outcome("a@fabrikam.com", true),
            outcome("b@fabrikam.com", false),
        ],
        state: State::Accepted {
            at,
            reply: "250 OK".to_owned(),
            copy: None,
            hand_over,
        },
    };
    Trace::of(&settings(), "invoice-1".to_owned(), Some(record))
}

/// An answer of every kind, as the function makes it.
fn answers() -> Vec<Value> {
    let now: Timestamp = "2027-03-01T12:00:00Z".parse().unwrap();
    let stopped = |class| Connection::stopped(class, "535 no".to_owned(), now);
    let mut mailboxes = vec![
        status(Connection::AwaitingConsent),
        status(Connection::Active),
    ];
    mailboxes.extend(Class::ALL.iter().map(|class| status(stopped(*class))));
    let mailbox = || Box::new(status(Connection::Active));
    let step = Step {
        step: "DNS".to_owned(),
        ok: false,
        duration_ms: 12,
        found: "smtp.office365.com has no address".to_owned(),
        remedy: Some("Check `smtp_host`.".to_owned()),
    };
    let kept = |under_way: Option<&str>| KeptSteps {
        revision: 1,
        steps: vec![step.clone()],
        under_way: under_way.map(str::to_owned),
        expires_at: now,
    };
    let answers = [
        Answer::steps_so_far(None),
        Answer::steps_so_far(Some(kept(Some("TCP")))),
        Answer::steps_so_far(Some(kept(None))),
        Answer::Link {
            link: "https://example.com/oauth/start?ticket=x".to_owned(),
            expires_at: now,
            sign_in_as: "billing@contoso.com".to_owned(),
        },
        Answer::StatusLink {
            link: "https://example.com/status?ticket=x".to_owned(),
            expires_at: now,
        },
        Answer::Mailboxes { mailboxes },
        Answer::Steps {
            ok: false,
            steps: vec![step.clone()],
            not_proven: vec!["delivery"],
        },
        Answer::Enqueued {
            id: "test-1".to_owned(),
            to: "billing@contoso.com".to_owned(),
        },
        Answer::Traced(Box::new(traced())),
        Answer::Traced(Box::new(Trace::of(&settings(), "a".to_owned(), None))),
        Answer::Rendered(Box::default()),
        Answer::Rendered(Box::new(Rendered {
            subject: Some("Invoice 7".to_owned()),
            text: Some("Hello".to_owned()),
            html: Some("<p>Hello</p>".to_owned()),
            message: Some("Subject: Invoice 7\r\n".to_owned()),
        })),
        Answer::Changed { mailbox: mailbox() },
        Answer::Renewed {
            found: "refreshed".to_owned(),
            mailbox: mailbox(),
        },
        Answer::Disconnected {
            withdraw: "At Microsoft.".to_owned(),
            mailbox: mailbox(),
        },
        Answer::Failed(failed()),
        Answer::Redriven(redriven()),
        Answer::Dropped(Dropped::default()),
    ];
    answers
        .iter()
        .map(|answer| serde_json::to_value(answer).unwrap())
        .collect()
}

#[test]
fn the_documented_schemas_are_those_of_the_types() {
    is_documented("request.schema.json", &of_requests());
    is_documented("answer.schema.json", &of_answers());
}

#[test]
fn every_kind_of_answer_is_valid_by_the_schema() {
    let schema = jsonschema::draft202012::new(&of_answers()).unwrap();
    for answer in answers() {
        let faults: Vec<_> = schema
            .iter_errors(&answer)
            .map(|fault| fault.to_string())
            .collect();
        assert!(faults.is_empty(), "{answer:#}: {faults:?}");
    }
    let with_time = answers()
        .into_iter()
        .find(|answer| answer["expires_at"].is_string());
    let mut wrong = with_time.unwrap();
    wrong["expires_at"] = json!(12);
    assert!(!schema.is_valid(&wrong), "a time is no number");
}

#[test]
fn requests_and_their_schema_agree() {
    let schema = jsonschema::draft202012::new(&of_requests()).unwrap();
    let requests = [
        json!({ "command": "status" }),
        json!({ "command": "status", "mailbox": "billing" }),
        json!({ "command": "status-link" }),
        json!({ "command": "connect", "mailbox": "billing", "admin": true }),
        json!({ "command": "refresh", "mailbox": "billing" }),
        json!({ "command": "disconnect", "mailbox": "billing" }),
        json!({ "command": "send-test", "mailbox": "billing" }),
        json!({ "command": "trace", "mailbox": "billing", "id": "invoice-1" }),
        json!({ "command": "failed", "mailbox": "billing", "limit": 5 }),
        json!({ "command": "redrive", "mailbox": "billing", "class": "expired", "resend": true }),
        json!({ "command": "drop", "mailbox": "billing", "ids": ["a"], "older_than": "2 days" }),
        json!({ "command": "check", "mailbox": "billing", "id": "5e1bf0c2".repeat(4) }),
        json!({ "command": "check-steps", "mailbox": "billing", "id": "5e1bf0c2".repeat(4) }),
        json!({ "command": "check", "mailbox": "billing", "id": "5E1BF0C2".repeat(4) }),
        json!({ "command": "check-steps", "mailbox": "billing", "id": "5e1bf0c2" }),
        json!({ "command": "check-steps", "mailbox": "billing" }),
        json!({ "command": "drop", "mailbox": "billing", "id": "a" }),
        json!({ "command": "status-link", "mailbox": "billing" }),
        json!({ "command": "check" }),
        json!({ "command": "chck", "mailbox": "billing" }),
        json!({ "command": "pause", "mailbx": "billing" }),
        json!({ "command": "resume", "mailbox": 1 }),
        json!({ "mailbox": "billing" }),
    ];
    for (number, request) in requests.into_iter().enumerate() {
        let is_taken = serde_json::from_value::<Request>(request.clone()).is_ok();
        assert_eq!(schema.is_valid(&request), is_taken, "{request}");
        assert_eq!(is_taken, number < 13, "{request}");
    }
}
