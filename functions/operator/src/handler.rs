//! From a command to its answer.

use std::sync::Arc;
use std::time::Duration;

use common::aws::{
    ConsentTable, Functions, InvokeError, Ledger, Mappings, Objects, Paces, Parameters, QueueError,
    Queues, Secrets, SettingsError, SnapshotTable, States, StepTable, Valve,
};
use common::class::Class;
use common::clock::{Clock, SystemClock};
use common::consent::{ConsentsUnavailable, PublicUrl, Purpose, connect_link};
use common::digest;
use common::ledger::{Key, LedgerError, LedgerStore, Resend};
use common::mailbox::{MailboxId, MailboxStates, Pause, Settings, StateUnavailable};
use common::naming::StackName;
use common::oauth::admin_consent_url;
use common::pace::{self, Keeper, Lease, PaceStore};
use common::route::Route;
use common::secret::AccessToken;
use common::snapshot::{self, Portrait, Snapshot, SnapshotsUnavailable};
use common::steps::{StepStore, StepsUnavailable};
use common::telemetry::chain;
use common::vault::{Vault, VaultError};
use futures_util::StreamExt;
use futures_util::stream;
use jiff::Timestamp;
use rustls::ClientConfig;
use serde_json::json;

use crate::answer::{Answer, Condition, LastFailure, Status};
use crate::check::{Check, Keeping, Stopped};
use crate::queues::MailboxQueues;
use crate::redrive::{FailedDesk, Mode};
use crate::render::{RenderError, render};
use crate::request::Request;
use crate::selection::SelectionError;
use crate::trace::Trace;

/// How many notifications of a failed queue are shown at most.
const LISTED: u16 = 1000;

/// How many mailboxes are looked at at the same time.
const AT_ONCE: usize = 8;
/// The longest that a check may take on its connection: the time of the function.
const WALK: Duration = Duration::from_secs(60);

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

    /// How all mailboxes do.
    async fn statuses(&self) -> Result<Vec<Status>, CommandError> {
        let all = stream::iter(self.parameters.mailboxes().await?);
        let statuses = all.map(|mailbox| self.status(mailbox)).buffered(AT_ONCE);
        Ok(statuses.collect().await)
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

    /// How a mailbox does. What cannot be found out is named among the faults, and the rest is shown.
    async fn status(&self, mailbox: MailboxId) -> Status {
        let mut faults = Vec::new();
        let settings = self
            .parameters
            .settings(&mailbox)
            .await
            .map_err(|error| faults.push(chain(&error)))
            .ok();
        let state = self
            .states
            .state(&mailbox)
            .await
            .map_err(|error| faults.push(chain(&error)))
            .ok();
        let valve = self
            .valve(&mailbox)
            .await
            .map_err(|fault| faults.push(fault))
            .ok();
        let lately = self
            .paces
            .read(&mailbox)
            .await
            .map_err(|error| faults.push(chain(&error)))
            .map(|pace| pace.lately())
            .unwrap_or_default();
        let queue = self.queues.depth(&self.stack.queue(&mailbox)).await;
        let failed_queue = self.queues.depth(&self.stack.failed_queue(&mailbox)).await;
        let mut depth =
            |depth: Result<_, QueueError>| depth.map_err(|error| faults.push(chain(&error))).ok();
        Status {
            valve,
            queue: depth(queue),
            failed_queue: depth(failed_queue),
            last_accepted_at: lately.accepted_at,
            last_failure: lately
                .failure
                .map(|failure| LastFailure::of(failure, settings.as_ref())),
            address: settings
                .as_ref()
                .map(|settings| settings.address.as_str().to_owned()),
            condition: state
                .zip(settings.as_ref())
                .map(|(state, settings)| Condition::of(&state, settings, SystemClock.now())),
            mailbox: mailbox.to_string(),
            faults,
        }
    }

    async fn check(
        &self,
        settings: &Settings,
        check: &mut Check<'_, StepTable>,
    ) -> Result<(), Stopped> {
        let route = Route::of(settings, Arc::clone(&self.tls));
        let unavailable = |check: &mut Check<'_, StepTable>, error: String| {
            check.failed("access token", Duration::ZERO, error, Class::Network)
        };
        check.begins("access token").await;
        let tokens = match self.vault.tokens(&settings.mailbox).await {
            Ok(Some(tokens)) if !tokens.value.is_fresh(SystemClock.now()) => {
                self.renewed(settings, &tokens.version.0).await
            }
            answer => answer.map_err(|error| chain(&error)),
        };
        let tokens = match tokens {
            Ok(Some(tokens)) => tokens.value,
            Ok(None) => {
                let found =
                    "nobody has consented yet: run `connect`, and open the link that it answers"
                        .to_owned();
                return Err(check.failed(
                    "access token",
                    Duration::ZERO,
                    found,
                    Class::ConsentRevoked,
                ));
            }
            Err(error) => return Err(unavailable(check, error)),
        };
        check.token(&tokens, &SystemClock)?;
        check.scopes();
        self.walk(settings, check, &route, &tokens.access_token)
            .await
    }

    /// Walks the way with the one connection that the mailbox keeps for probes.
    async fn walk(
        &self,
        settings: &Settings,
        check: &mut Check<'_, StepTable>,
        route: &Route,
        token: &AccessToken,
    ) -> Result<(), Stopped> {
        let owner = digest::random_hex::<16>();
        let keeper = Keeper {
            store: &self.paces,
            mailbox: &settings.mailbox,
            owner: &owner,
        };
        let now = SystemClock.now();
        let until = now.saturating_add(WALK).unwrap_or(now);
        match keeper.lease(pace::Purpose::Probe, until, now).await {
            Ok(Lease::Granted) => {}
            Ok(Lease::Taken(_)) => {
                let found =
                    "another probe has the mailbox's spare connection; check again in a minute";
                let class = Class::RateLimited;
                return Err(check.failed("connection", Duration::ZERO, found.to_owned(), class));
            }
            Err(error) => {
                let found = chain(&error);
                return Err(check.failed("connection", Duration::ZERO, found, Class::Network));
            }
        }
        let walked = check.walk(route, token, &keeper).await;
        keeper.release().await;
        walked
    }

    /// Has the token renewed, and reads it again.
    async fn renewed(
        &self,
        settings: &Settings,
        seen: &str,
    ) -> Result<Option<common::vault::Current<common::grant::TokenSet>>, String> {
        let payload = json!({ "mailbox": settings.mailbox.as_str(), "seen_version": seen });
        let answer = self
            .functions
            .invoke(&self.stack.live_function("token-refresh"), &payload)
            .await;
        answer.map_err(|error: InvokeError| chain(&error))?;
        self.vault
            .tokens(&settings.mailbox)
            .await
            .map_err(|error| chain(&error))
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

    /// Has the token renewed now, as for somebody whose token was refused.
    async fn refresh(&self, settings: &Settings) -> Result<Answer, CommandError> {
        let mailbox = &settings.mailbox;
        let seen = self.vault.tokens(mailbox).await?;
        let mut payload = json!({ "mailbox": mailbox.as_str() });
        if let Some(seen) = seen {
            payload["seen_version"] = seen.version.0.into();
        }
        let function = self.stack.live_function("token-refresh");
        let answer = self.functions.invoke(&function, &payload).await?;
        let visited = &answer["mailboxes"][0];
        let found = visited["found"].as_str().or(visited["error"].as_str());
        Ok(Answer::Renewed {
            found: found.unwrap_or("unknown").to_owned(),
            mailbox: Box::new(self.status(mailbox.clone()).await),
        })
    }

    /// Forgets the tokens first, so that whatever stops in between, nothing is renewed any more and the next tick
    /// brings the state up to that. Then the state, then the valve.
    async fn disconnect(&self, settings: &Settings) -> Result<Answer, CommandError> {
        let mailbox = &settings.mailbox;
        let ended = self.vault.disconnected(mailbox).await?;
        self.states.disconnect(mailbox, &ended).await?;
        self.set_valve(mailbox).await?;
        tracing::info!(mailbox.id = %mailbox, "the mailbox was disconnected");
        Ok(Answer::Disconnected {
            withdraw: format!(
                "The tokens that Microsoft gave out stay good until the consent is withdrawn there. As {username}: https://myapps.microsoft.com, the app, Manage your application, Revoke consent. As an administrator: Entra admin center, Enterprise applications, the app, Permissions; then `Revoke-MgUserSignInSession -UserId {username}`.",
                username = settings.username
            ),
            mailbox: Box::new(self.status(mailbox.clone()).await),
        })
    }

    async fn valve(&self, mailbox: &MailboxId) -> Result<String, String> {
        let mapping = self.parameters.mapping(mailbox).await;
        let mapping = mapping.map_err(|error| chain(&error))?;
        let state = self.mappings.state_of(&mapping).await;
        state.map_err(|error| chain(&error))
    }

    /// Sets the valve as the state wants it; what fails is left to the next tick.
    async fn set_valve(&self, mailbox: &MailboxId) -> Result<(), CommandError> {
        let state = self.states.state(mailbox).await?;
        let mapping = self.parameters.mapping(mailbox).await?;
        let valve = Valve::of(&state, SystemClock.now());
        if let Err(error) = self.mappings.set(&mapping, valve).await {
            tracing::warn!(mailbox.id = %mailbox, error = %chain(&error), "the valve is left to the next tick");
        }
        Ok(())
    }

    async fn pause(&self, settings: &Settings, pause: Pause) -> Result<Answer, CommandError> {
        let mailbox = &settings.mailbox;
        let now = SystemClock.now();
        self.states.pause(mailbox, pause, now).await?;
        self.set_valve(mailbox).await?;
        Ok(Answer::Changed {
            mailbox: Box::new(self.status(mailbox.clone()).await),
        })
    }
}

fn id(mailbox: &str) -> Result<MailboxId, CommandError> {
    MailboxId::parse(mailbox).map_err(|_| CommandError::Mailbox)
}
