//! The templates: what the local AWS does not check, and what the functions rely on.

use std::collections::BTreeSet;

use serde_norway::Value;
use serde_norway::value::TaggedValue;

use crate::read;

pub(crate) fn template(path: &str) -> Value {
    serde_norway::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The resources of a type, with their names.
fn resources(template: &Value, kind: &str) -> Vec<(String, Value)> {
    let all = template["Resources"].as_mapping().unwrap();
    let of_kind = all.iter().filter(|(_, resource)| resource["Type"] == kind);
    of_kind
        .map(|(name, resource)| (name.as_str().unwrap().to_owned(), resource.clone()))
        .collect()
}

/// The text of a value, whatever function of CloudFormation is around it.
fn text(value: &Value) -> String {
    match value {
        Value::Tagged(tagged) => {
            let TaggedValue { tag, value } = tagged.as_ref();
            format!("{tag} {}", text(value))
        }
        Value::String(text) => text.clone(),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Sequence(_)
        | Value::Mapping(_) => serde_norway::to_string(value).unwrap(),
    }
}

pub(crate) fn list(value: &Value) -> Vec<String> {
    value.as_sequence().map_or_else(
        || vec![text(value)],
        |values| values.iter().map(text).collect(),
    )
}

/// The statements of the role of a function.
pub(crate) fn statements(template: &Value, role: &str) -> Vec<Value> {
    let policies = &template["Resources"][role]["Properties"]["Policies"];
    let policies = policies
        .as_sequence()
        .unwrap_or_else(|| panic!("{role} has no policies"));
    policies
        .iter()
        .flat_map(|policy| {
            policy["PolicyDocument"]["Statement"]
                .as_sequence()
                .unwrap()
                .clone()
        })
        .collect()
}

const ROLES: [&str; 4] = [
    "OauthCallbackRole",
    "TokenRefreshRole",
    "SendEmailRole",
    "OperatorRole",
];

#[test]
fn every_function_is_a_binary_of_the_workspace() {
    let template = template("template.yaml");
    let functions = resources(&template, "AWS::Serverless::Function");
    assert_eq!(functions.len(), 4);
    for (name, function) in functions {
        let binary = function["Metadata"]["BuildProperties"]["Binary"]
            .as_str()
            .unwrap();
        assert_eq!(
            function["Metadata"]["BuildMethod"], "rust-cargolambda",
            "{name}"
        );
        let manifest = read(&format!("functions/{binary}/Cargo.toml"));
        assert!(manifest.contains(&format!("name = \"{binary}\"")), "{name}");
        assert!(
            text(&function["Properties"]["FunctionName"]).ends_with(&format!("-{binary}")),
            "{name}"
        );
    }
    assert_eq!(
        template["Globals"]["Function"]["Runtime"],
        "provided.al2023"
    );
}

#[test]
fn every_variable_that_is_set_is_read_and_every_one_that_is_read_is_set() {
    let template = template("template.yaml");
    let set = |function: &Value| {
        let variables = function["Environment"]["Variables"].as_mapping();
        variables
            .into_iter()
            .flat_map(|variables| variables.keys().map(text))
            .collect::<BTreeSet<_>>()
    };
    let shared = set(&template["Globals"]["Function"]);
    let mut all = shared.clone();
    for (name, function) in resources(&template, "AWS::Serverless::Function") {
        let own = set(&function["Properties"]);
        let pages = matches!(name.as_str(), "OauthCallback" | "Operator");
        assert_eq!(own.contains(common::config::PUBLIC_URL), pages, "{name}");
        all.extend(own);
    }
    // The log level is set by Lambda itself, from `ApplicationLogLevel`.
    let read = [
        common::config::STACK,
        common::config::TABLE,
        common::config::BUCKET,
        common::config::TRUSTED_CERTIFICATE,
        common::config::PUBLIC_URL,
    ];
    assert_eq!(all, read.map(str::to_owned).into());
}

#[test]
fn a_queue_hides_what_was_taken_for_six_times_as_long_as_it_may_be_worked_on() {
    let timeout = template("template.yaml")["Resources"]["SendEmail"]["Properties"]["Timeout"]
        .as_u64()
        .unwrap();
    let hidden =
        template("infra/mailbox.yaml")["Resources"]["Queue"]["Properties"]["VisibilityTimeout"]
            .as_u64()
            .unwrap();
    assert!(hidden >= 6 * timeout, "{hidden} s and {timeout} s");
}

#[test]
fn a_mailbox_is_closed_until_it_may_send_and_never_has_more_than_two_workers() {
    let mailbox = template("infra/mailbox.yaml");
    let mappings = resources(&mailbox, "AWS::Lambda::EventSourceMapping");
    let properties = &mappings[0].1["Properties"];
    assert_eq!(mappings.len(), 1);
    assert_eq!(properties["Enabled"], false);
    assert_eq!(properties["ScalingConfig"]["MaximumConcurrency"], 2);
    assert_eq!(
        list(&properties["FunctionResponseTypes"]),
        ["ReportBatchItemFailures"]
    );
}

#[test]
fn a_mailbox_has_a_failed_queue_with_room_for_the_reason_and_alarms() {
    let mailbox = template("infra/mailbox.yaml");
    let queue = &mailbox["Resources"]["Queue"]["Properties"];
    assert_eq!(queue["RedrivePolicy"]["maxReceiveCount"], 1000);
    let largest = queue["MaximumMessageSize"].as_u64().unwrap();
    assert_eq!(largest, 1024 * 1024 - 16 * 1024);
    assert_eq!(largest, common::failed::LARGEST_MESSAGE as u64);
    assert_eq!(queue["MessageRetentionPeriod"], 14 * 24 * 3600);
    assert!(resources(&mailbox, "AWS::CloudWatch::Alarm").len() >= 2);
}

#[test]
fn what_cannot_be_made_again_outlives_its_stack() {
    let kinds = [
        "AWS::SecretsManager::Secret",
        "AWS::SQS::Queue",
        "AWS::DynamoDB::Table",
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
    ];
    let mut kept = 0;
    for path in ["template.yaml", "infra/mailbox.yaml"] {
        let template = template(path);
        for (name, resource) in kinds.iter().flat_map(|kind| resources(&template, kind)) {
            assert_eq!(resource["DeletionPolicy"], "RetainExceptOnCreate", "{name}");
            assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{name}");
            kept += 1;
        }
    }
    assert_eq!(kept, 8);
}

#[test]
fn the_bucket_is_private_and_keeps_what_a_notification_can_still_ask_for() {
    let template = template("template.yaml");
    let bucket = &template["Resources"]["Bucket"]["Properties"];
    let block = bucket["PublicAccessBlockConfiguration"]
        .as_mapping()
        .unwrap();
    assert!(block.len() == 4 && block.values().all(|blocked| *blocked == true));
    assert_eq!(
        bucket["OwnershipControls"]["Rules"][0]["ObjectOwnership"],
        "BucketOwnerEnforced"
    );
    assert_eq!(bucket["VersioningConfiguration"]["Status"], "Enabled");
    assert!(!bucket["BucketEncryption"].is_null());
    // Sent 14 days ahead, expired 13 later, 14 days in the failed queue, and as long again for what is put back.
    let mail = &bucket["LifecycleConfiguration"]["Rules"][0];
    assert_eq!(mail["Prefix"], "mailboxes/");
    let days = [
        &mail["ExpirationInDays"],
        &mail["NoncurrentVersionExpiration"]["NoncurrentDays"],
    ];
    assert!(days.iter().all(|days| days.as_u64() >= Some(14 + 13 + 14)));
    let policy = &template["Resources"]["BucketPolicy"]["Properties"]["PolicyDocument"];
    let deny = &policy["Statement"][0];
    assert_eq!(deny["Effect"], "Deny");
    assert_eq!(deny["Principal"], "*");
    assert_eq!(deny["Condition"]["Bool"]["aws:SecureTransport"], "false");
    assert_eq!(list(&deny["Resource"]).len(), 2);
}

#[test]
fn no_role_has_more_than_named_resources() {
    let template = template("template.yaml");
    // These name no resource at AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/
    let nameless = [
        "lambda:ListEventSourceMappings",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    ];
    for role in ROLES {
        for statement in statements(&template, role) {
            let actions = list(&statement["Action"]);
            assert!(
                actions.iter().all(|action| !action.contains('*')),
                "{role}: {actions:?}"
            );
            if list(&statement["Resource"])
                .iter()
                .any(|resource| resource == "*")
            {
                assert!(
                    actions
                        .iter()
                        .all(|action| nameless.contains(&action.as_str())),
                    "{role}: {actions:?}"
                );
            }
        }
    }
}

#[test]
fn no_function_reads_a_token_that_it_does_not_use() {
    let template = template("template.yaml");
    let readable = |role: &str| {
        let reads = statements(&template, role).into_iter().filter(|statement| {
            list(&statement["Action"])
                .iter()
                .any(|action| action == "secretsmanager:GetSecretValue")
        });
        reads
            .flat_map(|statement| list(&statement["Resource"]))
            .collect::<Vec<_>>()
    };
    let ends = |role: &str, ending: &str| {
        readable(role)
            .iter()
            .any(|resource| resource.ends_with(ending))
    };
    let opens_a_mailbox = |resource: &String| resource.contains("/mailboxes/");
    assert!(!readable("OauthCallbackRole").iter().any(opens_a_mailbox));
    for role in ["SendEmailRole", "OperatorRole"] {
        assert!(
            readable(role)
                .iter()
                .all(|resource| resource.ends_with("/access-token-??????")),
            "{role}"
        );
        assert!(!readable(role).is_empty(), "{role}");
    }
    assert!(
        ends("TokenRefreshRole", "/grant-??????")
            && ends("TokenRefreshRole", "/access-token-??????")
    );
}

#[test]
fn a_redrive_takes_from_failed_queues_alone_and_never_by_sqs_itself() {
    let template = template("template.yaml");
    for role in ROLES {
        for statement in statements(&template, role) {
            let actions = list(&statement["Action"]);
            let moves = |action: &String| action.contains("MessageMoveTask");
            assert!(!actions.iter().any(moves), "{role}: {actions:?}");
            if role == "OperatorRole" && actions.iter().any(|action| action == "sqs:ReceiveMessage")
            {
                let queues = list(&statement["Resource"]);
                assert!(queues.iter().all(|queue| queue.ends_with("_*_failed")));
            }
        }
    }
}

#[test]
fn events_are_put_on_the_default_bus_in_our_own_name_alone() {
    let template = template("template.yaml");
    let mut tellers = 0;
    for role in ROLES {
        for statement in statements(&template, role) {
            if list(&statement["Action"]).contains(&"events:PutEvents".to_owned()) {
                let bus = list(&statement["Resource"]);
                assert!(bus.iter().all(|bus| bus.ends_with(":event-bus/default")));
                let condition = text(&statement["Condition"]["StringEquals"]["events:source"]);
                assert_eq!(condition, common::event::SOURCE, "{role}");
                tellers += 1;
            }
        }
    }
    assert_eq!(tellers, 3);
}

#[test]
fn valves_are_turned_for_send_email_alone() {
    let template = template("template.yaml");
    for role in ROLES {
        for statement in statements(&template, role) {
            if list(&statement["Action"])
                .iter()
                .any(|action| action == "lambda:UpdateEventSourceMapping")
            {
                let condition = text(&statement["Condition"]["StringEquals"]["lambda:FunctionArn"]);
                assert!(
                    condition.ends_with("-send-email:live"),
                    "{role}: {condition}"
                );
            }
        }
    }
}
