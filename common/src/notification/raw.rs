//! A message that its producer has written, as bytes.
//!
//! It leaves as it came, but for Bcc, which is taken out, and for a Message-ID and a Date, which are put in where they are
//! missing. What a server would refuse or rewrite, or two readers understand in two ways, is refused here.

use std::{collections::BTreeMap, fmt, ops::Range};

use mail_parser::{MessageParser, MimeHeaders, PartType};

use super::{
    Recipients, address_list, attachment, fault::Problem, party::Party, reader::Found,
    thread::MessageId,
};
use crate::address::{EmailAddress, LocalParts};

/// The longest line of a message, its end not counted (RFC 5322 §2.1.1).
const MAX_LINE: usize = 998;

/// Headers that a message has once at most (RFC 5322 §3.6, RFC 2045 §3), in lower case.
const ONCE: &[&str] = &[
    "bcc",
    "cc",
    "content-transfer-encoding",
    "content-type",
    "date",
    "from",
    "in-reply-to",
    "message-id",
    "mime-version",
    "references",
    "reply-to",
    "sender",
    "subject",
    "to",
];

/// A message that leaves as it is: lines of up to 998 octets ended by CRLF, one From, no Bcc.
#[derive(Clone, PartialEq, Eq)]
pub struct RawMessage {
    /// Who it says it is from.
    pub from: EmailAddress,
    /// Who it says has sent it, if not From.
    pub sender: Option<EmailAddress>,
    /// Its Message-ID, if it has one.
    pub message_id: Option<MessageId>,
    /// Whether it says when it was written.
    pub date: Dated,
    /// The message, ended by CRLF.
    pub bytes: Vec<u8>,
}

/// Whether a message has a Date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dated {
    /// It has.
    Yes,
    /// One has to be put in.
    No,
}

impl RawMessage {
    /// Reads a message in base64, and the recipients that it names.
    pub(super) fn read(found: &Found<'_>) -> Option<(Self, Recipients)> {
        let bytes = found.parse("a message in base64 in a string", attachment::decoded)?;
        match Self::parse(bytes, found.local_parts()) {
            Ok(raw) => Some(raw),
            Err(problem) => found.refuse(problem),
        }
    }

    fn parse(mut bytes: Vec<u8>, local_parts: LocalParts) -> Result<(Self, Recipients), Problem> {
        check_lines(&bytes)?;
        if !bytes.ends_with(b"\r\n") {
            bytes.extend(b"\r\n");
        }
        let headers = Headers::read(&bytes, local_parts)?;
        check_encodings(&bytes)?;
        let one = |name: &str| match headers.people(name)?.as_deref() {
            None => Ok(None),
            Some([one]) => Ok(Some(one.email.clone())),
            Some(_) => Err(Problem::new(format!(
                "has more than one address in {name}; it has one"
            ))),
        };
        let from =
            one("From")?.ok_or_else(|| Problem::new("has no From; a message has exactly one"))?;
        let message_id = headers.text("Message-ID").map(|text| {
            MessageId::parse(&text)
                .map_err(|problem| Problem::new(format!("has a Message-ID that {problem}")))
        });
        let [to, cc, bcc] = ["To", "Cc", "Bcc"].map(|name| headers.people(name));
        let (to, cc, bcc) = (
            to?.unwrap_or_default(),
            cc?.unwrap_or_default(),
            bcc?.unwrap_or_default(),
        );
        let raw = Self {
            from,
            sender: one("Sender")?,
            message_id: message_id.transpose()?,
            date: if headers.places.contains_key("date") {
                Dated::Yes
            } else {
                Dated::No
            },
            bytes: Vec::new(),
        };
        let hidden = headers.places.get("bcc").cloned();
        if let Some(hidden) = hidden {
            bytes.drain(hidden);
        }
        let given = to.len() + cc.len() + bcc.len();
        Ok((Self { bytes, ..raw }, Recipients { to, cc, bcc, given }))
    }
}

/// The headers of a message that are read, by their names in lower case.
struct Headers<'m> {
    bytes: &'m [u8],
    places: BTreeMap<&'static str, Range<usize>>,
    /// With local parts in UTF-8, everything in a header may be in UTF-8 (RFC 6532 §3.2).
    local_parts: LocalParts,
}

impl<'m> Headers<'m> {
    fn read(bytes: &'m [u8], local_parts: LocalParts) -> Result<Self, Problem> {
        let mut places: BTreeMap<&'static str, Range<usize>> = BTreeMap::new();
        let mut current = None;
        let mut at = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let end = at + line.len();
            let is_continued = line.starts_with(b" ") || line.starts_with(b"\t");
            if line == b"\r\n" {
                break;
            } else if local_parts == LocalParts::Ascii && !line.is_ascii() {
                return Err(Problem::new(
                    "has a header with characters outside ASCII; write them as encoded words (RFC 2047), or set \"smtputf8\": true beside raw",
                ));
            } else if str::from_utf8(line).is_err() {
                return Err(Problem::new("has a header that is not UTF-8"));
            } else if is_continued && at > 0 {
                if let Some(place) = current.and_then(|name| places.get_mut(name)) {
                    place.end = end;
                }
            } else {
                let name = name_of(line)
                    .ok_or_else(|| Problem::new("has a line among its headers that is not one; the headers end in an empty line"))?;
                if name.starts_with("resent-") {
                    return Err(Problem::new(
                        "has a header Resent-…; send a message of your own",
                    ));
                }
                current = ONCE.iter().find(|once| **once == name).copied();
                if let Some(name) = current
                    && places.insert(name, at..end).is_some()
                {
                    return Err(Problem::new(format!(
                        "has more than one header {name}; it has one at most"
                    )));
                }
            }
            at = end;
        }
        Ok(Self {
            bytes,
            places,
            local_parts,
        })
    }

    /// Returns the value of a header, unfolded.
    fn text(&self, name: &str) -> Option<String> {
        let place = self.places.get(&*name.to_ascii_lowercase())?;
        let line = String::from_utf8_lossy(&self.bytes[place.clone()]);
        let (_, value) = line.split_once(':')?;
        Some(value.replace("\r\n", "").trim().to_owned())
    }

    /// Reads a header that lists people.
    fn people(&self, name: &str) -> Result<Option<Vec<Party>>, Problem> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        match address_list::parse(&text, self.local_parts) {
            Ok(people) => Ok(Some(people)),
            Err(problem) => Err(Problem::new(format!("has a header {name} that {problem}"))),
        }
    }
}

/// The name that a header begins with, in lower case.
fn name_of(line: &[u8]) -> Option<String> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = &line[..colon];
    let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    is_name.then(|| String::from_utf8_lossy(name).to_ascii_lowercase())
}

/// Checks what every message on the wire has to keep to.
fn check_lines(bytes: &[u8]) -> Result<(), Problem> {
    if bytes.contains(&0) {
        return Err(Problem::new("has a NUL, which mail cannot carry"));
    }
    let mut line = 0;
    let mut before = b'\n';
    for (i, byte) in bytes.iter().copied().enumerate() {
        match byte {
            b'\n' if before != b'\r' => {
                return Err(Problem::new(
                    "has a line that ends in LF alone; lines end in CRLF",
                ));
            }
            b'\r' if bytes.get(i + 1) != Some(&b'\n') => {
                return Err(Problem::new("has a CR alone; lines end in CRLF"));
            }
            b'\r' => {}
            b'\n' => line = 0,
            _ => line += 1,
        }
        if line > MAX_LINE {
            return Err(Problem::new("has a line of more than 998 octets"));
        }
        before = byte;
    }
    Ok(())
}

/// Refuses parts that only a server with BINARYMIME takes.
fn check_encodings(bytes: &[u8]) -> Result<(), Problem> {
    let message = MessageParser::default()
        .parse(bytes)
        .ok_or_else(|| Problem::new("is not a message"))?;
    let mut messages = vec![&message];
    while let Some(message) = messages.pop() {
        for part in &message.parts {
            let encoding = part.content_transfer_encoding().unwrap_or_default();
            if encoding.trim().eq_ignore_ascii_case("binary") {
                return Err(Problem::new(
                    "has a part in the encoding binary; accepted are 7bit, 8bit, quoted-printable and base64",
                ));
            }
            if let PartType::Message(inner) = &part.body {
                messages.push(inner);
            }
        }
    }
    Ok(())
}

/// Shows what a log may hold of it.
impl fmt::Debug for RawMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawMessage")
            .field("message_id", &self.message_id)
            .field("length", &self.bytes.len())
            .finish_non_exhaustive()
    }
}
