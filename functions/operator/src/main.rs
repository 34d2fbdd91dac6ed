//! Everything that a person runs, behind one IAM permission: `lambda:InvokeFunction` on this function.

mod answer;
mod check;
mod handler;
mod portrait;
mod queues;
mod redrive;
mod render;
mod request;
#[cfg(test)]
mod schema;
mod selection;
mod trace;
mod walk;

use std::sync::Arc;

use common::aws::{
    self, ConsentTable, Functions, Ledger, Mappings, Objects, Paces, Parameters, Queues, Secrets,
    SnapshotTable, States, StepTable,
};
use common::config::{BUCKET, LOG_LEVEL, PUBLIC_URL, Reader, process_environment};
use common::consent::PublicUrl;
use common::vault::Vault;
use common::{telemetry, tls};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use tracing::level_filters::LevelFilter;

use crate::handler::Operator;
use crate::request::Request;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut reader = Reader::new(process_environment);
    let environment = reader.environment();
    let public_url = reader.required(PUBLIC_URL, |url| {
        PublicUrl::parse(url).map_err(|fault| fault.to_string())
    });
    let level = reader.optional(LOG_LEVEL, |level| {
        level.parse().map_err(|_| "is not a level".to_owned())
    });
    let bucket = reader.required(BUCKET, |value| Ok(value.to_owned()));
    let both = environment.zip(public_url).zip(bucket);
    let ((environment, public_url), bucket) = reader.finish(both)?;
    telemetry::start(level.unwrap_or(LevelFilter::INFO));

    let config = aws::load().await;
    let stack = environment.stack;
    let operator = &Operator {
        parameters: Parameters::new(&config, stack.clone()),
        states: States::new(&config, environment.table.clone()),
        paces: Paces::new(&config, environment.table.clone()),
        ledger: Ledger::new(&config, environment.table.clone()),
        snapshots: SnapshotTable::new(&config, environment.table.clone()),
        steps: StepTable::new(&config, environment.table.clone()),
        consents: ConsentTable::new(&config, environment.table),
        vault: Vault::new(Secrets::new(&config), stack.clone()),
        queues: Queues::new(&config),
        objects: Objects::new(&config, bucket),
        mappings: Mappings::new(&config),
        functions: Functions::new(&config, Functions::RENEWAL),
        tls: Arc::new(tls::client_config(
            environment.trusted_certificate.as_deref(),
        )?),
        public_url,
        stack,
    };
    run(service_fn(move |event: LambdaEvent<Request>| async move {
        let deadline = Timestamp::try_from(event.context.deadline()).unwrap_or(Timestamp::MAX);
        operator
            .handle(event.payload, deadline)
            .await
            .map_err(Error::from)
    }))
    .await
}
