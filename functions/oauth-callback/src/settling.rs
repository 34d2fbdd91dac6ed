//! From a stored grant to a mailbox that sends.
//!
//! Whatever stops here, `token-refresh` finds the grant and goes on.

use std::time::Duration;

use common::aws::Valve;
use common::class::Class;
use common::clock::Clock;
use common::consent::{Ending, Queue};
use common::event::{Look, NotPut};
use common::mailbox::{
    Activate, Connection, Consented, MailboxStates, Pause, Refreshed, Settings, Stop,
};
use common::metrics::{Measurement, Meter, Metric};
use common::route::Obstacle;
use common::telemetry::chain;
use tokio::time::timeout;

use crate::flow::Accepted;
use crate::ports::{Missing, Ports};

/// Proves the way to the mail server and lets the mail go.
pub(crate) async fn settle(
    ports: &impl Ports,
    settings: &Settings,
    accepted: &Accepted,
    left: Duration,
) -> Ending {
    let Accepted { grant, tokens } = accepted;
    let Settings { mailbox, .. } = settings;
    let kept = accepted.kept();
    let now = || ports.clock().now();
    let states = ports.states();
    let settled = async {
        // Before anything can make the mailbox active, so that nothing slips out in between.
        if settings.activate == Activate::Manual {
            states.pause(mailbox, Pause::Paused, now()).await?;
        }
        let unproven = Connection::unproven(now());
        states
            .connect(mailbox, &Consented::from(grant), &unproven)
            .await?;
        let refreshed = Refreshed {
            at: tokens.obtained_at,
            expires_at: tokens.expires_at,
            token_bytes: kept.token_bytes,
        };
        states
            .refreshed(mailbox, &grant.grant_id, &refreshed)
            .await?;
        let proof = timeout(left, ports.prove(settings, &tokens.access_token)).await;
        let proof = proof.unwrap_or_else(|_| {
            let reason = format!("no answer within {} seconds", left.as_secs());
            Err(Obstacle {
                class: Class::Network,
                reason,
            })
        });
        match proof {
            Ok(()) => {
                states
                    .change(mailbox, &grant.grant_id, &Connection::Active)
                    .await?;
                Ok(None)
            }
            Err(Obstacle { class, reason }) => {
                let connection = Connection::stopped(class, reason, now());
                states.change(mailbox, &grant.grant_id, &connection).await?;
                Ok(connection.stop().cloned())
            }
        }
    };
    let stop = settled.await.unwrap_or_else(|error: common::mailbox::StateUnavailable| {
        tracing::error!(mailbox.id = %mailbox, error = chain(&error), "the state was not recorded");
        let reason = "the state of the mailbox could not be recorded".to_owned();
        Some(Stop { class: Class::Network, reason, since: ports.clock().now() })
    });
    let (queue, ()) = tokio::join!(turn(ports, settings), tell(ports, settings));
    match stop {
        None => Ending::Connected { kept, queue },
        Some(stop) => Ending::Blocked { kept, stop },
    }
}

/// Tells others what has become of the mailbox. What cannot be told now, the next tick tells.
async fn tell(ports: &impl Ports, settings: &Settings) {
    let Settings { mailbox, .. } = settings;
    let state = match ports.states().state(mailbox).await {
        Ok(state) => state,
        Err(error) => {
            tracing::warn!(mailbox.id = %mailbox, error = chain(&error), "the news of the mailbox is left to the next tick");
            return;
        }
    };
    let (stack, now) = (ports.stack(), ports.clock().now());
    let look = Look {
        stack,
        settings,
        state: &state,
        now,
    };
    if let Err(NotPut { count, reason }) = look.tell(ports.bus(), ports.states()).await {
        tracing::warn!(mailbox.id = %mailbox, count, reason, "the news of the mailbox is left to the next tick");
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let measured = Measurement::of_mailbox(stack, mailbox).with(Metric::EventsNotPut, count);
        ports.meter().record(&measured, now);
    }
}

/// Asks for the valve that the state stands for. The next tick asks again, so a failure is not one.
async fn turn(ports: &impl Ports, settings: &Settings) -> Queue {
    let Settings { mailbox, .. } = settings;
    let turned = async {
        let state = ports.states().state(mailbox).await;
        let state = state.map_err(|error| Missing::Unavailable(chain(&error)))?;
        let queue = if state.paused {
            Queue::Paused
        } else {
            Queue::Open
        };
        match ports
            .turn(mailbox, Valve::of(&state, ports.clock().now()))
            .await
        {
            Err(missing) if queue == Queue::Open => Err(missing),
            Ok(()) | Err(_) => Ok(queue),
        }
    };
    turned.await.unwrap_or_else(|missing| {
        tracing::warn!(mailbox.id = %mailbox, error = %missing, "the valve was not turned");
        Queue::Opening
    })
}
