//! A file that goes with a mail.

use std::fmt;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{
    fault::Problem,
    reader::{Found, Names, Spelling},
    stored,
};
use crate::{address::is_invisible, object::Reference};

const NAMES: Names = Names {
    known: &[
        "filename",
        "content_type",
        "content_id",
        "disposition",
        "content",
        "s3",
    ],
    refused: &[],
    spelling: Spelling::SnakeOrCamel,
};

/// Base64 as its many encoders write it, with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A file that goes with a mail, or is shown in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The name a reader saves it under.
    pub filename: FileName,
    /// What it is.
    pub content_type: ContentType,
    /// The name by which html shows it: `<img src="cid:…">`.
    pub content_id: Option<ContentId>,
    /// Whether it is shown in the mail or listed below it.
    pub disposition: Disposition,
    /// The file itself.
    pub content: Content,
}

/// A file, or where it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// What is in it.
    Given(Vec<u8>),
    /// An object of the stack's bucket, to be read before the message is written.
    Stored(Box<Reference>),
}

impl Content {
    /// What is in the file, if it is here.
    #[must_use]
    pub fn given(&self) -> Option<&[u8]> {
        match self {
            Self::Given(content) => Some(content),
            Self::Stored(_) => None,
        }
    }
}

/// Where a mail program shows an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// In the mail.
    Inline,
    /// Below it, as a file.
    Attachment,
}

/// A file's name: 1 to 255 characters, no path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName(String);

/// A media type such as `application/pdf`, with parameters if need be (RFC 2045 §5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentType(String);

/// A content id without its angle brackets (RFC 2392).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentId(String);

impl FileName {
    pub(super) const MAX_LEN: usize = 255;

    /// Reads a file's name.
    ///
    /// # Errors
    ///
    /// When it is empty, too long, a path, or would look like another name.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text.trim().is_empty() || text.chars().count() > Self::MAX_LEN {
            Err(Problem::new(
                "is empty or too long; a file name has 1 to 255 characters",
            ))
        } else if text.contains(['/', '\\']) {
            Err(Problem::new(
                "has a slash or backslash; a file name is not a path",
            ))
        } else if text.chars().any(is_invisible) {
            Err(Problem::new(
                "has a line break, a control character or one that changes the direction of writing",
            ))
        } else if text.contains("=?") {
            // Mail programs decode that as RFC 2047, and show another name than this one.
            Err(Problem::new(
                "has the characters =? in a row, which begin an encoded word",
            ))
        } else {
            Ok(Self(text.trim().to_owned()))
        }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ContentType {
    pub(super) const MAX_LEN: usize = 200;

    /// What a file is when nobody says: bytes.
    pub fn bytes() -> Self {
        Self("application/octet-stream".to_owned())
    }

    /// Reads `type/subtype`, and parameters as in `text/calendar; method=REQUEST`.
    ///
    /// # Errors
    ///
    /// When it is not of this form, or of a kind that cannot be carried as one encoded file.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let malformed =
            || Problem::new("is not a media type like application/pdf or text/csv; charset=utf-8");
        if text.len() > Self::MAX_LEN {
            return Err(Problem::new(
                "is too long; a media type has up to 200 characters",
            ));
        }
        let mut pieces = text.split(';').map(str::trim);
        let (kind, subtype) = pieces
            .next()
            .and_then(|essence| essence.split_once('/'))
            .ok_or_else(malformed)?;
        if !is_token(kind) || !is_token(subtype) {
            return Err(malformed());
        }
        if ["multipart", "message"]
            .iter()
            .any(|composite| kind.eq_ignore_ascii_case(composite))
        {
            return Err(Problem::new(
                "is a multipart or message type, which cannot be attached; application/octet-stream can",
            ));
        }
        let mut normal = format!("{kind}/{subtype}");
        for parameter in pieces {
            let (name, value) = parameter.split_once('=').ok_or_else(malformed)?;
            let value = value
                .strip_prefix('"')
                .and_then(|value| value.strip_suffix('"'))
                .unwrap_or(value);
            if !is_token(name) || !is_token(value) {
                return Err(malformed());
            }
            normal.push_str(&format!("; {name}={value}"));
        }
        Ok(Self(normal))
    }

    /// Returns the media type with its parameters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The names of media types (RFC 6838 §4.2), which is as much as anybody needs in parameters too.
fn is_token(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
}

impl ContentId {
    pub(super) const MAX_LEN: usize = 200;

    /// Reads a content id, with its angle brackets or without.
    ///
    /// # Errors
    ///
    /// When it is empty, too long, or has anything but printable ASCII.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let text = text
            .strip_prefix('<')
            .and_then(|text| text.strip_suffix('>'))
            .unwrap_or(text);
        let fits = |byte: u8| byte.is_ascii_graphic() && !b"<>\"".contains(&byte);
        if text.is_empty() || text.len() > Self::MAX_LEN {
            Err(Problem::new(
                "is empty or too long; a content id has 1 to 200 characters",
            ))
        } else if !text.bytes().all(fits) {
            Err(Problem::new(
                "has a space, quotation mark, angle bracket or a character outside printable ASCII",
            ))
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// Returns the id without angle brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Attachment {
    /// The most files Exchange takes with one mail.
    pub(super) const MAX_COUNT: usize = 250;

    /// Reads the list of attachments.
    pub(super) fn read_all(found: Found<'_>) -> Option<Vec<Self>> {
        let list = found.list("a list of attachments")?;
        if let Some(first_too_many) = list.get(Self::MAX_COUNT) {
            return first_too_many.refuse("is one too many; a mail carries up to 250 attachments");
        }
        let mut read: Vec<Self> = Vec::new();
        for item in list {
            read.extend(Self::read(item, &read));
        }
        Some(read)
    }

    fn read(found: Found<'_>, others: &[Self]) -> Option<Self> {
        let mut fields = found.fields("an object with filename and content or s3", &NAMES)?;
        let filename = fields
            .require("filename")
            .and_then(|found| found.parse("a string", FileName::parse));
        let content = match fields.take("s3") {
            None => fields
                .require("content")
                .and_then(|found| found.parse("base64 in a string", decoded))
                .map(Content::Given),
            Some(_) if fields.take("content").is_some() => {
                fields.refuse("has both content and s3; one of them is the file")
            }
            Some(found) => stored::read(found).map(|named| Content::Stored(Box::new(named))),
        };
        let disposition = fields
            .take("disposition")
            .map(|found| found.parse("\"inline\" or \"attachment\"", disposition));
        let content_id = fields.take("content_id").map(|found| {
            found.parse("a string", |text| {
                let id = ContentId::parse(text)?;
                match others
                    .iter()
                    .any(|other| other.content_id.as_ref() == Some(&id))
                {
                    true => Err(Problem::new(
                        "is the content id of an earlier attachment too",
                    )),
                    false => Ok(id),
                }
            })
        });
        let content_type = fields
            .take("content_type")
            .map(|found| found.parse("a string", ContentType::parse));

        let content_id = match content_id {
            None => None,
            Some(id) => Some(id?),
        };
        let disposition = match disposition {
            None if content_id.is_some() => Disposition::Inline,
            None => Disposition::Attachment,
            Some(disposition) => disposition?,
        };
        let content_type = match (content_type, disposition) {
            (Some(content_type), _) => content_type?,
            (None, Disposition::Attachment) => ContentType::bytes(),
            (None, Disposition::Inline) => {
                return fields.refuse(
                    "has no content_type; what is shown inline needs one, such as image/png",
                );
            }
        };
        Some(Self {
            filename: filename?,
            content_type,
            content_id,
            disposition,
            content: content?,
        })
    }
}

fn disposition(text: &str) -> Result<Disposition, Problem> {
    match text {
        "inline" => Ok(Disposition::Inline),
        "attachment" => Ok(Disposition::Attachment),
        _ => Err(Problem::new("is neither \"inline\" nor \"attachment\"")),
    }
}

pub(super) fn decoded(text: &str) -> Result<Vec<u8>, Problem> {
    let is_space = |byte: &u8| byte.is_ascii_whitespace();
    let bytes = if text.bytes().any(|byte| is_space(&byte)) {
        BASE64.decode(
            text.bytes()
                .filter(|byte| !is_space(byte))
                .collect::<Vec<u8>>(),
        )
    } else {
        BASE64.decode(text)
    };
    bytes.map_err(|_| {
        Problem::new("is not base64 of the standard alphabet (A-Z, a-z, 0-9, + and /)")
    })
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment")
            .field("content_type", &self.content_type)
            .field("length", &self.content.given().map(<[u8]>::len))
            .finish_non_exhaustive()
    }
}
