//! A client: a process of its own, measured from outside.
//!
//! It says when it is ready and when it is done, as `clients/job.rs` describes. Time and processor time are those in
//! between, so that the start of an interpreter is not a mail's; the peak of memory is that of the whole process.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process;
use crate::wire::Wire;

/// A program that sends, and how it is called.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// What the table says.
    pub(crate) name: &'static str,
    /// The program and what comes before the job.
    pub(crate) command: Vec<String>,
    /// What comes behind the job.
    pub(crate) manner: Option<&'static str>,
}

/// What it cost to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) time: Duration,
    pub(crate) processor: Duration,
    /// The most memory that the process ever held, in octets.
    pub(crate) peak: u64,
}

impl Client {
    /// Lets the client do a job at its end of a wire.
    pub(crate) fn run(&self, wire: &Wire, job: &[String]) -> Result<Cost> {
        let (program, first) = self.command.split_first().context("no program")?;
        let mut child = wire
            .client(program)
            .args(first)
            .args(job)
            .args(self.manner)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} does not start", self.name))?;
        let cost = measure(&mut child).with_context(|| format!("{} has failed", self.name));
        let status = child.wait()?;
        let cost = cost?;
        ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(cost)
    }
}

fn measure(child: &mut Child) -> Result<Cost> {
    let id = child.id();
    let mut input = child.stdin.take().context("no input")?;
    let mut output = BufReader::new(child.stdout.take().context("no output")?);
    expect(&mut output, "ready")?;
    let before = process::processor_time(id)?;
    let begun = Instant::now();
    go_on(&mut input)?;
    expect(&mut output, "done")?;
    let time = begun.elapsed();
    let processor = process::processor_time(id)?.saturating_sub(before);
    Ok(Cost {
        time,
        processor,
        peak: process::peak(&fs::read_to_string(format!("/proc/{id}/status"))?)?,
    })
}

fn expect(output: &mut BufReader<ChildStdout>, word: &str) -> Result<()> {
    let mut line = String::new();
    output.read_line(&mut line)?;
    ensure!(
        line.trim() == word,
        "instead of `{word}` it says `{}`",
        line.trim()
    );
    Ok(())
}

fn go_on(input: &mut ChildStdin) -> Result<()> {
    writeln!(input)?;
    input.flush()?;
    Ok(())
}
