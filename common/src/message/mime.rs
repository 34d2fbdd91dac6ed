//! The parts of a message, nested as mail programs expect them:
//! `mixed(alternative(text, related(html, images)), files)`, without the levels that nothing needs.

use email_encoding::body::base64;
use lettre::message::{
    Body as Encoded, MessageBuilder, MultiPart, SinglePart,
    header::{ContentDisposition, ContentId, ContentTransferEncoding, ContentType},
};

use super::{
    error::ComposeError,
    text::{from_html, with_crlf},
};
use crate::notification::{Attachment, Body, Disposition, Letter, TextBesideHtml};

/// How many octets of a file make a line of 76 characters (RFC 2045 §6.8), which has a CRLF.
const LINE: usize = 57;

/// How many octets a file of so many octets has in a message.
#[must_use]
pub const fn encoded_len(octets: usize) -> usize {
    octets.div_ceil(LINE) * 78
}

/// How many octets a file can have that has so many in a message.
#[must_use]
pub const fn decoded_len(encoded: usize) -> usize {
    encoded / 78 * LINE
}

/// Says that a file is still where the notification says that it is.
#[derive(Debug, thiserror::Error)]
#[error("a file of the bucket was not read")]
struct Unread;

/// A part of any kind.
pub(super) enum Part {
    Single(SinglePart),
    Multi(MultiPart),
}

impl Part {
    /// Puts the headers of the message above its outermost part.
    pub(super) fn complete(self, builder: MessageBuilder) -> Result<lettre::Message, ComposeError> {
        match self {
            Self::Single(part) => builder.singlepart(part),
            Self::Multi(part) => builder.multipart(part),
        }
        .map_err(ComposeError::unbuilt)
    }

    fn within(self, multi: MultiPart) -> MultiPart {
        match self {
            Self::Single(part) => multi.singlepart(part),
            Self::Multi(part) => multi.multipart(part),
        }
    }
}

/// Builds the content of a message.
pub(super) fn content(letter: &Letter, boundary: &str) -> Result<Part, ComposeError> {
    let is_shown_in_html = |attachment: &&Attachment| {
        attachment.disposition == Disposition::Inline
            && attachment.content_id.is_some()
            && matches!(letter.body, Body::Html { .. })
    };
    let (shown, listed): (Vec<_>, Vec<_>) = letter.attachments.iter().partition(is_shown_in_html);

    let body = match &letter.body {
        Body::Text(text) => Part::Single(SinglePart::plain(with_crlf(text))),
        Body::Html { html, text } => {
            let page = Part::Single(SinglePart::html(with_crlf(html)));
            let page = wrap("related; type=\"text/html\"", boundary, page, &shown)?;
            match text_beside(html, text)? {
                None => page,
                Some(text) => {
                    let plain = SinglePart::plain(with_crlf(&text));
                    Part::Multi(page.within(multipart("alternative", boundary)?.singlepart(plain)))
                }
            }
        }
    };
    wrap("mixed", boundary, body, &listed)
}

fn text_beside(html: &str, text: &TextBesideHtml) -> Result<Option<String>, ComposeError> {
    match text {
        TextBesideHtml::Given(text) => Ok(Some(text.clone())),
        TextBesideHtml::None => Ok(None),
        TextBesideHtml::FromHtml => {
            let text = from_html(html).map_err(ComposeError::NoTextFromHtml)?;
            Ok(Some(text).filter(|text| !text.is_empty()))
        }
    }
}

/// Puts a part and its attachments into one; without attachments it is left as it is.
fn wrap(
    kind: &str,
    boundary: &str,
    part: Part,
    attachments: &[&Attachment],
) -> Result<Part, ComposeError> {
    if attachments.is_empty() {
        return Ok(part);
    }
    let mut multi = part.within(multipart(kind, boundary)?);
    for attachment in attachments {
        multi = multi.singlepart(file(attachment)?);
    }
    Ok(Part::Multi(multi))
}

/// An empty multipart. lettre would draw its boundary by chance and leave out the `type` of `related` (RFC 2387 §3.1).
fn multipart(kind: &str, boundary: &str) -> Result<MultiPart, ComposeError> {
    let level = kind.split(';').next().unwrap_or_default();
    let content_type = content_type(&format!(
        "multipart/{kind}; boundary=\"={level}_{boundary}\""
    ))?;
    Ok(MultiPart::builder().header(content_type).build())
}

fn file(attachment: &Attachment) -> Result<SinglePart, ComposeError> {
    let name = attachment.filename.as_str();
    let disposition = match attachment.disposition {
        Disposition::Inline => ContentDisposition::inline_with_name(name),
        Disposition::Attachment => ContentDisposition::attachment(name),
    };
    let mut builder = SinglePart::builder()
        .header(content_type(attachment.content_type.as_str())?)
        .header(disposition);
    if let Some(id) = &attachment.content_id {
        builder = builder.header(ContentId::from(format!("<{}>", id.as_str())));
    }
    let content = attachment.content.given();
    let content = content.ok_or_else(|| ComposeError::unbuilt(Unread))?;
    // Encoded here and not by lettre, which would want a copy of the file to keep.
    let mut lines = String::with_capacity(encoded_len(content.len()));
    base64::encode(content, &mut lines).map_err(ComposeError::unbuilt)?;
    let body = Encoded::dangerous_pre_encoded(lines.into_bytes(), ContentTransferEncoding::Base64);
    Ok(builder.body(body))
}

fn content_type(text: &str) -> Result<ContentType, ComposeError> {
    ContentType::parse(text).map_err(ComposeError::unbuilt)
}
