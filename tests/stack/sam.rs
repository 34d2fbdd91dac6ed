//! SAM CLI: builds the functions and deploys the template as a customer would, only to the local AWS.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::Value;

use super::environment::Environment;
use super::ministack;
use super::progress::Progress;
use super::supervised::Supervision;

/// The marker in the template that further mailboxes are written behind.
const AFTER_FIRST_MAILBOX: &str = "  # --- oauth-callback:";
/// The functions' binaries.
const BINARIES: [&str; 4] = ["oauth-callback", "token-refresh", "send-email", "operator"];

/// Builds and deploys one checkout to one local AWS.
pub(super) struct Sam<'a> {
    pub(super) environment: &'a Environment,
    pub(super) workspace: &'a Path,
    /// Where this run keeps its files.
    pub(super) directory: &'a Path,
    /// Where all runs of the checkout keep what they share.
    pub(super) home: &'a Path,
    pub(super) endpoint: &'a str,
    /// The processor of the functions, in the words of Lambda: this machine's own.
    pub(super) architecture: &'static str,
    pub(super) progress: Progress,
}

impl Sam<'_> {
    /// Compiles the functions, then lets SAM build what it deploys.
    ///
    /// SAM asks cargo for one function after the other and shows nothing until it ends. So all of them are compiled
    /// first, by the same command but for all of them at once; SAM then finds nothing left to compile.
    pub(super) async fn build(&self, more_resources: &str) -> anyhow::Result<()> {
        let template = self.template(more_resources)?;
        let path = self.home.join("build.lock");
        let lock = tokio::task::spawn_blocking(move || -> anyhow::Result<File> {
            let lock = File::create(path)?;
            lock.lock()?;
            Ok(lock)
        })
        .await??;

        let step = self.progress.step("Compile the functions");
        let compile = self.command("cargo").configure(|command| {
            command.args(["lambda", "build", "--release", "--locked"]);
            if self.architecture == "arm64" {
                command.arg("--arm64");
            }
            for binary in BINARIES {
                command.args(["--bin", binary]);
            }
        });
        compile
            .run(&self.directory.join("compile.log"), &step)
            .await
            .context("the functions do not compile")?;
        step.done("");

        let step = self.progress.step("sam build");
        let build = self.sam("build").configure(|command| {
            command
                .arg("--template")
                .arg(&template)
                .arg("--base-dir")
                .arg(self.workspace)
                .arg("--build-dir")
                .arg(self.directory.join("build"))
                .arg("--parameter-overrides")
                .arg(format!("Architecture={}", self.architecture));
        });
        build
            .run(&self.directory.join("sam-build.log"), &step)
            .await
            .context("sam build failed")?;
        step.done("");
        drop(lock);
        Ok(())
    }

    /// Deploys what was built; creates the stack or updates it.
    pub(super) async fn deploy(
        &self,
        name: &str,
        parameters: &BTreeMap<String, String>,
    ) -> anyhow::Result<()> {
        let mut parameters = parameters.clone();
        parameters.insert("Architecture".to_owned(), self.architecture.to_owned());
        // A file, because values with quotes and line breaks pass through it as they are. SAM reads YAML, of which
        // JSON is a part.
        let file = self.directory.join("parameters.yaml");
        fs::write(&file, serde_json::to_string_pretty(&parameters)?)?;

        let step = self.progress.step("sam deploy");
        let deploy = self.sam("deploy").configure(|command| {
            command
                .arg("--template-file")
                .arg(self.directory.join("build").join("template.yaml"))
                .args([
                    "--stack-name",
                    name,
                    "--no-confirm-changeset",
                    "--no-fail-on-empty-changeset",
                ])
                .args(["--no-progressbar", "--parameter-overrides"])
                .arg(format!("file://{}", file.display()));
        });
        deploy
            .run(&self.directory.join("sam-deploy.log"), &step)
            .await
            .context("sam deploy failed")?;
        step.done("");
        Ok(())
    }

    /// The outputs of the deployed stack.
    pub(super) async fn outputs(&self, name: &str) -> anyhow::Result<BTreeMap<String, String>> {
        let log = self.directory.join("outputs.json");
        let step = Progress::Silent.step("outputs");
        let list = self
            .command(self.environment.program("sam"))
            .configure(|command| {
                command.args([
                    "list",
                    "stack-outputs",
                    "--output",
                    "json",
                    "--stack-name",
                    name,
                ]);
            });
        list.run(&log, &step)
            .await
            .context("cannot read the outputs of the stack")?;
        step.done("");
        let text = fs::read_to_string(&log)?;
        let json = text
            .find('[')
            .zip(text.rfind(']'))
            .and_then(|(from, to)| text.get(from..=to));
        let outputs: Vec<BTreeMap<String, Value>> = serde_json::from_str(json.unwrap_or_default())?;
        let of = |output: &BTreeMap<String, Value>, field: &str| {
            output
                .get(field)
                .and_then(Value::as_str)
                .map(str::to_owned)
                .unwrap_or_default()
        };
        Ok(outputs
            .iter()
            .map(|output| (of(output, "OutputKey"), of(output, "OutputValue")))
            .collect())
    }

    /// The template as it is in the checkout, or a copy of it with more resources.
    fn template(&self, more_resources: &str) -> anyhow::Result<PathBuf> {
        let original = self.workspace.join("template.yaml");
        if more_resources.is_empty() {
            return Ok(original);
        }
        let text = fs::read_to_string(&original)?;
        let Some((before, after)) = text.split_once(AFTER_FIRST_MAILBOX) else {
            bail!("the template has no line that starts with {AFTER_FIRST_MAILBOX:?}");
        };
        let copy = self.directory.join("source");
        fs::create_dir_all(copy.join("infra"))?;
        fs::copy(
            self.workspace.join("infra/mailbox.yaml"),
            copy.join("infra/mailbox.yaml"),
        )?;
        let template = copy.join("template.yaml");
        fs::write(
            &template,
            format!(
                "{before}{}\n\n{AFTER_FIRST_MAILBOX}{after}",
                more_resources.trim_end()
            ),
        )?;
        Ok(template)
    }

    fn sam(&self, command: &str) -> Supervision {
        let config = self.workspace.join("samconfig.toml");
        self.command(self.environment.program("sam"))
            .configure(|sam| {
                sam.arg(command).arg("--config-file").arg(config);
            })
    }

    fn command(&self, program: impl AsRef<OsStr>) -> Supervision {
        Supervision::new(&self.environment.python(), program).configure(|command| {
            ministack::local(command, self.endpoint, self.directory);
            command
                .current_dir(self.workspace)
                .env("PATH", self.environment.search_path())
                // The functions run on this machine, so its own linker will do and zig is not needed.
                .env("CARGO_LAMBDA_COMPILER", "cargo")
                .env("SAM_CLI_TELEMETRY", "0")
                .env("__SAM_CLI_APP_DIR", self.directory.join("sam"));
        })
    }
}

/// The processor of this machine, in the words of Lambda.
pub(super) fn architecture() -> anyhow::Result<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("x86_64"),
        "aarch64" => Ok("arm64"),
        other => bail!("Lambda knows no functions for the processor of this machine ({other})"),
    }
}
