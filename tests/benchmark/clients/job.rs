//! What a client is asked to do, and how it keeps step with the benchmark.
//!
//! `HOST PORT CERTIFICATE TOKEN COUNT TEXT FILE [MANNER]`: COUNT mails with the text of TEXT, and FILE attached unless it
//! is `-`. A client says `ready` when it has read all that, waits for a line, sends, says `done` when the last mail is
//! accepted, and leaves when its input ends.

use std::io::{BufRead, Write};
use std::{env, fs};

use anyhow::{Context, Result, bail};

/// The mailbox that every client sends from.
pub(crate) const SENDER: &str = "billing@contoso.com";
/// Who every mail is to.
pub(crate) const RECIPIENT: &str = "anna@example.com";

/// What is to be sent, and where to.
pub(crate) struct Job {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The certificate to trust, in PEM.
    pub(crate) certificate: String,
    pub(crate) token: String,
    pub(crate) count: usize,
    pub(crate) text: String,
    pub(crate) file: Option<Vec<u8>>,
    /// What only some clients can be asked.
    pub(crate) manner: String,
}

impl Job {
    /// Reads the job from the command line and its files.
    pub(crate) fn read() -> Result<Self> {
        let arguments: Vec<String> = env::args().skip(1).collect();
        let [host, port, certificate, token, count, text, file, rest @ ..] = &arguments[..] else {
            bail!("HOST PORT CERTIFICATE TOKEN COUNT TEXT FILE [MANNER]");
        };
        Ok(Self {
            host: host.clone(),
            port: port.parse().context("the port")?,
            certificate: fs::read_to_string(certificate)?,
            token: token.clone(),
            count: count.parse().context("the count")?,
            text: fs::read_to_string(text)?,
            file: match file.as_str() {
                "-" => None,
                file => Some(fs::read(file)?),
            },
            manner: rest.first().cloned().unwrap_or_default(),
        })
    }
}

/// Says how far the client is, and waits to be told to go on.
pub(crate) fn pause(word: &str) -> Result<()> {
    let mut output = std::io::stdout();
    writeln!(output, "{word}")?;
    output.flush()?;
    std::io::stdin().lock().read_line(&mut String::new())?;
    Ok(())
}
