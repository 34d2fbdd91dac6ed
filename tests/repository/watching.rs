//! Alarms, dashboards and the runbook: they speak of what is really measured, and lead to what helps.

use std::collections::BTreeSet;

use common::metrics::{Metric, NAMESPACE};
use serde_json::Value as Json;
use serde_norway::Value;

use crate::{commands, read};

const TEMPLATES: [&str; 2] = ["template.yaml", "infra/mailbox.yaml"];

/// A metric that something looks at: namespace, name and the names of its dimensions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Watched {
    namespace: String,
    name: String,
    dimensions: Vec<String>,
}

impl Watched {
    fn new<'a>(namespace: &str, name: &str, dimensions: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions: dimensions.into_iter().map(str::to_owned).collect(),
        }
    }

    /// Whether it is written by a function, or by AWS itself.
    fn exists(&self) -> bool {
        if self.namespace == NAMESPACE {
            return written().contains(self);
        }
        // https://docs.aws.amazon.com: the metrics of these services, as far as they are used here.
        let known: &[(&str, &[&str], &str)] = &[
            (
                "AWS/Lambda",
                &["Errors", "Throttles", "Invocations"],
                "FunctionName",
            ),
            (
                "AWS/SQS",
                &[
                    "ApproximateNumberOfMessagesVisible",
                    "ApproximateNumberOfMessagesNotVisible",
                    "ApproximateAgeOfOldestMessage",
                ],
                "QueueName",
            ),
            ("AWS/ApiGateway", &["4xx"], "ApiId"),
        ];
        known.iter().any(|(namespace, names, dimension)| {
            self.namespace == *namespace
                && names.contains(&self.name.as_str())
                && self.dimensions == [*dimension]
        })
    }
}

/// Every metric of Pillarbox, under each set of dimensions that it is written with.
fn written() -> BTreeSet<Watched> {
    let mut written = BTreeSet::new();
    for metric in Metric::ALL {
        for set in metric.per().dimensions() {
            written.insert(Watched::new(
                NAMESPACE,
                metric.as_str(),
                set.iter().copied(),
            ));
        }
    }
    written
}

/// The resources of a type in both templates, by their names.
fn resources(kind: &str) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for path in TEMPLATES {
        let template: Value = serde_norway::from_str(&read(path)).unwrap();
        for (name, resource) in template["Resources"].as_mapping().unwrap() {
            if resource["Type"] == kind {
                found.push((
                    name.as_str().unwrap().to_owned(),
                    resource["Properties"].clone(),
                ));
            }
        }
    }
    found
}

/// The text below a function of CloudFormation.
fn text(value: &Value) -> String {
    match value {
        Value::Tagged(tagged) => text(&tagged.value),
        Value::String(text) => text.clone(),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Sequence(_)
        | Value::Mapping(_) => {
            panic!("no text: {value:?}")
        }
    }
}

/// The metrics that an alarm looks at.
fn watched_by(alarm: &Value) -> Vec<Watched> {
    let of = |metric: &Value| {
        let dimensions = metric["Dimensions"].as_sequence().unwrap();
        let names: Vec<_> = dimensions
            .iter()
            .map(|dimension| dimension["Name"].as_str().unwrap())
            .collect();
        Watched::new(
            &text(&metric["Namespace"]),
            &text(&metric["MetricName"]),
            names,
        )
    };
    match alarm["Metrics"].as_sequence() {
        None => vec![of(alarm)],
        Some(queries) => queries
            .iter()
            .filter(|query| !query["MetricStat"].is_null())
            .map(|query| of(&query["MetricStat"]["Metric"]))
            .collect(),
    }
}

#[test]
fn every_alarm_looks_at_something_that_is_measured() {
    let alarms = resources("AWS::CloudWatch::Alarm");
    assert!(alarms.len() >= 18, "{}", alarms.len());
    for (name, alarm) in alarms {
        let watched = watched_by(&alarm);
        assert!(!watched.is_empty(), "{name}");
        for metric in watched {
            assert!(metric.exists(), "{name} looks at {metric:?}");
        }
    }
}

#[test]
fn every_alarm_names_its_section_of_the_runbook_and_a_first_command_and_tells_somebody() {
    let runbook = read("infra/README.md");
    let sections: BTreeSet<_> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(|title| title.to_lowercase().replace(' ', "-"))
        .collect();
    let mut told = BTreeSet::new();
    for (name, alarm) in resources("AWS::CloudWatch::Alarm") {
        let description = text(&alarm["AlarmDescription"]);
        let (_, after) = description
            .split_once("Runbook: infra/README.md#")
            .unwrap_or_else(|| panic!("{name} names no section"));
        let (section, command) = after
            .split_once(". First: ")
            .unwrap_or_else(|| panic!("{name} names no command"));
        assert!(sections.contains(section), "{name} leads to {section}");
        assert!(is_command(command), "{name}: {command}");
        told.insert(section.to_owned());
        for actions in ["AlarmActions", "OKActions"] {
            let actions = serde_norway::to_string(&alarm[actions]).unwrap();
            assert!(actions.contains("AlarmTopicArn"), "{name}");
        }
    }
    assert_eq!(told, sections, "a section without an alarm, or the reverse");
}

/// Whether it is a command of ours, or of AWS.
fn is_command(text: &str) -> bool {
    let text = text
        .replace("${Id}", "billing")
        .replace("${Stack}", "mail")
        .replace("${AWS::StackName}", "mail");
    text.starts_with("aws ") || commands::is_understood(&text)
}

#[test]
fn every_widget_shows_something_that_is_measured() {
    let dashboards = resources("AWS::CloudWatch::Dashboard");
    assert_eq!(dashboards.len(), 1);
    let body = text(&dashboards[0].1["DashboardBody"]);
    let body = body
        .replace("${Stack}", "mail")
        .replace("${Id}", "billing")
        .replace("${AWS::Region}", "eu-west-1");
    assert!(!body.contains("${"), "{body}");
    let body: Json = serde_json::from_str(&body).unwrap();
    let mut shown = 0;
    for widget in body["widgets"].as_array().unwrap() {
        for metric in widget["properties"]["metrics"].as_array().unwrap() {
            let watched = match metric[0].as_str() {
                Some(namespace) => {
                    let words: Vec<_> = metric
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|word| word.as_str().unwrap())
                        .collect();
                    let dimensions = words[2..].iter().step_by(2).copied();
                    Watched::new(namespace, words[1], dimensions)
                }
                None => searched(metric[0]["expression"].as_str().unwrap()),
            };
            assert!(
                watched.exists(),
                "{} shows {watched:?}",
                widget["properties"]["title"]
            );
            shown += 1;
        }
    }
    assert!(shown > 20, "{shown}");
}

/// The metric of `SEARCH('{Namespace,Dimension,…} MetricName="Name" …', …)`.
fn searched(expression: &str) -> Watched {
    let schema = expression.split(['{', '}']).nth(1).unwrap();
    let mut names = schema.split(',');
    let name = expression
        .split("MetricName=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    Watched::new(names.next().unwrap(), name, names)
}
