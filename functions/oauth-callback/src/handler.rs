//! The routes: requests in, pages out.
//!
//! `GET /oauth/start` shows and changes nothing, because mail scanners open links; its form begins an attempt.
//! `/oauth/callback` takes the attempt out, once, for the browser that began it, and always leads on to
//! `/oauth/result`, which only looks. So loading again, going back and clicking twice do no harm.
//!
//! What comes in is parsed to types of ours or dropped; no page repeats any of it.

use common::clock::Clock;
use common::consent::{
    Attempt, Browser, BrowserHash, Consents, ConsentsUnavailable, Ending, LIFE, Nonce, Outcome,
    Prompt, Standing, State, StateHash, Taken, Ticket, TicketHash, Verifier,
};
use common::mailbox::{MailboxId, Settings};
use common::oauth::{Authorization, admin_consent_url};
use common::telemetry::chain;

use crate::answer::{Forms, page, see_other};
use crate::event::{Answer, Method, Origin, Request};
use crate::flow::{self, Code};
use crate::pages::{Continue, Message, Permission, ResultPage, Start};
use crate::ports::{Missing, Ports};
use crate::words::Notice;
use crate::{cookie, refusals};

/// Answers a request.
pub(crate) async fn handle(ports: &impl Ports, request: Request) -> Answer {
    let path = request
        .path
        .strip_prefix(ports.base().prefix())
        .unwrap_or(&request.path);
    let answered = match (path, request.method) {
        ("/oauth/start", Method::Get) => start(ports, &request).await,
        ("/oauth/start", Method::Post) => begin(ports, &request).await,
        ("/oauth/callback", Method::Get | Method::Post) => callback(ports, &request).await,
        ("/oauth/result", Method::Get) => result(ports, &request).await,
        ("/oauth/start" | "/oauth/callback", Method::Other) => Ok(not_allowed("GET, POST")),
        ("/oauth/result", Method::Post | Method::Other) => Ok(not_allowed("GET")),
        _ => Err(Notice::NotFound),
    };
    answered.unwrap_or_else(notice)
}

/// Answers with a page that only says something.
pub(crate) fn notice(notice: Notice) -> Answer {
    let mut answer = page(notice.status(), &Message::new(notice), Forms::None);
    if notice == Notice::Unavailable {
        answer.headers.insert("retry-after", "10".to_owned());
    }
    answer
}

fn not_allowed(allowed: &str) -> Answer {
    let mut answer = notice(Notice::NotAllowed);
    answer.headers.insert("allow", allowed.to_owned());
    answer
}

/// The way in: by the ticket of a link, or again by the attempt that did not work out.
struct Entry {
    ticket: TicketHash,
    prompt: Prompt,
}

async fn entry(ports: &impl Ports, request: &Request) -> Result<Entry, Notice> {
    if let Some(ticket) = request
        .query
        .get("ticket")
        .or_else(|| request.form.get("ticket"))
    {
        let ticket = Ticket::parse(ticket).ok_or(Notice::LinkUnknown)?.hash();
        return Ok(Entry {
            ticket,
            prompt: Prompt::Hint,
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
        | Ending::Connected { .. }
        | Ending::Blocked { .. } => Prompt::Hint,
    };
    Ok(Entry {
        ticket: outcome.ticket,
        prompt,
    })
}

fn good(standing: Standing) -> Result<MailboxId, Notice> {
    match standing {
        Standing::Good(mailbox) => Ok(mailbox),
        Standing::Unknown => Err(Notice::LinkUnknown),
        Standing::Expired => Err(Notice::LinkExpired),
        Standing::Exhausted => Err(Notice::LinkExhausted),
        Standing::Burnt => Err(Notice::LinkUsed),
    }
}

async fn start(ports: &impl Ports, request: &Request) -> Result<Answer, Notice> {
    let entry = entry(ports, request).await?;
    let standing = ports
        .consents()
        .standing(&entry.ticket, ports.clock().now())
        .await;
    let mailbox = good(standing.map_err(unavailable)?)?;
    let settings = ready(ports, &mailbox).await?;
    Ok(page(
        200,
        &Start {
            about: settings.concerning(),
            prompt: entry.prompt,
            permission: Permission::of(&settings.scopes),
        },
        Forms::ToOurselves,
    ))
}

/// The settings of a mailbox that has everything a consent needs, so that nobody signs in for nothing.
async fn ready(ports: &impl Ports, mailbox: &MailboxId) -> Result<Settings, Notice> {
    let missing = |missing: Missing| {
        tracing::warn!(mailbox.id = %mailbox, error = %missing, "a consent lacks what it needs");
        match missing {
            Missing::Faulty(_) => Notice::NotReady,
            Missing::ClientSecret(_) => Notice::NoClientSecret,
            Missing::Unavailable(_) => Notice::Unavailable,
        }
    };
    let settings = ports.settings(mailbox).await.map_err(missing)?;
    ports.client_secret(&settings).await.map_err(missing)?;
    Ok(settings)
}

async fn begin(ports: &impl Ports, request: &Request) -> Result<Answer, Notice> {
    if request.origin == Origin::OtherSite {
        return Err(Notice::OtherSite);
    }
    let now = ports.clock().now();
    let entry = entry(ports, request).await?;
    let standing = ports.consents().standing(&entry.ticket, now).await;
    let settings = ready(ports, &good(standing.map_err(unavailable)?)?).await?;
    good(
        ports
            .consents()
            .count(&entry.ticket, now)
            .await
            .map_err(unavailable)?,
    )?;

    let (state, browser) = (State::random(), Browser::random());
    let attempt = Attempt {
        mailbox: settings.mailbox.clone(),
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
    let authorization = Authorization {
        state: &state,
        nonce: &attempt.nonce,
        verifier: &attempt.verifier,
        prompt: entry.prompt,
    };
    let url = authorization.url(&settings, &ports.base().callback());
    let mut answer = page(200, &Continue { url: url.as_str() }, Forms::None);
    answer.cookies.push(cookie::set(&state.hash(), &browser));
    Ok(answer)
}

async fn callback(ports: &impl Ports, request: &Request) -> Result<Answer, Notice> {
    let given = match request.method {
        Method::Post => &request.form,
        Method::Get | Method::Other => &request.query,
    };
    let Some(state) = given.get("state").and_then(State::parse) else {
        // An administrator who followed the address on a page of ours brings no state.
        let approved = given
            .get("admin_consent")
            .is_some_and(|approved| approved.eq_ignore_ascii_case("true"));
        return Err(if approved {
            Notice::Approved
        } else {
            Notice::AnswerUnknown
        });
    };
    let state = state.hash();
    // A browser without the cookie is a stranger, whose hash is nobody's.
    let browser = cookie::of(&request.cookies, state.tag())
        .unwrap_or_else(Browser::random)
        .hash();
    let taken = ports
        .consents()
        .take(&state, &browser, ports.clock().now())
        .await;
    let attempt = match taken.map_err(unavailable)? {
        Taken::Attempt(attempt) => attempt,
        Taken::Gone if outcome(ports, &browser).await?.is_some() => {
            return Ok(to_result(ports, &state));
        }
        Taken::Gone => return Err(Notice::AnswerUnknown),
        Taken::Expired => return Err(Notice::AnswerExpired),
        Taken::Foreign => return Err(Notice::AnswerForeign),
    };
    let ending = match (given.get("code"), given.get("error")) {
        (_, Some(error)) => {
            let description = given.get("error_description").unwrap_or_default();
            Ending::Refused(refusals::returned(error, description))
        }
        (Some(code), None) => {
            let code = Code {
                code: code.to_owned(),
                issuer: given.get("iss").map(str::to_owned),
            };
            flow::connect(ports, &attempt, code).await
        }
        (None, None) => Ending::Refused(common::consent::Refusal::Unrecognized),
    };
    report(&attempt.mailbox, &ending);
    conclude(ports, &attempt, ending).await?;
    Ok(to_result(ports, &state))
}

/// One line a consent, with nothing of what came in.
fn report(mailbox: &MailboxId, ending: &Ending) {
    let (refusal, class) = match ending {
        Ending::Pending | Ending::Connected { .. } => (None, None),
        Ending::Blocked { stop, .. } => (None, Some(stop.class)),
        Ending::Refused(refusal) => (Some(refusal), refusal.class()),
    };
    tracing::info!(
        mailbox.id = %mailbox,
        consent = ending.as_str(),
        refusal = refusal.map(tracing::field::debug),
        class = class.map(common::class::Class::as_str),
        "a consent has ended"
    );
}

fn to_result(ports: &impl Ports, state: &StateHash) -> Answer {
    let mut url = ports.base().result();
    url.query_pairs_mut().append_pair("attempt", state.tag());
    see_other(&url)
}

async fn result(ports: &impl Ports, request: &Request) -> Result<Answer, Notice> {
    let tag = request
        .query
        .get("attempt")
        .or_else(|| cookie::only(&request.cookies));
    let tag = tag.ok_or(Notice::NothingToShow)?;
    let browser = cookie::of(&request.cookies, tag).ok_or(Notice::NothingToShow)?;
    let outcome = outcome(ports, &browser.hash())
        .await?
        .ok_or(Notice::NothingToShow)?;
    let settings = ports
        .settings(&outcome.mailbox)
        .await
        .map_err(|_| Notice::Unavailable)?;
    let standing = ports
        .consents()
        .standing(&outcome.ticket, ports.clock().now())
        .await;
    let again = good(standing.map_err(unavailable)?).is_ok().then(|| {
        let mut url = ports.base().start();
        url.query_pairs_mut().append_pair("again", tag);
        url
    });
    let admin = admin_consent_url(&settings, &ports.base().callback());
    let shown = ResultPage::new(
        &outcome.ending,
        settings.concerning(),
        again.as_ref(),
        admin.as_ref(),
    );
    Ok(page(200, &shown, Forms::None))
}

async fn outcome(ports: &impl Ports, browser: &BrowserHash) -> Result<Option<Outcome>, Notice> {
    let outcome = ports.consents().outcome(browser, ports.clock().now()).await;
    outcome.map_err(unavailable)
}

async fn conclude(ports: &impl Ports, attempt: &Attempt, ending: Ending) -> Result<(), Notice> {
    let outcome = Outcome {
        mailbox: attempt.mailbox.clone(),
        ticket: attempt.ticket.clone(),
        ending,
        expires_at: ports.clock().now() + LIFE,
    };
    let concluded = ports.consents().conclude(&attempt.browser, &outcome).await;
    concluded.map_err(unavailable)
}

fn unavailable(error: ConsentsUnavailable) -> Notice {
    tracing::error!(
        error = chain(&error),
        "the store of consents did not answer"
    );
    Notice::Unavailable
}
