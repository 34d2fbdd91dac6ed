//! What a check needs before it can walk: a fresh token, and the connection that the mailbox keeps for probes.

use std::sync::Arc;
use std::time::Duration;

use common::aws::{InvokeError, StepTable};
use common::class::Class;
use common::clock::{Clock, SystemClock};
use common::digest;
use common::grant::TokenSet;
use common::mailbox::Settings;
use common::pace::{self, Keeper, Lease};
use common::route::Route;
use common::secret::AccessToken;
use common::telemetry::chain;
use common::vault::Current;
use serde_json::json;

use super::Operator;
use crate::check::{Check, Stopped};

/// The longest that a check may take on its connection: the time of the function.
const WALK: Duration = Duration::from_secs(60);

impl Operator {
    pub(super) async fn check(
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
    ) -> Result<Option<Current<TokenSet>>, String> {
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
}
