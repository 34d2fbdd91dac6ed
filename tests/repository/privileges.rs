//! Least privilege: each role allows exactly the calls that the code of its function makes.
//!
//! The calls are read from the source: a function holds adapters of `common::aws` and, over them, modules of the
//! domain; of those the test follows the methods that the function names, down to the calls of the SDK. A method
//! of the same name on another adapter that the function holds counts too, so no call is ever missed.

use std::collections::{BTreeMap, BTreeSet};

use serde_norway::Value;

use crate::template::{list, statements, template};
use crate::{files, read};

/// The calls of the SDK, and the permission that each takes.
const CALLS: [(&str, &str); 25] = [
    ("get_item", "dynamodb:GetItem"),
    ("put_item", "dynamodb:PutItem"),
    ("update_item", "dynamodb:UpdateItem"),
    ("delete_item", "dynamodb:DeleteItem"),
    ("query", "dynamodb:Query"),
    ("scan", "dynamodb:Scan"),
    ("describe_secret", "secretsmanager:DescribeSecret"),
    ("get_secret_value", "secretsmanager:GetSecretValue"),
    ("put_secret_value", "secretsmanager:PutSecretValue"),
    (
        "update_secret_version_stage",
        "secretsmanager:UpdateSecretVersionStage",
    ),
    ("get_parameter", "ssm:GetParameter"),
    ("get_parameters_by_path", "ssm:GetParametersByPath"),
    ("send_message", "sqs:SendMessage"),
    ("receive_message", "sqs:ReceiveMessage"),
    ("delete_message", "sqs:DeleteMessage"),
    ("change_message_visibility", "sqs:ChangeMessageVisibility"),
    ("get_queue_attributes", "sqs:GetQueueAttributes"),
    ("get_queue_url", "sqs:GetQueueUrl"),
    ("invoke", "lambda:InvokeFunction"),
    ("get_event_source_mapping", "lambda:GetEventSourceMapping"),
    (
        "list_event_source_mappings",
        "lambda:ListEventSourceMappings",
    ),
    (
        "update_event_source_mapping",
        "lambda:UpdateEventSourceMapping",
    ),
    ("put_events", "events:PutEvents"),
    // The second one is for an object by its version.
    ("get_object", "s3:GetObject"),
    ("get_object", "s3:GetObjectVersion"),
];

/// What a role allows for others than the code: Lambda logs and traces by it, and reads the queue of an event source
/// mapping by the role of `send-email`.
const FOR_LAMBDA: [&str; 4] = [
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];
const FOR_THE_EVENT_SOURCE: [&str; 3] = [
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
];

const FUNCTIONS: [(&str, &str); 4] = [
    ("oauth-callback", "OauthCallbackRole"),
    ("token-refresh", "TokenRefreshRole"),
    ("send-email", "SendEmailRole"),
    ("operator", "OperatorRole"),
];

/// The secrets of a stack, by how their names are made and how they end in the template.
const SECRETS: [(&str, &str); 3] = [
    ("grant_secret", "/mailboxes/*/grant-??????"),
    ("access_token_secret", "/mailboxes/*/access-token-??????"),
    ("client_secret", "/clients/*"),
];

/// A method or free function of `common`: what it belongs to, its name and its body.
struct Part {
    file: String,
    owner: String,
    name: String,
    body: String,
}

/// The product's code of a file: without its comments and its tests.
fn code(path: &str) -> String {
    let text = read(path);
    let product = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    let lines = product
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The code of a function of the stack.
fn code_of(function: &str) -> String {
    let sources = files(&format!("functions/{function}/src"), ".rs").into_iter();
    let product = sources.filter(|path| !path.contains("/tests/") && !path.ends_with("/tests.rs"));
    product.map(|path| code(&path)).collect()
}

/// Every part of `common` that is no test and no fake.
fn parts() -> Vec<Part> {
    let sources = files("common/src", ".rs").into_iter();
    let product = sources
        .filter(|path| !path.contains("/tests") && !path.contains("/fakes"))
        .collect::<Vec<_>>();
    product.iter().flat_map(|path| parts_of(path)).collect()
}

fn parts_of(path: &str) -> Vec<Part> {
    let code = code(path);
    let mut parts = Vec::new();
    let mut owner = String::new();
    for (at, line) in lines(&code) {
        if line.starts_with("impl") {
            owner = owner_of(line);
        } else if line.starts_with('}') {
            owner.clear();
        }
        let Some((_, signature)) = line
            .split_once("fn ")
            .filter(|(before, _)| is_opening(before))
        else {
            continue;
        };
        let name = signature.split(['(', '<']).next().unwrap().to_owned();
        parts.push(Part {
            file: path.to_owned(),
            owner: owner.clone(),
            name,
            body: body(&code[at..]),
        });
    }
    parts
}

/// The lines of a text, each with where it begins.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split('\n').map(move |line| {
        let begin = at;
        at += line.len() + 1;
        (begin, line)
    })
}

/// Whether nothing but the words that may stand before `fn` stands there.
fn is_opening(before: &str) -> bool {
    before
        .split_whitespace()
        .all(|word| word.starts_with("pub") || matches!(word, "async" | "const" | "in" | "super)"))
}

/// The type that an `impl` is for.
fn owner_of(line: &str) -> String {
    let whole = line.trim_end_matches('{').trim();
    let subject = whole.rsplit(" for ").next().unwrap_or(whole);
    let subject = match subject.strip_prefix("impl<") {
        Some(generic) => generic
            .split_once("> ")
            .map_or(generic, |(_, subject)| subject),
        None => subject.trim_start_matches("impl "),
    };
    subject.split(['<', ' ']).next().unwrap().to_owned()
}

/// What stands between the first brace and the one that closes it; nothing for a declaration.
fn body(text: &str) -> String {
    let Some(begin) = text
        .find(['{', ';'])
        .filter(|at| text[*at..].starts_with('{'))
    else {
        return String::new();
    };
    let mut depth = 0;
    for (at, letter) in text[begin..].char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return text[begin..=begin + at].to_owned();
        }
    }
    panic!("a body without an end: {}", &text[..80]);
}

/// Whether a text names a word.
fn names(text: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part)
    })
}

/// Whether a text calls something by its name, or hands it on by its path.
fn calls(text: &str, name: &str) -> bool {
    text.contains(&format!(".{name}("))
        || names_call(text, name)
        || text.contains(&format!("::{name})"))
}

fn names_call(text: &str, name: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '.';
    let call = format!("{name}(");
    text.match_indices(&call)
        .any(|(at, _)| !text[..at].ends_with(is_part))
}

/// The calls of the SDK in a part: they stand in adapters, and take no arguments.
fn sdk_calls(part: &Part) -> BTreeSet<String> {
    let is_adapter = part.file.starts_with("common/src/aws");
    let body = if is_adapter { part.body.as_str() } else { "" };
    let made = CALLS
        .iter()
        .filter(|(call, _)| body.contains(&format!(".{call}()")));
    made.map(|(_, action)| (*action).to_owned()).collect()
}

/// The adapters that implement a trait of the domain, by the trait.
fn ports() -> BTreeMap<String, Vec<String>> {
    let mut ports: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in files("common/src/aws", ".rs") {
        for line in code(&path).lines().filter(|line| line.starts_with("impl")) {
            if let Some((port, adapter)) = line.trim_start_matches("impl ").split_once(" for ") {
                let adapter = adapter.trim_end_matches(" {").to_owned();
                ports.entry(port.to_owned()).or_default().push(adapter);
            }
        }
    }
    ports
}

/// What is called: the permissions, and those over secrets with the secrets that they are over.
#[derive(Default)]
struct Derived {
    actions: BTreeSet<String>,
    over_secrets: BTreeSet<(String, &'static str)>,
}

/// The code of `common`, as far as calls are followed through it.
struct Common {
    parts: Vec<Part>,
    ports: BTreeMap<String, Vec<String>>,
    /// What each file of it may call: the types that it names, and the adapters of the ports that it names.
    reach: BTreeMap<String, BTreeSet<String>>,
}

impl Common {
    fn read() -> Self {
        let mut common = Self {
            parts: parts(),
            ports: ports(),
            reach: BTreeMap::new(),
        };
        let paths: BTreeSet<_> = common.parts.iter().map(|part| part.file.clone()).collect();
        common.reach = paths
            .into_iter()
            .map(|path| {
                let held = common.held(&code(&path));
                (path, held)
            })
            .collect();
        common
    }

    fn held(&self, text: &str) -> BTreeSet<String> {
        let owners = self.parts.iter().map(|part| &part.owner);
        let owners = owners
            .filter(|owner| !owner.is_empty())
            .collect::<BTreeSet<_>>();
        let named = owners
            .into_iter()
            .filter(|owner| names(text, owner))
            .cloned();
        let ports = self.ports.iter().filter(|(port, _)| names(text, port));
        named
            .chain(ports.flat_map(|(_, adapters)| adapters.clone()))
            .collect()
    }

    /// Every part that one part reaches in a function that holds `held`. An adapter is reached only where it is held.
    fn reached(&self, first: usize, held: &BTreeSet<String>) -> Vec<&Part> {
        let is_adapter = |owner: &String| {
            self.ports
                .values()
                .flatten()
                .any(|adapter| adapter == owner)
        };
        let mut reached = BTreeSet::from([first]);
        let mut open = vec![first];
        while let Some(at) = open.pop() {
            let from = &self.parts[at];
            for (next, to) in self.parts.iter().enumerate() {
                let is_near = to.file == from.file
                    || (self.reach[&from.file].contains(&to.owner)
                        && (held.contains(&to.owner) || !is_adapter(&to.owner)));
                if is_near && calls(&from.body, &to.name) && reached.insert(next) {
                    open.push(next);
                }
            }
        }
        reached.into_iter().map(|at| &self.parts[at]).collect()
    }

    /// What a function of the stack calls.
    fn derived(&self, function: &str) -> Derived {
        let code = code_of(function);
        let held = self.held(&code);
        let mut derived = Derived::default();
        for (index, part) in self.parts.iter().enumerate() {
            let is_held = part.owner.is_empty() || held.contains(&part.owner);
            if !is_held || !calls(&code, &part.name) {
                continue;
            }
            let reached = self.reached(index, &held);
            let actions: BTreeSet<_> = reached.iter().flat_map(|part| sdk_calls(part)).collect();
            let names_secret = |name: &str| {
                let vault = reached.iter().filter(|part| part.owner == "Vault");
                part.name == name || vault.into_iter().any(|part| calls(&part.body, name))
            };
            let secrets = SECRETS.iter().filter(|(name, _)| names_secret(name));
            for (_, secret) in secrets {
                let over = actions
                    .iter()
                    .filter(|action| action.starts_with("secretsmanager:"));
                derived
                    .over_secrets
                    .extend(over.map(|action| (action.clone(), *secret)));
            }
            derived.actions.extend(actions);
        }
        derived
    }
}

/// The actions of a role.
fn allowed(role: &str) -> BTreeSet<String> {
    let statements = statements(&template("template.yaml"), role);
    statements
        .iter()
        .flat_map(|statement| list(&statement["Action"]))
        .collect()
}

#[test]
fn each_role_allows_exactly_the_calls_that_its_function_makes() {
    let common = Common::read();
    let (parts, ports) = (common.parts.len(), common.ports.len());
    assert!(parts > 300 && ports > 4, "{parts} {ports}");
    for (function, role) in FUNCTIONS {
        let mut needed = common.derived(function).actions;
        assert!(
            needed.contains("dynamodb:GetItem") && needed.contains("ssm:GetParameter"),
            "{function}"
        );
        needed.extend(FOR_LAMBDA.map(str::to_owned));
        if function == "send-email" {
            needed.extend(FOR_THE_EVENT_SOURCE.map(str::to_owned));
        }
        let allowed = allowed(role);
        let missing: Vec<_> = needed.difference(&allowed).collect();
        let surplus: Vec<_> = allowed.difference(&needed).collect();
        assert!(
            missing.is_empty() && surplus.is_empty(),
            "{function} lacks {missing:?} and need not have {surplus:?}"
        );
    }
}

#[test]
fn each_role_reaches_exactly_the_secrets_that_its_function_names() {
    let common = Common::read();
    for (function, role) in FUNCTIONS {
        let needed = common.derived(function).over_secrets;
        let ending = |resource: &str| {
            let of = SECRETS.iter().map(|(_, secret)| *secret);
            of.into_iter()
                .find(|secret| resource.ends_with(secret))
                .unwrap_or_else(|| panic!("{resource}"))
        };
        let over = |statement: &Value| {
            let actions = list(&statement["Action"]).into_iter();
            let of_secrets = actions.filter(|action| action.starts_with("secretsmanager:"));
            let resources = list(&statement["Resource"]);
            of_secrets
                .flat_map(|action| {
                    resources
                        .iter()
                        .map(move |resource| (action.clone(), ending(resource)))
                        .collect::<Vec<_>>()
                })
                .collect::<Vec<_>>()
        };
        let statements = statements(&template("template.yaml"), role);
        let allowed: BTreeSet<_> = statements.iter().flat_map(over).collect();
        assert_eq!(
            allowed, needed,
            "{function}: what its role allows, and what its code calls"
        );
    }
}
