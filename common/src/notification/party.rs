//! Somebody a message is from or to.

use std::fmt;

use super::{
    fault::Problem,
    reader::{Found, Names, Spelling},
};
use crate::address::{AddressError, EmailAddress, LocalParts, is_invisible};

/// What an address may look like in a notification.
const ACCEPTED: &str =
    "\"local-part@domain\", \"Name <local-part@domain>\" or {\"name\", \"email\"}";
const NAMES: Names = Names {
    known: &["name", "email"],
    refused: &[],
    spelling: Spelling::SnakeOrCamel,
};

/// An address, and the name to show for it.
#[derive(Clone, PartialEq, Eq)]
pub struct Party {
    /// The name that mail programs show.
    pub name: Option<DisplayName>,
    /// The address itself.
    pub email: EmailAddress,
}

/// A name that mail programs show: up to 256 characters, none of them invisible.
#[derive(Clone, PartialEq, Eq)]
pub struct DisplayName(String);

impl DisplayName {
    pub(super) const MAX_LEN: usize = 256;

    /// Reads a name; white space around it is dropped.
    ///
    /// # Errors
    ///
    /// When the name is empty, too long, or has characters that control the text around them.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let name = text.trim();
        if name.is_empty() {
            Err(Problem::new("has an empty name; leave the name out"))
        } else if name.chars().count() > Self::MAX_LEN {
            Err(Problem::new("has a name of more than 256 characters"))
        } else if name.chars().any(is_invisible) {
            Err(Problem::new(
                "has a name with a line break, a control character or one that changes the direction of writing",
            ))
        } else {
            Ok(Self(name.to_owned()))
        }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Party {
    /// Reads `local@domain` or `Name <local@domain>`.
    ///
    /// # Errors
    ///
    /// When the text is not one address, or its name cannot be shown.
    pub fn parse(text: &str, local_parts: LocalParts) -> Result<Self, Problem> {
        let text = text.trim_matches(' ');
        let Some((name, email)) = text
            .strip_suffix('>')
            .and_then(|text| text.rsplit_once('<'))
        else {
            return Ok(Self {
                name: None,
                email: email_of(text, local_parts)?,
            });
        };
        let name = match name.trim() {
            "" => None,
            name => Some(DisplayName::parse(&unquoted(name)?)?),
        };
        Ok(Self {
            name,
            email: email_of(email.trim_matches(' '), local_parts)?,
        })
    }

    pub(super) fn read(found: Found<'_>) -> Option<Self> {
        let local_parts = found.local_parts();
        if !found.is_object() {
            return found.parse(ACCEPTED, |text| Self::parse(text, local_parts));
        }
        let mut fields = found.fields(ACCEPTED, &NAMES)?;
        let name = fields
            .take("name")
            .map(|name| name.parse("a string", DisplayName::parse));
        let email = fields.require("email")?.parse("a string", |text| {
            email_of(text.trim_matches(' '), local_parts)
        })?;
        match name {
            None => Some(Self { name: None, email }),
            Some(name) => Some(Self {
                name: Some(name?),
                email,
            }),
        }
    }

    /// Reads one of them, or a list.
    pub(super) fn read_all(found: Found<'_>) -> Vec<Self> {
        found
            .one_or_many()
            .into_iter()
            .filter_map(Self::read)
            .collect()
    }
}

fn email_of(text: &str, local_parts: LocalParts) -> Result<EmailAddress, Problem> {
    if text.matches('@').count() > 1 && text.contains([',', ';']) {
        return Err(Problem::new(
            "holds more than one address; give a list, one address an item",
        ));
    }
    bare_address(text, local_parts)
}

/// Reads an address that nothing stands beside. One outside ASCII is answered with the field that lets it in.
pub(super) fn bare_address(text: &str, local_parts: LocalParts) -> Result<EmailAddress, Problem> {
    EmailAddress::parse_with(text, local_parts).map_err(|error| {
        if error == AddressError::InternationalLocalPart {
            Problem::new(
                "has a local part with characters outside ASCII; accepted with \"smtputf8\": true beside it, for a server that offers SMTPUTF8",
            )
        } else {
            Problem::new(error.to_string())
        }
    })
}

/// Takes the quotes off a quoted string of RFC 5322; a name without quotes is left as it is.
fn unquoted(name: &str) -> Result<String, Problem> {
    let Some(inner) = name.strip_prefix('"') else {
        return Ok(name.to_owned());
    };
    let unbalanced =
        || Problem::new("has a name with an opening quotation mark and no closing one at its end");
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner.chars();
    loop {
        match rest.next() {
            Some('"') => break,
            Some('\\') => text.push(rest.next().ok_or_else(unbalanced)?),
            Some(c) => text.push(c),
            None => return Err(unbalanced()),
        }
    }
    if rest.as_str().is_empty() {
        Ok(text)
    } else {
        Err(unbalanced())
    }
}

impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Party({})", self.email.masked())
    }
}

impl fmt::Debug for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DisplayName(…)")
    }
}
