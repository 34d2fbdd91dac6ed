//! Submits each notification of a mailbox's queue once, or sets it aside with a reason.

mod adapters;
mod backoff;
mod copy;
mod delivery;
mod handler;
mod line;
mod office;
mod ports;
mod report;
mod settlement;

use std::sync::Arc;

use aws_lambda_events::event::sqs::SqsEvent;
use common::aws::{
    self, Events, Functions, HashKeyTable, Ledger, Mappings, Objects, Paces, Parameters, Queues,
    Secrets, States,
};
use common::config::{BUCKET, LOG_LEVEL, Reader, process_environment};
use common::template::TemplateCache;
use common::vault::Vault;
use common::{telemetry, tls};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use tracing::level_filters::LevelFilter;

use crate::office::Office;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut reader = Reader::new(process_environment);
    let environment = reader.environment();
    let level = reader.optional(LOG_LEVEL, |level| {
        level.parse().map_err(|_| "is not a level".to_owned())
    });
    let bucket = reader.required(BUCKET, |value| Ok(value.to_owned()));
    let (environment, bucket) = reader.finish(environment.zip(bucket))?;
    telemetry::start(level.unwrap_or(LevelFilter::INFO));

    let config = aws::load().await;
    let stack = environment.stack;
    let office = &Office {
        parameters: Parameters::new(&config, stack.clone()),
        ledger: Ledger::new(&config, environment.table.clone()),
        states: States::new(&config, environment.table.clone()),
        paces: Paces::new(&config, environment.table.clone()),
        objects: Objects::new(&config, bucket),
        templates: TemplateCache::default(),
        vault: Vault::new(Secrets::new(&config), stack.clone()),
        queues: Queues::new(&config),
        functions: Functions::new(&config, Functions::RENEWAL),
        events: Events::new(&config),
        hash_keys: HashKeyTable::new(&config, environment.table),
        mappings: Mappings::new(&config),
        tls: Arc::new(tls::client_config(
            environment.trusted_certificate.as_deref(),
        )?),
        stack,
    };
    run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let deadline = Timestamp::try_from(event.context.deadline()).unwrap_or(Timestamp::MAX);
        office
            .deliver(event.payload, deadline)
            .await
            .map_err(Error::from)
    }))
    .await
}
