//! The rules of the code that the compiler does not know.

use crate::{files, read};

/// Every source file of the workspace.
fn sources() -> Vec<String> {
    ["common/src", "functions", "cli/src", "tests"]
        .into_iter()
        .flat_map(|folder| files(folder, ".rs"))
        .collect()
}

/// Whether the code of a file, its tests left out, names a crate.
fn names(text: &str, krate: &str) -> bool {
    let product = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut code = product
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.any(|line| line.contains(&format!("{krate}::")))
}

#[test]
fn every_module_says_what_it_is() {
    let silent: Vec<_> = sources()
        .into_iter()
        .filter(|path| !is_tests(path) && !read(path).starts_with("//!"))
        .collect();
    assert_eq!(silent, Vec::<String>::new());
}

fn is_tests(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

#[test]
fn no_file_is_too_long_to_be_read_in_one_sitting() {
    let lengths = sources()
        .into_iter()
        .map(|path| (read(&path).lines().count(), path));
    let long: Vec<_> = lengths
        .filter(|(lines, path)| *lines > 600 && !is_tests(path))
        .collect();
    assert_eq!(long, Vec::new());
}

#[test]
fn only_the_adapters_know_aws() {
    let outside = files("common/src", ".rs")
        .into_iter()
        .filter(|path| !path.starts_with("common/src/aws"));
    let known: Vec<_> = outside
        .filter(|path| {
            ["aws_sdk_", "aws_config", "aws_smithy"]
                .iter()
                .any(|name| read(path).contains(name))
        })
        .collect();
    assert_eq!(known, Vec::<String>::new());
}

#[test]
fn the_domain_knows_no_runtime() {
    let domain = [
        "address.rs",
        "class.rs",
        "class/remedy.rs",
        "client_secret.rs",
        "clock.rs",
        "config.rs",
        "grant.rs",
        "ledger.rs",
        "mailbox/cloud.rs",
        "mailbox/connection.rs",
        "mailbox/fields.rs",
        "mailbox/scopes.rs",
        "mailbox/settings.rs",
        "mailbox/state.rs",
        "mailbox/states.rs",
        "mailbox/tenant.rs",
        "naming.rs",
        "object.rs",
        "secret.rs",
        "vault.rs",
        "vault/stored.rs",
    ];
    for file in domain {
        let text = read(&format!("common/src/{file}"));
        for krate in ["tokio", "lettre", "oauth2", "reqwest", "lambda_runtime"] {
            assert!(!names(&text, krate), "{file} knows {krate}");
        }
    }
}

#[test]
fn functions_do_not_depend_on_each_other() {
    for function in ["oauth-callback", "token-refresh", "send-email", "operator"] {
        let manifest = read(&format!("functions/{function}/Cargo.toml"));
        for other in ["oauth-callback", "token-refresh", "send-email", "operator"] {
            let names_it = manifest.lines().any(|line| line.starts_with(other));
            assert!(!names_it, "{function} depends on {other}");
        }
        assert!(
            !manifest.contains("tests"),
            "{function} depends on the tests"
        );
    }
}

#[test]
fn certificates_are_always_verified() {
    let product = files("common/src", ".rs")
        .into_iter()
        .chain(files("functions", ".rs"));
    for path in product {
        let text = read(&path);
        for call in [
            ".dangerous(",
            "danger_accept_invalid",
            "dangerous_configuration",
        ] {
            assert!(!text.contains(call), "{path} has {call}");
        }
    }
}

#[test]
fn secrets_open_only_where_they_have_to() {
    let open: Vec<_> = files("functions", ".rs")
        .into_iter()
        .filter(|path| !is_tests(path) && read(path).contains(".expose()"))
        .collect();
    // The link of a consent is for the operator who asked for it; the pages of a consent carry its state to Microsoft.
    let allowed = |path: &String| {
        path.starts_with("functions/oauth-callback/") || path == "functions/operator/src/handler.rs"
    };
    assert!(open.iter().all(allowed), "{open:?}");
}
