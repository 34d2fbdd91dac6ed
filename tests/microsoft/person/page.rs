//! Reading a page: its forms, buttons, links and text.
//!
//! A small reader of the HTML that servers send to people, without scripts: what `<noscript>` holds is there.

use std::collections::HashMap;
use std::fmt;

use anyhow::Result;
use reqwest::header::HeaderMap;
use url::Url;

use super::markup::{Piece, Pieces, decode};

/// A page as it came.
#[derive(Clone)]
pub struct Page {
    /// Its address.
    pub url: Url,
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The HTML.
    pub html: String,
    /// What a person reads: the text without markup, with single spaces.
    pub text: String,
    /// Its forms, in order.
    pub forms: Vec<Form>,
    /// Its links, in order.
    pub links: Vec<Link>,
}

/// A form of a page. Its values stay out of debug output: one may be a code.
#[derive(Clone)]
pub struct Form {
    /// Where it goes.
    pub action: Url,
    /// `get` or `post`.
    pub method: String,
    /// The names and values of its fields, without its buttons.
    pub fields: Vec<(String, String)>,
    /// Its buttons.
    pub buttons: Vec<Button>,
}

/// A button of a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Button {
    /// The name; empty when it has none.
    pub name: String,
    /// The value.
    pub value: String,
    /// What a person reads on it.
    pub text: String,
}

/// A link of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it leads.
    pub url: Url,
    /// What a person reads on it.
    pub text: String,
}

impl Page {
    pub(super) async fn read(url: Url, response: reqwest::Response) -> Result<Self> {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let html = response.text().await?;
        let mut page = Self {
            url,
            status,
            headers,
            html,
            text: String::new(),
            forms: Vec::new(),
            links: Vec::new(),
        };
        page.parse();
        Ok(page)
    }

    fn parse(&mut self) {
        let html = std::mem::take(&mut self.html);
        let mut form: Option<Form> = None;
        let mut link: Option<(Url, usize)> = None;
        let mut button: Option<(Button, usize)> = None;
        let mut text = String::new();
        for piece in Pieces(&html) {
            match piece {
                Piece::Text(words) => {
                    for word in decode(words).split_whitespace() {
                        text.push_str(word);
                        text.push(' ');
                    }
                }
                Piece::Open(tag, attributes) => {
                    let attribute = |name: &str| attributes.get(name).cloned().unwrap_or_default();
                    match tag.as_str() {
                        "form" => {
                            let method = attribute("method").to_ascii_lowercase();
                            form = self.url.join(&attribute("action")).ok().map(|action| Form {
                                action,
                                method: if method == "post" {
                                    method
                                } else {
                                    "get".to_owned()
                                },
                                fields: Vec::new(),
                                buttons: Vec::new(),
                            });
                        }
                        "input" => read_input(form.as_mut(), &attributes),
                        "button" => {
                            let fresh = Button {
                                name: attribute("name"),
                                value: attribute("value"),
                                text: String::new(),
                            };
                            button = Some((fresh, text.len()));
                        }
                        "a" => {
                            let url = attributes
                                .get("href")
                                .and_then(|href| self.url.join(href).ok());
                            link = url.map(|url| (url, text.len()));
                        }
                        _ => {}
                    }
                }
                Piece::Close(tag) => match tag.as_str() {
                    "form" => self.forms.extend(form.take()),
                    "a" => {
                        let closed = link.take().map(|(url, from)| Link {
                            url,
                            text: text[from..].trim().to_owned(),
                        });
                        self.links.extend(closed);
                    }
                    "button" => {
                        if let (Some((mut closed, from)), Some(form)) = (button.take(), &mut form) {
                            text[from..].trim().clone_into(&mut closed.text);
                            form.buttons.push(closed);
                        }
                    }
                    _ => {}
                },
            }
        }
        self.text = text.trim().to_owned();
        self.html = html;
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field(
                "at",
                &format!(
                    "{}{}",
                    self.url.origin().ascii_serialization(),
                    self.url.path()
                ),
            )
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.fields.iter().map(|(name, _)| name).collect();
        f.debug_struct("Form")
            .field("action", &self.action.origin().ascii_serialization())
            .field("fields", &names)
            .field("buttons", &self.buttons)
            .finish_non_exhaustive()
    }
}

fn read_input(form: Option<&mut Form>, attributes: &HashMap<String, String>) {
    let attribute = |name: &str| attributes.get(name).cloned().unwrap_or_default();
    let Some(form) = form else { return };
    let (name, value) = (attribute("name"), attribute("value"));
    match attribute("type").to_ascii_lowercase().as_str() {
        "submit" => form.buttons.push(Button {
            name,
            text: value.clone(),
            value,
        }),
        "checkbox" | "radio" if !attributes.contains_key("checked") => {}
        _ if name.is_empty() => {}
        _ => form.fields.push((name, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(html: &str) -> Page {
        let mut page = Page {
            url: Url::parse("https://a.localhost/oauth/start?x=1").unwrap(),
            status: 200,
            headers: HeaderMap::new(),
            html: html.to_owned(),
            text: String::new(),
            forms: Vec::new(),
            links: Vec::new(),
        };
        page.parse();
        page
    }

    #[test]
    fn a_form_is_read_as_a_browser_reads_it() {
        let page = page(
            "<!DOCTYPE html><!-- <form> --><style>a > b {}</style>\
             <FORM Method='POST' action=\"/go?a=1&amp;b=2\">\
             <input type=hidden name=state value=\"&lt;x&#39;&#x3d;\"><input type=checkbox name=no>\
             <input type=checkbox name=yes value=on checked/><input type=submit name=s value=Go>\
             <noscript><button name=d value=\"a>b\">Accept <b>it</b></button></noscript></FORM>",
        );
        let form = &page.forms[0];
        assert_eq!(form.action.as_str(), "https://a.localhost/go?a=1&b=2");
        assert_eq!(form.method, "post");
        let fields = [("state", "<x'="), ("yes", "on")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(form.fields, fields);
        assert_eq!(form.buttons[0].value, "Go");
        assert_eq!(form.buttons[1].value, "a>b");
        assert_eq!(form.buttons[1].text, "Accept it");
    }

    #[test]
    fn links_and_text_are_what_a_person_sees() {
        let page =
            page("<p>Go  on &amp; <a href=\"../next\">to <i>it</i></a>.</p><script>1<2</script>");
        assert_eq!(page.links[0].url.as_str(), "https://a.localhost/next");
        assert_eq!(page.links[0].text, "to it");
        assert_eq!(page.text, "Go on & to it .");
    }
}
