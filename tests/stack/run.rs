//! The directory of one run, below `.pillarbox/` of the checkout.
//!
//! It is locked while its process lives and removed at the end. What a killed process left behind is recognised by its
//! lock, which is free, and removed by the next run.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::TempDir;

const PREFIX: &str = "run-";
const LOCK: &str = "lock";

/// A directory of this run alone.
#[derive(Debug)]
pub(super) struct RunDirectory {
    home: PathBuf,
    directory: TempDir,
    _lock: File,
}

impl RunDirectory {
    /// Makes the directory, after removing those of runs that ended badly.
    pub(super) fn create(home: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(home).with_context(|| format!("cannot write to {}", home.display()))?;
        // One at a time, so that nobody takes a directory whose lock is about to be taken for an abandoned one.
        let entrance = File::create(home.join("runs.lock"))?;
        entrance.lock()?;
        for entry in fs::read_dir(home)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(PREFIX)
                && is_abandoned(&entry.path())
            {
                // What cannot be removed now is tried again by the next run.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(home)?;
        let lock = File::create(directory.path().join(LOCK))?;
        lock.lock()?;
        // Without these the AWS clients look for the person's own.
        File::create(directory.path().join("aws-config"))?;
        File::create(directory.path().join("aws-credentials"))?;
        Ok(Self {
            home: home.to_owned(),
            directory,
            _lock: lock,
        })
    }

    /// The directory of this run.
    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// What all runs of the checkout share.
    pub(super) fn home(&self) -> &Path {
        &self.home
    }
}

fn is_abandoned(run: &Path) -> bool {
    match File::open(run.join(LOCK)).map(|lock| lock.try_lock()) {
        Ok(Ok(())) | Err(_) => true,
        Ok(Err(TryLockError::WouldBlock | TryLockError::Error(_))) => false,
    }
}
