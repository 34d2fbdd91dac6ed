//! The way back: what the provider answers, for the attempt and the browser that it belongs to.

use common::class::Class;
use common::clock::Clock;
use common::consent::{
    Attempt, Browser, Consents, Ending, Purpose, Refusal, State, StateHash, Taken,
};
use common::mailbox::MailboxId;

use crate::answer::see_other;
use crate::event::{Answer, Method, Parameters, Request};
use crate::flow::{self, Code};
use crate::handler::{conclude, outcome, unavailable};
use crate::ports::Ports;
use crate::words::Notice;
use crate::{approval, cookie, refusals};

/// Takes an answer of the provider and leads on to how it ended.
pub(crate) async fn callback(ports: &impl Ports, request: &Request) -> Result<Answer, Notice> {
    let given = match request.method {
        Method::Post => &request.form,
        Method::Get | Method::Other => &request.query,
    };
    let Some(state) = given.get("state").and_then(State::parse) else {
        // An administrator who was sent the bare address by somebody brings no state.
        return Err(if is_approved(given) {
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
        Taken::Used if outcome(ports, &browser).await?.is_some() => {
            return Ok(to_result(ports, &state));
        }
        Taken::Used => return Err(Notice::AnswerUsed),
        Taken::Unknown => return Err(Notice::AnswerUnknown),
        Taken::Expired => return Err(Notice::AnswerExpired),
        Taken::Foreign => return Err(Notice::AnswerForeign),
    };
    let ending = ending(ports, &attempt, given).await;
    report(&attempt.mailbox, &ending);
    conclude(ports, &attempt, ending).await?;
    Ok(to_result(ports, &state))
}

/// What an answer makes of its attempt. An answer of the wrong kind is worth nothing.
async fn ending(ports: &impl Ports, attempt: &Attempt, given: &Parameters) -> Ending {
    if let Some(error) = given.get("error") {
        let description = given.get("error_description").unwrap_or_default();
        return Ending::Refused(refusals::returned(error, description));
    }
    match (attempt.purpose, given.get("code")) {
        (Purpose::Connection, Some(code)) => {
            let code = Code {
                code: code.to_owned(),
                issuer: given.get("iss").map(str::to_owned),
            };
            flow::connect(ports, attempt, code).await
        }
        (Purpose::Approval, None) if is_approved(given) => {
            approval::confirm(ports, attempt, given.get("tenant")).await
        }
        (Purpose::Connection, None) | (Purpose::Approval, _) => {
            Ending::Refused(Refusal::Unrecognized)
        }
    }
}

/// Whether the answer says that an administrator has consented
/// (<https://learn.microsoft.com/entra/identity-platform/v2-admin-consent>).
fn is_approved(given: &Parameters) -> bool {
    given
        .get("admin_consent")
        .is_some_and(|approved| approved.eq_ignore_ascii_case("true"))
}

/// One line a consent, with nothing of what came in.
fn report(mailbox: &MailboxId, ending: &Ending) {
    let (refusal, class) = match ending {
        Ending::Pending | Ending::Approved | Ending::Connected { .. } => (None, None),
        Ending::Blocked { stop, .. } => (None, Some(stop.class)),
        Ending::Refused(refusal) => (Some(refusal), refusal.class()),
    };
    tracing::info!(
        mailbox.id = %mailbox,
        consent = ending.as_str(),
        refusal = refusal.map(tracing::field::debug),
        class = class.map(Class::as_str),
        "a consent has ended"
    );
}

fn to_result(ports: &impl Ports, state: &StateHash) -> Answer {
    let mut url = ports.base().result();
    url.query_pairs_mut().append_pair("attempt", state.tag());
    see_other(&url)
}
