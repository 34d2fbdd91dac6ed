//! What the demo is asked to do.

/// How the demo is called.
pub(crate) const USAGE: &str = "\
cargo demo [--browser] [--keep]

  --browser   do the consent yourself: the link is printed, and the demo waits for you
  --keep      leave everything up afterwards, until Ctrl-C
  --help      say this";

/// The arguments of the demo.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) browser: bool,
    pub(crate) keep: bool,
    pub(crate) help: bool,
}

impl Arguments {
    /// Reads the arguments; the error says how the demo is called.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--browser" => parsed.browser = true,
                "--keep" => parsed.keep = true,
                "--help" | "-h" => parsed.help = true,
                other => return Err(format!("there is no argument {other}\n\n{USAGE}")),
            }
        }
        Ok(parsed)
    }
}
