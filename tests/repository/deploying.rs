//! Versions and their alias: an upgrade can go back only where everybody else goes by the alias.

use std::collections::BTreeSet;

use serde_norway::Value;
use serde_norway::value::TaggedValue;

use crate::read;
use crate::template::{list, statements, template};

/// The functions that have versions, and the alarm that brings the old one back.
const FUNCTIONS: [(&str, &str); 3] = [
    ("OauthCallback", "OauthCallbackErrors"),
    ("TokenRefresh", "TokenRefreshErrors"),
    ("SendEmail", "SendEmailErrors"),
];
/// What is about the deployment, and not about the function that is deployed.
const NOT_OF_THE_FUNCTION: [&str; 5] = [
    "AutoPublishAlias",
    "AutoPublishAliasAllProperties",
    "DeploymentPreference",
    "EventInvokeConfig",
    "VersionDescription",
];
/// The most characters of a version's description: https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html
const LONGEST_DESCRIPTION: u64 = 256;

fn properties(template: &Value, function: &str) -> Value {
    template["Resources"][function]["Properties"].clone()
}

fn tagged(value: &Value) -> Option<&TaggedValue> {
    match value {
        Value::Tagged(tagged) => Some(tagged),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Sequence(_)
        | Value::Mapping(_) => None,
    }
}

/// The values of a property that CloudFormation works out.
fn worked_out(value: &Value) -> Vec<Value> {
    match value {
        Value::Tagged(_) => vec![value.clone()],
        Value::Sequence(values) => values.iter().flat_map(worked_out).collect(),
        Value::Mapping(values) => values.values().flat_map(worked_out).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// Every text in a value: names of resources, parameters and conditions among others.
fn words(value: &Value) -> Vec<String> {
    match value {
        Value::Tagged(tagged) => words(&tagged.value),
        Value::Sequence(values) => values.iter().flat_map(words).collect(),
        Value::Mapping(values) => values.values().flat_map(words).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// SAM makes no version when only a parameter's value changes: https://github.com/aws/serverless-application-model/issues/3820
#[test]
fn a_parameter_that_changes_a_function_changes_the_description_of_its_version() {
    let template = template("template.yaml");
    let parameters = template["Parameters"].as_mapping().unwrap();
    let depends = |value: &Value| {
        let named = |word: &String| parameters.contains_key(word.as_str());
        words(value).iter().any(named)
    };
    for (function, _) in FUNCTIONS {
        let own = properties(&template, function);
        let described = &tagged(&own["VersionDescription"]).unwrap().value[1];
        let described: Vec<_> = described.as_sequence().unwrap().iter().collect();
        let mut needed = Vec::new();
        for properties in [&template["Globals"]["Function"], &own] {
            for (name, value) in properties.as_mapping().unwrap() {
                if !NOT_OF_THE_FUNCTION.contains(&name.as_str().unwrap()) {
                    needed.extend(worked_out(value).into_iter().filter(&depends));
                }
            }
        }
        assert!(needed.len() >= 3, "{function}: {needed:?}");
        // Lambda refuses a further version of a function that is what it was, so the description says no more than what
        // the function has.
        assert_eq!(described.len(), needed.len(), "{function}: {needed:?}");
        for needed in &needed {
            // A certificate does not fit. Its second line as PEM holds the serial number.
            let is_certificate = words(needed) == ["TrustedCertificate"];
            let is_described = described.iter().any(|described| match is_certificate {
                true => words(described).contains(&"TrustedCertificate".to_owned()),
                false => *described == needed,
            });
            assert!(is_described, "{function} says nothing of {needed:?}");
        }
    }
}

#[test]
fn the_longest_description_of_a_version_is_one_that_lambda_takes() {
    let parameters = &template("template.yaml")["Parameters"];
    let longest_of = |parameter: &str| {
        let values = parameters[parameter]["AllowedValues"].as_sequence();
        let lengths = values
            .unwrap()
            .iter()
            .map(|value| value.as_str().unwrap().len() as u64);
        lengths.max().unwrap()
    };
    let certificate = parameters["TrustedCertificate"]["AllowedPattern"].as_str();
    assert!(
        certificate
            .unwrap()
            .contains(r"\n[A-Za-z0-9+/=]{1,76}\r?\n")
    );
    let line = 76 + "\r".len() as u64;
    let url = parameters["PublicUrl"]["MaxLength"].as_u64().unwrap();
    let spaces = 3;
    let longest = longest_of("Architecture") + longest_of("LogLevel") + line + url + spaces;
    assert!(longest <= LONGEST_DESCRIPTION, "{longest}");
}

#[test]
fn a_canary_goes_back_by_the_alarm_of_its_own_function() {
    let template = template("template.yaml");
    for (function, alarm) in FUNCTIONS {
        let own = properties(&template, function);
        assert_eq!(own["AutoPublishAlias"], "live", "{function}");
        assert_eq!(own["AutoPublishAliasAllProperties"], true, "{function}");
        assert_eq!(words(&own["DeploymentPreference"]["Alarms"]), [alarm]);
        let watched = &template["Resources"][alarm]["Properties"];
        assert_eq!(watched["MetricName"], "Errors", "{alarm}");
        assert_eq!(
            words(&watched["Dimensions"]),
            ["FunctionName", function],
            "{alarm}"
        );
    }
    let functions = template["Resources"].as_mapping().unwrap().values();
    let aliases =
        functions.filter(|resource| !resource["Properties"]["AutoPublishAlias"].is_null());
    assert_eq!(aliases.count(), FUNCTIONS.len());
}

#[test]
fn everything_that_invokes_a_function_does_so_by_the_alias() {
    let template = template("template.yaml");
    let property = |resource: &str, name: &str| properties(&template, resource)[name].clone();
    let alias = |function: &str| format!("{function}.Alias");
    assert_eq!(
        words(&property("ApiIntegration", "IntegrationUri")),
        [alias("OauthCallback")]
    );
    assert_eq!(
        words(&property("ApiPermission", "FunctionName")),
        [alias("OauthCallback")]
    );
    assert_eq!(
        words(&property("Tick", "Target")["Arn"]),
        [alias("TokenRefresh")]
    );
    for role in [
        "OauthCallbackRole",
        "TokenRefreshRole",
        "SendEmailRole",
        "OperatorRole",
        "TickRole",
    ] {
        for statement in statements(&template, role) {
            if list(&statement["Action"]).contains(&"lambda:InvokeFunction".to_owned()) {
                for function in words(&statement["Resource"]) {
                    let is_alias = function.ends_with(":live") || function.ends_with(".Alias");
                    assert!(is_alias, "{role}: {function}");
                }
            }
        }
    }
    let mailbox = crate::template::template("infra/mailbox.yaml");
    let mapping = words(&properties(&mailbox, "Mapping")["FunctionName"]);
    assert_eq!(mapping, ["${Stack}-send-email:live"]);
    // A mailbox is made when the alias is there, wherever a block of one is shown.
    let blocks: BTreeSet<_> = ["template.yaml", "README.md"]
        .into_iter()
        .flat_map(|path| {
            read(path)
                .lines()
                .map(str::trim)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter(|line| line.starts_with("DependsOn: SendEmail"))
        .collect();
    assert_eq!(blocks, ["DependsOn: SendEmailAliaslive".to_owned()].into());
}
