//! Headers in their three kinds: text for people, tokens of a grammar, and addresses.
//!
//! lettre folds and writes them. Where its own encoding falls short, the value is encoded here: it leaves ASCII that only
//! looks encoded to be decoded by the reader, and puts five hundred bare addresses on one line of many kilobytes.

use base64::{Engine, engine::general_purpose::STANDARD};
use lettre::message::header::{HeaderName, HeaderValue};

use crate::notification::Party;

/// The length lines are folded at (RFC 5322 §2.1.1).
const MAX_LINE: usize = 76;

/// Writes a header whose value has a grammar: ASCII, folded at its spaces, never encoded.
pub(super) fn structured(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
}

/// Writes a header that is text for people, so that its reader sees just that text.
pub(super) fn text(name: HeaderName, value: &str) -> HeaderValue {
    if is_plain(value) {
        HeaderValue::new(name, value.to_owned())
    } else {
        let encoded = folded(&name, encoded_words(value));
        HeaderValue::dangerous_new_pre_encoded(name, value.to_owned(), encoded)
    }
}

/// Writes a header that lists people.
pub(super) fn people(name: &'static str, parties: &[Party]) -> HeaderValue {
    let name = HeaderName::new_from_ascii_str(name);
    let last = parties.len().saturating_sub(1);
    let words = parties.iter().enumerate().flat_map(|(i, party)| {
        let mut words = person(party);
        if let (true, Some(email)) = (i < last, words.last_mut()) {
            email.push(',');
        }
        words
    });
    let encoded = folded(&name, words);
    // What lettre reads again: it asks whether From is there, and trips over names that it quotes itself.
    let addresses: Vec<_> = parties.iter().map(|party| party.email.as_str()).collect();
    HeaderValue::dangerous_new_pre_encoded(name, addresses.join(", "), encoded)
}

/// Writes one of them, in words that may stand on lines of their own.
fn person(party: &Party) -> Vec<String> {
    let Some(name) = &party.name else {
        return vec![party.email.to_string()];
    };
    let mut words = if is_plain(name.as_str()) {
        vec![quoted(name.as_str())]
    } else {
        encoded_words(name.as_str()).collect()
    };
    words.push(format!("<{}>", party.email));
    words
}

/// Tells whether a text goes into a header as it is: a reader would decode what looks like an encoded word.
fn is_plain(text: &str) -> bool {
    text.is_ascii() && !text.contains("=?")
}

/// Writes a quoted string, RFC 5322 §3.2.4.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Writes a text as encoded words of up to 75 characters, RFC 2047 §2.
fn encoded_words(mut text: &str) -> impl Iterator<Item = String> {
    const MAX_PIECE: usize = 39;
    std::iter::from_fn(move || {
        let mut end = text.len().min(MAX_PIECE);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let (piece, rest) = text.split_at(end);
        text = rest;
        (!piece.is_empty()).then(|| format!("=?utf-8?B?{}?=", STANDARD.encode(piece)))
    })
}

/// Puts words on lines, as many on each as fit.
fn folded(name: &HeaderName, words: impl IntoIterator<Item = String>) -> String {
    let mut lines = String::new();
    let mut length = name.len() + ":".len();
    for word in words {
        let separator = match lines.is_empty() {
            true => "",
            false if length + 1 + word.len() <= MAX_LINE => " ",
            false => {
                length = 0;
                "\r\n "
            }
        };
        lines.push_str(separator);
        lines.push_str(&word);
        length += 1 + word.len();
    }
    lines
}
