//! How a reader gets off the list (RFC 2369, RFC 8058).

use url::Url;

use super::{
    fault::Problem,
    reader::{Found, Names, Spelling},
};
use crate::address::EmailAddress;

const NAMES: Names = Names {
    known: &["url", "email", "one_click"],
    refused: &[],
    spelling: Spelling::SnakeOrCamel,
};

/// The ways off a list: a page, an address, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListUnsubscribe {
    page: Option<Page>,
    email: Option<EmailAddress>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Page {
    url: String,
    /// The page unsubscribes by a POST alone, without asking anything.
    one_click: bool,
}

impl ListUnsubscribe {
    /// The longest URL: it stands on one line of the mail.
    pub(super) const MAX_URL: usize = 900;

    /// Returns the value of `List-Unsubscribe`.
    pub fn header(&self) -> String {
        let page = self.page.iter().map(|page| format!("<{}>", page.url));
        let email = self
            .email
            .iter()
            .map(|email| format!("<mailto:{}>", percent_encoded(email.as_str())));
        page.chain(email).collect::<Vec<_>>().join(", ")
    }

    /// Tells whether `List-Unsubscribe-Post` may promise that a POST is all it takes.
    pub fn is_one_click(&self) -> bool {
        self.page.as_ref().is_some_and(|page| page.one_click)
    }

    pub(super) fn read(found: Found<'_>) -> Option<Self> {
        let mut fields = found.fields("an object with url or email", &NAMES)?;
        let url = fields
            .take("url")
            .map(|found| found.parse("a string", https));
        let email = fields.take("email").map(|found| found.address());
        let one_click = fields.take("one_click").map_or(Some(false), Found::flag)?;
        let email = match email {
            None => None,
            Some(email) => Some(email?),
        };
        match url {
            None if one_click => fields
                .refuse("has one_click and no url; one click needs a page that takes the POST"),
            None if email.is_none() => {
                fields.refuse("has neither url nor email; one of them is needed")
            }
            None => Some(Self { page: None, email }),
            Some(url) => Some(Self {
                page: Some(Page {
                    url: url?,
                    one_click,
                }),
                email,
            }),
        }
    }
}

fn https(text: &str) -> Result<String, Problem> {
    let url = Url::parse(text)
        .map_err(|_| Problem::new("is not a URL like https://example.com/unsubscribe/42"))?;
    let url = if url.scheme() != "https" {
        return Err(Problem::new(
            "is not an https:// URL, and RFC 8058 asks for one",
        ));
    } else if !url.username().is_empty() || url.password().is_some() {
        return Err(Problem::new("has a user name or password; leave it out"));
    } else {
        String::from(url)
    };
    // The parser has percent-encoded what is not ASCII; the two that would end the URL in the header may remain in a
    // query or fragment of some kinds.
    if url.len() > ListUnsubscribe::MAX_URL {
        Err(Problem::new(
            "is too long; accepted are up to 900 characters",
        ))
    } else if !url
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'<' && byte != b'>')
    {
        Err(Problem::new(
            "has a character that has to be percent-encoded",
        ))
    } else {
        Ok(url)
    }
}

/// Encodes an address for a `mailto:` URL, RFC 6068 §2.
fn percent_encoded(address: &str) -> String {
    address
        .bytes()
        .map(|byte| match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' | b'+' | b'@' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
