//! What Postfix logs of a dialogue: how much it read at once, and which commands it found there.
//!
//! At its third level of verbosity `smtpd` logs each read of a socket and each command that it takes out of what it
//! has read. A command that is in a read together with others was pipelined, and no timing is needed to know it.

use anyhow::{Context, Result};

/// One read of the client's socket, inside TLS.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Read {
    /// How many octets came.
    pub(super) octets: usize,
    /// The commands that were found in them; those whose end came with them.
    pub(super) commands: Vec<String>,
}

/// The reads of the only dialogue in a log, from its first command after AUTH on.
pub(super) fn reads_of_messages(log: &str) -> Result<Vec<Read>> {
    let all = reads(log)?;
    let first = all
        .iter()
        .position(|read| read.commands.iter().any(|line| line.starts_with("MAIL")));
    let first = first.context("no message was begun")?;
    Ok(all.into_iter().skip(first).collect())
}

fn reads(log: &str) -> Result<Vec<Read>> {
    let lines: Vec<&str> = log
        .lines()
        .filter_map(|line| line.split_once("]: ").map(|(_, said)| said))
        .collect();
    let greeted = lines.iter().position(|line| command(line).is_some());
    let greeted = greeted.context("nobody has said anything")?;
    // Other sockets lead to other parts of Postfix. The one that the first command came from is the client's.
    let client = lines[..greeted].iter().rev().find_map(|line| socket(line));
    let (client, _) = client.context("the first command was not read")?;
    let mut reads: Vec<Read> = Vec::new();
    for line in lines {
        match (socket(line), command(line)) {
            (Some((descriptor, octets)), _) if descriptor == client => reads.push(Read {
                octets,
                commands: Vec::new(),
            }),
            (_, Some(command)) => {
                let read = reads.last_mut().context("a command that was not read")?;
                read.commands.push(command.to_owned());
            }
            _ => {}
        }
    }
    Ok(reads)
}

/// A read: the descriptor, and how many octets came.
fn socket(line: &str) -> Option<(u32, usize)> {
    let read = line.strip_prefix("vstream_buf_get_ready: fd ")?;
    let (descriptor, octets) = read.split_once(" got ")?;
    Some((descriptor.parse().ok()?, octets.parse().ok()?))
}

/// A command as `smtpd` takes it.
fn command(line: &str) -> Option<&str> {
    line.strip_prefix("< localhost[127.0.0.1]: ")
}
