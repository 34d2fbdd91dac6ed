//! Says what is going on, step by step, each with its time.
//!
//! On a terminal a step spins while it lasts and becomes one line when it ends. On a pipe it is one line when it
//! begins and one when it ends, without colour. It writes to standard error, so that a program's own output stays
//! clean.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Where steps are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A person watches: spinners and colour.
    Terminal,
    /// A file or a pipe: plain lines.
    Lines,
    /// Nobody watches.
    Silent,
}

impl Progress {
    /// Looks whether a person watches standard error.
    #[must_use]
    pub fn detect() -> Self {
        if std::io::stderr().is_terminal() {
            Self::Terminal
        } else {
            Self::Lines
        }
    }

    /// Begins a step. It counts as failed when it is dropped before [`Step::done`].
    pub fn step(self, title: &str) -> Step {
        let bar = match self {
            Self::Terminal => {
                let bar = ProgressBar::new_spinner();
                if let Ok(style) = ProgressStyle::with_template(
                    "{spinner:.cyan} {prefix} {elapsed:.dim} {wide_msg:.dim}",
                ) {
                    bar.set_style(style);
                }
                bar.set_prefix(title.to_owned());
                bar.enable_steady_tick(Duration::from_millis(100));
                Some(bar)
            }
            Self::Lines => {
                line(&format!("{title} …"));
                None
            }
            Self::Silent => None,
        };
        Step {
            progress: self,
            title: title.to_owned(),
            start: Instant::now(),
            bar,
            ended: false,
        }
    }

    /// Runs a step that is one future, whose success says nothing more.
    ///
    /// # Errors
    ///
    /// Returns the future's own error, after showing that the step failed.
    pub async fn run<T, E>(
        self,
        title: &str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let step = self.step(title);
        let value = work.await?;
        step.done("");
        Ok(value)
    }
}

/// One step while it lasts.
#[derive(Debug)]
#[must_use = "a step that is dropped counts as failed"]
pub struct Step {
    progress: Progress,
    title: String,
    start: Instant,
    bar: Option<ProgressBar>,
    ended: bool,
}

impl Step {
    /// Shows what the step is busy with, where a person watches.
    pub fn note(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
        }
    }

    /// Ends the step well; `detail` may say what came of it.
    pub fn done(mut self, detail: &str) {
        self.end(("✔", "32"), detail);
    }

    fn end(&mut self, (mark, colour): (&str, &str), detail: &str) {
        self.ended = true;
        let time = format!("{:.1} s", self.start.elapsed().as_secs_f64());
        let detail = if detail.is_empty() {
            String::new()
        } else {
            format!(": {detail}")
        };
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        match self.progress {
            Progress::Terminal => line(&format!(
                "\u{1b}[{colour}m{mark}\u{1b}[0m {}{detail} \u{1b}[2m{time}\u{1b}[0m",
                self.title
            )),
            Progress::Lines => line(&format!("{mark} {}{detail} ({time})", self.title)),
            Progress::Silent => {}
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.ended {
            self.end(("✘", "31"), "");
        }
    }
}

fn line(text: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{text}");
}
