//! The versions of the functions, and the alias `live` that says which one does the work.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use aws_sdk_lambda::Client;
use serde_json::Value;
use tokio::process::Command;

use super::{Stack, ministack, workspace};

/// The alias of each function that has versions.
const LIVE: &str = "live";
/// The function that a person invokes; it has no versions.
const OPERATOR: &str = "operator";

impl Stack {
    /// The name by which a function is invoked.
    pub(super) fn invoked(&self, function: &str) -> String {
        let name = self.function(function);
        match function {
            OPERATOR => name,
            _ => format!("{name}:{LIVE}"),
        }
    }

    /// The version of a function that does the work now.
    ///
    /// # Errors
    ///
    /// Fails when the function has no versions.
    pub async fn live_version(&self, function: &str) -> anyhow::Result<String> {
        let alias = Client::new(self.sdk_config())
            .get_alias()
            .function_name(self.function(function))
            .name(LIVE)
            .send()
            .await?;
        let version = alias.function_version;
        version.context("an alias of no version")
    }

    /// Gives a function another timeout, by a new version of it.
    ///
    /// # Errors
    ///
    /// Fails when the function has no versions, or when the timeout is refused.
    pub async fn give_time(&self, function: &str, time: Duration) -> anyhow::Result<()> {
        let lambda = Client::new(self.sdk_config());
        let name = self.function(function);
        lambda
            .update_function_configuration()
            .function_name(&name)
            .timeout(time.as_secs().try_into()?)
            .send()
            .await?;
        let published = lambda.publish_version().function_name(&name).send().await?;
        lambda
            .update_alias()
            .function_name(&name)
            .name(LIVE)
            .set_function_version(published.version)
            .send()
            .await?;
        Ok(())
    }

    /// What SAM makes of the template with a parameter, as AWS does when it is deployed: plain CloudFormation. The local
    /// AWS has no CodeDeploy, so this shows what a canary would be.
    ///
    /// # Errors
    ///
    /// Fails when SAM takes the template not as it is.
    pub async fn transformed(&self, parameter: &str, value: &str) -> anyhow::Result<Value> {
        let output = Command::new(self.environment.python())
            .args(["-c", include_str!("transform.py")])
            .arg(workspace()?.join("template.yaml"))
            .arg(format!("{parameter}={value}"))
            .env("AWS_DEFAULT_REGION", ministack::REGION)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "SAM: {error}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}
