//! Private Python environments: one holds SAM CLI, cargo-lambda and MiniStack, another the servers of the tests.
//!
//! Each is made once below `.pillarbox/` of the checkout, from a lock file with hashes, and found again by the content
//! of that lock. Nothing of the machine's own Python is changed, and no package is taken that the lock does not name.

use std::ffi::OsString;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, bail, ensure};
use tokio::process::Command;

use super::progress::{Progress, Step};
use super::supervised::Supervision;

/// The packages of an environment.
#[derive(Clone, Copy, Debug)]
pub struct Packages {
    /// What they are, for people.
    pub names: &'static str,
    /// The lock file that names all of them, with hashes.
    pub lock: &'static str,
}

/// What the local stack runs on.
pub(super) const STACK: Packages = Packages {
    names: "SAM CLI, cargo-lambda and MiniStack",
    lock: include_str!("requirements.txt"),
};

/// A virtual environment that is complete.
#[derive(Debug)]
pub struct Environment {
    root: PathBuf,
}

impl Environment {
    /// Finds the environment of this checkout that has these packages, or makes it.
    ///
    /// # Errors
    ///
    /// Fails when Python or its venv module is missing, or when a package cannot be had.
    pub async fn prepare(packages: Packages, progress: Progress) -> anyhow::Result<Self> {
        let home = &super::home()?;
        let version = python_version().await?;
        let mut hasher = DefaultHasher::new();
        (packages.lock, &version).hash(&mut hasher);
        let root = home.join(format!("python-{:016x}", hasher.finish()));
        let environment = Self { root };
        if !environment.is_complete() {
            fs::create_dir_all(home)
                .with_context(|| format!("cannot write to {}", home.display()))?;
            // Another run of the same checkout may be making it right now.
            let path = home.join("python.lock");
            let lock = tokio::task::spawn_blocking(move || -> anyhow::Result<File> {
                let lock = File::create(path)?;
                lock.lock()?;
                Ok(lock)
            })
            .await??;
            if !environment.is_complete() {
                let title = format!(
                    "Make a private Python environment with {} (only the first time)",
                    packages.names
                );
                let step = progress.step(&title);
                environment.make(packages, &step).await?;
                step.done("");
            }
            drop(lock);
        }
        Ok(environment)
    }

    /// A program of the environment.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.root.join("bin").join(name)
    }

    /// The environment's own Python.
    #[must_use]
    pub fn python(&self) -> PathBuf {
        self.program("python")
    }

    /// The search path with the environment's programs first: cargo finds cargo-lambda there.
    pub(super) fn search_path(&self) -> OsString {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let mut path = self.root.join("bin").into_os_string();
        path.push(":");
        path.push(inherited);
        path
    }

    fn marker(&self) -> PathBuf {
        self.root.join("complete")
    }

    fn is_complete(&self) -> bool {
        self.marker().is_file()
    }

    async fn make(&self, packages: Packages, step: &Step) -> anyhow::Result<()> {
        match fs::remove_dir_all(&self.root) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).context("cannot remove an incomplete environment"),
        }
        let made = Command::new("python3")
            .args(["-m", "venv"])
            .arg(&self.root)
            .stdin(Stdio::null())
            .output()
            .await?;
        ensure!(
            made.status.success(),
            "Python cannot make a virtual environment: its venv module is missing or incomplete. Install it (Debian and Ubuntu: apt-get install python3-venv) and try again.\n{}{}",
            String::from_utf8_lossy(&made.stdout),
            String::from_utf8_lossy(&made.stderr),
        );
        let lock = self.root.join("requirements.txt");
        fs::write(&lock, packages.lock)?;
        let python = self.python();
        let pip = Supervision::new(&python, &python).configure(|command| {
            command
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--require-hashes",
                    "--no-deps",
                    "--no-input",
                ])
                .args([
                    "--only-binary",
                    ":all:",
                    "--disable-pip-version-check",
                    "--progress-bar",
                    "off",
                    "-r",
                ])
                .arg(&lock);
        });
        pip.run(&self.root.join("install.log"), step)
            .await
            .with_context(|| {
                format!(
                    "cannot install {} into the private environment",
                    packages.names
                )
            })?;
        fs::write(self.marker(), "")?;
        Ok(())
    }
}

async fn python_version() -> anyhow::Result<String> {
    const MISSING: &str = "Python 3.11 or newer is needed. Install it (Debian and Ubuntu: apt-get install python3 python3-venv) and try again.";
    let found = Command::new("python3")
        .args(["-c", "import sys; print('%d.%d.%d' % sys.version_info[:3], sys.prefix); sys.exit(sys.version_info < (3, 11))"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .await;
    match found {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        Ok(output) => bail!(
            "{MISSING} Found: {}",
            String::from_utf8_lossy(&output.stdout).trim()
        ),
        Err(error) => Err(error).context(MISSING),
    }
}
