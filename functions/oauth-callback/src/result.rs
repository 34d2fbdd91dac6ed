//! The page that shows how an attempt ended, to the browser that began it. It only looks.

use std::time::Duration;

use common::clock::Clock;
use common::consent::{BrowserHash, Consents, Ending, Outcome, Purpose};
use common::oauth::admin_consent_url;
use tokio::time::{Instant, sleep};

use crate::answer::{Forms, page};
use crate::cookie;
use crate::event::{Answer, Request};
use crate::handler::{good, outcome, unavailable};
use crate::pages::{Onward, ResultPage};
use crate::ports::Ports;
use crate::words::Notice;

/// How long a person who came too early waits here, because the other tab or the first of two clicks is being
/// answered. The page does not load itself again: that takes it out of the hands of who reads it slowly.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked meanwhile.
const LOOK: Duration = Duration::from_millis(500);

/// Shows the outcome of a browser's attempt.
pub(crate) async fn result(ports: &impl Ports, request: &Request) -> Result<Answer, Notice> {
    let tag = request
        .query
        .get("attempt")
        .or_else(|| cookie::only(&request.cookies));
    let tag = tag.ok_or(Notice::NothingToShow)?;
    let browser = cookie::of(&request.cookies, tag).ok_or(Notice::NothingToShow)?;
    let outcome = settled(ports, &browser.hash()).await?;
    let settings = ports
        .settings(&outcome.mailbox)
        .await
        .map_err(|_| Notice::Unavailable)?;
    let standing = ports
        .consents()
        .standing(&outcome.ticket, ports.clock().now())
        .await;
    let is_good = good(standing.map_err(unavailable)?).is_ok();
    let from_here = |purpose: Purpose| {
        is_good.then(|| {
            let mut url = ports.base().start(purpose);
            url.query_pairs_mut().append_pair("again", tag);
            url
        })
    };
    let next = match outcome.ending {
        Ending::Approved => Purpose::Connection,
        Ending::Pending
        | Ending::Connected { .. }
        | Ending::Blocked { .. }
        | Ending::Refused(_) => outcome.purpose,
    };
    let onward = Onward {
        again: from_here(next),
        approve: from_here(Purpose::Approval),
        approval_elsewhere: admin_consent_url(&settings, &ports.base().callback()),
    };
    let shown = ResultPage::new(&outcome, settings.concerning(), onward);
    Ok(page(200, &shown, Forms::None))
}

/// The outcome, as soon as the attempt has ended; or that it has not, when there is no more patience.
async fn settled(ports: &impl Ports, browser: &BrowserHash) -> Result<Outcome, Notice> {
    let begun = Instant::now();
    loop {
        let outcome = outcome(ports, browser)
            .await?
            .ok_or(Notice::NothingToShow)?;
        if outcome.ending != Ending::Pending || begun.elapsed() >= PATIENCE {
            return Ok(outcome);
        }
        sleep(LOOK).await;
    }
}
