//! The stack that a command is about: found by name or by tag, and asked through its function `operator`.
//!
//! A stack that is named is not looked up: then `lambda:InvokeFunction` on its operator is all that a person needs.

use std::error::Error;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudformation::Client;
use common::aws::{Functions, Queues};
use common::naming::StackName;
use serde_json::Value;

use crate::arguments::{Place, Tag};
use crate::trouble::Trouble;

/// Longer than the operator function may take.
const PATIENCE: Duration = Duration::from_secs(75);

/// A deployed stack.
pub(crate) struct Stack {
    pub(crate) name: StackName,
    pub(crate) queues: Queues,
    functions: Functions,
}

/// Why it is not clear which stack is meant.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotFound {
    /// CloudFormation did not answer, or refused.
    #[error("CloudFormation cannot be asked for the stack; name it with --stack")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// There is none.
    #[error("there is no Pillarbox stack {0}: see --stack, --tag, --region and --profile")]
    None(String),
    /// There are several.
    #[error("there are several Pillarbox stacks ({}): say which with --stack or --tag", .0.join(", "))]
    Several(Vec<String>),
}

/// A stack as CloudFormation knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    name: String,
    /// The output that says which function the operator is.
    operator: Option<String>,
    tags: Vec<Tag>,
}

impl Stack {
    /// Finds the stack that is meant.
    pub(crate) async fn find(place: &Place) -> Result<Self, Trouble> {
        let config = configuration(place).await;
        let name = match &place.stack {
            Some(name) => name.clone(),
            None => pick(&candidates(&config).await?, place.tag.as_ref())?,
        };
        Ok(Self {
            functions: Functions::new(&config, PATIENCE),
            queues: Queues::new(&config),
            name,
        })
    }

    /// Asks the operator.
    pub(crate) async fn ask(&self, request: &Value) -> Result<Value, Trouble> {
        let operator = self.name.function("operator");
        Ok(self.functions.invoke(&operator, request).await?)
    }
}

async fn configuration(place: &Place) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(PATIENCE)
        .read_timeout(PATIENCE)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).timeout_config(timeouts);
    if let Some(region) = &place.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &place.profile {
        loader = loader.profile_name(profile);
    }
    loader.load().await
}

async fn candidates(config: &SdkConfig) -> Result<Vec<Candidate>, NotFound> {
    let mut pages = Client::new(config)
        .describe_stacks()
        .into_paginator()
        .send();
    let mut candidates = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| NotFound::Unavailable(Box::new(error)))?;
        candidates.extend(page.stacks().iter().map(|stack| {
            let operator = stack
                .outputs()
                .iter()
                .find(|output| output.output_key() == Some("OperatorFunction"));
            let tags = stack.tags().iter().map(|tag| Tag {
                key: tag.key().unwrap_or_default().to_owned(),
                value: tag.value().unwrap_or_default().to_owned(),
            });
            Candidate {
                name: stack.stack_name().unwrap_or_default().to_owned(),
                operator: operator.and_then(|output| output.output_value().map(str::to_owned)),
                tags: tags.collect(),
            }
        }));
    }
    Ok(candidates)
}

/// The one stack of Pillarbox among all stacks, or the one that carries a tag.
fn pick(candidates: &[Candidate], tag: Option<&Tag>) -> Result<StackName, NotFound> {
    let found: Vec<_> = candidates
        .iter()
        .filter(|stack| tag.is_none_or(|tag| stack.tags.contains(tag)))
        .filter_map(|stack| {
            let name = StackName::parse(&stack.name).ok()?;
            let ours = stack
                .operator
                .as_deref()?
                .ends_with(&name.function("operator"));
            ours.then_some(name)
        })
        .collect();
    match <[StackName; 1]>::try_from(found) {
        Ok([name]) => Ok(name),
        Err(none) if none.is_empty() => Err(NotFound::None(
            tag.map_or_else(|| "here".to_owned(), |tag| format!("with the tag {tag}")),
        )),
        Err(several) => Err(NotFound::Several(
            several.iter().map(ToString::to_string).collect(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_given_up_who_still_has_time() {
        let template = include_str!("../../template.yaml");
        let operator = template.split("\n  Operator:\n").nth(1).unwrap();
        let timeout = operator.split("\n      Timeout: ").nth(1).unwrap();
        let seconds: u64 = timeout.lines().next().unwrap().parse().unwrap();
        assert!(PATIENCE > Duration::from_secs(seconds), "{seconds}");
    }

    fn stack(name: &str, operator: Option<&str>, tags: &[(&str, &str)]) -> Candidate {
        let tag = |(key, value): &(&str, &str)| Tag {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
        };
        Candidate {
            name: name.to_owned(),
            operator: operator.map(str::to_owned),
            tags: tags.iter().map(tag).collect(),
        }
    }

    #[test]
    fn the_only_stack_is_meant_when_nobody_names_one() {
        let stacks = [
            stack("shop", None, &[]),
            stack("shop2", Some("another-operator"), &[]),
            stack("mail", Some("mail-operator"), &[]),
        ];
        assert_eq!(pick(&stacks, None).unwrap().to_string(), "mail");
        let trouble = pick(&stacks[..2], None).unwrap_err().to_string();
        assert!(
            trouble.starts_with("there is no Pillarbox stack here"),
            "{trouble}"
        );
    }

    #[test]
    fn a_tag_tells_several_stacks_apart() {
        let stacks = [
            stack(
                "mail-test",
                Some("mail-test-operator"),
                &[("stage", "test")],
            ),
            stack(
                "mail",
                Some("mail-operator"),
                &[("stage", "live"), ("team", "a")],
            ),
        ];
        let trouble = pick(&stacks, None).unwrap_err().to_string();
        assert!(trouble.contains("mail-test, mail"), "{trouble}");
        let live: Tag = "stage=live".parse().unwrap();
        assert_eq!(pick(&stacks, Some(&live)).unwrap().to_string(), "mail");
        let none = pick(&stacks, Some(&"stage=old".parse().unwrap())).unwrap_err();
        assert!(
            none.to_string().contains("with the tag stage=old"),
            "{none}"
        );
    }
}
