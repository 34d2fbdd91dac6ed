//! `check`: the way to the mail server, each step shown as it ends.
//!
//! While the operator walks the way it keeps the steps under an id that is chosen here, and is asked for them again and
//! again. What it answers in the end is what counts: where nothing was seen before, everything is shown then.

use std::time::Duration;

use common::mailbox::MailboxId;
use common::steps::{CheckId, Step};
use serde_json::{Value, json};

use super::request;
use crate::answer::{self, Steps, StepsSoFar};
use crate::screen::{Medium, Paper, Screen, Text, Tone};
use crate::stack::Stack;
use crate::trouble::{Trouble, Verdict};
use crate::waiting::Waiting;
use crate::words;

/// How long after one look at the steps the next one begins.
const RHYTHM: Duration = Duration::from_millis(500);
/// What the columns of the steps have room for. A step that takes longer than this is wider than the others.
const RULER: [&str; 3] = ["FAILED", "9999 ms", ""];

/// Walks the way to the mail server.
pub(super) async fn check(
    stack: &Stack,
    screen: &Screen,
    mailbox: &MailboxId,
) -> Result<Verdict, Trouble> {
    let waiting = Waiting::begin(screen, "walking the way to the mail server", Waiting::SHORT);
    if screen.medium() == Medium::Json {
        let answer = stack.ask(&request("check", mailbox)).await?;
        screen.show(&answer, |_| {});
        let Steps { ok, .. } = answer::read(&answer)?;
        return Ok(Verdict::of(ok));
    }
    let mut shown = Shown::default();
    let answer = walked(stack, mailbox, |so_far| {
        if let Some(step) = &so_far.under_way {
            waiting.note(step);
        }
        waiting.aside(|| {
            screen.show(&Value::Null, |paper| shown.tell(paper, so_far.steps));
        });
    });
    let answer = answer.await?;
    drop(waiting);
    let steps: Steps = answer::read(&answer)?;
    screen.show(&answer, |paper| shown.tell_end(paper, &steps));
    Ok(Verdict::of(steps.ok))
}

/// Waits for the answer of a check; whatever is seen of it meanwhile is for `look`.
async fn walked(
    stack: &Stack,
    mailbox: &MailboxId,
    mut look: impl FnMut(StepsSoFar),
) -> Result<Value, Trouble> {
    let id = CheckId::random();
    let [check, steps] = ["check", "check-steps"].map(|command| {
        let mut request = request(command, mailbox);
        request["id"] = json!(id.as_str());
        request
    });
    let answer = stack.ask(&check);
    tokio::pin!(answer);
    loop {
        tokio::select! {
            answer = &mut answer => return answer,
            so_far = seen(stack, &steps) => if let Some(so_far) = so_far {
                look(so_far);
            },
        }
    }
}

/// Lets some time pass, and asks how far the check is. That it cannot be seen is nothing that matters.
async fn seen(stack: &Stack, request: &Value) -> Option<StepsSoFar> {
    tokio::time::sleep(RHYTHM).await;
    answer::read(&stack.ask(request).await.ok()?).ok()
}

/// The steps that were shown.
#[derive(Debug, Default)]
struct Shown(Vec<Step>);

impl Shown {
    /// Writes those of the steps so far that were not shown. Steps that do not go on from those are left to the answer.
    fn tell(&mut self, paper: &mut Paper, so_far: Vec<Step>) {
        if let Some(more) = so_far.strip_prefix(self.0.as_slice()) {
            self.rows(paper, more);
            self.0 = so_far;
        }
    }

    /// Writes what the answer says beyond what was shown.
    fn tell_end(&self, paper: &mut Paper, answer: &Steps) {
        let pairs = self.0.iter().zip(&answer.steps);
        let alike = pairs.take_while(|(shown, step)| shown == step).count();
        if alike < self.0.len() && paper.is_for_a_person() {
            let text = "The check went otherwise than was seen; this is its answer:";
            paper.line(Text::from(text).toned(Tone::Doubtful));
        }
        self.rows(paper, answer.steps.get(alike..).unwrap_or_default());
        let remedies = answer
            .steps
            .iter()
            .filter_map(|step| step.remedy.as_deref());
        for remedy in remedies {
            paper.space();
            paper.line(words::ours(remedy));
        }
        if answer.ok && paper.is_for_a_person() && !answer.not_proven.is_empty() {
            paper.space();
            paper.line(Text::from("Only a real mail can show:").toned(Tone::Aside));
            for sentence in &answer.not_proven {
                paper.line(Text::from(format!("* {sentence}")).toned(Tone::Aside));
            }
        }
    }

    /// Writes more rows of the one table, with its head above the first.
    fn rows(&self, paper: &mut Paper, steps: &[Step]) {
        let is_first = self.0.is_empty() && !steps.is_empty();
        let head = (is_first && paper.is_for_a_person())
            .then(|| ["", "TIME", "STEP"].map(|name| Text::from(name).toned(Tone::Aside)));
        paper.ruled(
            RULER,
            head.into_iter().chain(steps.iter().map(row)).collect(),
        );
    }
}

fn row(step: &Step) -> [Text; 3] {
    let (mark, tone) = if step.ok {
        ("ok", Tone::Good)
    } else {
        ("FAILED", Tone::Bad)
    };
    [
        Text::from(mark).toned(tone),
        Text::from(format!("{} ms", step.duration_ms)).toned(Tone::Aside),
        Text::from(format!("{}: {}", step.step, step.found)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::tests::{seen, written};

    fn step(name: &str, duration_ms: u64) -> Step {
        Step {
            step: name.to_owned(),
            ok: true,
            duration_ms,
            found: "fine".to_owned(),
            remedy: None,
        }
    }

    fn answer(steps: &[Step]) -> Steps {
        Steps {
            ok: steps.iter().all(|step| step.ok),
            steps: steps.to_vec(),
            not_proven: vec!["delivery".to_owned()],
        }
    }

    /// What is written of the looks at a check, each by itself, and then of its answer.
    fn pieces(medium: Medium, looks: &[&[Step]], end: &[Step]) -> Vec<String> {
        let mut shown = Shown::default();
        let mut pieces: Vec<_> = looks
            .iter()
            .map(|look| written(medium, |paper| shown.tell(paper, look.to_vec())))
            .collect();
        pieces.push(written(medium, |paper| {
            shown.tell_end(paper, &answer(end));
        }));
        pieces
    }

    #[test]
    fn each_step_is_written_once_and_as_soon_as_it_is_seen() {
        let steps = [step("settings", 0), step("DNS", 3), step("TCP", 12)];
        let looks = [&[][..], &steps[..1], &steps[..1], &steps[..2]];
        let pieces = pieces(Medium::Lines, &looks, &steps);
        assert_eq!(
            pieces,
            [
                "",
                "ok\t0 ms\tsettings: fine\n",
                "",
                "ok\t3 ms\tDNS: fine\n",
                "ok\t12 ms\tTCP: fine\n",
            ]
        );
    }

    #[test]
    fn however_much_was_seen_the_same_is_on_the_screen_in_the_end() {
        let mut failed = step("TCP", 412);
        failed.ok = false;
        failed.remedy = Some("Open port 587.".to_owned());
        let well = [step("settings", 0), step("DNS", 1234), step("TCP", 12)];
        let ill = [step("settings", 0), step("DNS", 1234), failed];
        for steps in [well, ill] {
            for medium in [Medium::Terminal, Medium::Lines] {
                let at_the_end = pieces(medium, &[], &steps).concat();
                let looks = [&steps[..1], &steps[..2], &steps[..]];
                for seen in 0..=3 {
                    let text = pieces(medium, &looks[..seen], &steps).concat();
                    assert_eq!(text, at_the_end, "{seen} looks");
                }
            }
        }
    }

    #[test]
    fn the_answer_counts_where_something_else_was_seen() {
        let first = [step("settings", 0), step("DNS", 3), step("TCP", 4)];
        let again = [step("settings", 0), step("DNS", 5)];
        // Another walk under the same id is not mixed into the first, and the answer is shown from where it differs on.
        let pieces = pieces(Medium::Lines, &[&first, &again], &again);
        assert_eq!(pieces[1..], ["", "ok\t5 ms\tDNS: fine\n"]);
        let text = seen(|paper| Shown(first.to_vec()).tell_end(paper, &answer(&again)));
        assert!(text.starts_with("The check went otherwise"), "{text}");
        let text = seen(|paper| Shown(again.to_vec()).tell_end(paper, &answer(&again)));
        assert!(text.starts_with("\nOnly a real mail"), "{text}");
    }

    #[test]
    fn a_check_shows_its_steps_and_the_remedy_of_the_one_that_failed() {
        let json = json!({ "ok": false, "not_proven": ["delivery"], "steps": [
            { "step": "settings", "ok": true, "duration_ms": 0, "found": "complete" },
            { "step": "AUTH XOAUTH2", "ok": false, "duration_ms": 412, "found": "535 5.7.139 refused", "remedy": "Switch SMTP AUTH on." },
        ]});
        let steps: Steps = answer::read(&json).unwrap();
        let text = seen(|paper| Shown::default().tell_end(paper, &steps));
        for said in [
            "        TIME     STEP\nok      0 ms     settings: complete\n",
            "FAILED  412 ms   AUTH XOAUTH2: 535 5.7.139 refused\n",
            "\n\nSwitch SMTP AUTH on.",
        ] {
            assert!(text.contains(said), "{said} is missing:\n{text}");
        }
        assert!(
            !text.contains("delivery"),
            "what a check cannot prove is beside the point when it failed"
        );
    }
}
