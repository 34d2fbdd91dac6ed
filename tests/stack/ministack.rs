//! MiniStack, the local AWS: one process on a free port of 127.0.0.1, whose state is gone with it.
//!
//! Role policies are enforced (`AUTH=true`): a function may do here what its role in the template allows, and no more.
//! The few calls that MiniStack judges otherwise than AWS are named in [`MiniStack::excuse`].

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tokio::process::Command;

use super::environment::Environment;
use super::supervised::{Supervised, Supervision};

/// The region that everything is deployed to.
pub const REGION: &str = "us-east-1";
/// The access key that MiniStack takes for the account's root, secret included.
pub const ROOT: &str = "test";

/// A running local AWS.
pub(super) struct MiniStack {
    process: Supervised,
    port: u16,
    directory: PathBuf,
    http: reqwest::Client,
}

impl MiniStack {
    /// Starts it with its files below `directory`, and waits until it answers.
    ///
    /// # Errors
    ///
    /// Fails when it ends before it answers, with what it printed.
    pub(super) async fn start(
        environment: &Environment,
        directory: &Path,
        for_functions: &[(String, String)],
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(directory.join("tmp"))?;
        // Between finding a free port and taking it, somebody else may take it.
        for _ in 0..5 {
            let port = free_port()?;
            let log = directory.join("ministack.log");
            let output = File::create(&log)?;
            let process = Supervision::new(&environment.python(), environment.program("ministack"))
                .configure(|command| {
                    settings(command, port, directory);
                    command
                        .envs(for_functions.iter().cloned())
                        .current_dir(directory);
                })
                .spawn(output.try_clone()?.into(), output.into())?;
            let http = reqwest::Client::builder().no_proxy().build()?;
            let mut ministack = Self {
                process,
                port,
                directory: directory.to_owned(),
                http,
            };
            if ministack.is_ready().await? {
                return Ok(ministack);
            }
            let said = fs::read_to_string(&log).unwrap_or_default();
            ensure!(
                said.contains("already in use"),
                "MiniStack does not start:\n{said}"
            );
        }
        bail!("no free port was found for MiniStack on 127.0.0.1");
    }

    async fn is_ready(&mut self) -> anyhow::Result<bool> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let url = format!("{}/_ministack/ready", self.url());
        while self.process.ended()?.is_none() {
            if let Ok(answer) = self.http.get(&url).send().await
                && answer.status().is_success()
            {
                return Ok(true);
            }
            ensure!(
                Instant::now() < deadline,
                "MiniStack did not answer within a minute; see {}",
                self.directory.display()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(false)
    }

    /// Where it listens.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Calls an API that speaks JSON 1.1, where no SDK crate of the workspace covers it.
    pub(super) async fn json(
        &self,
        service: &str,
        target: &str,
        body: &Value,
    ) -> anyhow::Result<Value> {
        let request = self
            .http
            .post(self.url())
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.1")
            .body(body.to_string());
        let answer = self
            .as_root(service, request)
            .await
            .context(target.to_owned())?;
        Ok(serde_json::from_str(&answer)?)
    }

    /// Calls an API that speaks REST with JSON.
    pub(super) async fn put(&self, service: &str, path: &str, body: &Value) -> anyhow::Result<()> {
        let request = self
            .http
            .put(format!("{}{path}", self.url()))
            .header("content-type", "application/json")
            .body(body.to_string());
        self.as_root(service, request)
            .await
            .context(path.to_owned())?;
        Ok(())
    }

    /// Calls with GET an API that speaks REST with JSON.
    pub(super) async fn get(&self, service: &str, path: &str) -> anyhow::Result<Value> {
        let request = self.http.get(format!("{}{path}", self.url()));
        let answer = self
            .as_root(service, request)
            .await
            .context(path.to_owned())?;
        Ok(serde_json::from_str(&answer)?)
    }

    /// Grants a role what MiniStack asks for where AWS asks for something else.
    ///
    /// It takes `lambda:GetEventSourceMapping` for `ListEventSourceMappings`, knows no conditions
    /// `lambda:FunctionArn` and `events:source`, and knows no resource of `ssm:GetParametersByPath`. The checks of the
    /// template say what the roles hold on AWS.
    pub(super) async fn excuse(&self, role: &str) -> anyhow::Result<()> {
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Action": [
                    "events:PutEvents",
                    "lambda:ListEventSourceMappings",
                    "ssm:GetParametersByPath",
                ],
                "Resource": "*",
            }],
        });
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", "PutRolePolicy")
            .append_pair("Version", "2010-05-08")
            .append_pair("RoleName", role)
            .append_pair("PolicyName", "ministack")
            .append_pair("PolicyDocument", &policy.to_string())
            .finish();
        let request = self
            .http
            .post(self.url())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        self.as_root("iam", request).await?;
        Ok(())
    }

    /// Sends a request as the account's root, whose signatures MiniStack does not check.
    async fn as_root(
        &self,
        service: &str,
        request: reqwest::RequestBuilder,
    ) -> anyhow::Result<String> {
        let credential = format!("Credential={ROOT}/20260101/{REGION}/{service}/aws4_request");
        let answer = request
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"),
            )
            .send()
            .await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{status}: {text}");
        Ok(text)
    }

    /// Ends it, with every function that it runs.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.process.end().await
    }
}

/// A port of 127.0.0.1 that nobody has at the moment, for a server that cannot choose one itself.
///
/// # Errors
///
/// Fails when no port can be opened.
pub fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .context("no port of 127.0.0.1 can be opened")?;
    Ok(listener.local_addr()?.port())
}

/// What MiniStack reads from its environment. The functions inherit all of it.
fn settings(command: &mut Command, port: u16, directory: &Path) {
    command
        .env("GATEWAY_PORT", port.to_string())
        .env("BIND_HOST", "127.0.0.1")
        .env("MINISTACK_REGION", REGION)
        .env("AUTH", "true")
        .env("LOG_LEVEL", "INFO")
        // Each worker that waits has a thread of it, two a mailbox, and calls of others have to get through beside them.
        .env("MINISTACK_WORKER_THREADS", "256")
        .env("TMPDIR", directory.join("tmp"))
        .env("S3_DATA_DIR", directory.join("s3"))
        .env("STATE_DIR", directory.join("state"))
        // Servers that nothing here uses, on ports of their own, and the machine's Docker.
        .env("SFTP_ENABLED", "0")
        .env("IOT_MTLS_ENABLED", "0")
        .env(
            "DOCKER_HOST",
            format!("unix://{}/none", directory.display()),
        )
        .env("PYTHONDONTWRITEBYTECODE", "1");
    local(command, &format!("http://127.0.0.1:{port}"), directory);
}

/// Points every AWS client of a command here, and away from what belongs to the person.
pub(super) fn local(command: &mut Command, endpoint: &str, directory: &Path) {
    command.envs(client_environment(endpoint, directory));
}

/// The environment by which an AWS client finds the local AWS, and nothing that belongs to the person.
pub(super) fn client_environment(endpoint: &str, directory: &Path) -> Vec<(String, String)> {
    let file = |name: &str| directory.join(name).display().to_string();
    let variables = [
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", ROOT.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", ROOT.to_owned()),
        ("AWS_CONFIG_FILE", file("aws-config")),
        ("AWS_SHARED_CREDENTIALS_FILE", file("aws-credentials")),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("NO_PROXY", "127.0.0.1,localhost".to_owned()),
        ("no_proxy", "127.0.0.1,localhost".to_owned()),
    ];
    variables
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}
