//! A terminal of 80 columns: what a person sees of a program that runs in it.

use std::num::NonZero;
use std::path::Path;
use std::process::ExitStatus;

use anyhow::{Result, ensure};
use pty_process::{Command, Size};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A program that runs in a terminal.
pub struct Terminal {
    pty: pty_process::Pty,
    child: tokio::process::Child,
    screen: vt100::Parser,
    /// All that the program wrote, what was written over since included.
    written: Vec<u8>,
}

/// How many columns the terminal has.
pub const COLUMNS: u16 = 80;
/// More lines than a program under test writes, so that none leaves the screen.
const LINES: u16 = 500;

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
        pty.resize(Size::new(LINES, COLUMNS))?;
        let command = Command::new(program)
            .args(arguments)
            .envs(environment)
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .kill_on_drop(true);
        let child = command.spawn(pts)?;
        let [lines, columns] =
            [LINES, COLUMNS].map(|count| NonZero::new(count).unwrap_or(NonZero::<u16>::MIN));
        Ok(Self {
            pty,
            child,
            screen: vt100::Parser::new(lines, columns, 0),
            written: Vec::new(),
        })
    }

    /// Reads until the program has written `wanted`.
    ///
    /// # Errors
    ///
    /// Fails when the program ends before.
    pub async fn wait_for(&mut self, wanted: &str) -> Result<()> {
        while !String::from_utf8_lossy(&self.written).contains(wanted) {
            ensure!(
                self.read().await,
                "{wanted:?} is not in what the program wrote:\n{}",
                String::from_utf8_lossy(&self.written)
            );
        }
        Ok(())
    }

    /// What is on the screen now. A line that is wider than the screen is one line.
    #[must_use]
    pub fn seen(&self) -> String {
        self.screen.screen().contents()
    }

    /// Types a line, as a person would.
    ///
    /// # Errors
    ///
    /// Fails when the program has ended.
    pub async fn type_line(&mut self, line: &str) -> Result<()> {
        Ok(self.pty.write_all(format!("{line}\n").as_bytes()).await?)
    }

    /// Presses Ctrl-C.
    ///
    /// # Errors
    ///
    /// Fails when the program has ended.
    pub async fn interrupt(&mut self) -> Result<()> {
        Ok(self.pty.write_all(b"\x03").await?)
    }

    /// Waits for the program's end; answers what is on the screen then. A line that is wider than the screen is one line.
    ///
    /// # Errors
    ///
    /// Fails when the program cannot be waited for.
    pub async fn end(mut self) -> Result<(ExitStatus, String)> {
        while self.read().await {}
        let status = self.child.wait().await?;
        Ok((status, self.seen()))
    }

    async fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        // Linux answers with an error where the other end of a terminal is gone.
        let read = self.pty.read(&mut buffer).await.unwrap_or(0);
        let octets = buffer.get(..read).unwrap_or_default();
        self.screen.process(octets);
        self.written.extend_from_slice(octets);
        read > 0
    }
}
