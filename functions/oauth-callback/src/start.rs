//! The way out: the page on which an attempt begins, and its form.

use common::clock::Clock;
use common::consent::{
    Attempt, Browser, Consents, Ending, LIFE, Nonce, Prompt, Purpose, State, Ticket, TicketHash,
    Verifier,
};
use common::mailbox::{MailboxId, Settings};
use common::oauth::{Authorization, admin_consent_url};
use url::Url;

use crate::answer::{Forms, page};
use crate::cookie;
use crate::event::{Answer, Origin, Request};
use crate::handler::{conclude, good, outcome, unavailable};
use crate::pages::{Approve, Continue, Permission, Start};
use crate::ports::{Missing, Ports};
use crate::words::Notice;

/// The way in: by the ticket of a link, or again by the attempt that did not work out.
struct Entry {
    ticket: TicketHash,
    prompt: Prompt,
    purpose: Purpose,
}

async fn entry(ports: &impl Ports, request: &Request) -> Result<Entry, Notice> {
    let purpose = Purpose::parse(request.query.get("for"));
    if let Some(ticket) = request
        .query
        .get("ticket")
        .or_else(|| request.form.get("ticket"))
    {
        return Ok(Entry {
            ticket: Ticket::parse(ticket).ok_or(Notice::LinkUnknown)?.hash(),
            prompt: Prompt::Hint,
            purpose,
        });
    }
    let tag = request.query.get("again").ok_or(Notice::NoLink)?;
    let browser = cookie::of(&request.cookies, tag).ok_or(Notice::NothingToShow)?;
    let outcome = outcome(ports, &browser.hash())
        .await?
        .ok_or(Notice::NothingToShow)?;
    let prompt = match outcome.ending {
        Ending::Refused(refusal) if refusal.asks_for_another_account() => Prompt::SelectAccount,
        Ending::Refused(_)
        | Ending::Pending
        | Ending::Approved
        | Ending::Connected { .. }
        | Ending::Blocked { .. } => Prompt::Hint,
    };
    Ok(Entry {
        ticket: outcome.ticket,
        prompt,
        purpose,
    })
}

/// Shows what is about to be begun, and changes nothing.
pub(crate) async fn start(ports: &impl Ports, request: &Request) -> Result<Answer, Notice> {
    let entry = entry(ports, request).await?;
    let standing = ports
        .consents()
        .standing(&entry.ticket, ports.clock().now())
        .await;
    let mailbox = good(standing.map_err(unavailable)?)?;
    let settings = ready(ports, &mailbox, entry.purpose).await?;
    let about = settings.concerning();
    let permission = Permission::of(&settings.scopes);
    Ok(match entry.purpose {
        Purpose::Connection => page(
            200,
            &Start {
                about,
                prompt: entry.prompt,
                permission,
            },
            Forms::ToOurselves,
        ),
        Purpose::Approval => page(
            200,
            &Approve {
                about,
                settings: &settings,
                permission,
            },
            Forms::ToOurselves,
        ),
    })
}

/// The settings of a mailbox that has everything the purpose needs, so that nobody signs in for nothing.
async fn ready(
    ports: &impl Ports,
    mailbox: &MailboxId,
    purpose: Purpose,
) -> Result<Settings, Notice> {
    let missing = |missing: Missing| {
        tracing::warn!(mailbox.id = %mailbox, error = %missing, "a consent lacks what it needs");
        match missing {
            Missing::Faulty(_) => Notice::NotReady,
            Missing::ClientSecret(_) => Notice::NoClientSecret,
            Missing::Unavailable(_) => Notice::Unavailable,
        }
    };
    let settings = ports.settings(mailbox).await.map_err(missing)?;
    match purpose {
        Purpose::Connection => {
            ports.client_secret(&settings).await.map_err(missing)?;
        }
        Purpose::Approval => {
            approval_url(ports, &settings)?;
        }
    }
    Ok(settings)
}

fn approval_url(ports: &impl Ports, settings: &Settings) -> Result<Url, Notice> {
    admin_consent_url(settings, &ports.base().callback()).ok_or(Notice::NoApproval)
}

/// Begins an attempt and leads on to the provider.
pub(crate) async fn begin(ports: &impl Ports, request: &Request) -> Result<Answer, Notice> {
    if request.origin == Origin::OtherSite {
        return Err(Notice::OtherSite);
    }
    let now = ports.clock().now();
    let entry = entry(ports, request).await?;
    let standing = ports.consents().standing(&entry.ticket, now).await;
    let mailbox = good(standing.map_err(unavailable)?)?;
    let settings = ready(ports, &mailbox, entry.purpose).await?;
    good(
        ports
            .consents()
            .count(&entry.ticket, now)
            .await
            .map_err(unavailable)?,
    )?;

    let (state, browser) = (State::random(), Browser::random());
    let attempt = Attempt {
        purpose: entry.purpose,
        mailbox,
        ticket: entry.ticket,
        browser: browser.hash(),
        verifier: Verifier::random(),
        nonce: Nonce::random(),
        expires_at: now + LIFE,
    };
    conclude(ports, &attempt, Ending::Pending).await?;
    ports
        .consents()
        .begin(&state.hash(), &attempt)
        .await
        .map_err(unavailable)?;
    let url = match attempt.purpose {
        Purpose::Connection => {
            let authorization = Authorization {
                state: &state,
                nonce: &attempt.nonce,
                verifier: &attempt.verifier,
                prompt: entry.prompt,
            };
            authorization.url(&settings, &ports.base().callback())
        }
        Purpose::Approval => {
            let mut url = approval_url(ports, &settings)?;
            url.query_pairs_mut().append_pair("state", state.expose());
            url
        }
    };
    let mut answer = page(200, &Continue { url: url.as_str() }, Forms::None);
    answer.cookies.push(cookie::set(&state.hash(), &browser));
    Ok(answer)
}
