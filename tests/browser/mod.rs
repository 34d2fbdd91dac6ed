//! Real browsers, headless, driven by WebDriver: what people and their assistive technology meet.
//!
//! A browser and its driver are found on this machine and never fetched; where one is missing, [`Kind::find`] says
//! which. Each [`Browser`] has a driver and an empty profile of its own, and both end with it.
//!
//! Chromium trusts the run's authority by the hash of its key and verifies certificates otherwise as always. Firefox
//! has no such switch, so there any certificate is taken; that names and chains are right is what Chromium shows.

mod accessibility;
mod installed;
mod sight;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::extensions::query::ElementQueryable as _;
use thirtyfour::{By, Capabilities, WebDriver, WebElement};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::ChildStdout;
use url::Url;

pub use self::installed::{Installed, Kind, Missing};
pub use self::sight::{Sight, Width};

use crate::microsoft::Authority;
use crate::stack::{Supervised, Supervision};

/// How long a page may take to show what it is expected to.
const PATIENCE: Duration = Duration::from_secs(40);
/// How often a driver is started. Chromium's takes one port in two families of addresses, and ends where somebody else has
/// it in one of them.
const STARTS: usize = 5;
/// How often it is looked.
const INTERVAL: Duration = Duration::from_millis(100);

/// One browser with one window.
pub struct Browser {
    kind: Kind,
    // The session ends before the driver does, and the profile goes last.
    driver: WebDriver,
    _process: Supervised,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser with an empty profile, which trusts the authority.
    ///
    /// # Errors
    ///
    /// When the driver or the browser does not start.
    pub async fn open(installed: &Installed, authority: &Authority) -> Result<Self> {
        let profile = tempfile::tempdir()?;
        let (process, port) = driver(installed, profile.path()).await?;
        let capabilities = match installed.kind {
            Kind::Chromium => chromium(installed, authority, profile.path()),
            Kind::Firefox => firefox(installed),
        };
        let client = reqwest::Client::builder().no_proxy().build()?;
        let driver = WebDriver::builder(format!("http://127.0.0.1:{port}"), capabilities)
            .client(client)
            .connect()
            .await?;
        Ok(Self {
            kind: installed.kind,
            driver,
            _process: process,
            _profile: profile,
        })
    }

    /// Which browser it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Opens an address.
    ///
    /// # Errors
    ///
    /// When the browser cannot show it.
    pub async fn go(&self, url: &str) -> Result<()> {
        Ok(self.driver.goto(url).await?)
    }

    /// Goes back one page, as by the browser's button.
    ///
    /// # Errors
    ///
    /// When the browser cannot.
    pub async fn back(&self) -> Result<()> {
        Ok(self.driver.back().await?)
    }

    /// Loads the page again.
    ///
    /// # Errors
    ///
    /// When the browser cannot.
    pub async fn reload(&self) -> Result<()> {
        Ok(self.driver.refresh().await?)
    }

    /// A picture of the window, as PNG.
    ///
    /// # Errors
    ///
    /// When the browser cannot take one.
    pub async fn picture(&self) -> Result<Vec<u8>> {
        Ok(self.driver.screenshot_as_png().await?)
    }

    /// The address of the page.
    ///
    /// # Errors
    ///
    /// When the browser does not say.
    pub async fn url(&self) -> Result<Url> {
        Ok(self.driver.current_url().await?)
    }

    /// Waits for a page whose heading is `words`, and gives what it shows.
    ///
    /// # Errors
    ///
    /// When another page is shown until there is no more patience; the error shows that one.
    pub async fn arrive(&self, words: &str) -> Result<Sight> {
        self.wait(&format!("//h1[normalize-space()=\"{words}\"]"))
            .await
            .with_context(|| format!("no page is headed {words:?}"))?;
        sight::of(&self.driver).await
    }

    /// Presses the button or follows the link with these words.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn press(&self, words: &str) -> Result<()> {
        self.button(words).await?.click().await?;
        Ok(())
    }

    /// Presses it twice in a row, as people who are used to icons do.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn press_twice(&self, words: &str) -> Result<()> {
        let button = self.button(words).await?;
        let twice = self.driver.action_chain().double_click_element(&button);
        Ok(twice.perform().await?)
    }

    /// Presses it without a pointer: by the tab key until it has the focus, and Enter.
    ///
    /// # Errors
    ///
    /// When the tab key does not lead there.
    pub async fn press_by_keyboard(&self, words: &str) -> Result<()> {
        self.button(words).await?;
        for _ in 0..20 {
            let tab = self.driver.action_chain().send_keys(thirtyfour::Key::Tab);
            tab.perform().await?;
            let focused = self.driver.active_element().await?;
            if focused.text().await?.trim() == words {
                let enter = self.driver.action_chain().send_keys(thirtyfour::Key::Enter);
                return Ok(enter.perform().await?);
            }
        }
        bail!("the tab key does not lead to {words:?}")
    }

    /// Presses the button with this name and value, as Microsoft's pages have them.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn choose(&self, name: &str, value: &str) -> Result<()> {
        let button = format!("//button[@name=\"{name}\" and @value=\"{value}\"]");
        Ok(self.wait(&button).await?.click().await?)
    }

    /// The address that the link with these words leads to.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn link(&self, words: &str) -> Result<Url> {
        let href = self.button(words).await?.prop("href").await?;
        Ok(href.context("no link")?.parse()?)
    }

    /// What the browser has to complain about, such as a violated content security policy.
    ///
    /// # Errors
    ///
    /// When the browser does not say. Firefox never does.
    pub async fn complaints(&self) -> Result<Vec<String>> {
        match self.kind {
            Kind::Chromium => {
                let log = self.driver.browser_log().await?;
                Ok(log.into_iter().map(|entry| entry.message).collect())
            }
            Kind::Firefox => Ok(Vec::new()),
        }
    }

    /// Shows pages from now on as on a device of this width, in light or dark colors. Chromium only.
    ///
    /// # Errors
    ///
    /// When the browser cannot.
    pub async fn pretend(&self, width: Width) -> Result<()> {
        let (pixels, scheme) = match width {
            Width::Desktop => (1100, "light"),
            Width::Phone => (360, "dark"),
        };
        let device = json!({ "width": pixels, "height": 760, "deviceScaleFactor": 2, "mobile": width == Width::Phone });
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setDeviceMetricsOverride", device)
            .await?;
        self.devtools("Emulation.setEmulatedMedia", media).await
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Result<()> {
        self.driver.cdp().send_raw(command, parameters).await?;
        Ok(())
    }

    async fn button(&self, words: &str) -> Result<WebElement> {
        self.wait(&format!(
            "//*[self::a or self::button][normalize-space()=\"{words}\"]"
        ))
        .await
        .with_context(|| format!("nothing to press says {words:?}"))
    }

    async fn wait(&self, xpath: &str) -> Result<WebElement> {
        let found = self
            .driver
            .query(By::XPath(xpath))
            .wait(PATIENCE, INTERVAL)
            .first()
            .await;
        match found {
            Ok(element) => Ok(element),
            Err(error) => {
                let shown = sight::of(&self.driver).await;
                Err(error).with_context(|| format!("{shown:#?}"))
            }
        }
    }

    /// Ends the browser and its driver.
    ///
    /// # Errors
    ///
    /// When the browser does not end.
    pub async fn close(self) -> Result<()> {
        Ok(self.driver.quit().await?)
    }
}

/// Starts a driver, and tells the port that it listens on.
async fn driver(installed: &Installed, home: &Path) -> Result<(Supervised, u16)> {
    for _ in 0..STARTS {
        let mut process = Supervision::new(Path::new("python3"), &installed.driver)
            .configure(|command| {
                command.arg("--port=0");
                // Firefox refuses to run as root in somebody else's home.
                command.env("HOME", home);
            })
            .spawn(Stdio::piped(), Stdio::null())?;
        let output = process.output().context("the driver has no output")?;
        if let Some(port) = port(BufReader::new(output)).await? {
            return Ok((process, port));
        }
    }
    bail!("the driver ended {STARTS} times before it listened")
}

/// The port that a driver says it listens on; none when it ends without.
async fn port(mut output: BufReader<ChildStdout>) -> Result<Option<u16>> {
    let mut line = String::new();
    while output.read_line(&mut line).await? > 0 {
        // "ChromeDriver was started successfully on port 4444." and "Listening on 127.0.0.1:4444".
        let said = ["successfully on port ", "Listening on 127.0.0.1:"]
            .iter()
            .find_map(|words| Some(line.split_once(words)?.1));
        if let Some(said) = said {
            let digits = said.trim().trim_end_matches('.');
            let port = digits.parse()?;
            // Nobody reads what else it says, and it must not stop at a pipe that nobody empties.
            tokio::spawn(async move { tokio::io::copy(&mut output, &mut tokio::io::sink()).await });
            return Ok(Some(port));
        }
        line.clear();
    }
    Ok(None)
}

fn chromium(installed: &Installed, authority: &Authority, profile: &Path) -> Capabilities {
    let trust = authority.public_key_hash();
    let arguments = [
        // The pages are our own, and a sandbox is not to be had for root.
        "--no-sandbox".to_owned(),
        "--headless=new".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--disable-quic".to_owned(),
        "--disable-background-networking".to_owned(),
        "--disable-component-update".to_owned(),
        "--disable-sync".to_owned(),
        "--no-first-run".to_owned(),
        "--no-proxy-server".to_owned(),
        "--hide-scrollbars".to_owned(),
        format!("--ignore-certificate-errors-spki-list={trust}"),
        format!("--user-data-dir={}", profile.display()),
    ];
    capabilities(json!({
        "browserName": "chrome",
        "goog:chromeOptions": { "binary": installed.browser, "args": arguments },
        "goog:loggingPrefs": { "browser": "ALL" },
    }))
}

fn firefox(installed: &Installed) -> Capabilities {
    capabilities(json!({
        "browserName": "firefox",
        "acceptInsecureCerts": true,
        "moz:firefoxOptions": {
            "binary": installed.browser,
            "args": ["-headless"],
            "prefs": { "network.proxy.type": 0, "browser.shell.checkDefaultBrowser": false },
        },
    }))
}

fn capabilities(fields: Value) -> Capabilities {
    let Value::Object(fields) = fields else {
        return Capabilities::default();
    };
    Capabilities::from(fields)
}
