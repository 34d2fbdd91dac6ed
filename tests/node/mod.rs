//! What the tests take from npm: the rules of accessibility, an OAuth server that nobody here wrote, and the client
//! libraries of other vendors.
//!
//! The packages of a set stand in a lock with hashes, and are put into a directory below `.pillarbox/` of the checkout once,
//! found again by the content of that lock. None of their install scripts runs.

mod provider;

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

pub use self::provider::{Client, Provider};

/// A set of packages, by what npm reads.
#[derive(Debug, Clone, Copy)]
pub struct Packages {
    /// The text of `package.json`.
    pub package: &'static str,
    /// The text of `package-lock.json`.
    pub lock: &'static str,
}

/// The packages that the sign-in is tried with.
const SIGN_IN: Packages = Packages {
    package: include_str!("package.json"),
    lock: include_str!("package-lock.json"),
};

/// Why there is no Node.js to be used.
pub const MISSING: &str = "there is no node or no npm on the PATH";

/// A directory with the packages in it.
#[derive(Debug, Clone)]
pub struct Node {
    root: PathBuf,
}

impl Node {
    /// Whether node and npm are on the PATH.
    #[must_use]
    pub fn is_there() -> bool {
        let path = std::env::var_os("PATH").unwrap_or_default();
        ["node", "npm"].iter().all(|program| {
            std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
        })
    }

    /// Finds the packages that the sign-in is tried with in this checkout, or installs them.
    ///
    /// # Errors
    ///
    /// When npm is missing or a package cannot be had.
    pub async fn prepare() -> Result<Self> {
        Self::prepare_with(&SIGN_IN).await
    }

    /// Finds a set of packages in this checkout, or installs it.
    ///
    /// # Errors
    ///
    /// When npm is missing or a package cannot be had.
    pub async fn prepare_with(packages: &Packages) -> Result<Self> {
        let home = crate::stack::home()?;
        fs::create_dir_all(&home)?;
        let mut hasher = DefaultHasher::new();
        packages.lock.hash(&mut hasher);
        let node = Self {
            root: home.join(format!("node-{:016x}", hasher.finish())),
        };
        // Another run of the same checkout may be at it right now.
        let path = home.join("node.lock");
        let lock = tokio::task::spawn_blocking(move || -> Result<File> {
            let lock = File::create(path)?;
            lock.lock()?;
            Ok(lock)
        })
        .await??;
        if !node.marker().is_file() {
            node.install(packages).await?;
        }
        drop(lock);
        Ok(node)
    }

    async fn install(&self, packages: &Packages) -> Result<()> {
        if self.root.exists() {
            fs::remove_dir_all(&self.root)?;
        }
        fs::create_dir_all(&self.root)?;
        fs::write(self.root.join("package.json"), packages.package)?;
        fs::write(self.root.join("package-lock.json"), packages.lock)?;
        let installed = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .output()
            .await
            .context(MISSING)?;
        ensure!(
            installed.status.success(),
            "npm cannot install the packages of the tests\n{}",
            String::from_utf8_lossy(&installed.stderr)
        );
        Ok(fs::write(self.marker(), "")?)
    }

    fn marker(&self) -> PathBuf {
        self.root.join("complete")
    }

    /// The directory in which a program finds the packages.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The rules of accessibility, as a script.
    ///
    /// # Errors
    ///
    /// When the package is gone.
    pub fn axe(&self) -> Result<String> {
        let script = self.root.join("node_modules/axe-core/axe.min.js");
        fs::read_to_string(&script).with_context(|| format!("cannot read {}", script.display()))
    }
}
