//! The comparison: every client sends the same mails over the same wires, in turns.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::client::{Client, Cost};
use crate::progress::Progress;
use crate::server::{Seen, Server};
use crate::table;
use crate::wire::{SERVER, Wire};

/// A kind of mail, and how many of it are sent over one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mails {
    pub(crate) count: usize,
    /// The octets of the text.
    pub(crate) text: usize,
    /// The octets of the attached file, if there is one.
    pub(crate) file: Option<usize>,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) rounds: usize,
    pub(crate) mails: &'static [Mails],
    pub(crate) round_trips: &'static [Duration],
}

/// Everything that is measured, in a few minutes.
pub(crate) const FULL: Extent = Extent {
    rounds: 3,
    mails: &[
        Mails {
            count: 100,
            text: 4096,
            file: None,
        },
        Mails {
            count: 20,
            text: 512,
            file: Some(1024 * 1024),
        },
    ],
    round_trips: &[
        Duration::from_millis(30),
        Duration::from_millis(5),
        Duration::ZERO,
    ],
};

/// As little as shows that everything works, in seconds.
pub(crate) const TINY: Extent = Extent {
    rounds: 1,
    mails: &[
        Mails {
            count: 3,
            text: 4096,
            file: None,
        },
        Mails {
            count: 2,
            text: 512,
            file: Some(1024 * 1024),
        },
    ],
    round_trips: &[Duration::from_millis(5), Duration::ZERO],
};

/// What one client was seen to do with one kind of mail over one wire, round by round.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) client: &'static str,
    pub(crate) mails: Mails,
    pub(crate) round_trip: Duration,
    pub(crate) costs: Vec<Cost>,
    /// What the server saw in the round with the fewest round trips: a handshake that arrives in two pieces can be
    /// answered in two, which the tally cannot tell from waiting.
    pub(crate) seen: Option<Seen>,
}

/// Compares the clients that this machine can run.
pub(crate) fn compare(extent: Extent) -> Result<()> {
    let clients = clients()?;
    let runs = extent.mails.len() * extent.round_trips.len() * extent.rounds * clients.len();
    let progress = Progress::new(runs);
    let mut trials = Vec::new();
    for &round_trip in extent.round_trips {
        let wire = Wire::new(round_trip)?;
        let server = Server::start(SERVER.into(), wire.tally.clone())?;
        for &mails in extent.mails {
            trials.extend(try_all(
                &clients,
                mails,
                extent.rounds,
                &wire,
                &server,
                &progress,
            )?);
        }
    }
    progress.end();
    table::print(&trials)
}

/// Lets the clients send one kind of mail over one wire, in turns.
fn try_all(
    clients: &[Client],
    mails: Mails,
    rounds: usize,
    wire: &Wire,
    server: &Server,
    progress: &Progress,
) -> Result<Vec<Trial>> {
    let folder = TempDir::new()?;
    let job = job(mails, server, folder.path())?;
    let mut trials: Vec<Trial> = clients
        .iter()
        .map(|client| Trial {
            client: client.name,
            mails,
            round_trip: wire.round_trip,
            costs: Vec::new(),
            seen: None,
        })
        .collect();
    for _ in 0..rounds {
        for (client, trial) in clients.iter().zip(&mut trials) {
            progress.begin(&format!(
                "{}, {}, {}",
                client.name,
                table::mails(mails),
                table::wire(wire.round_trip)
            ));
            let cost = client.run(wire, &job);
            let seen = server.seen();
            let trouble = seen.trouble.clone().unwrap_or_default();
            let cost = cost.with_context(|| format!("the server says: {trouble}"))?;
            let (arrived, octets) = (seen.accepted.len(), seen.octets);
            ensure!(
                arrived == mails.count && octets >= mails.count * mails.octets(),
                "of {} only {arrived} mails with {octets} octets arrived",
                client.name
            );
            trial.costs.push(cost);
            if trial
                .seen
                .as_ref()
                .is_none_or(|least| seen.setup < least.setup)
            {
                trial.seen = Some(seen);
            }
            progress.advance();
        }
    }
    Ok(trials)
}

impl Mails {
    /// The octets of one mail, at least.
    fn octets(&self) -> usize {
        self.text + self.file.unwrap_or(0)
    }
}

/// Writes the files of a job, and its arguments as `clients/job.rs` reads them.
fn job(mails: Mails, server: &Server, folder: &Path) -> Result<Vec<String>> {
    let write = |name: &str, content: &[u8]| -> Result<String> {
        let path = folder.join(name);
        fs::write(&path, content)?;
        Ok(path.display().to_string())
    };
    let line = "Dear Anna, your invoice is due on the first of December. Contoso Billing\n";
    let text: String = line.chars().cycle().take(mails.text).collect();
    let file = match mails.file {
        None => "-".to_owned(),
        Some(octets) => write("file", &noise(octets))?,
    };
    Ok(vec![
        SERVER.to_string(),
        server.port.to_string(),
        write("authority.pem", server.certificate.as_bytes())?,
        server.token.clone(),
        mails.count.to_string(),
        write("text", text.as_bytes())?,
        file,
    ])
}

/// Octets as of a compressed file, the same each time.
fn noise(octets: usize) -> Vec<u8> {
    let step = |state: &mut u32| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some(state.to_be_bytes()[0])
    };
    std::iter::repeat(())
        .scan(4711, |state, ()| step(state))
        .take(octets)
        .collect()
}

/// The clients that this machine can run; it says which it cannot.
fn clients() -> Result<Vec<Client>> {
    let here = env::current_exe()?;
    let sibling = |name: &str| vec![here.with_file_name(name).display().to_string()];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    let pillarbox = |name, manner| Client {
        name,
        command: sibling("pillarbox"),
        manner: Some(manner),
    };
    let mut clients = vec![
        pillarbox("pillarbox, data", "data"),
        pillarbox("pillarbox, bdat", "bdat"),
        pillarbox("pillarbox, from the queue", "queue"),
        Client {
            name: "lettre",
            command: sibling("lettre"),
            manner: None,
        },
    ];
    let script = |program: &str, path: &Path| vec![program.to_owned(), path.display().to_string()];
    let nodemailer = here.with_file_name("nodemailer").join("nodemailer.mjs");
    let smtplib = folder.join("python.py");
    for (name, command) in [
        ("nodemailer", script("node", &nodemailer)),
        ("smtplib", script("python3", &smtplib)),
    ] {
        if is_there(&command[0]) && Path::new(&command[1]).exists() {
            clients.push(Client {
                name,
                command,
                manner: None,
            });
        } else {
            eprintln!(
                "{name} is left out: this machine has no {} for it",
                command[0]
            );
        }
    }
    Ok(clients)
}

fn is_there(program: &str) -> bool {
    let version = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}
