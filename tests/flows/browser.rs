//! Flows of the consent in real browsers: Pillarbox, Microsoft's endpoints and its sign-in are on three sites, so that
//! what browsers do between sites is at work.

pub(crate) mod connecting;
pub(crate) mod pages;
pub(crate) mod refusing;
pub(crate) mod status;

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use tests::browser::{Browser, Kind, Sight, Width};
use tests::contoso::Contoso;
use tests::node::Node;
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

/// A browser needs a core for itself, and the functions need one too.
static SEATS: Semaphore = Semaphore::const_new(2);
static NODE: OnceCell<Node> = OnceCell::const_new();

/// A person at a real browser.
pub(crate) struct Visitor {
    browser: Browser,
    node: Node,
    _seats: Option<SemaphorePermit<'static>>,
}

impl Visitor {
    /// A person who sits down at a browser with an empty profile.
    pub(crate) async fn at(kind: Kind, contoso: &Contoso) -> Result<Self> {
        let seats = SEATS.acquire().await?;
        Self::sit_down(kind, contoso, Some(seats)).await
    }

    /// Two people at two browsers, who take their seats together, so that no two pairs wait for each other.
    pub(crate) async fn pair(contoso: &Contoso) -> Result<(Self, Self)> {
        let seats = SEATS.acquire_many(2).await?;
        let one = Self::sit_down(Kind::Chromium, contoso, Some(seats)).await?;
        let other = Self::sit_down(Kind::Chromium, contoso, None).await?;
        Ok((one, other))
    }

    async fn sit_down(
        kind: Kind,
        contoso: &Contoso,
        seats: Option<SemaphorePermit<'static>>,
    ) -> Result<Self> {
        let installed = kind
            .find()
            .map_err(|missing| anyhow::anyhow!("{missing}"))?;
        let node = NODE.get_or_try_init(Node::prepare).await?.clone();
        let browser = Browser::open(&installed, contoso.microsoft.authority()).await?;
        Ok(Self {
            browser,
            node,
            _seats: seats,
        })
    }

    /// Waits for a page of Pillarbox with this heading, looks at it on a phone in the dark and on a desktop by day, and
    /// makes sure that everybody can use it.
    pub(crate) async fn sees(&self, heading: &str) -> Result<Sight> {
        let sight = self.browser.arrive(heading).await?;
        self.look(heading).await?;
        Ok(sight)
    }

    async fn look(&self, heading: &str) -> Result<()> {
        let widths: &[Width] = match self.browser.kind() {
            Kind::Chromium => &[Width::Phone, Width::Desktop],
            Kind::Firefox => &[],
        };
        for &width in widths {
            self.browser.pretend(width).await?;
            let sight = self.browser.arrive(heading).await?;
            ensure!(!sight.is_too_wide, "too wide for a {width:?}: {sight:#?}");
            let accessible = self.browser.is_accessible(&self.node).await;
            accessible.with_context(|| format!("{heading:?} on a {width:?}"))?;
            self.keep(heading, width).await?;
        }
        if widths.is_empty() {
            self.browser.is_accessible(&self.node).await?;
        }
        Ok(())
    }

    /// Keeps a picture of the page in the directory that `PILLARBOX_PICTURES` names, for a person to look at.
    async fn keep(&self, heading: &str, width: Width) -> Result<()> {
        let Some(directory) = std::env::var_os("PILLARBOX_PICTURES").map(PathBuf::from) else {
            return Ok(());
        };
        std::fs::create_dir_all(&directory)?;
        let words = heading.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
        let picture = self.browser.picture().await?;
        let file = directory.join(format!("{words}-{}.png", width.as_str()));
        Ok(std::fs::write(file, picture)?)
    }

    /// Signs in at Microsoft, whichever account the page hopes for.
    pub(crate) async fn signs_in(&self, upn: &str, hoped_for: &str) -> Result<()> {
        if upn != hoped_for {
            self.browser.choose("account", "").await?;
        }
        self.browser.choose("account", upn).await
    }

    /// Signs in as the account that the page hopes for and accepts what it asks.
    pub(crate) async fn consents(&self, upn: &str) -> Result<()> {
        self.signs_in(upn, upn).await?;
        self.browser.choose("decision", "accept").await
    }

    /// Ends, having had nothing to complain about.
    pub(crate) async fn leaves(self) -> Result<()> {
        let complaints = self.browser.complaints().await?;
        let ours = complaints.iter().find(|complaint| {
            ["Content Security Policy", "SameSite", "Mixed Content"]
                .iter()
                .any(|words| complaint.contains(words))
        });
        ensure!(ours.is_none(), "the browser complains: {ours:?}");
        self.browser.close().await
    }
}
