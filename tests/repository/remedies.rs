//! The remedies: each is written once, where it is used from, and the pages that people read say the same.

use std::collections::BTreeMap;

use common::class::{Class, Concerning};

use crate::{files, read};

/// Where the words stand that tell a person what to do.
const SOURCES: [&str; 2] = [
    "common/src/class/remedy.rs",
    "functions/oauth-callback/src/words.rs",
];
/// A text of fewer letters is no remedy.
const SHORTEST: usize = 30;

#[test]
fn each_remedy_is_written_in_one_place() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for folder in ["common/src", "functions", "cli/src"] {
        for file in files(folder, ".rs") {
            if file.contains("/tests") || file.contains("/fakes") {
                continue;
            }
            for text in texts(&read(&file)) {
                places.entry(text).or_default().push(file.clone());
            }
        }
    }
    let mut remedies = 0;
    for source in SOURCES {
        for text in texts(&read(source)) {
            assert_eq!(places[&text], [source], "{text}");
            remedies += 1;
        }
    }
    assert!(remedies > 60, "{remedies} remedies were found");
}

#[test]
fn the_readme_shows_the_remedy_of_each_class_and_the_runbook_leads_to_it() {
    let about = Concerning {
        from: "news@contoso.com",
        ..Concerning::mailbox("billing", "billing@contoso.com")
    };
    let readme = read("README.md");
    for class in Class::ALL {
        let remedy = class.remedy(&about).replace('|', "\\|");
        let row = readme
            .lines()
            .find(|line| line.starts_with(&format!("| `{class}` |")))
            .unwrap_or_else(|| panic!("{class} has no row"));
        assert!(row.ends_with(&format!("| {remedy} |")), "{row}\n{remedy}");
    }
    let runbook = read("infra/README.md");
    assert!(runbook.contains("](../README.md#when-something-is-refused)"));
    assert!(readme.contains("\n## When something is refused\n"));
}

#[test]
fn no_remedy_names_a_command_that_the_operator_lacks() {
    let request = read("functions/operator/src/request.rs");
    let remedies = read("common/src/class/remedy.rs");
    let mut commands = 0;
    for (at, _) in remedies.match_indices("`operator ") {
        let command = remedies[at + 10..].split([' ', '`']).next().unwrap();
        let variant: String = command
            .split('-')
            .map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..]))
            .collect();
        assert!(
            [" {", "("]
                .iter()
                .any(|form| request.contains(&format!("    {variant}{form}"))),
            "there is no command {command}"
        );
        commands += 1;
    }
    assert!(commands > 0);
}

/// The texts of a source that are long enough to be a remedy: what stands between double quotes, but for its tests.
fn texts(source: &str) -> Vec<String> {
    let product = source
        .split("\n#[cfg(test)]\nmod ")
        .next()
        .unwrap_or_default();
    let code = product
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split('"').skip(1).step_by(2))
        .filter(|text| text.len() >= SHORTEST && text.contains(' '))
        .map(str::to_owned)
        .collect()
}
