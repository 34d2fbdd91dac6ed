//! Fields that take one of a few words.

use super::fault::Problem;

/// How urgent a mail is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Priority {
    /// With an exclamation mark, in most programs.
    High,
    /// Like any other mail.
    #[default]
    Normal,
    /// As something that can wait.
    Low,
}

/// What to do with a message of which nobody can know whether it went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnUnknown {
    /// Set it aside for a person to decide.
    #[default]
    Hold,
    /// Send the same message again, at the risk of a second copy.
    Retry,
}

pub(super) const PRIORITIES: &str = "\"high\", \"normal\" or \"low\"";
pub(super) const ON_UNKNOWN: &str = "\"hold\" or \"retry\"";

pub(super) fn priority(text: &str) -> Result<Priority, Problem> {
    match text {
        "high" => Ok(Priority::High),
        "normal" => Ok(Priority::Normal),
        "low" => Ok(Priority::Low),
        _ => Err(Problem::new("is not \"high\", \"normal\" or \"low\"")),
    }
}

pub(super) fn on_unknown(text: &str) -> Result<OnUnknown, Problem> {
    match text {
        "hold" => Ok(OnUnknown::Hold),
        "retry" => Ok(OnUnknown::Retry),
        _ => Err(Problem::new("is neither \"hold\" nor \"retry\"")),
    }
}
