//! `connect`: the link, a browser, the wait for the consent, and the checks after it.

use common::class::Class;
use common::clock::{Clock, SystemClock};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::check::check;
use super::request;
use crate::answer::{self, Link, Mailboxes, Status};
use crate::arguments::Connect;
use crate::screen::{Medium, Paper, Screen};
use crate::stack::Stack;
use crate::trouble::{Trouble, Verdict};
use crate::waiting::Waiting;
use crate::words;

/// Shows the link; then waits until the mailbox is connected anew, and walks the way to the mail server.
pub(super) async fn connect(
    stack: &Stack,
    screen: &Screen,
    flags: &Connect,
) -> Result<Verdict, Trouble> {
    let mailbox = &flags.of.mailbox;
    let before = status(stack, flags).await?;
    let mut asked = request("connect", mailbox);
    if flags.admin {
        asked["admin"] = json!(true);
    }
    let answer = stack.ask(&asked).await?;
    let link: Link = answer::read(&answer)?;
    screen.show(&answer, |paper| tell(paper, &link));
    // An administrator's approval leaves nothing behind that could be waited for: the mailbox is connected after it.
    if flags.link_only || flags.admin || screen.medium() == Medium::Json {
        return Ok(Verdict::Well);
    }
    // The link is on the screen, for a browser elsewhere.
    let _ = webbrowser::open(&link.link);

    let waiting = Waiting::begin(screen, "waiting for the consent", flags.timeout);
    while !is_connected_anew(&before, &status(stack, flags).await?, SystemClock.now()) {
        if !waiting.goes_on().await {
            return Err(Trouble::TooLate(format!(
                "nobody has connected mailbox {mailbox} yet; the link is good until {}",
                link.expires_at
            )));
        }
    }
    drop(waiting);
    check(stack, screen, mailbox).await
}

async fn status(stack: &Stack, flags: &Connect) -> Result<Status, Trouble> {
    let answer = stack.ask(&request("status", &flags.of.mailbox)).await?;
    let Mailboxes { mailboxes } = answer::read(&answer)?;
    Ok(mailboxes.into_iter().next().unwrap_or_default())
}

/// How long a consent takes at most to prove the way to the mail server, with the only connection that there is for checks.
const PROOF: SignedDuration = SignedDuration::from_secs(30);

/// Whether a consent came in between: it brings a token, and a state that no longer asks for a consent and is no longer
/// being found out.
fn is_connected_anew(before: &Status, now: &Status, time: Timestamp) -> bool {
    let is_young = now
        .since
        .is_some_and(|since| time.duration_since(since) < PROOF);
    let is_being_proven = now.class == Some(Class::Network) && is_young;
    let asks = ["awaiting_consent", "needs_consent"];
    let state = now.state.as_deref().unwrap_or_default();
    let token: fn(&Status) -> Option<Timestamp> = |status| status.token_expires_at;
    !state.is_empty() && !asks.contains(&state) && !is_being_proven && token(now) != token(before)
}

fn tell(paper: &mut Paper, link: &Link) {
    if paper.is_for_a_person() {
        paper.line(format!(
            "Open this link and sign in as {}:",
            link.sign_in_as
        ));
        paper.gap();
        // A link that is broken over two lines cannot be clicked.
        paper.verbatim(&link.link);
        paper.gap();
        let until = words::clock(link.expires_at);
        paper.line(format!(
            "It is good until {until}, for one person and one connection."
        ));
    } else {
        paper.verbatim(&link.link);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::tests::{seen, written};

    fn mailbox(state: &str, token: Option<&str>) -> Status {
        Status {
            state: Some(state.to_owned()),
            token_expires_at: token.map(|at| at.parse().unwrap()),
            ..Status::default()
        }
    }

    #[test]
    fn a_consent_is_told_from_a_mailbox_that_was_connected_already() {
        let old = Some("2027-03-01T12:00:00Z");
        let new = Some("2027-03-01T13:00:00Z");
        let time: Timestamp = "2027-03-01T12:00:00Z".parse().unwrap();
        let connected = |before, now| is_connected_anew(&before, &now, time);
        assert!(!connected(
            mailbox("awaiting_consent", None),
            mailbox("awaiting_consent", None)
        ));
        assert!(connected(
            mailbox("awaiting_consent", None),
            mailbox("active", new)
        ));
        assert!(connected(
            mailbox("needs_consent", old),
            mailbox("blocked", new)
        ));
        assert!(!connected(mailbox("active", old), mailbox("active", old)));
        assert!(!connected(mailbox("active", old), Status::default()));
        let unproven = |since: i64| Status {
            class: Some(Class::Network),
            since: Some(time - SignedDuration::from_secs(since)),
            ..mailbox("blocked", new)
        };
        assert!(!connected(mailbox("active", old), unproven(29)));
        assert!(connected(mailbox("active", old), unproven(30)));
    }

    #[test]
    fn the_link_is_never_broken_and_alone_on_a_pipe() {
        let link = Link {
            link: format!(
                "https://consent.contoso.com/oauth/start?ticket={}",
                "x".repeat(64)
            ),
            expires_at: "2027-03-01T12:15:00Z".parse().unwrap(),
            sign_in_as: "billing@contoso.com".to_owned(),
        };
        assert_eq!(
            written(Medium::Lines, |paper| tell(paper, &link)),
            format!("{}\n", link.link)
        );
        let text = seen(|paper| tell(paper, &link));
        assert!(text.lines().any(|line| line == link.link), "{text}");
        assert!(text.contains("12:15 UTC"), "{text}");
    }
}
