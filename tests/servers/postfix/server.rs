//! A Postfix of its own: submission with STARTTLS, tokens judged by Dovecot, and mailboxes at fabrikam.com.
//!
//! Nothing leaves it: it knows no transport but the delivery into its own directory.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use common::submission::{Session, Transfer};
use tempfile::TempDir;
use tests::microsoft::Authority;
use tests::stack::{Supervised, Supervision, free_port};
use tokio::process::Command;

use super::dovecot;
use crate::mail::eventually;
use crate::provider::Provider;

const POSTFIX: &str = "/usr/sbin/postfix";
const POSTCONF: &str = "/usr/sbin/postconf";

/// The account that mailboxes belong to, `nobody` at Debian.
const NOBODY: u32 = 65_534;

/// The mailboxes at fabrikam.com, each with a directory of its own.
const MAILBOXES: [&str; 4] = ["anna", "otto", "busy", "jürgen"];

/// What a Postfix is made with.
#[derive(Default)]
pub(super) struct Options {
    /// Settings besides those that make it a submission server, one a line.
    pub(super) settings: &'static str,
    /// The authority that signs its certificate, where it is not the one that clients trust.
    pub(super) authority: Option<Authority>,
    /// Whether it logs every read.
    pub(super) is_verbose: bool,
}

/// A running Postfix. It ends when dropped, and its files go with it.
pub(super) struct Postfix {
    pub(super) provider: Provider,
    pub(super) port: u16,
    _processes: [Supervised; 2],
    directory: TempDir,
}

/// Why Postfix cannot be started here.
pub(crate) fn hindrance() -> Option<&'static str> {
    if [POSTFIX, POSTCONF, dovecot::PROGRAM]
        .iter()
        .any(|path| !Path::new(path).exists())
    {
        return Some(
            "it is not installed, or Dovecot is not (Debian: apt-get install postfix dovecot-core)",
        );
    }
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    (!is_root).then_some("it starts only as root")
}

impl Postfix {
    /// Starts it.
    pub(super) async fn start(options: Options) -> Result<Self> {
        if let Some(hindrance) = hindrance() {
            bail!("Postfix cannot be started: {hindrance}");
        }
        let provider = Provider::start().await?;
        let directory = tempfile::tempdir()?;
        let path = directory.path();
        // Its processes run as accounts that have to get in.
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        let authority = options.authority.as_ref();
        let authority = authority.unwrap_or(provider.microsoft().authority());
        let issued = authority.issue(&["localhost"])?;
        fs::write(path.join("certificate.pem"), issued.certificate_pem)?;
        fs::write(path.join("key.pem"), issued.key_pem)?;
        fs::set_permissions(path.join("key.pem"), fs::Permissions::from_mode(0o600))?;
        fs::create_dir(path.join("mail"))?;
        chown(path.join("mail"), Some(NOBODY), None)?;
        fs::create_dir_all(path.join("postfix"))?;
        fs::create_dir_all(path.join("queue"))?;
        fs::write(
            path.join("postfix/main.cf"),
            settings(path, options.settings)?,
        )?;

        // Between finding a free port and taking it, somebody else may take it.
        for _ in 0..5 {
            let port = free_port()?;
            fs::write(
                path.join("postfix/master.cf"),
                services(port, options.is_verbose),
            )?;
            make_queue(path).await?;
            let dovecot = dovecot::start(provider.microsoft(), path)?;
            let mut postfix = master(path).await?;
            if is_ready(path, port, &mut postfix).await? {
                return Ok(Self {
                    provider,
                    port,
                    _processes: [postfix, dovecot],
                    directory,
                });
            }
        }
        bail!("no free port was found for Postfix on 127.0.0.1");
    }

    /// Signs in with a token of 2 kB.
    pub(super) async fn session(&self, transfer: Transfer) -> Result<Session> {
        self.provider.session(self.port, transfer).await
    }

    /// The messages that have come to a mailbox, once there are as many, without what Postfix puts before them.
    pub(super) async fn stored(&self, mailbox: &str, count: usize) -> Result<Vec<Vec<u8>>> {
        let new = self.directory.path().join("mail").join(mailbox).join("new");
        let mut messages = eventually("a message in the mailbox", || {
            let files: Vec<PathBuf> = match fs::read_dir(&new) {
                Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
                Err(_) => Vec::new(),
            };
            if files.len() < count {
                return Ok(None);
            }
            let messages = files.iter().map(fs::read).collect::<Result<Vec<_>, _>>()?;
            Ok(Some(messages))
        })
        .await?;
        ensure!(
            messages.len() == count,
            "{} messages are in the mailbox",
            messages.len()
        );
        for message in &mut messages {
            let own = message
                .windows(12)
                .position(|part| part == b"\nMessage-ID:");
            message.drain(..own.context("a message without Message-ID")? + 1);
        }
        messages.sort();
        Ok(messages)
    }

    /// Whether nothing is in a mailbox.
    pub(super) fn is_empty(&self, mailbox: &str) -> bool {
        !self.directory.path().join("mail").join(mailbox).exists()
    }

    /// The log, once it tells of the end of as many dialogues.
    pub(super) async fn log(&self, dialogues: usize) -> Result<String> {
        let log = self.directory.path().join("mail.log");
        eventually("the end of the dialogue in Postfix's log", || {
            let log = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
            let ended = log
                .matches("]: disconnect from localhost[127.0.0.1]")
                .count();
            Ok((ended >= dialogues).then_some(log))
        })
        .await
    }
}

/// `main.cf`.
fn settings(path: &Path, more: &str) -> Result<String> {
    let mut mailboxes = String::new();
    for mailbox in MAILBOXES {
        write!(mailboxes, " {{{mailbox}@fabrikam.com = {mailbox}/}}")?;
    }
    let path = path.display();
    let socket = dovecot::SOCKET;
    Ok(format!(
        "compatibility_level = 3.6\n\
         queue_directory = {path}/queue\n\
         data_directory = {path}/data\n\
         maillog_file = {path}/mail.log\n\
         maillog_file_prefixes = {path}\n\
         myhostname = localhost\n\
         mydestination =\n\
         mynetworks =\n\
         inet_interfaces = 127.0.0.1\n\
         inet_protocols = ipv4\n\
         alias_maps =\n\
         alias_database =\n\
         virtual_mailbox_domains = fabrikam.com\n\
         virtual_mailbox_base = {path}/mail\n\
         virtual_mailbox_maps = inline:{{{mailboxes} }}\n\
         virtual_mailbox_limit = 0\n\
         virtual_uid_maps = static:{NOBODY}\n\
         virtual_gid_maps = static:{NOBODY}\n\
         smtpd_tls_cert_file = {path}/certificate.pem\n\
         smtpd_tls_key_file = {path}/key.pem\n\
         smtpd_tls_security_level = encrypt\n\
         smtpd_sasl_auth_enable = yes\n\
         smtpd_sasl_type = dovecot\n\
         smtpd_sasl_path = {socket}\n\
         smtpd_relay_restrictions = permit_sasl_authenticated, reject\n\
         smtpd_recipient_restrictions =\n  \
           check_recipient_access inline:{{ {{busy@fabrikam.com = 450 4.2.1 The mailbox is busy}} }},\n  \
           reject_unauth_destination\n\
         smtpd_error_sleep_time = 0\n\
         {more}\n"
    ))
}

/// `master.cf`.
fn services(port: u16, is_verbose: bool) -> String {
    let verbosity = if is_verbose { " -v -v -v" } else { "" };
    format!(
        "127.0.0.1:{port} inet n - n - - smtpd{verbosity}\n\
         postlog unix-dgram n - n - 1 postlogd\n\
         cleanup unix n - n - 0 cleanup\n\
         qmgr unix n - n 300 1 qmgr\n\
         tlsmgr unix - - n 1000? 1 tlsmgr\n\
         rewrite unix - - n - - trivial-rewrite\n\
         bounce unix - - n - 0 bounce\n\
         defer unix - - n - 0 bounce\n\
         trace unix - - n - 0 bounce\n\
         proxymap unix - - n - - proxymap\n\
         error unix - - n - - error\n\
         virtual unix - n n - - virtual\n\
         anvil unix - - n - 1 anvil\n"
    )
}

/// Lets Postfix make its directories, with the owners that it wants.
async fn make_queue(path: &Path) -> Result<()> {
    let made = Command::new(POSTFIX)
        .arg("-c")
        .arg(path.join("postfix"))
        .arg("check")
        .output()
        .await?;
    let said = String::from_utf8_lossy(&made.stderr);
    ensure!(
        made.status.success(),
        "Postfix does not like its settings:\n{said}"
    );
    Ok(())
}

/// Starts the process that starts all others.
async fn master(path: &Path) -> Result<Supervised> {
    let asked = Command::new(POSTCONF)
        .args(["-d", "-h", "daemon_directory"])
        .output()
        .await?;
    let programs = String::from_utf8(asked.stdout)?;
    let output = fs::File::create(path.join("postfix.out"))?;
    Supervision::new(
        Path::new("python3"),
        Path::new(programs.trim()).join("master"),
    )
    .configure(|command| {
        command.arg("-d").arg("-c").arg(path.join("postfix"));
    })
    .spawn(output.try_clone()?.into(), output.into())
}

/// Waits until both listen. False when somebody else has the port.
async fn is_ready(path: &Path, port: u16, postfix: &mut Supervised) -> Result<bool> {
    let listens = eventually("Postfix at its port", || {
        if postfix.ended()?.is_some() {
            return Ok(Some(false));
        }
        let is_bound = fs::read_to_string(path.join("mail.log"))
            .is_ok_and(|log| log.contains("daemon started"));
        let is_asked = path.join("queue").join(dovecot::SOCKET).exists();
        Ok((is_bound && is_asked).then_some(true))
    })
    .await?;
    // It does not say in any file why it could not start.
    ensure!(
        listens || TcpListener::bind(("127.0.0.1", port)).is_err(),
        "Postfix does not start: {}",
        fs::read_to_string(path.join("postfix.out"))?
    );
    Ok(listens)
}
