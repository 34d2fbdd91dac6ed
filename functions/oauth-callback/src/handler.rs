//! The routes: requests in, pages out.
//!
//! `GET /oauth/start` shows and changes nothing, because mail scanners open links; its form begins an attempt.
//! `/oauth/callback` has the attempt given out, once, for the browser that began it, and always leads on to
//! `/oauth/result`, which only looks. So loading again, going back and clicking twice do no harm.
//!
//! `/status` shows how the mailboxes are, in the same two steps.
//!
//! What comes in is parsed to types of ours or dropped; no page repeats any of it.

use common::clock::Clock;
use common::consent::{
    Attempt, BrowserHash, Consents, ConsentsUnavailable, Ending, LIFE, Outcome, Standing,
};
use common::mailbox::MailboxId;
use common::telemetry::chain;

use crate::answer::{Forms, page};
use crate::callback::callback;
use crate::event::{Answer, Method, Request};
use crate::pages::Message;
use crate::ports::Ports;
use crate::result::result;
use crate::start::{begin, start};
use crate::status;
use crate::words::Notice;

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
        ("/status", Method::Get) => status::ask(ports, &request).await,
        ("/status", Method::Post) => status::show(ports, &request).await,
        ("/oauth/start" | "/oauth/callback" | "/status", Method::Other) => {
            Ok(not_allowed("GET, POST"))
        }
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

/// The mailbox of a good ticket.
pub(crate) fn good(standing: Standing) -> Result<MailboxId, Notice> {
    match standing {
        Standing::Good(mailbox) => Ok(mailbox),
        Standing::Unknown => Err(Notice::LinkUnknown),
        Standing::Expired => Err(Notice::LinkExpired),
        Standing::Exhausted => Err(Notice::LinkExhausted),
        Standing::Burnt => Err(Notice::LinkUsed),
    }
}

/// How things stand with a browser's attempt.
pub(crate) async fn outcome(
    ports: &impl Ports,
    browser: &BrowserHash,
) -> Result<Option<Outcome>, Notice> {
    let outcome = ports.consents().outcome(browser, ports.clock().now()).await;
    outcome.map_err(unavailable)
}

/// Records how things stand with an attempt.
pub(crate) async fn conclude(
    ports: &impl Ports,
    attempt: &Attempt,
    ending: Ending,
) -> Result<(), Notice> {
    let outcome = Outcome {
        mailbox: attempt.mailbox.clone(),
        purpose: attempt.purpose,
        ticket: attempt.ticket.clone(),
        ending,
        expires_at: ports.clock().now() + LIFE,
    };
    let concluded = ports.consents().conclude(&attempt.browser, &outcome).await;
    concluded.map_err(unavailable)
}

/// What a person is told when the store of consents does not answer.
pub(crate) fn unavailable(error: ConsentsUnavailable) -> Notice {
    tracing::error!(
        error = chain(&error),
        "the store of consents did not answer"
    );
    Notice::Unavailable
}
