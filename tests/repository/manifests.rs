//! The rules of the manifests and of the lock file.

use std::collections::BTreeSet;

use crate::{files, read};

#[test]
fn every_member_has_the_lints_of_the_workspace() {
    let manifests = files("common", "Cargo.toml")
        .into_iter()
        .chain(files("functions", "Cargo.toml"));
    let tools = [
        "cli/Cargo.toml",
        "tests/Cargo.toml",
        "tests/many/Cargo.toml",
    ]
    .map(str::to_owned);
    for manifest in manifests.chain(tools) {
        assert!(
            read(&manifest).contains("[lints]\nworkspace = true"),
            "{manifest}"
        );
    }
}

#[test]
fn there_is_one_tls_stack() {
    let lock = read("Cargo.lock");
    let versions = |name: &str| {
        let named = format!("name = \"{name}\"\nversion = \"");
        lock.match_indices(&named)
            .map(|(at, _)| {
                lock[at + named.len()..]
                    .split('"')
                    .next()
                    .unwrap()
                    .to_owned()
            })
            .collect::<BTreeSet<_>>()
    };
    for absent in ["openssl", "openssl-sys", "native-tls"] {
        assert!(versions(absent).is_empty(), "{absent}");
    }
    let rustls = versions("rustls");
    assert!(
        rustls.len() == 1 && rustls.iter().all(|version| version.starts_with("0.23.")),
        "{rustls:?}"
    );
}

#[test]
fn lettre_neither_sends_nor_logs() {
    let workspace = read("Cargo.toml");
    let line = workspace
        .lines()
        .find(|line| line.starts_with("lettre = "))
        .unwrap();
    assert!(
        line.contains("default-features = false") && line.contains(r#"features = ["builder"]"#),
        "{line}"
    );
    for manifest in files("functions", "Cargo.toml").into_iter().chain([
        "common/Cargo.toml".to_owned(),
        "tests/Cargo.toml".to_owned(),
    ]) {
        let text = read(&manifest);
        let adds = text
            .lines()
            .any(|line| line.starts_with("lettre") && line.contains("features"));
        assert!(!adds, "{manifest} adds features to lettre");
    }
}

#[test]
fn what_the_benchmark_compares_with_is_no_part_of_the_workspace() {
    assert!(read("Cargo.toml").contains(r#"exclude = ["tests/benchmark"]"#));
    assert!(read("tests/benchmark/Cargo.toml").contains("\n[workspace]\n"));
    let lock = read("Cargo.lock");
    for package in ["benchmark", "tun-rs"] {
        assert!(
            !lock.contains(&format!("name = \"{package}\"\n")),
            "{package}"
        );
    }
}

#[test]
fn the_aws_crates_come_without_their_default_features() {
    let workspace = read("Cargo.toml");
    let lines: Vec<_> = workspace
        .lines()
        .filter(|line| line.starts_with("aws-sdk-") || line.starts_with("aws-config"))
        .collect();
    assert!(lines.len() >= 5);
    for line in lines {
        assert!(line.contains("default-features = false"), "{line}");
    }
}

#[test]
fn a_panic_costs_one_notification() {
    assert!(read("Cargo.toml").contains("panic = \"unwind\""));
}
