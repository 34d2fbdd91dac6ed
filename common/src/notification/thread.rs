//! The ids by which mail programs keep a conversation together.

use std::fmt;

use super::{fault::Problem, reader::Found};

/// The id of a message (RFC 5322 §3.6.4), without its angle brackets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(String);

impl MessageId {
    /// The longest id. A line of a mail holds 998 octets, and an id is never folded.
    pub(super) const MAX_LEN: usize = 900;
    /// How many ids a string or a list holds. More would only make every later mail of the conversation longer.
    pub(super) const MAX_COUNT: usize = 100;

    /// Reads `<left@right>`, with the angle brackets or without.
    ///
    /// # Errors
    ///
    /// When the text is not one id of printable ASCII with an `@` in it.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let text = text.trim_matches(' ');
        let id = text
            .strip_prefix('<')
            .and_then(|text| text.strip_suffix('>'))
            .unwrap_or(text);
        let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'<' && byte != b'>';
        let has_sides = id
            .split_once('@')
            .is_some_and(|(left, right)| !left.is_empty() && !right.is_empty());
        if id.len() > Self::MAX_LEN {
            Err(Problem::new(
                "is too long; a message id has up to 900 characters",
            ))
        } else if !has_sides || !id.bytes().all(fits) {
            Err(Problem::new(
                "is not a message id like <left@right> in printable ASCII",
            ))
        } else {
            Ok(Self(id.to_owned()))
        }
    }

    /// Returns the id without angle brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads one id, several in one string as a header has them, or a list.
    pub(super) fn read_all(found: Found<'_>) -> Option<Vec<Self>> {
        let mut ids = Vec::new();
        for (i, item) in found.one_or_many().into_iter().enumerate() {
            if i == Self::MAX_COUNT {
                return item.refuse("is one too many; a list has up to 100 ids");
            }
            let parsed = item.parse("a message id, or a list of them", |text| {
                if text.trim().is_empty() || text.split_whitespace().count() > Self::MAX_COUNT {
                    return Err(Problem::new(
                        "holds no id or too many; accepted are 1 to 100",
                    ));
                }
                text.split_whitespace()
                    .map(Self::parse)
                    .collect::<Result<Vec<_>, _>>()
            });
            ids.extend(parsed.unwrap_or_default());
        }
        Some(ids)
    }
}

/// Writes the id as a header has it: `<left@right>`.
impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}
