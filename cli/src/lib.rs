//! The `pillarbox` command: Pillarbox in the terminal of the people who run it.
//!
//! It asks the function `operator`, puts notifications on queues, and asks CloudFormation which stack is meant where
//! nobody named it. It decides nothing that a function decides; what it adds is a terminal: tables, colour, waiting.
//! With `--json` it prints the answers as they came.

mod answer;
mod arguments;
mod commands;
mod letter;
mod screen;
mod stack;
mod trouble;
mod waiting;
mod words;

use std::process::ExitCode;

use clap::Parser;

use self::arguments::Arguments;
use self::screen::Screen;
use self::trouble::Trouble;

/// Whether the command understands a command line, whose first word is its name. For those who write some down.
#[must_use]
pub fn understands(words: &[String]) -> bool {
    Arguments::try_parse_from(words).is_ok()
}

/// Reads the command line, does what it says, and tells by the exit status how that went.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let screen = Screen::detect(arguments.json);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(arguments, &screen)),
        Err(error) => Err(Trouble::Machine(error)),
    };
    match outcome {
        Ok(verdict) => verdict.into(),
        Err(trouble) => {
            screen.trouble(&trouble);
            trouble.exit_code()
        }
    }
}
