//! `status-link`: the link to a page with all mailboxes, and a browser.

use serde_json::json;

use crate::answer::{self, StatusLink};
use crate::arguments;
use crate::screen::{Medium, Paper, Screen};
use crate::stack::Stack;
use crate::trouble::{Trouble, Verdict};
use crate::words;

/// Shows the link, and opens it.
pub(super) async fn status_link(
    stack: &Stack,
    screen: &Screen,
    flags: &arguments::StatusLink,
) -> Result<Verdict, Trouble> {
    let answer = stack.ask(&json!({ "command": "status-link" })).await?;
    let link: StatusLink = answer::read(&answer)?;
    screen.show(&answer, |paper| tell(paper, &link));
    if !flags.link_only && screen.medium() != Medium::Json {
        // The link is on the screen, for a browser elsewhere.
        let _ = webbrowser::open(&link.link);
    }
    Ok(Verdict::Well)
}

fn tell(paper: &mut Paper, link: &StatusLink) {
    if paper.is_for_a_person() {
        paper.line("Open this link to see how the mailboxes are:");
        paper.gap();
        // A link that is broken over two lines cannot be clicked.
        paper.verbatim(&link.link);
        paper.gap();
        let until = words::clock(link.expires_at);
        paper.line(format!("It is good until {until}, and shows them once."));
    } else {
        paper.verbatim(&link.link);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::tests::{seen, written};

    #[test]
    fn the_link_to_the_status_is_never_broken_and_alone_on_a_pipe() {
        let link = StatusLink {
            link: format!("https://mail.contoso.com/status?ticket={}", "x".repeat(64)),
            expires_at: "2027-03-01T12:05:00Z".parse().unwrap(),
        };
        let text = seen(|paper| tell(paper, &link));
        assert!(text.lines().any(|line| line == link.link), "{text}");
        assert!(text.contains("12:05 UTC"), "{text}");
        let piped = written(Medium::Lines, |paper| tell(paper, &link));
        assert_eq!(piped, format!("{}\n", link.link));
    }
}
