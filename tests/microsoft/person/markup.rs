//! HTML cut into text and tags.

use std::collections::HashMap;

/// A piece of HTML.
pub(super) enum Piece<'a> {
    Text(&'a str),
    Open(String, HashMap<String, String>),
    Close(String),
}

/// Cuts HTML into text and tags, and drops comments, scripts and styles.
pub(super) struct Pieces<'a>(pub(super) &'a str);

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
pub(super) fn decode(text: &str) -> String {
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
