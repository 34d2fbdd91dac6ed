//! What changes a mailbox: renewing its token, pausing it, forgetting its tokens.

use common::aws::Valve;
use common::clock::{Clock, SystemClock};
use common::mailbox::{MailboxId, MailboxStates, Pause, Settings};
use common::telemetry::chain;
use serde_json::json;

use super::{CommandError, Operator};
use crate::answer::Answer;

impl Operator {
    /// Has the token renewed now, as for somebody whose token was refused.
    pub(super) async fn refresh(&self, settings: &Settings) -> Result<Answer, CommandError> {
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
    pub(super) async fn disconnect(&self, settings: &Settings) -> Result<Answer, CommandError> {
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

    pub(super) async fn pause(
        &self,
        settings: &Settings,
        pause: Pause,
    ) -> Result<Answer, CommandError> {
        let mailbox = &settings.mailbox;
        let now = SystemClock.now();
        self.states.pause(mailbox, pause, now).await?;
        self.set_valve(mailbox).await?;
        Ok(Answer::Changed {
            mailbox: Box::new(self.status(mailbox.clone()).await),
        })
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
}
