//! A person with an account, who signs in and consents without a browser.
//!
//! The pages are read and pressed as they are: forms, buttons, links, redirects and cookies. Nothing is known of the
//! application but its addresses.

mod browser;
mod cookie;
mod markup;
mod page;

use std::fmt;
use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use url::Url;

pub use browser::{Arrival, Browser};
pub use page::{Button, Form, Link, Page};

use super::Microsoft;

/// More pages than this, one after the other, are a circle.
const PAGES: usize = 8;

/// A person who has an account at the simulated Microsoft.
#[derive(Debug)]
pub struct Person {
    upn: String,
    browser: Browser,
    microsoft: Vec<String>,
}

/// What Entra sends to the redirect URI. It holds a code and keeps it out of debug output.
#[derive(Clone)]
pub struct Answer {
    /// Where it is to go.
    pub redirect_uri: String,
    /// How it travels.
    pub mode: AnswerMode,
    /// Its fields, in order.
    pub fields: Vec<(String, String)>,
    from: Page,
}

/// How an answer travels to the redirect URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerMode {
    /// A form that the page posts.
    FormPost,
    /// A redirect with the fields in the query.
    Query,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mind {
    Accept,
    Cancel,
}

impl Person {
    /// A person with this account. The account need not exist: then signing in fails.
    ///
    /// # Errors
    ///
    /// When no HTTP client can be made.
    pub fn new(microsoft: &Microsoft, upn: &str) -> Result<Self> {
        Self::with_hosts(microsoft, upn, &[])
    }

    /// A person for whom some host names lead to given addresses.
    ///
    /// # Errors
    ///
    /// When no HTTP client can be made.
    pub fn with_hosts(
        microsoft: &Microsoft,
        upn: &str,
        hosts: &[(&str, SocketAddr)],
    ) -> Result<Self> {
        let web = SocketAddr::from(([127, 0, 0, 1], microsoft.web_port()));
        let mut client = microsoft.authority().http_client()?;
        let entra = microsoft.entra();
        let origins = [entra.origin(), entra.sign_in_origin()];
        for origin in origins {
            client = client.resolve(Url::parse(origin)?.host_str().unwrap_or_default(), web);
        }
        for (host, address) in hosts {
            client = client.resolve(host, *address);
        }
        Ok(Self {
            upn: upn.to_owned(),
            browser: Browser::new(client.build()?),
            microsoft: origins.map(str::to_owned).to_vec(),
        })
    }

    /// The person's browser, for what is not about signing in.
    pub fn browser(&mut self) -> &mut Browser {
        &mut self.browser
    }

    /// Opens the authorize page, signs in, consents, and brings back what Entra answers.
    ///
    /// # Errors
    ///
    /// When Entra shows an error page instead of answering.
    pub async fn sign_in(&mut self, authorize_url: &str) -> Result<Answer> {
        let arrival = self.visit(authorize_url).await?;
        self.answer(arrival, Mind::Accept).await
    }

    /// Opens the authorize page, signs in, cancels at the question, and brings back what Entra answers.
    ///
    /// # Errors
    ///
    /// When Entra shows an error page instead of answering.
    pub async fn cancel(&mut self, authorize_url: &str) -> Result<Answer> {
        let arrival = self.visit(authorize_url).await?;
        self.answer(arrival, Mind::Cancel).await
    }

    /// Takes an answer to the redirect URI, as the browser would.
    ///
    /// # Errors
    ///
    /// When nobody answers there.
    pub async fn deliver(&mut self, answer: &Answer) -> Result<Page> {
        let arrival = match answer.mode {
            AnswerMode::FormPost => {
                let form = answer.from.forms.first().context("the page has no form")?;
                self.browser
                    .submit(&answer.from, form, None, |_| true)
                    .await?
            }
            AnswerMode::Query => {
                self.browser
                    .open(&answer.redirect_uri_with_query()?, |_| true)
                    .await?
            }
        };
        arrival.page()
    }

    /// Goes the whole way from an application's link: presses the application's button if there is one, follows its link
    /// to Microsoft, signs in, consents, and returns to what the application shows then.
    ///
    /// # Errors
    ///
    /// When the way does not lead to Microsoft and back.
    pub async fn connect(&mut self, link: &str) -> Result<Page> {
        let answer = self.approach(link, Mind::Accept).await?;
        self.deliver(&answer).await
    }

    /// Goes the same way and cancels at Microsoft.
    ///
    /// # Errors
    ///
    /// When the way does not lead to Microsoft and back.
    pub async fn connect_and_cancel(&mut self, link: &str) -> Result<Page> {
        let answer = self.approach(link, Mind::Cancel).await?;
        self.deliver(&answer).await
    }

    async fn approach(&mut self, link: &str, mind: Mind) -> Result<Answer> {
        let mut page = self.browser.open(link, |_| true).await?.page()?;
        for _ in 0..PAGES {
            if self.is_microsoft(&page.url) {
                return self.answer(Arrival::Page(page), mind).await;
            }
            let onward = page
                .links
                .iter()
                .find(|link| self.is_microsoft(&link.url))
                .cloned();
            if let Some(onward) = onward {
                let arrival = self.visit(onward.url.as_str()).await?;
                return self.answer(arrival, mind).await;
            }
            let form = page
                .forms
                .iter()
                .find(|form| form.method == "post")
                .cloned();
            let Some(form) = form else {
                bail!("{page:?} shows no way to Microsoft:\n{}", page.text);
            };
            let button = form.buttons.first().cloned();
            page = self
                .browser
                .submit(&page, &form, button.as_ref(), |_| true)
                .await?
                .page()?;
        }
        bail!("the application's pages lead nowhere")
    }

    async fn visit(&mut self, url: &str) -> Result<Arrival> {
        let microsoft = self.microsoft.clone();
        self.browser
            .open(url, move |url| is_one_of(&microsoft, url))
            .await
    }

    async fn answer(&mut self, mut arrival: Arrival, mind: Mind) -> Result<Answer> {
        for _ in 0..PAGES {
            let page = match arrival {
                Arrival::Left { from, to } => return Ok(query_answer(from, &to)),
                Arrival::Page(page) => page,
            };
            ensure!(
                page.status < 400,
                "Entra shows an error page:\n{}",
                page.text
            );
            if let Some(answer) = self.form_answer(&page) {
                return Ok(answer);
            }
            let (form, button) = self.next_press(&page, mind)?;
            let microsoft = self.microsoft.clone();
            arrival = self
                .browser
                .submit(&page, &form, Some(&button), move |url| {
                    is_one_of(&microsoft, url)
                })
                .await?;
        }
        bail!("Entra's pages lead nowhere")
    }

    fn form_answer(&self, page: &Page) -> Option<Answer> {
        let form = page
            .forms
            .iter()
            .find(|form| !self.is_microsoft(&form.action))?;
        Some(Answer {
            redirect_uri: form.action.to_string(),
            mode: AnswerMode::FormPost,
            fields: form.fields.clone(),
            from: page.clone(),
        })
    }

    fn next_press(&self, page: &Page, mind: Mind) -> Result<(Form, Button)> {
        let decision = match mind {
            Mind::Accept => "accept",
            Mind::Cancel => "cancel",
        };
        let wishes = [
            ("account", self.upn.as_str()),
            ("decision", decision),
            ("decision", "return"),
            // "Use another account": the page hopes for somebody else.
            ("account", ""),
        ];
        for (name, value) in wishes {
            for form in &page.forms {
                let button = form
                    .buttons
                    .iter()
                    .find(|button| button.name == name && button.value.eq_ignore_ascii_case(value));
                if let Some(button) = button {
                    return Ok((form.clone(), button.clone()));
                }
            }
        }
        bail!("there is no button for {}:\n{}", self.upn, page.text)
    }

    fn is_microsoft(&self, url: &Url) -> bool {
        is_one_of(&self.microsoft, url)
    }
}

impl Answer {
    /// A field by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    fn redirect_uri_with_query(&self) -> Result<String> {
        let mut url = Url::parse(&self.redirect_uri)?;
        url.query_pairs_mut().extend_pairs(&self.fields);
        Ok(url.into())
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.fields.iter().map(|(name, _)| name).collect();
        f.debug_struct("Answer")
            .field("redirect_uri", &self.redirect_uri)
            .field("mode", &self.mode)
            .field("fields", &names)
            .field("error", &self.get("error"))
            .finish_non_exhaustive()
    }
}

fn query_answer(from: Page, to: &Url) -> Answer {
    let mut redirect_uri = to.clone();
    redirect_uri.set_query(None);
    redirect_uri.set_fragment(None);
    Answer {
        redirect_uri: redirect_uri.into(),
        mode: AnswerMode::Query,
        fields: to.query_pairs().into_owned().collect(),
        from,
    }
}

fn is_one_of(origins: &[String], url: &Url) -> bool {
    origins.contains(&url.origin().ascii_serialization())
}
