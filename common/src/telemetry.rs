//! What the functions log, and what they never do.
//!
//! One JSON object a line with `timestamp`, `level` and the fields of the event, as CloudWatch reads it.
//! Our own level is set by [`crate::config::LOG_LEVEL`]; the crates below us stay at `warn` whatever
//! it says, because at `debug` and `trace` some of them print what they send.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

/// Our own crates; everything else is a stranger.
const OURS: [&str; 5] = [
    "common",
    "oauth_callback",
    "token_refresh",
    "send_email",
    "operator",
];

/// Starts logging to standard output. A second call changes nothing.
pub fn start(level: LevelFilter) {
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_env_filter(filter(level))
        .finish();
    // Somebody, such as a test, may listen already; then nothing is lost.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Strangers at `warn` at most, and our crates at `level`.
fn filter(level: LevelFilter) -> EnvFilter {
    let strangers = level.min(LevelFilter::WARN);
    let ours = OURS
        .into_iter()
        .filter_map(|name| format!("{name}={level}").parse::<Directive>().ok());
    ours.fold(
        EnvFilter::default().add_directive(strangers.into()),
        EnvFilter::add_directive,
    )
}

/// An error and everything below it, on one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        text = format!("{text}: {error}");
        below = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_never_louder_than_warn() {
        let filter = filter(LevelFilter::TRACE).to_string();
        assert!(
            filter.contains("common=trace") && filter.contains("warn"),
            "{filter}"
        );
        assert!(!filter.contains("lettre=trace"));
    }

    #[test]
    fn a_chain_is_one_line() {
        let inner = std::io::Error::other("refused");
        let outer = crate::mailbox::StateUnavailable(Box::new(inner));
        assert_eq!(
            chain(&outer),
            "the state of the mailbox cannot be reached: refused"
        );
    }
}
