//! What a page shows, as a person sees it.

use anyhow::Result;
use serde::Deserialize;
use thirtyfour::WebDriver;

/// A page as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Sight {
    /// Its address, without the query, which may carry secrets.
    pub address: String,
    /// What the window is called.
    pub title: String,
    /// Its heading.
    pub heading: String,
    /// Its words.
    pub text: String,
    /// Whether it is wider than the window, so that one has to scroll sideways to read it.
    pub is_too_wide: bool,
}

/// The device on which a page is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// A desktop with light colors.
    Desktop,
    /// A phone with dark colors.
    Phone,
}

impl Width {
    /// Its name, for files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Phone => "phone",
        }
    }
}

const LOOK: &str = r#"
const heading = document.querySelector("h1");
return {
    address: location.origin + location.pathname,
    title: document.title,
    heading: heading ? heading.innerText.trim() : "",
    text: document.body ? document.body.innerText : "",
    is_too_wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
};
"#;

/// What the window shows now.
pub(super) async fn of(driver: &WebDriver) -> Result<Sight> {
    let seen = driver.execute(LOOK, Vec::new()).await?;
    Ok(serde_json::from_value(seen.json().clone())?)
}
