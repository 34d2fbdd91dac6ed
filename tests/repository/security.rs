//! The table of threats: every defence that it names has its tests.

use std::collections::BTreeSet;

use crate::{files, read};

/// The columns of the table: threat, where, what stands against it, tests.
const COLUMNS: usize = 4;

#[test]
fn every_threat_has_tests_that_exist() {
    let sources: String = ["common", "functions", "tests"]
        .into_iter()
        .flat_map(|folder| files(folder, ".rs"))
        .map(|file| read(&file))
        .collect();
    let page = read("docs/security.md");
    let mut threats = BTreeSet::new();
    for row in page.lines().filter(|line| line.starts_with("| ")).skip(2) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), COLUMNS, "{row}");
        assert!(
            threats.insert(cells[0].trim()),
            "{} stands there twice",
            cells[0]
        );
        assert!(cells[1].contains("RFC "), "{row}");
        let tests: Vec<&str> = cells[3].split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test for: {}", cells[0]);
        for test in tests {
            assert!(
                sources.contains(&format!("fn {test}(")),
                "there is no test {test}"
            );
        }
    }
    assert!(threats.len() >= 20, "{} threats", threats.len());
}
