//! From a command to its answer.

mod change;
mod check;
mod status;

use std::sync::Arc;

use common::aws::{
    ConsentTable, Functions, InvokeError, Ledger, Mappings, Objects, Paces, Parameters, QueueError,
    Queues, Secrets, SettingsError, SnapshotTable, States, StepTable,
};
use common::clock::{Clock, SystemClock};
use common::consent::{ConsentsUnavailable, PublicUrl, Purpose, connect_link};
use common::digest;
use common::ledger::{Key, LedgerError, LedgerStore, Resend};
use common::mailbox::{MailboxId, Pause, Settings, StateUnavailable};
use common::naming::StackName;
use common::oauth::admin_consent_url;
use common::snapshot::{self, Portrait, Snapshot, SnapshotsUnavailable};
use common::steps::{StepStore, StepsUnavailable};
use common::vault::{Vault, VaultError};
use jiff::Timestamp;
use rustls::ClientConfig;
use serde_json::json;

use crate::answer::Answer;
use crate::check::{Check, Keeping, Stopped};
use crate::queues::MailboxQueues;
use crate::redrive::{FailedDesk, Mode};
use crate::render::{RenderError, render};
use crate::request::Request;
use crate::selection::SelectionError;
use crate::trace::Trace;

/// How many notifications of a failed queue are shown at most.
const LISTED: u16 = 1000;

/// The adapters of the function.
#[derive(Debug)]
pub(crate) struct Operator {
    pub(crate) stack: StackName,
    pub(crate) public_url: PublicUrl,
    pub(crate) parameters: Parameters,
    pub(crate) states: States,
    pub(crate) paces: Paces,
    pub(crate) ledger: Ledger,
    pub(crate) consents: ConsentTable,
    pub(crate) snapshots: SnapshotTable,
    pub(crate) steps: StepTable,
    pub(crate) vault: Vault<Secrets>,
    pub(crate) queues: Queues,
    pub(crate) objects: Objects,
    pub(crate) mappings: Mappings,
    pub(crate) functions: Functions,
    pub(crate) tls: Arc<ClientConfig>,
}

/// Why a command has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The mailbox that was named has no valid id.
    #[error("`mailbox` is not the id of a mailbox")]
    Mailbox,
    /// The copies of the failed queue that are meant were not named.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The mailbox's sign-in service has no page for administrators.
    #[error(
        "the sign-in service of this mailbox has no page on which an administrator approves an app"
    )]
    NoApproval,
    /// The mailbox is unknown, its settings are faulty or cannot be read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The state cannot be reached.
    #[error(transparent)]
    State(#[from] StateUnavailable),
    /// The ticket could not be recorded.
    #[error(transparent)]
    Consents(#[from] ConsentsUnavailable),
    /// The snapshot could not be kept.
    #[error(transparent)]
    Snapshots(#[from] SnapshotsUnavailable),
    /// The steps of a check cannot be read.
    #[error(transparent)]
    Steps(#[from] StepsUnavailable),
    /// The queue cannot be reached.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The ledger cannot be reached.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The secrets cannot be reached.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The notification makes no mail.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The function that renews tokens gave no answer.
    #[error(transparent)]
    Invoke(#[from] InvokeError),
}

impl Operator {
    /// Carries out a command.
    ///
    /// # Errors
    ///
    /// When the mailbox is unknown or something that the command needs cannot be reached.
    pub(crate) async fn handle(
        &self,
        request: Request,
        deadline: Timestamp,
    ) -> Result<Answer, CommandError> {
        match request {
            Request::Connect { mailbox, admin } => {
                let purpose = if admin {
                    Purpose::Approval
                } else {
                    Purpose::Connection
                };
                self.connect(&self.settings(&mailbox).await?, purpose).await
            }
            Request::Status {
                mailbox: Some(mailbox),
            } => {
                let status = self.status(id(&mailbox)?).await;
                Ok(Answer::Mailboxes {
                    mailboxes: vec![status],
                })
            }
            Request::Status { mailbox: None } => {
                let mailboxes = self.statuses().await?;
                Ok(Answer::Mailboxes { mailboxes })
            }
            Request::StatusLink {} => self.status_link().await,
            Request::Check { mailbox, id } => {
                let (settings, now) = (self.settings(&mailbox).await?, SystemClock.now());
                let keeping = Keeping::new(&self.steps, &settings.mailbox, id, now);
                let mut check = Check::new(&settings, keeping);
                // A check that stopped has noted why; the answer shows it.
                let _: Result<(), Stopped> = self.check(&settings, &mut check).await;
                Ok(check.end().await)
            }
            Request::CheckSteps { mailbox, id: check } => {
                let (mailbox, now) = (id(&mailbox)?, SystemClock.now());
                let kept = self.steps.read(&mailbox, &check, now).await?;
                Ok(Answer::steps_so_far(kept))
            }
            Request::SendTest { mailbox } => self.send_test(&self.settings(&mailbox).await?).await,
            Request::Trace { mailbox, id } => self.trace(&self.settings(&mailbox).await?, id).await,
            Request::Render {
                mailbox,
                notification,
            } => {
                let (settings, now) = (self.settings(&mailbox).await?, SystemClock.now());
                let rendered = render(&notification, &settings, &self.objects, now).await?;
                Ok(Answer::Rendered(Box::new(rendered)))
            }
            Request::Pause { mailbox } => {
                self.pause(&self.settings(&mailbox).await?, Pause::Paused)
                    .await
            }
            Request::Resume { mailbox } => {
                self.pause(&self.settings(&mailbox).await?, Pause::Running)
                    .await
            }
            Request::Refresh { mailbox } => self.refresh(&self.settings(&mailbox).await?).await,
            Request::Disconnect { mailbox } => {
                self.disconnect(&self.settings(&mailbox).await?).await
            }
            Request::Failed { mailbox, limit } => {
                let (mailbox, limit) = (id(&mailbox)?, limit.clamp(1, LISTED));
                let queue = MailboxQueues::of(&mailbox, &self.stack, &self.queues);
                let desk = self.failed_desk(&mailbox, &queue, deadline);
                Ok(Answer::Failed(desk.list(limit.into()).await?))
            }
            Request::Redrive(selection) => {
                let (mailbox, filter) = (id(&selection.mailbox)?, selection.filter()?);
                let resend = match selection.resend {
                    true => Resend::Unknown,
                    false => Resend::Never,
                };
                let queue = MailboxQueues::of(&mailbox, &self.stack, &self.queues);
                let desk = self.failed_desk(&mailbox, &queue, deadline);
                let redriven = desk.redrive(&filter, resend, Mode::of(&selection)).await?;
                Ok(Answer::Redriven(redriven))
            }
            Request::Drop(selection) => {
                let (mailbox, filter) = (id(&selection.mailbox)?, selection.filter()?);
                if selection.resend {
                    return Err(SelectionError::Resend.into());
                }
                let queue = MailboxQueues::of(&mailbox, &self.stack, &self.queues);
                let desk = self.failed_desk(&mailbox, &queue, deadline);
                let dropped = desk.drop(&filter, Mode::of(&selection)).await?;
                Ok(Answer::Dropped(dropped))
            }
        }
    }

    fn failed_desk<'a>(
        &'a self,
        mailbox: &'a MailboxId,
        queue: &'a MailboxQueues<'a>,
        deadline: Timestamp,
    ) -> FailedDesk<'a, Ledger, MailboxQueues<'a>, SystemClock> {
        FailedDesk {
            mailbox,
            ledger: &self.ledger,
            queue,
            clock: &SystemClock,
            deadline,
        }
    }

    async fn settings(&self, mailbox: &str) -> Result<Settings, CommandError> {
        Ok(self.parameters.settings(&id(mailbox)?).await?)
    }

    async fn connect(&self, settings: &Settings, purpose: Purpose) -> Result<Answer, CommandError> {
        let callback = self.public_url.callback();
        if purpose == Purpose::Approval && admin_consent_url(settings, &callback).is_none() {
            return Err(CommandError::NoApproval);
        }
        let link = connect_link(
            &self.consents,
            &SystemClock,
            &self.public_url,
            &settings.mailbox,
            purpose,
        )
        .await?;
        Ok(Answer::Link {
            link: link.expose().to_owned(),
            expires_at: link.expires_at,
            sign_in_as: match purpose {
                Purpose::Connection => settings.username.as_str().to_owned(),
                Purpose::Approval => {
                    format!("an administrator of {}", settings.tenant.as_str())
                }
            },
        })
    }

    /// Takes a snapshot of all mailboxes, and makes the link that shows it.
    async fn status_link(&self) -> Result<Answer, CommandError> {
        let statuses = self.statuses().await?.into_iter().map(Portrait::from);
        let snapshot = Snapshot::new(statuses, SystemClock.now());
        let link = snapshot::status_link(&self.snapshots, &SystemClock, &self.public_url, snapshot);
        let link = link.await?;
        Ok(Answer::StatusLink {
            link: link.expose().to_owned(),
            expires_at: link.expires_at,
        })
    }

    async fn send_test(&self, settings: &Settings) -> Result<Answer, CommandError> {
        let id = format!("test-{}", digest::random_hex::<8>());
        let to = settings.address.as_str().to_owned();
        let body = json!({
            "id": id,
            "to": to,
            "subject": "Test from Pillarbox",
            "text": format!("This mail left the mailbox {} through its own queue.", settings.mailbox),
        });
        self.queues
            .send(&self.stack.queue(&settings.mailbox), &body.to_string(), &[])
            .await?;
        Ok(Answer::Enqueued { id, to })
    }

    async fn trace(&self, settings: &Settings, id: String) -> Result<Answer, CommandError> {
        let key = Key {
            mailbox: settings.mailbox.clone(),
            notification: id,
        };
        let record = self.ledger.read(&key, SystemClock.now()).await?;
        let trace = Trace::of(settings, key.notification, record);
        Ok(Answer::Traced(Box::new(trace)))
    }
}

fn id(mailbox: &str) -> Result<MailboxId, CommandError> {
    MailboxId::parse(mailbox).map_err(|_| CommandError::Mailbox)
}
