//! The samples for producers in `docs/producers`: each, run as it stands, puts the same notification on a queue.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};
use serde_json::{Value, json};
use tests::node::{self, Node};
use tests::stack::{Environment, Packages, Progress};

use crate::libraries::{VENDORS, composed, folder, has_python, is_there, run};

#[expect(
    unreachable_pub,
    reason = "a sample is written for a crate of its producer's own"
)]
#[path = "../../docs/producers/notify.rs"]
mod notify;

/// The AWS command line, the AWS client for Python and its extension for SQS.
pub(crate) const PACKAGES: Packages = Packages {
    names: "the AWS command line",
    lock: include_str!("libraries/requirements.txt"),
};

const INVOICE: &str = "4711";
const TO: &str = "anna@example.com";

/// A queue that keeps what is sent to it.
struct Queue {
    process: Child,
    url: String,
}

impl Queue {
    fn start() -> Self {
        let mut command = Command::new("python3");
        let command = command.arg(folder().join("queue.py"));
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = piped.spawn().unwrap();
        // Its first line comes alone, so nothing that follows is read with it.
        let mut url = String::new();
        let mut output = BufReader::new(process.stdout.as_mut().unwrap());
        output.read_line(&mut url).unwrap();
        let url = url.trim().to_owned();
        Self { process, url }
    }

    fn endpoint(&self) -> &str {
        let mut parts = self.url.rsplitn(3, '/');
        parts.nth(2).unwrap()
    }

    /// A program that finds the queue's service, and no other account.
    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .env("AWS_ENDPOINT_URL", self.endpoint())
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_DEFAULT_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "secret");
        command
    }

    /// Ends it, and asserts that it was given one notification, which is the one that every sample is to send.
    fn assert_has_the_notification(mut self) {
        drop(self.process.stdin.take());
        let mut bodies = String::new();
        let mut output = self.process.stdout.take().unwrap();
        output.read_to_string(&mut bodies).unwrap();
        assert!(self.process.wait().unwrap().success());
        let bodies: Vec<String> = serde_json::from_str(&bodies).unwrap();
        let [body] = &bodies[..] else {
            panic!("{bodies:?}")
        };
        let body: Value = serde_json::from_str(body).unwrap();
        let expected = json!({
            "id": "invoice-4711-issued",
            "to": TO,
            "subject": "Your invoice 4711",
            "text": "Dear customer,\n\nyour invoice is ready.\n\nContoso",
        });
        assert_eq!(body, expected);
        composed(&body);
    }
}

fn sample(name: &str) -> PathBuf {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/producers");
    samples.join(name)
}

#[tokio::test]
async fn the_sample_in_rust_sends_its_notification() {
    if !has_python() {
        return;
    }
    let queue = Queue::start();
    let credentials = Credentials::new("key", "secret", None, None, "the test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(queue.endpoint())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let sqs = aws_sdk_sqs::Client::new(&config);
    notify::notify(&sqs, &queue.url, INVOICE, TO).await.unwrap();
    queue.assert_has_the_notification();
}

#[tokio::test]
async fn the_samples_in_python_and_for_the_command_line_send_their_notifications() {
    if !has_python() {
        return;
    }
    let environment = Environment::prepare(PACKAGES, Progress::detect()).await;
    let python = environment.unwrap().python();
    let queue = Queue::start();
    let mut program = queue.command(&python);
    run(
        program
            .arg(sample("notify.py"))
            .args([&queue.url, INVOICE, TO]),
        "",
    );
    queue.assert_has_the_notification();

    // The command line takes the place of a queue's service by an argument alone.
    let queue = Queue::start();
    let programs = tempfile::tempdir().unwrap();
    let aws = programs.path().join("aws");
    let (python, endpoint) = (python.display(), queue.endpoint());
    let script = format!("#!/bin/sh\nexec '{python}' -m awscli --endpoint-url {endpoint} \"$@\"\n");
    fs::write(&aws, script).unwrap();
    fs::set_permissions(&aws, Permissions::from_mode(0o755)).unwrap();
    let mut path = programs.path().as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut program = queue.command(sample("notify.sh"));
    run(
        program.env("PATH", path).args([&queue.url, INVOICE, TO]),
        "",
    );
    queue.assert_has_the_notification();
}

#[tokio::test]
async fn the_sample_in_typescript_is_well_typed_and_sends_its_notification() {
    if !has_python() || !is_there(Node::is_there(), node::MISSING) {
        return;
    }
    let node = Node::prepare_with(&VENDORS).await.unwrap();
    let place = tempfile::tempdir_in(node.root()).unwrap();
    fs::copy(sample("notify.ts"), place.path().join("notify.mts")).unwrap();
    let mut compiler = Command::new("node");
    let compiler = compiler
        .arg(node.root().join("node_modules/typescript/bin/tsc"))
        .args(["--strict", "--skipLibCheck", "--noEmitOnError"])
        .args(["--target", "es2022", "--module", "nodenext", "notify.mts"]);
    run(compiler.current_dir(place.path()), "");

    let queue = Queue::start();
    let mut program = queue.command("node");
    let program = program
        .args(["--input-type=module", "-", &queue.url, INVOICE, TO])
        .current_dir(place.path());
    let producer = r#"
        import { SQSClient } from "@aws-sdk/client-sqs";
        import { notify } from "./notify.mjs";
        await notify(new SQSClient({}), ...process.argv.slice(2));
    "#;
    run(program, producer);
    queue.assert_has_the_notification();
}
