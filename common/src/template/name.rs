//! Names of templates and of languages, as they stand in keys.

use std::fmt;

/// A name of a template or of its version: 1 to 64 letters, digits, `-`, `_` and `.`, not a dot first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateName(String);

/// Says that a text is not a [`TemplateName`].
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("is not a name of 1 to 64 letters, digits, -, _ and ., not a dot first")]
pub struct InvalidTemplateName;

/// A language of a reader, such as `de` or `de-AT` (BCP 47, of which any is taken that has the form).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locale(String);

/// Says that a text is not a [`Locale`].
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("is not a language such as de or de-AT")]
pub struct InvalidLocale;

impl TemplateName {
    /// The longest name, in characters.
    pub const MAX_LEN: usize = 64;

    /// Reads a name.
    ///
    /// # Errors
    ///
    /// When the text is not of the form that the type states.
    pub fn parse(text: &str) -> Result<Self, InvalidTemplateName> {
        let has_room = (1..=Self::MAX_LEN).contains(&text.len());
        let is_known =
            |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
        if has_room && text.bytes().all(is_known) && !text.starts_with('.') {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidTemplateName)
        }
    }
}

impl Locale {
    /// The longest locale, in characters (RFC 5646 §4.4.1).
    pub const MAX_LEN: usize = 35;

    /// Reads a locale.
    ///
    /// # Errors
    ///
    /// When the text is not of the form that the type states.
    pub fn parse(text: &str) -> Result<Self, InvalidLocale> {
        let mut tags = text.split('-');
        let language = tags.next().unwrap_or_default();
        let is_language = (2..=8).contains(&language.len())
            && language.bytes().all(|octet| octet.is_ascii_alphabetic());
        let is_tag = |tag: &str| {
            (1..=8).contains(&tag.len()) && tag.bytes().all(|octet| octet.is_ascii_alphanumeric())
        };
        if text.len() <= Self::MAX_LEN && is_language && tags.all(is_tag) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidLocale)
        }
    }

    /// The locale, and what is less and less of it: `de-AT`, `de`.
    pub(super) fn candidates(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self.0.as_str()), |locale| {
            locale.rsplit_once('-').map(|(rest, _)| rest)
        })
    }
}

impl fmt::Display for TemplateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
