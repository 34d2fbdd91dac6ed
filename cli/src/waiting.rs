//! Waiting for something that the stack does by itself: a spinner or a bar for a person, silence for everybody else.

use std::io::IsTerminal;
use std::time::Duration;

use common::clock::{Clock, SystemClock};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp};

use crate::screen::{Medium, Screen};

/// How often is looked.
const RHYTHM: Duration = Duration::from_secs(2);

/// A wait under way; the spinner goes with it.
pub(crate) struct Waiting {
    spinner: ProgressBar,
    until: Timestamp,
}

impl Waiting {
    /// For one answer of the operator, which the client itself does not wait for longer.
    pub(crate) const SHORT: Duration = Duration::from_secs(90);

    /// Begins to wait for at most `patience`.
    pub(crate) fn begin(screen: &Screen, what: &str, patience: Duration) -> Self {
        let spinner = if is_watched(screen) {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {wide_msg} {elapsed:.dim}")
        {
            spinner.set_style(style);
        }
        spinner.enable_steady_tick(Duration::from_millis(100));
        let waiting = Self {
            spinner,
            until: SystemClock.now()
                + SignedDuration::try_from(patience).unwrap_or(SignedDuration::MAX),
        };
        waiting.note(what);
        waiting
    }

    /// Says what is waited for now.
    pub(crate) fn note(&self, what: &str) {
        self.spinner.set_message(what.to_owned());
    }

    /// Shows something while the wait goes on, in the spinner's place.
    pub(crate) fn aside(&self, show: impl FnOnce()) {
        self.spinner.suspend(show);
    }

    /// Lets some time pass; answers whether there is patience for another look.
    pub(crate) async fn goes_on(&self) -> bool {
        if SystemClock.now() >= self.until {
            return false;
        }
        tokio::time::sleep(RHYTHM).await;
        true
    }
}

/// A queue that gets shorter; the bar goes with it.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Begins with as much as is on the queue.
    pub(crate) fn begin(screen: &Screen, total: u64) -> Self {
        let bar = if is_watched(screen) {
            ProgressBar::new(total)
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) =
            ProgressStyle::with_template("{wide_bar:.cyan} {pos} of {len} {elapsed:.dim}")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// Lets some time pass; all of it where nobody watches.
    pub(crate) async fn beat(&self) {
        if self.0.is_hidden() {
            return std::future::pending().await;
        }
        tokio::time::sleep(RHYTHM).await;
    }

    /// Says how much is left on the queue.
    pub(crate) fn left(&self, left: u64) {
        let total = self.0.length().unwrap_or_default();
        self.0.set_position(total.saturating_sub(left));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Whether a person sees what is written on standard error meanwhile.
fn is_watched(screen: &Screen) -> bool {
    screen.medium() == Medium::Terminal && std::io::stderr().is_terminal()
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.spinner.finish_and_clear();
    }
}
