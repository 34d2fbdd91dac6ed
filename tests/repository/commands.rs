//! The command lines that pages and alarms show: the `pillarbox` command understands each.

use tests::shell;

use crate::read;

/// Whether a line is one of the `pillarbox` command.
pub(crate) fn is_understood(line: &str) -> bool {
    let words = shell::words(line);
    words.first().is_some_and(|name| name == "pillarbox") && cli::understands(&words)
}

#[test]
fn every_command_that_a_page_shows_is_understood() {
    for (page, least) in [("README.md", 15), ("infra/README.md", 10)] {
        let text = read(page);
        let code = text.split('`').skip(1).step_by(2).flat_map(str::lines);
        let mut commands = 0;
        for line in code {
            let line = line.trim();
            let line = line.strip_prefix("$ ").unwrap_or(line);
            if line.starts_with("pillarbox ") {
                assert!(is_understood(line), "{page}: {line}");
                commands += 1;
            }
        }
        assert!(commands >= least, "{page} shows {commands} commands");
    }
    assert!(!is_understood("pillarbox conect billing"));
}
