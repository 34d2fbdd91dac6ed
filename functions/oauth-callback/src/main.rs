//! Turns one consent by the right person into a stored grant, or explains why not.

mod answer;
mod approval;
mod callback;
mod cookie;
mod event;
mod flow;
mod handler;
mod outside;
mod pages;
mod ports;
mod refusals;
mod result;
mod settling;
mod start;
mod status;
#[cfg(test)]
mod tests;
mod words;

use std::sync::Arc;
use std::time::Duration;

use common::clock::SystemClock;
use common::config::{self, Reader};
use common::consent::PublicUrl;
use common::oauth::Http;
use common::vault::Vault;
use common::{aws, telemetry, tls};
use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::event::{Event, Request};
use crate::outside::Outside;
use crate::words::Notice;

/// API Gateway gives up after 30 seconds and answers with a page that is not ours.
const PATIENCE: Duration = Duration::from_secs(27);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut reader = Reader::new(config::process_environment);
    let environment = reader.environment();
    let base = reader.required(config::PUBLIC_URL, |url| {
        PublicUrl::parse(url).map_err(|fault| fault.to_string())
    });
    let level = reader.optional(config::LOG_LEVEL, |level| {
        level.parse().map_err(|_| "is not a level".to_owned())
    });
    let (environment, base) = reader.finish(environment.zip(base))?;
    telemetry::start(level.unwrap_or(tracing::level_filters::LevelFilter::INFO));

    let tls = tls::client_config(environment.trusted_certificate.as_deref())?;
    let sdk = aws::load().await;
    let secrets = aws::Secrets::new(&sdk);
    let ports = &Outside {
        base,
        clock: SystemClock,
        consents: aws::ConsentTable::new(&sdk, environment.table.clone()),
        states: aws::States::new(&sdk, environment.table.clone()),
        snapshots: aws::SnapshotTable::new(&sdk, environment.table.clone()),
        paces: aws::Paces::new(&sdk, environment.table),
        vault: Vault::new(secrets.clone(), environment.stack.clone()),
        parameters: aws::Parameters::new(&sdk, environment.stack.clone()),
        mappings: aws::Mappings::new(&sdk),
        events: aws::Events::new(&sdk),
        secrets,
        stack: environment.stack,
        http: Http::new(tls.clone())?,
        tls: Arc::new(tls),
    };
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Event>| async move {
        let answered = tokio::time::timeout(
            PATIENCE,
            handler::handle(ports, Request::from(event.payload)),
        );
        Ok::<_, Error>(
            answered
                .await
                .unwrap_or_else(|_| handler::notice(Notice::Unavailable)),
        )
    }))
    .await
}
