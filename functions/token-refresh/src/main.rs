//! Keeps an access token with enough life for every mailbox that has a grant.
//!
//! Invoked by the schedule for all mailboxes, and by `send-email` for the one whose token was refused.

use std::sync::Arc;

use common::aws::{self, Events, Mappings, Paces, Parameters, Rota, Secrets, States};
use common::clock::SystemClock;
use common::config::{LOG_LEVEL, Reader, process_environment};
use common::oauth::Http;
use common::vault::Vault;
use common::{telemetry, tls};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use token_refresh::handler::{Function, Request};
use token_refresh::ports::Aws;
use token_refresh::provider::Microsoft;
use token_refresh::visit::Visitor;
use tracing::level_filters::LevelFilter;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut reader = Reader::new(process_environment);
    let environment = reader.environment();
    let level = reader.optional(LOG_LEVEL, |level| {
        level.parse().map_err(|_| "is not a level".to_owned())
    });
    let environment = reader.finish(environment)?;
    telemetry::start(level.unwrap_or(LevelFilter::INFO));

    let tls = tls::client_config(environment.trusted_certificate.as_deref())?;
    let config = aws::load().await;
    let stack = environment.stack;
    let secrets = Secrets::new(&config);
    let function = &Function {
        visitor: Visitor {
            vault: Vault::new(secrets.clone(), stack.clone()),
            states: States::new(&config, environment.table.clone()),
            provider: Microsoft {
                secrets,
                paces: Paces::new(&config, environment.table.clone()),
                stack: stack.clone(),
                http: Http::new(tls.clone())?,
                tls: Arc::new(tls),
            },
            clock: SystemClock,
        },
        outside: Aws {
            parameters: Parameters::new(&config, stack.clone()),
            mappings: Mappings::new(&config),
            rota: Rota::new(&config, environment.table),
            events: Events::new(&config),
        },
        stack,
    };
    run(service_fn(
        move |event: LambdaEvent<Option<Request>>| async move {
            let deadline = event.context.deadline();
            let time_left = move || {
                deadline
                    .duration_since(std::time::SystemTime::now())
                    .unwrap_or_default()
            };
            let answer = function
                .handle(event.payload.unwrap_or_default(), time_left)
                .await;
            answer.map_err(Error::from)
        },
    ))
    .await
}
