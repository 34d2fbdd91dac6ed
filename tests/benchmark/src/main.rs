//! The benchmark of Pillarbox: what a mail costs, next to other clients, and what the start of a function costs.
//!
//! `tests/benchmark/run` builds what it needs and starts this. Nothing here is a test: it measures, and asserts only that
//! every mail arrived.

mod client;
mod clients;
mod functions;
mod process;
mod progress;
mod server;
mod table;
mod tally;
mod wire;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => clients::compare(clients::FULL),
        ["tiny"] => clients::compare(clients::TINY),
        ["functions", ref binaries @ ..] if !binaries.is_empty() => functions::start(binaries),
        _ => bail!("run, run tiny, or run functions"),
    }
}
