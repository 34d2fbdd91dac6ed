//! What others heard while the flows ran: a queue listens to every event of Pillarbox, as a customer's rule does, and each is
//! compared with the schema of its kind. Where all flows have run, there was one of every kind.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use common::event::{Kind, SOURCE};
use jsonschema::Validator;
use serde_json::{Value, json};
use tests::contoso::Contoso;

use crate::town::OUTAGE;

/// The name of the queue, and of the rule that feeds it.
const LISTENER: &str = "listener";

/// Lets a queue listen.
pub(crate) async fn listen(contoso: &Contoso) -> Result<()> {
    let sqs = aws_sdk_sqs::Client::new(contoso.stack.sdk_config());
    let made = sqs.create_queue().queue_name(LISTENER).send().await?;
    let name = QueueAttributeName::QueueArn;
    let queue = sqs
        .get_queue_attributes()
        .queue_url(made.queue_url.context("the queue has no address")?)
        .attribute_names(name.clone())
        .send()
        .await?;
    let arn = queue.attributes.and_then(|mut known| known.remove(&name));
    let target = Target::builder()
        .id(LISTENER)
        .arn(arn.context("the queue has no ARN")?);

    let bus = aws_sdk_eventbridge::Client::new(contoso.stack.sdk_config());
    bus.put_rule()
        .name(LISTENER)
        .event_pattern(json!({ "source": [SOURCE] }).to_string())
        .send()
        .await?;
    bus.put_targets()
        .rule(LISTENER)
        .targets(target.build()?)
        .send()
        .await?;
    Ok(())
}

/// Takes what was heard, shows it to the witness, and compares each event with its schema; and looks for every kind, where
/// all flows have run.
pub(crate) async fn as_documented(contoso: &Contoso, is_whole: bool) -> Result<()> {
    let schemas = schemas()?;
    let mut kinds = BTreeSet::new();
    for event in heard(contoso).await? {
        let kind = event["detail-type"].as_str().unwrap_or_default();
        let schema = schemas
            .get(kind)
            .with_context(|| format!("{event} is no kind"))?;
        let detail = &event["detail"];
        let faults: Vec<_> = schema
            .iter_errors(detail)
            .map(|fault| fault.to_string())
            .collect();
        ensure!(
            faults.is_empty(),
            "{event} is not as documented: {faults:?}"
        );
        ensure!(
            detail["stack"] == contoso.stack.name(),
            "{event} of another stack"
        );
        if detail["mailbox"] == OUTAGE {
            let recipients = detail["recipients"].as_array().into_iter().flatten();
            for recipient in recipients {
                let address = recipient["address"].as_str().unwrap_or_default();
                ensure!(
                    address.starts_with("hmac-sha256:"),
                    "{event} shows an address"
                );
            }
        }
        kinds.insert(kind.to_owned());
    }
    let is_unheard = |kind: &&Kind| !kinds.contains(kind.as_str());
    let unheard: Vec<_> = Kind::ALL.iter().filter(is_unheard).collect();
    ensure!(
        !is_whole || unheard.is_empty(),
        "nobody heard of {unheard:?}"
    );
    let accepted = contoso.stack.logs("send-email").await?;
    let is_sent = accepted
        .iter()
        .any(|line| line.contains("the message was accepted"));
    ensure!(
        !is_sent || kinds.contains(Kind::EmailSent.as_str()),
        "mail was sent, and nobody heard of it: {kinds:?}"
    );
    Ok(())
}

/// The documented schemas by their kinds; none lets another name through.
fn schemas() -> Result<BTreeMap<&'static str, Validator>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/events");
    let schema = |kind: &Kind| {
        let text = fs::read_to_string(folder.join(kind.schema()))?;
        let mut schema: Value = serde_json::from_str(&text)?;
        schema["unevaluatedProperties"] = false.into();
        Ok((kind.as_str(), jsonschema::draft202012::new(&schema)?))
    };
    Kind::ALL.iter().map(schema).collect()
}

async fn heard(contoso: &Contoso) -> Result<Vec<Value>> {
    let sqs = aws_sdk_sqs::Client::new(contoso.stack.sdk_config());
    let queue = sqs.get_queue_url().queue_name(LISTENER).send().await?;
    let queue = queue.queue_url.unwrap_or_default();
    let mut heard = Vec::new();
    loop {
        let receive = sqs.receive_message().queue_url(&queue);
        let received = receive.max_number_of_messages(10).send().await?;
        let messages = received.messages.unwrap_or_default();
        if messages.is_empty() {
            return Ok(heard);
        }
        for message in messages {
            contoso.see_copy(&queue, &message);
            heard.push(serde_json::from_str(message.body().unwrap_or_default())?);
            sqs.delete_message()
                .queue_url(&queue)
                .receipt_handle(message.receipt_handle.unwrap_or_default())
                .send()
                .await?;
        }
    }
}
