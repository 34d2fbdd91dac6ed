//! A terminal of 80 columns: what a program writes when a person watches it.

use std::path::Path;
use std::process::ExitStatus;

use anyhow::{Result, ensure};
use pty_process::{Command, Size};
use tokio::io::AsyncReadExt;

/// A program that runs in a terminal.
pub struct Terminal {
    pty: pty_process::Pty,
    child: tokio::process::Child,
    text: String,
}

/// How many columns the terminal has.
pub const COLUMNS: u16 = 80;

impl Terminal {
    /// Runs a program in a terminal of its own.
    ///
    /// # Errors
    ///
    /// Fails when the machine has no terminal to give, or the program cannot be started.
    pub fn run(
        program: &Path,
        arguments: &[&str],
        environment: Vec<(String, String)>,
    ) -> Result<Self> {
        let (pty, pts) = pty_process::open()?;
        pty.resize(Size::new(24, COLUMNS))?;
        let command = Command::new(program)
            .args(arguments)
            .envs(environment)
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .kill_on_drop(true);
        let child = command.spawn(pts)?;
        Ok(Self {
            pty,
            child,
            text: String::new(),
        })
    }

    /// Reads until the program has written `wanted`, and answers all that it wrote.
    ///
    /// # Errors
    ///
    /// Fails when the program ends before.
    pub async fn wait_for(&mut self, wanted: &str) -> Result<&str> {
        while !self.text.contains(wanted) {
            ensure!(
                self.read().await,
                "{wanted:?} is not in what the program wrote:\n{}",
                self.text
            );
        }
        Ok(&self.text)
    }

    /// Waits for the program's end; answers all that it wrote, colours included.
    ///
    /// # Errors
    ///
    /// Fails when the program cannot be waited for.
    pub async fn end(mut self) -> Result<(ExitStatus, String)> {
        while self.read().await {}
        let status = self.child.wait().await?;
        Ok((status, self.text))
    }

    async fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        // Linux answers with an error where the other end of a terminal is gone.
        let read = self.pty.read(&mut buffer).await.unwrap_or(0);
        let text = String::from_utf8_lossy(buffer.get(..read).unwrap_or_default());
        self.text.push_str(&text.replace('\r', ""));
        read > 0
    }
}
