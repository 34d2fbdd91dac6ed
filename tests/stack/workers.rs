//! The functions' processes: found by what they were started with, looked at, and killed.
//!
//! MiniStack runs each execution environment as a process of this machine. Tests kill one to see what is lost.

use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::{Context, ensure};
use tokio::process::Command;

/// One execution environment of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worker {
    process: u32,
}

/// The processes that serve a function on the local AWS at `endpoint`.
pub(super) fn of(function: &str, endpoint: &str) -> Vec<Worker> {
    let (function, endpoint) = (
        format!("AWS_LAMBDA_FUNCTION_NAME={function}"),
        format!("AWS_ENDPOINT_URL={endpoint}"),
    );
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|process| {
            // Processes end while one looks.
            let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
            let holds = |wanted: &str| {
                environment
                    .split(|byte| *byte == 0)
                    .any(|held| held == wanted.as_bytes())
            };
            holds(&function) && holds(&endpoint)
        })
        .map(|process| Worker { process })
        .collect()
}

/// The one of them that holds the TCP connection whose own end is at `address`.
pub(super) fn at(address: SocketAddr, function: &str, endpoint: &str) -> Option<Worker> {
    let sockets = sockets_at(address);
    let mut workers = of(function, endpoint).into_iter();
    workers.find(|worker| worker.has_one_of(&sockets))
}

impl Worker {
    /// Ends the process at once, as a crash would.
    ///
    /// # Errors
    ///
    /// Fails when the process has ended already.
    pub async fn kill(self) -> anyhow::Result<()> {
        let status = Command::new("sh")
            .args(["-c", &format!("kill -KILL {}", self.process)])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await?;
        ensure!(
            status.success(),
            "process {} has ended already",
            self.process
        );
        Ok(())
    }

    fn has_one_of(self, sockets: &[String]) -> bool {
        let Ok(files) = fs::read_dir(format!("/proc/{}/fd", self.process)) else {
            return false;
        };
        files
            .flatten()
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|target| sockets.iter().any(|socket| target.to_str() == Some(socket)))
    }

    /// The most memory that the process has held so far, in bytes.
    ///
    /// # Errors
    ///
    /// Fails when the process has ended.
    pub fn peak_memory(self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process))?;
        let kilobytes: u64 = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"))
            .context("the process has ended")?
            .parse()?;
        Ok(kilobytes * 1024)
    }
}

/// The sockets whose own end is at an address of IPv4, as the kernel lists them and as links to them read. Connections to
/// different places can share one port.
fn sockets_at(address: SocketAddr) -> Vec<String> {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let port = format!(":{:04X}", address.port());
    let sockets = table.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace();
        let own = fields.nth(1)?;
        let inode = fields.nth(7)?;
        (own.ends_with(&port) && inode != "0").then(|| format!("socket:[{inode}]"))
    });
    sockets.collect()
}
