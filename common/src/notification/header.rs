//! Headers of the producer's own, by an allow-list.
//!
//! What routes, signs or structures a mail is not a producer's to write, and what has a field of its own is written
//! there. The rest is harmless to readers: `X-…` and a few that lists and mail programs use.

use super::{body::is_one_line, fault::Problem, reader::Found};

/// Names that may be given, besides `X-…`.
pub(super) const ALLOWED: &[&str] = &[
    "Comments",
    "Feedback-ID",
    "Keywords",
    "List-Archive",
    "List-Help",
    "List-ID",
    "List-Owner",
    "List-Post",
    "List-Subscribe",
    "Organization",
    "Precedence",
    "Sensitivity",
    "Thread-Index",
    "Thread-Topic",
];

/// `X-…` names that mail systems trust for what they say, or that have a field. A hyphen at the end stands for any more.
pub(super) const RESERVED: &[&str] = &[
    "x-bcc",
    "x-forefront-",
    "x-microsoft-",
    "x-ms-",
    "x-msmail-priority",
    "x-originating-",
    "x-priority",
    "x-sender",
];

/// A header that the producer wants in the mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraHeader {
    name: String,
    value: String,
}

impl ExtraHeader {
    /// How many of them a mail takes.
    pub(super) const MAX_COUNT: usize = 50;
    /// The longest name, so that name and value fit one line.
    pub(super) const MAX_NAME: usize = 76;
    /// The longest value, in characters. In ASCII it may be one word on one line, which has up to 998 octets (RFC 5322
    /// §2.1.1); in other scripts it is folded.
    pub(super) const MAX_VALUE: usize = 900;

    /// Reads a header.
    ///
    /// # Errors
    ///
    /// When the name is not on the allow-list, or the value is not one line of text.
    pub fn parse(name: &str, value: &str) -> Result<Self, Problem> {
        check_name(name)?;
        let value = value.trim();
        if value.is_empty() || value.chars().count() > Self::MAX_VALUE {
            Err(Problem::new(
                "is empty or too long; a header's value has 1 to 900 characters",
            ))
        } else if !is_one_line(value) {
            Err(Problem::new(
                "has a line break or a control character; a header's value is one line",
            ))
        } else {
            Ok(Self {
                name: name.to_owned(),
                value: value.to_owned(),
            })
        }
    }

    /// Returns the name as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the value as it was given, neither folded nor encoded.
    pub fn value(&self) -> &str {
        &self.value
    }

    pub(super) fn read_all(found: Found<'_>) -> Option<Vec<Self>> {
        let entries = found.entries("an object of names and values")?;
        let mut read: Vec<Self> = Vec::new();
        for (i, (name, found)) in entries.into_iter().enumerate() {
            if i == Self::MAX_COUNT {
                return found.refuse("is one too many; a mail takes up to 50 headers");
            }
            read.extend(found.parse("a string", |value| {
                let header = Self::parse(&name, value)?;
                match read
                    .iter()
                    .any(|other| other.name.eq_ignore_ascii_case(&name))
                {
                    true => Err(Problem::new("is given in two spellings; one is enough")),
                    false => Ok(header),
                }
            }));
        }
        read.sort_by(|a, b| a.name.cmp(&b.name));
        Some(read)
    }
}

fn check_name(name: &str) -> Result<(), Problem> {
    let lower = name.to_ascii_lowercase();
    if name.is_empty()
        || !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        || name.len() > ExtraHeader::MAX_NAME
    {
        return Err(Problem::new(
            "is not the name of a header; a name has up to 76 letters, digits, hyphens and underscores",
        ));
    }
    let is_extension = lower.len() > 2 && lower.starts_with("x-");
    if is_extension
        && !RESERVED
            .iter()
            .any(|reserved| is_reserved(&lower, reserved))
        || ALLOWED
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(name))
    {
        return Ok(());
    }
    let field = match &*lower {
        "from" | "sender" | "to" | "cc" | "bcc" | "subject" => Some(&*lower),
        "reply-to" => Some("reply_to"),
        "message-id" => Some("message_id"),
        "in-reply-to" => Some("in_reply_to"),
        "references" => Some("references"),
        "importance" | "priority" | "x-priority" | "x-msmail-priority" => Some("priority"),
        "list-unsubscribe" | "list-unsubscribe-post" => Some("list_unsubscribe"),
        _ => None,
    };
    Err(match field {
        Some(field) => Problem::new(format!("has a field of its own; use {field}")),
        None => Problem::new(format!(
            "is not a header a notification may set; it may set X-… (but for a few that mail systems reserve) and {}",
            ALLOWED.join(", ")
        )),
    })
}

fn is_reserved(lower: &str, reserved: &str) -> bool {
    lower == reserved || reserved.ends_with('-') && lower.starts_with(reserved)
}
