//! A child process that cannot outlive this one.
//!
//! The child runs under a small supervisor, in a session of its own, and the supervisor holds one end of a pipe. When
//! this process drops the [`Supervised`], exits, or is killed, the pipe closes and the supervisor ends the child with
//! everything that the child started. Nothing is ended by name.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::progress::Step;

const SUPERVISOR: &str = include_str!("supervise.py");

/// A running child, with everything that it starts.
pub struct Supervised {
    child: Child,
    leash: Option<ChildStdin>,
}

/// A command to run under supervision.
pub struct Supervision(Command);

impl Supervision {
    /// Prepares to run `program`, supervised by the given Python.
    #[must_use]
    pub fn new(python: &Path, program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(python);
        command.args(["-I", "-c", SUPERVISOR]).arg(program);
        isolate(&mut command);
        Self(command)
    }

    /// Gives the command its arguments, environment and directory.
    #[must_use]
    pub fn configure(mut self, configure: impl FnOnce(&mut Command)) -> Self {
        configure(&mut self.0);
        self
    }

    /// Runs the command to its end, writes what it prints to `log` and shows its latest line as the step's note.
    ///
    /// # Errors
    ///
    /// Fails when the command does not succeed, with the end of what it printed.
    pub async fn run(self, log: &Path, step: &Step) -> anyhow::Result<()> {
        let mut lines = Vec::new();
        let mut file =
            File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut child = self.spawn(Stdio::piped(), Stdio::piped())?;
        let (output, errors) = (child.child.stdout.take(), child.child.stderr.take());
        let (Some(output), Some(errors)) = (output, errors) else {
            bail!("the supervisor has no pipes");
        };
        let mut output = BufReader::new(output).lines();
        let mut errors = BufReader::new(errors).lines();
        let (mut more_output, mut more_errors) = (true, true);
        while more_output || more_errors {
            let line = tokio::select! {
                line = output.next_line(), if more_output => line?.or_else(|| { more_output = false; None }),
                line = errors.next_line(), if more_errors => line?.or_else(|| { more_errors = false; None }),
            };
            if let Some(line) = line {
                step.note(line.trim());
                writeln!(file, "{line}")?;
                lines.push(line);
            }
        }
        let status = child.child.wait().await?;
        if !status.success() {
            let end = lines.len().saturating_sub(40);
            bail!(
                "{status}; all of it is in {}\n{}",
                log.display(),
                lines.get(end..).unwrap_or_default().join("\n")
            );
        }
        Ok(())
    }

    /// Starts the command; what it prints goes where `output` and `errors` say.
    ///
    /// # Errors
    ///
    /// Fails when there is no such Python.
    pub fn spawn(mut self, output: Stdio, errors: Stdio) -> anyhow::Result<Supervised> {
        let mut child = self
            .0
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .context("cannot start the supervisor")?;
        let leash = child.stdin.take();
        Ok(Supervised { child, leash })
    }
}

/// Keeps what this process was started with from reaching the children.
///
/// The person's AWS settings must not be read by them. What cargo sets for the program that it runs would make the
/// functions' builds differ from one caller to the next.
fn isolate(command: &mut Command) {
    const SET_BY_CARGO: [&str; 7] = [
        "CARGO",
        "CARGO_BIN_",
        "CARGO_CRATE_NAME",
        "CARGO_MANIFEST_",
        "CARGO_PKG_",
        "CARGO_PRIMARY_PACKAGE",
        "LD_LIBRARY_PATH",
    ];
    for (name, _) in std::env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        // AWS_LC_SYS_… speaks to the build of the cryptographic library.
        let of_aws = text.starts_with("AWS_") && !text.starts_with("AWS_LC_");
        let of_sam = text.starts_with("SAM_CLI_") || text.starts_with("__SAM_CLI_");
        let of_cargo = SET_BY_CARGO
            .iter()
            .any(|set| text == *set || (set.ends_with('_') && text.starts_with(set)));
        if of_aws || of_sam || of_cargo {
            command.env_remove(&name);
        }
    }
}

impl Supervised {
    /// What the child prints, where it was told to print into a pipe.
    pub fn output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// How the child ended, if it has.
    ///
    /// # Errors
    ///
    /// Fails when the system does not know the child.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Ends the child and everything that it started, and waits until that is so.
    ///
    /// # Errors
    ///
    /// Fails when the system does not know the child.
    pub async fn end(mut self) -> anyhow::Result<()> {
        drop(self.leash.take());
        self.child.wait().await?;
        Ok(())
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.leash.take());
        // A moment of patience, so that what follows can remove files that the child had open. The supervisor goes
        // on alone if this is not enough.
        for _ in 0..200 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
