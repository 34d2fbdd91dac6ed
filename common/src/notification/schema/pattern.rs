//! Regular expressions of the schema, in the dialect of ECMA-262 that validators of every language have.
//!
//! They say what the parsers of the fields accept, from the same limits. What no regular expression can say, such as whether
//! a domain in another script is one of IDNA, is left to the parsers.

use super::super::{
    attachment::{ContentId, ContentType, FileName},
    body::Subject,
    header::{ALLOWED, ExtraHeader, RESERVED},
    id::NotificationId,
    party::DisplayName,
    thread::MessageId,
    unsubscribe::ListUnsubscribe,
};
use crate::object::{ObjectKey, VersionId};
use crate::template::{Locale, TemplateName};

/// White space, as Unicode has it: what is trimmed.
const SPACE: &str = r"\u0009-\u000d \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";
/// Controls, and the separators of lines and paragraphs: what one line does not have.
const BREAK: &str = r"\u0000-\u001f\u007f-\u009f\u2028\u2029";
/// Controls, and what acts on the text around it without being seen.
const INVISIBLE: &str = r"\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff";
/// `atext` of RFC 5322 §3.2.3.
const ATEXT: &str = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-";
/// What a local part in UTF-8 has between its dots: `atext`, and everything outside ASCII that is seen.
const ATEXT_UTF8: &str = r#"[^\u0000-\u0020"(),.:;<>@\[\\\]\u007f-\u00a0\u1680\u2000-\u200a\u2028-\u202f\u205f\u2066-\u2069\u3000\ufeff]"#;
/// A letter or a digit of a domain; in another script, any character that is not white space.
const LETTER: &str = r"[^\u0000-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3002\uff0e\uff61\ufeff]";

/// A text without the character that mail cannot carry.
pub(super) fn text() -> String {
    r"^[^\u0000]*$".to_owned()
}

/// A text that is more than white space.
pub(super) fn words() -> String {
    format!(r"^[^\u0000]*[^\u0000{SPACE}][^\u0000]*$")
}

/// One line of up to so many characters.
pub(super) fn line(max: usize) -> String {
    format!("^[^{BREAK}]{{1,{max}}}$")
}

pub(super) fn template_name() -> String {
    format!(r"^(?!\.)[A-Za-z0-9_.\-]{{1,{}}}$", TemplateName::MAX_LEN)
}

pub(super) fn locale() -> String {
    format!(
        r"^(?=.{{1,{}}}$)[A-Za-z]{{2,8}}(-[A-Za-z0-9]{{1,8}})*$",
        Locale::MAX_LEN
    )
}

pub(super) fn id() -> String {
    format!("^[!-~]{{1,{}}}$", NotificationId::MAX_LEN)
}

pub(super) fn subject() -> String {
    trimmed(BREAK, Subject::MAX_LEN)
}

pub(super) fn display_name() -> String {
    trimmed(INVISIBLE, DisplayName::MAX_LEN)
}

pub(super) fn filename() -> String {
    format!(
        r"^(?![\s\S]*=\?)(?=[\s\S]*[^{SPACE}])[^/\\{INVISIBLE}]{{1,{}}}$",
        FileName::MAX_LEN
    )
}

pub(super) fn address() -> String {
    format!("^ *{} *$", bare_address())
}

/// An address that nothing stands beside.
pub(super) fn path() -> String {
    format!("^{}$", bare_address())
}

/// An address, with a name before it or without.
pub(super) fn party() -> String {
    let address = bare_address();
    let name = run(
        &format!(r#"[^"{SPACE}{INVISIBLE}]"#),
        &format!("[^{INVISIBLE}]"),
        &format!("[^{SPACE}{INVISIBLE}]"),
        DisplayName::MAX_LEN,
    );
    let escapable = |class: &str| format!(r#"(?:[^"\\{class}]|\\[^{class}])"#);
    let [seen, shown] = [format!("{SPACE}{INVISIBLE}"), INVISIBLE.to_owned()];
    let spaces = format!(r"(?:\\?[{SPACE}])*");
    let quoted = run(
        &escapable(&seen),
        &escapable(&shown),
        &escapable(&seen),
        DisplayName::MAX_LEN,
    );
    format!(
        r#"^ *(?:{address}|[{SPACE}]*<{address}>|[{SPACE}]*{name}[{SPACE}]*< *{address} *>|[{SPACE}]*"{spaces}{quoted}{spaces}"[{SPACE}]*< *{address} *>|[{SPACE}]*< *{address} *>) *$"#
    )
}

pub(super) fn message_id() -> String {
    format!("^ *{} *$", bare_message_id())
}

/// Message ids, as a header lists them.
pub(super) fn message_ids() -> String {
    let id = bare_message_id();
    let more = MessageId::MAX_COUNT - 1;
    format!("^[{SPACE}]*{id}(?:[{SPACE}]+{id}){{0,{more}}}[{SPACE}]*$")
}

pub(super) fn content_type() -> String {
    let token = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+\-]*";
    let space = format!("[{SPACE}]*");
    let composite = format!("{}|{}", without_case("multipart"), without_case("message"));
    format!(
        r#"^(?=[\u0000-\u007f]{{1,{max}}}$){space}(?!(?:{composite})/){token}/{token}{space}(?:;{space}{token}=(?:{token}|"{token}"){space})*$"#,
        max = ContentType::MAX_LEN,
    )
}

pub(super) fn content_id() -> String {
    let id = format!(r"[!#-;=?-~]{{1,{}}}", ContentId::MAX_LEN);
    format!("^(?:{id}|<{id}>)$")
}

/// The key of an object, as a path of names.
pub(super) fn object_key() -> String {
    let name = r"(?!\.{1,2}(?:/|$))[^/\\%\u0000-\u001f\u007f-\u009f]+";
    format!(
        r"^(?=[\s\S]{{1,{}}}$){name}(?:/{name})*$",
        ObjectKey::MAX_LEN
    )
}

pub(super) fn version_id() -> String {
    format!("^[!-~]{{1,{}}}$", VersionId::MAX_LEN)
}

/// Base64 with or without padding, and white space wherever an encoder put it.
pub(super) fn base64() -> String {
    let s = r"[\t\n\f\r ]*";
    let a = format!("{s}[A-Za-z0-9+/]");
    format!(
        "^(?:{a}{a}{a}{a})*(?:{a}{s}[AQgw](?:{s}={s}=)?|{a}{a}{s}[AEIMQUYcgkosw048](?:{s}=)?)?{s}$"
    )
}

/// A time of RFC 3339, in its usual spelling.
pub(super) fn time() -> String {
    r"^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$".replace(r"\d", "[0-9]")
}

pub(super) fn https() -> String {
    format!(
        "^{}:[\\s\\S]{{1,{}}}$",
        without_case("https"),
        ListUnsubscribe::MAX_URL - "https:".len()
    )
}

/// The name of a header that a notification may set.
pub(super) fn header_name() -> String {
    let allowed: Vec<_> = ALLOWED.iter().map(|name| without_case(name)).collect();
    let reserved: Vec<_> = RESERVED
        .iter()
        .map(|name| match name.ends_with('-') {
            true => without_case(name),
            false => format!("{}$", without_case(name)),
        })
        .collect();
    format!(
        "^(?=.{{1,{}}}$)(?:(?!(?:{}))[Xx]-[A-Za-z0-9_\\-]+|{})$",
        ExtraHeader::MAX_NAME,
        reserved.join("|"),
        allowed.join("|"),
    )
}

pub(super) fn header_value() -> String {
    trimmed(BREAK, ExtraHeader::MAX_VALUE)
}

/// A text that has so many characters at most and none of these, once the white space around it is gone.
fn trimmed(without: &str, max: usize) -> String {
    let seen = format!("[^{SPACE}{without}]");
    let shown = format!("[^{without}]");
    format!("^[{SPACE}]*{}[{SPACE}]*$", run(&seen, &shown, &seen, max))
}

fn run(first: &str, between: &str, last: &str, max: usize) -> String {
    format!("{first}(?:{between}{{0,{}}}{last})?", max - 2)
}

/// That the address of a party, which nothing or a space or a bracket stands before, has a local part in ASCII.
pub(super) fn ascii_local_part() -> String {
    format!("(?:^|[ <])[{ATEXT}.]+@[^@]*$")
}

/// `local-part@domain`, the local part in ASCII or in UTF-8.
fn bare_address() -> String {
    let atoms = format!(r"{ATEXT_UTF8}+(?:\.{ATEXT_UTF8}+)*");
    let label = format!("{LETTER}(?:(?:{LETTER}|-){{0,61}}{LETTER})?");
    let dot = r"[.\u3002\uff0e\uff61]";
    format!(
        "(?=[^ >]{{3,254}}(?:[ >]|$))(?=[^@]{{1,64}}@){atoms}@{label}(?:{dot}{label})*{dot}(?![0-9]+(?:[ >]|$)){label}"
    )
}

/// `left@right`, in angle brackets or without.
fn bare_message_id() -> String {
    let id = format!(
        "(?=[!-;=?-~]{{3,{max}}}(?![!-;=?-~]))[!-;=?A-~]+@[!-;=?-~]+",
        max = MessageId::MAX_LEN
    );
    format!("(?:{id}|<{id}>)")
}

fn without_case(word: &str) -> String {
    let either = |c: char| match c {
        'a'..='z' | 'A'..='Z' => {
            format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase())
        }
        other => other.to_string(),
    };
    word.chars().map(either).collect()
}
