//! Finding the browsers of this machine.

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;

/// A browser that can be driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Chromium, or Chrome.
    Chromium,
    /// Firefox.
    Firefox,
}

/// A browser and its driver, both on this machine.
#[derive(Clone, Debug)]
pub struct Installed {
    pub(super) kind: Kind,
    pub(super) browser: PathBuf,
    pub(super) driver: PathBuf,
}

/// Says which program is missing, and how to name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    programs: &'static [&'static str],
    variable: &'static str,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let programs = self.programs.join(" or ");
        write!(
            f,
            "there is no {programs} on the PATH, and {} names none",
            self.variable
        )
    }
}

impl Kind {
    /// Finds the browser and its driver: by `CHROMIUM` and `CHROMEDRIVER`, or `FIREFOX` and `GECKODRIVER`, or on the
    /// PATH.
    ///
    /// # Errors
    ///
    /// When one of the two is not there.
    pub fn find(self) -> Result<Installed, Missing> {
        let (browsers, driver): (Missing, Missing) = match self {
            Self::Chromium => (
                Missing {
                    programs: &["chromium", "chromium-browser", "google-chrome"],
                    variable: "CHROMIUM",
                },
                Missing {
                    programs: &["chromedriver"],
                    variable: "CHROMEDRIVER",
                },
            ),
            Self::Firefox => (
                Missing {
                    programs: &["firefox", "firefox-esr"],
                    variable: "FIREFOX",
                },
                Missing {
                    programs: &["geckodriver"],
                    variable: "GECKODRIVER",
                },
            ),
        };
        Ok(Installed {
            kind: self,
            browser: browsers.look()?,
            driver: driver.look()?,
        })
    }
}

impl Missing {
    /// Looks for the program.
    fn look(self) -> Result<PathBuf, Self> {
        if let Some(named) = std::env::var_os(self.variable).filter(|named| !named.is_empty()) {
            return Ok(named.into());
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        found_on(&path, self.programs).ok_or(self)
    }
}

fn found_on(path: &OsStr, programs: &[&str]) -> Option<PathBuf> {
    let directories: Vec<PathBuf> = std::env::split_paths(path).collect();
    programs.iter().find_map(|program| {
        let places = directories.iter().map(|directory| directory.join(program));
        places.into_iter().find(|place| place.is_file())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_that_is_on_the_path_is_taken() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(other.path().join("chromium-browser"), "").unwrap();
        let path = std::env::join_paths([one.path(), other.path()]).unwrap();
        let found = found_on(&path, &["chromium", "chromium-browser"]).unwrap();
        assert_eq!(found, other.path().join("chromium-browser"));
        assert_eq!(found_on(&path, &["firefox"]), None);
    }
}
