//! Reading a page: its forms, buttons, links and text.
//!
//! A small reader of the HTML that servers send to people, without scripts: what `<noscript>` holds is there.

use std::collections::HashMap;
use std::fmt;

use anyhow::Result;
use reqwest::header::HeaderMap;
use url::Url;

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

/// A form of a page.
#[derive(Clone, Debug)]
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

enum Piece<'a> {
    Text(&'a str),
    Open(String, HashMap<String, String>),
    Close(String),
}

/// Cuts HTML into text and tags, and drops comments, scripts and styles.
struct Pieces<'a>(&'a str);

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        loop {
            if self.0.is_empty() {
                return None;
            }
            let Some(start) = self.0.find('<') else {
                return Some(Piece::Text(std::mem::take(&mut self.0)));
            };
            if start > 0 {
                let (text, rest) = self.0.split_at(start);
                self.0 = rest;
                return Some(Piece::Text(text));
            }
            if let Some(comment) = self.0.strip_prefix("<!--") {
                self.0 = after(comment, "-->");
                continue;
            }
            let end = tag_end(self.0);
            let (tag, rest) = self.0.split_at(end);
            self.0 = rest.strip_prefix('>').unwrap_or(rest);
            let tag = tag.trim_start_matches('<').trim_end_matches('/');
            if tag.starts_with('!') {
                continue;
            }
            if let Some(name) = tag.strip_prefix('/') {
                return Some(Piece::Close(name.trim().to_ascii_lowercase()));
            }
            let (name, attributes) = read_tag(tag);
            if matches!(name.as_str(), "script" | "style") {
                self.0 = after(self.0, &format!("</{name}>"));
                continue;
            }
            return Some(Piece::Open(name, attributes));
        }
    }
}

fn after<'a>(text: &'a str, mark: &str) -> &'a str {
    text.find(mark).map_or("", |at| &text[at + mark.len()..])
}

/// Where the tag's `>` is: not inside quotes.
fn tag_end(html: &str) -> usize {
    let mut quote = None;
    for (at, character) in html.char_indices() {
        match (quote, character) {
            (None, '>') => return at,
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None | Some(_), _) => {}
        }
    }
    html.len()
}

fn read_tag(tag: &str) -> (String, HashMap<String, String>) {
    let tag = tag.trim();
    let (name, mut rest) = tag
        .split_once(|character: char| character.is_whitespace())
        .unwrap_or((tag, ""));
    let mut attributes = HashMap::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return (name.to_ascii_lowercase(), attributes);
        }
        let end = rest
            .find(|character: char| character == '=' || character.is_whitespace())
            .unwrap_or(rest.len());
        let (attribute, tail) = rest.split_at(end);
        let (value, tail) = match tail.trim_start().strip_prefix('=') {
            None => ("", tail),
            Some(tail) => read_value(tail.trim_start()),
        };
        attributes.insert(attribute.to_ascii_lowercase(), decode(value));
        rest = tail;
    }
}

fn read_value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(quoted) = text.strip_prefix(quote) {
            return quoted.split_once(quote).unwrap_or((quoted, ""));
        }
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    text.split_at(end)
}

/// Decodes the character references that careful servers write.
fn decode(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        decoded.push_str(&rest[..start]);
        rest = &rest[start..];
        let reference = rest[1..].split_once(';').and_then(|(name, tail)| {
            let character = match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                "nbsp" => '\u{a0}',
                name => {
                    let number = name.strip_prefix('#')?;
                    let code = match number.strip_prefix(['x', 'X']) {
                        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                        None => number.parse().ok()?,
                    };
                    char::from_u32(code)?
                }
            };
            Some((character, tail))
        });
        match reference {
            Some((character, tail)) => {
                decoded.push(character);
                rest = tail;
            }
            None => {
                decoded.push('&');
                rest = &rest[1..];
            }
        }
    }
    decoded.push_str(rest);
    decoded
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
