//! The function's room: the adapters that it keeps between batches, and how a batch goes through it.

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use common::aws::{
    Events, Functions, HashKeyTable, Ledger, Mappings, Objects, Paces, Parameters, Queues, Secrets,
    SettingsError, States,
};
use common::clock::{Clock, SystemClock};
use common::digest;
use common::metrics::Measurement;
use common::naming::StackName;
use common::route::Route;
use common::template::TemplateCache;
use common::vault::Vault;
use jiff::Timestamp;
use rustls::ClientConfig;
use tokio::time::Instant;

use crate::adapters::Outside;
use crate::copy::NamelessRecord;
use crate::delivery::Desk;
use crate::handler;
use crate::line::Wire;

/// The time that is kept for putting back and taking leave when everything else has used up its own.
const LEAVE: Duration = Duration::from_secs(5);

/// The adapters of the function.
#[derive(Debug)]
pub(crate) struct Office {
    pub(crate) stack: StackName,
    pub(crate) parameters: Parameters,
    pub(crate) ledger: Ledger,
    pub(crate) states: States,
    pub(crate) paces: Paces,
    pub(crate) objects: Objects,
    pub(crate) templates: TemplateCache,
    pub(crate) vault: Vault<Secrets>,
    pub(crate) queues: Queues,
    pub(crate) functions: Functions,
    pub(crate) events: Events,
    pub(crate) hash_keys: HashKeyTable,
    pub(crate) mappings: Mappings,
    pub(crate) tls: Arc<ClientConfig>,
}

/// Why a batch as a whole comes back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BatchError {
    /// The batch does not come from a queue of this stack.
    #[error("the batch does not come from the queue of a mailbox of this stack")]
    ForeignQueue,
    /// A record cannot be named.
    #[error(transparent)]
    Nameless(#[from] NamelessRecord),
    /// The mailbox's settings cannot be read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

impl Office {
    /// Delivers a batch.
    ///
    /// # Errors
    ///
    /// When the batch is of no mailbox, or the mailbox's settings cannot be read. Nothing was begun then, and
    /// all of it comes back.
    pub(crate) async fn deliver(
        &self,
        event: SqsEvent,
        deadline: Timestamp,
    ) -> Result<SqsBatchResponse, BatchError> {
        let Some(arn) = event
            .records
            .first()
            .map(|record| record.event_source_arn.clone().unwrap_or_default())
        else {
            return Ok(SqsBatchResponse::default());
        };
        let mailbox = self
            .stack
            .mailbox_of_queue(&arn)
            .ok_or(BatchError::ForeignQueue)?;
        let copies = handler::copies(event)?;
        let settings = self.parameters.settings(&mailbox).await?;

        let left =
            Duration::try_from(deadline.duration_since(SystemClock.now())).unwrap_or_default();
        let mailbox = &settings.mailbox;
        let outside = || Outside {
            office: self,
            mailbox,
        };
        let worker = digest::random_hex::<16>();
        let desk = Desk::new(
            &settings,
            outside(),
            &worker,
            (deadline, Instant::now() + left.saturating_sub(LEAVE)),
            Measurement::of_mailbox(&self.stack, mailbox),
        );
        let mut line = Wire::new(Route::of(&settings, Arc::clone(&self.tls)), outside());
        let answer = handler::deliver(&copies, &desk, &mut line).await;
        line.close().await;
        desk.leave().await;
        Ok(answer)
    }
}
