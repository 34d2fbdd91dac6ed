//! The local stack: the unmodified template, deployed by `sam deploy`, running on this machine.
//!
//! [`Stack::start`] makes a private Python environment, starts MiniStack, builds and deploys; [`Stack::stop`] ends all
//! of it. So does dropping the stack, Ctrl-C, and the end of this process in any other way. Everything that it writes
//! is below `.pillarbox/` and `target/` of the checkout, and several stacks can run at once.
//!
//! The functions run as processes behind real event source mappings, schedules and HTTP routes, under the roles of the
//! template. What is not as on AWS is left to the checks of the template: see `ministack`.

mod environment;
mod front;
mod ministack;
mod passage;
mod progress;
mod relay;
mod run;
mod sam;
mod supervised;
mod versions;
mod witness;
mod workers;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use aws_config::SdkConfig;
use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use self::front::{Front, Serving};
use self::ministack::MiniStack;
use self::passage::Passage;
use self::relay::{Relay, Weather};
use self::run::RunDirectory;
use self::sam::Sam;

pub use self::environment::{Environment, Packages};
pub use self::ministack::{REGION, ROOT, free_port};
pub use self::progress::{Progress, Step};
pub use self::relay::{Ambush, Damage, Moment, Storm};
pub use self::supervised::{Supervised, Supervision};
pub use self::witness::{Kind, Sight, Witness};
pub use self::workers::Worker;

/// What to deploy, and how it is reached.
pub struct Options {
    /// The stack's name.
    pub name: String,
    /// Values of the template's parameters. `Architecture` and `PublicUrl` are the stack's own affair.
    pub parameters: BTreeMap<String, String>,
    /// More resources for the template, as YAML: the block of a second mailbox.
    pub more_resources: String,
    /// Host name of the consent pages; it has to lead to 127.0.0.1.
    pub public_host: String,
    /// Certificate and key of the consent pages.
    pub tls: Arc<rustls::ServerConfig>,
    /// Environment that the functions get besides what the template gives them, such as `AWS_LAMBDA_LOG_LEVEL`.
    pub environment: Vec<(String, String)>,
}

impl Options {
    /// A stack called `pillarbox`, with consent pages at `localhost`.
    #[must_use]
    pub fn new(tls: Arc<rustls::ServerConfig>) -> Self {
        Self {
            name: "pillarbox".to_owned(),
            parameters: BTreeMap::new(),
            more_resources: String::new(),
            public_host: "localhost".to_owned(),
            tls,
            environment: Vec::new(),
        }
    }
}

/// A deployed, running stack.
pub struct Stack {
    name: String,
    progress: Progress,
    parameters: BTreeMap<String, String>,
    more_resources: String,
    public_url: String,
    outputs: BTreeMap<String, String>,
    mappings: BTreeSet<String>,
    sdk_config: SdkConfig,
    // In the order in which they have to go.
    serving: Vec<Serving>,
    weather: Weather,
    witness: Witness,
    ministack: MiniStack,
    environment: Environment,
    directory: RunDirectory,
}

impl Stack {
    /// Makes everything that is missing, deploys, and waits until it can be used.
    ///
    /// # Errors
    ///
    /// Fails with what a person has to do when Python, its venv module or a port is missing, and with the end of the
    /// output of the tool that failed otherwise.
    pub async fn start(options: Options, progress: Progress) -> anyhow::Result<Self> {
        ensure!(
            cfg!(target_os = "linux"),
            "the local stack runs the functions as programs for Linux: use Linux, WSL or a container"
        );
        // A second provider in one process is the first one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let directory = RunDirectory::create(&home()?)?;
        let environment = Environment::prepare(environment::STACK, progress).await?;
        let front = Front::open(options.tls).await?;
        let public_url = format!("https://{}:{}", options.public_host, front.port()?);
        let relay = Relay::open().await?;
        let mut for_functions = relay.environment()?;
        for_functions.extend(options.environment);
        let ministack = progress
            .run(
                "Start the local AWS",
                MiniStack::start(&environment, directory.path(), &for_functions),
            )
            .await?;
        let passage = Passage::to(ministack.url())?;
        let mortal = format!("{}-send-email", options.name);
        let (relaying, weather) = relay.serve(passage.clone(), &mortal);
        let mut parameters = options.parameters;
        parameters.insert("PublicUrl".to_owned(), public_url.clone());
        let mut stack = Self {
            name: options.name,
            progress,
            parameters,
            more_resources: options.more_resources,
            public_url,
            outputs: BTreeMap::new(),
            mappings: BTreeSet::new(),
            sdk_config: sdk_config(&ministack.url()),
            serving: vec![relaying],
            weather,
            witness: Witness::default(),
            ministack,
            environment,
            directory,
        };
        stack.deploy().await?;
        let serving = front.serve(passage, stack.output("ApiId")?, stack.witness.clone())?;
        stack.serving.push(serving);
        Ok(stack)
    }

    /// Deploys again, with other parameters or more resources, as an update of the stack.
    ///
    /// # Errors
    ///
    /// Fails when the update does.
    pub async fn update(
        &mut self,
        parameters: impl IntoIterator<Item = (String, String)>,
        more_resources: &str,
    ) -> anyhow::Result<()> {
        self.parameters.extend(parameters);
        self.more_resources = more_resources.to_owned();
        self.deploy().await
    }

    async fn deploy(&mut self) -> anyhow::Result<()> {
        let endpoint = self.ministack.url();
        let sam = Sam {
            environment: &self.environment,
            workspace: &workspace()?,
            directory: self.directory.path(),
            home: self.directory.home(),
            endpoint: &endpoint,
            architecture: sam::architecture()?,
            progress: self.progress,
        };
        sam.build(&self.more_resources).await?;
        sam.deploy(&self.name, &self.parameters).await?;
        self.outputs = sam.outputs(&self.name).await?;
        self.make_up_for_the_simulator().await
    }

    /// Puts right what MiniStack does otherwise than AWS after a deployment.
    async fn make_up_for_the_simulator(&mut self) -> anyhow::Result<()> {
        let lambda = aws_sdk_lambda::Client::new(&self.sdk_config);
        for function in ["oauth-callback", "token-refresh", "send-email", "operator"] {
            let configuration = lambda
                .get_function_configuration()
                .function_name(self.function(function))
                .send()
                .await?;
            let role = configuration.role().and_then(|arn| arn.rsplit('/').next());
            self.ministack
                .excuse(role.context("a function without a role")?)
                .await?;
        }
        // A mapping that is made closed says that it is open, until it is told again.
        let found = lambda.list_event_source_mappings().send().await?;
        for mapping in found
            .event_source_mappings()
            .iter()
            .filter_map(|mapping| mapping.uuid())
        {
            if self.mappings.insert(mapping.to_owned()) {
                lambda
                    .update_event_source_mapping()
                    .uuid(mapping)
                    .enabled(false)
                    .send()
                    .await?;
            }
        }
        Ok(())
    }

    /// Configuration for SDK clients of the local AWS, with the rights of the account's root.
    #[must_use]
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.sdk_config
    }

    /// The stack's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The full name of one of the stack's functions.
    #[must_use]
    pub fn function(&self, function: &str) -> String {
        format!("{}-{function}", self.name)
    }

    /// Where the local AWS listens, for clients that this process does not make.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.ministack.url()
    }

    /// The environment in which a program of AWS finds the local one.
    #[must_use]
    pub fn client_environment(&self) -> Vec<(String, String)> {
        ministack::client_environment(&self.endpoint(), self.directory.path())
    }

    /// Where the consent pages are, as a browser sees them.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// An output of the deployed stack.
    ///
    /// # Errors
    ///
    /// Fails when the template has no such output.
    pub fn output(&self, name: &str) -> anyhow::Result<&str> {
        let value = self.outputs.get(name).map(String::as_str);
        value.with_context(|| format!("the stack has no output {name}"))
    }

    /// Invokes a function and waits for its answer.
    ///
    /// # Errors
    ///
    /// Fails when the function does, with what it says.
    pub async fn invoke(&self, function: &str, payload: &Value) -> anyhow::Result<Value> {
        let answer = aws_sdk_lambda::Client::new(&self.sdk_config)
            .invoke()
            .function_name(self.invoked(function))
            .payload(Blob::new(payload.to_string()))
            .send()
            .await?;
        let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
        let text = String::from_utf8_lossy(payload);
        self.witness.see(Kind::Answer, function, text.clone());
        if let Some(error) = answer.function_error() {
            bail!("{function}: {error}: {text}");
        }
        Ok(serde_json::from_slice(payload)?)
    }

    /// Who remembers what was shown to anybody.
    #[must_use]
    pub fn witness(&self) -> &Witness {
        &self.witness
    }

    /// All that a function has logged, line by line; the lines of an invocation stand together.
    ///
    /// # Errors
    ///
    /// Fails when the log group does not exist, or when invocations have logged more than can be read at once.
    pub async fn logs(&self, function: &str) -> anyhow::Result<Vec<String>> {
        /// What the local stack gives of a log at once, without a token for the rest.
        const MOST: usize = 10_000;
        let group = format!("/aws/lambda/{}", self.function(function));
        // Each invocation has a stream to itself. In this order new ones come behind those that were seen.
        let mut streams = json!({ "logGroupName": group, "orderBy": "LastEventTime", "limit": 10 });
        let mut lines = Vec::new();
        loop {
            let page = self.log("DescribeLogStreams", &streams).await?;
            let found = page["logStreams"].as_array().map_or(&[][..], Vec::as_slice);
            let names: Vec<_> = found
                .iter()
                .map(|stream| &stream["logStreamName"])
                .collect();
            if !names.is_empty() {
                let request = json!({ "logGroupName": group, "logStreamNames": names });
                let read = self.log("FilterLogEvents", &request).await?;
                let events = read["events"].as_array().map_or(&[][..], Vec::as_slice);
                ensure!(events.len() < MOST, "{function} logs too much to be read");
                let texts = events.iter().filter_map(|event| event["message"].as_str());
                lines.extend(texts.map(str::to_owned));
            }
            match page["nextToken"].as_str() {
                Some(next) => streams["nextToken"] = json!(next),
                None => return Ok(lines),
            }
        }
    }

    async fn log(&self, operation: &str, request: &Value) -> anyhow::Result<Value> {
        let operation = format!("Logs_20140328.{operation}");
        self.ministack.json("logs", &operation, request).await
    }

    /// The processes that serve a function now.
    #[must_use]
    pub fn workers(&self, function: &str) -> Vec<Worker> {
        workers::of(&self.function(function), &self.ministack.url())
    }

    /// The process of a function that holds the TCP connection whose own end is at `address`.
    #[must_use]
    pub fn worker_at(&self, address: SocketAddr, function: &str) -> Option<Worker> {
        workers::at(address, &self.function(function), &self.ministack.url())
    }

    /// Shortens how long a mailbox's queue hides what a worker took, so that a test need not wait for it.
    ///
    /// # Errors
    ///
    /// Fails when there is no such queue.
    pub async fn hide_for(&self, mailbox: &str, time: Duration) -> anyhow::Result<()> {
        use aws_sdk_sqs::types::QueueAttributeName::VisibilityTimeout;
        let sqs = aws_sdk_sqs::Client::new(&self.sdk_config);
        let queue = sqs
            .get_queue_url()
            .queue_name(format!("{}_{mailbox}", self.name))
            .send()
            .await?;
        sqs.set_queue_attributes()
            .queue_url(queue.queue_url().context("a queue without an address")?)
            .attributes(VisibilityTimeout, time.as_secs().to_string())
            .send()
            .await?;
        Ok(())
    }

    /// Lets DynamoDB, Secrets Manager and EventBridge fail one mailbox's calls, and its workers die at them, until it is calm again.
    /// There is one storm at a time.
    pub fn storm(&self, storm: Storm) {
        self.weather.storm(storm);
    }

    /// Ends the storm, and tells what it did.
    #[must_use]
    pub fn calm(&self) -> Damage {
        self.weather.calm()
    }

    /// Takes no event of a mailbox from here on.
    pub fn take_no_events(&self, mailbox: &str) {
        self.weather.take_no_events(mailbox);
    }

    /// Kills the next worker that makes a certain call; the receiver hears when it was. Dropping that gives it up.
    pub fn ambush(&self, ambush: Ambush) -> oneshot::Receiver<()> {
        self.weather.ambush(ambush)
    }

    /// Changes how often the schedule lets `token-refresh` run, such as `rate(1 minute)`, the fastest there is.
    ///
    /// # Errors
    ///
    /// Fails when the schedule is refused.
    pub async fn tick(&self, expression: &str) -> anyhow::Result<()> {
        let path = format!("/schedules/{}", self.function("token-refresh"));
        let mut schedule = self.ministack.get("scheduler", &path).await?;
        schedule["ScheduleExpression"] = json!(expression);
        self.ministack.put("scheduler", &path, &schedule).await
    }

    /// Ends everything and removes what the run wrote.
    ///
    /// # Errors
    ///
    /// Fails when a process cannot be waited for.
    pub async fn stop(self) -> anyhow::Result<()> {
        drop(self.serving);
        self.ministack.stop().await
    }
}

fn sdk_config(endpoint: &str) -> SdkConfig {
    use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
    // Built by hand: a loader would read the person's own settings.
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(ministack::REGION))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            ministack::ROOT,
            ministack::ROOT,
            None,
            None,
            "the local AWS",
        )))
        .endpoint_url(endpoint)
        .build()
}

/// What all runs of this checkout share.
pub(crate) fn home() -> anyhow::Result<std::path::PathBuf> {
    Ok(workspace()?.join(".pillarbox"))
}

/// The checkout.
fn workspace() -> anyhow::Result<std::path::PathBuf> {
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    Ok(parent
        .context("the package has no parent directory")?
        .to_owned())
}
