//! Says how far the benchmark is: a bar where a person watches, a line for each step on a pipe. Both go to standard
//! error.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressStyle};

/// Steps of which the number is known.
pub(crate) struct Progress {
    bar: ProgressBar,
    watched: bool,
}

impl Progress {
    pub(crate) fn new(steps: usize) -> Self {
        let bar = ProgressBar::new(steps as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:30.cyan/dim} {pos}/{len} {msg:.dim}")
        {
            bar.set_style(style);
        }
        Self {
            bar,
            watched: stderr().is_terminal(),
        }
    }

    /// Begins a step.
    pub(crate) fn begin(&self, step: &str) {
        if self.watched {
            self.bar.set_message(step.to_owned());
        } else {
            let (position, length) = (
                self.bar.position() + 1,
                self.bar.length().unwrap_or_default(),
            );
            eprintln!("{position}/{length} {step}");
        }
    }

    /// Ends a step.
    pub(crate) fn advance(&self) {
        self.bar.inc(1);
    }

    /// Ends all of it.
    pub(crate) fn end(self) {
        self.bar.finish_and_clear();
    }
}
