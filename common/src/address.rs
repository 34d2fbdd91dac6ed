//! E-mail addresses, as strict as a business mail system may be.
//!
//! An [`EmailAddress`] is `local@domain`: a local part made of atoms and dots (RFC 5321 §4.1.2 `Dot-string`) and a domain of
//! at least two labels. International domains are accepted and kept as A-labels (`xn--…`), so that an address needs
//! SMTPUTF8 only for a local part outside ASCII, and that is accepted only from who asks for it ([`LocalParts`]). Quoted
//! local parts, address literals, single-label hosts and IP addresses are refused.
//!
//! The spelling is kept as it came; comparing without case is asked for by name. No error quotes the value, and
//! `Debug` shows it masked: an address is personal data. Whether a domain exists is left to the mail system.

use std::{fmt, str::FromStr};

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The longest address that fits a path of SMTP, RFC 5321 §4.5.3.1.3 less its angle brackets.
const MAX_ADDRESS: usize = 254;
/// The longest local part, RFC 5321 §4.5.3.1.1.
const MAX_LOCAL: usize = 64;

/// An address that mail can be sent from or to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailAddress {
    text: String,
    at: usize,
}

/// Which local parts an address may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LocalParts {
    /// Those in ASCII, which every server takes.
    #[default]
    Ascii,
    /// Those in UTF-8 too (RFC 6531 §3.3), which a server takes that offers SMTPUTF8.
    Utf8,
}

/// A domain of e-mail addresses, in lower case and A-labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(String);

/// Why a text is not an [`EmailAddress`] or not a [`Domain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is nothing to read.
    #[error("is empty")]
    Empty,
    /// A control character, or one of those that reorder or hide text on a screen.
    #[error("contains a control or invisible character")]
    Control,
    /// White space where an address has none.
    #[error("contains white space")]
    Space,
    /// No `@` at all.
    #[error("has no @; an address is local-part@domain")]
    MissingAt,
    /// More than one `@`.
    #[error("has more than one @")]
    SecondAt,
    /// The local part needs SMTPUTF8.
    #[error("has a local part with characters outside ASCII, which is not supported")]
    InternationalLocalPart,
    /// The local part is quoted, empty, misplaces a dot or has a character that is not an atom's.
    #[error("has a local part that is not made of letters, digits, dots and !#$%&'*+-/=?^_`{{|}}~")]
    LocalPart,
    /// The local part is too long.
    #[error("has a local part of more than 64 octets")]
    LongLocalPart,
    /// The domain is not one of the DNS.
    #[error("has a domain that is not a name like example.com")]
    Domain,
    /// An IP address, with or without brackets.
    #[error("has an IP address for a domain; a name like example.com is needed")]
    AddressLiteral,
    /// A host name without a dot, such as `localhost`.
    #[error("has a domain without a dot; a full name like example.com is needed")]
    SingleLabel,
    /// The address is too long as a whole.
    #[error("has more than 254 octets")]
    Long,
}

impl EmailAddress {
    /// Reads `local@domain` in ASCII, turning an international domain into A-labels.
    ///
    /// # Errors
    ///
    /// When the text is anything but one bare address, see [`AddressError`]. A display name is not part of it.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        Self::parse_with(text, LocalParts::Ascii)
    }

    /// Reads `local@domain` with a local part of these.
    ///
    /// # Errors
    ///
    /// When the text is anything but one such address, see [`AddressError`].
    pub fn parse_with(text: &str, local_parts: LocalParts) -> Result<Self, AddressError> {
        refuse_invisible(text)?;
        let (local, domain) = text.split_once('@').ok_or(AddressError::MissingAt)?;
        if domain.contains('@') {
            return Err(AddressError::SecondAt);
        }
        check_local(local, local_parts)?;
        let ascii = to_a_labels(domain)?;
        let domain = if domain.is_ascii() { domain } else { &ascii };
        if local.len() + 1 + domain.len() > MAX_ADDRESS {
            return Err(AddressError::Long);
        }
        Ok(Self {
            text: format!("{local}@{domain}"),
            at: local.len(),
        })
    }

    /// Returns the address as it goes on the wire.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns what is before the `@`.
    pub fn local_part(&self) -> &str {
        &self.text[..self.at]
    }

    /// Returns what is after the `@`, in ASCII and in the case it was written in.
    pub fn domain(&self) -> &str {
        &self.text[self.at + 1..]
    }

    /// Tells whether both spell the same address but for case.
    ///
    /// A server may give case a meaning in the local part (RFC 5321 §2.4); Exchange does not.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.text.eq_ignore_ascii_case(&other.text)
    }

    /// Tells whether the address is of exactly this domain; a subdomain is another one.
    pub fn is_in(&self, domain: &Domain) -> bool {
        self.domain().eq_ignore_ascii_case(&domain.0)
    }

    /// Returns the address for a sentence that people read: `a***@e***.com`.
    pub fn masked(&self) -> String {
        let first = |text: &str| text.chars().next().unwrap_or('*');
        let last_label = self.domain().rsplit('.').next().unwrap_or_default();
        format!(
            "{}***@{}***.{last_label}",
            first(&self.text),
            first(self.domain())
        )
    }
}

impl Domain {
    /// Reads a domain such as `example.com`, turning an international one into A-labels.
    ///
    /// # Errors
    ///
    /// When an address at this domain would be refused for its domain.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        refuse_invisible(text)?;
        to_a_labels(text).map(Self)
    }

    /// Returns the domain in lower case and A-labels.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn refuse_invisible(text: &str) -> Result<(), AddressError> {
    if text.is_empty() {
        Err(AddressError::Empty)
    } else if text.chars().any(is_invisible) {
        Err(AddressError::Control)
    } else if text.chars().any(char::is_whitespace) {
        Err(AddressError::Space)
    } else {
        Ok(())
    }
}

/// Tells whether a character acts on the text around it without being seen: controls, line and paragraph separators, and
/// those that override the direction of writing, which make one name look like another.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn check_local(local: &str, local_parts: LocalParts) -> Result<(), AddressError> {
    let is_atom = |atom: &str| !atom.is_empty() && atom.bytes().all(is_atext);
    if local_parts == LocalParts::Ascii && !local.is_ascii() {
        Err(AddressError::InternationalLocalPart)
    } else if !local.split('.').all(is_atom) {
        Err(AddressError::LocalPart)
    } else if local.len() > MAX_LOCAL {
        Err(AddressError::LongLocalPart)
    } else {
        Ok(())
    }
}

/// `atext` of RFC 5322 §3.2.3, and an octet of a character outside ASCII (RFC 6532 §3.2).
fn is_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// Checks a domain and returns it in lower case and A-labels.
fn to_a_labels(domain: &str) -> Result<String, AddressError> {
    if domain.starts_with('[') || domain.parse::<std::net::IpAddr>().is_ok() {
        return Err(AddressError::AddressLiteral);
    }
    let ascii = Uts46::new()
        .to_ascii(
            domain.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::Verify,
        )
        .map_err(|_| AddressError::Domain)?;
    // Looked at after the mapping, which turns other scripts' digits and dots into ASCII. A number as the last label
    // is an IPv4 address to many resolvers.
    match ascii.rsplit_once('.') {
        None => Err(AddressError::SingleLabel),
        Some((_, last)) if last.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(AddressError::AddressLiteral)
        }
        Some(_) => Ok(ascii.into_owned()),
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmailAddress({})", self.masked())
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EmailAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

impl FromStr for Domain {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

impl Serialize for EmailAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl Serialize for Domain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EmailAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Domain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str, because: AddressError) {
        assert_eq!(EmailAddress::parse(text), Err(because), "{text:?}");
    }

    fn kept(text: &str, as_written: &str) {
        assert_eq!(EmailAddress::parse(text).unwrap().as_str(), as_written);
    }

    #[test]
    fn everyday_addresses_are_kept_as_written() {
        for text in [
            "billing@contoso.com",
            "Billing.Team@Contoso.COM",
            "a+tag@sub.example.co.uk",
            "o'brien@example.com",
            "x@xn--exmple-cua.com",
            "x@ab--cd.example",
        ] {
            kept(text, text);
        }
    }

    #[test]
    fn international_domains_become_a_labels() {
        kept("b@exämple.com", "b@xn--exmple-cua.com");
        kept("b@EXÄMPLE.com", "b@xn--exmple-cua.com");
        kept("b@例え。テスト", "b@xn--r8jz45g.xn--zckzah");
        assert_eq!(
            Domain::parse("Exämple.COM").unwrap().as_str(),
            "xn--exmple-cua.com"
        );
    }

    #[test]
    fn what_is_not_one_bare_address_is_refused_with_the_reason() {
        refused("", AddressError::Empty);
        refused("anna", AddressError::MissingAt);
        refused("a@b@example.com", AddressError::SecondAt);
        refused("a\r\nBcc: x@example.com", AddressError::Control);
        refused("a@exam\u{202e}ple.com", AddressError::Control);
        refused("a b@example.com", AddressError::Space);
        refused("Anna <a@example.com>", AddressError::Space);
        refused("<a@example.com>", AddressError::LocalPart);
        refused("@example.com", AddressError::LocalPart);
        refused(".a@example.com", AddressError::LocalPart);
        refused("a..b@example.com", AddressError::LocalPart);
        refused("\"a\"@example.com", AddressError::LocalPart);
        refused("änna@example.com", AddressError::InternationalLocalPart);
        refused(
            &format!("{}@example.com", "a".repeat(65)),
            AddressError::LongLocalPart,
        );
        refused("a@", AddressError::Domain);
        refused("a@example..com", AddressError::Domain);
        refused("a@example.com.", AddressError::Domain);
        refused("a@-example.com", AddressError::Domain);
        refused("a@exam_ple.com", AddressError::Domain);
        refused("a@example.com>", AddressError::Domain);
        refused("a@xn--a.com", AddressError::Domain);
        refused("a@localhost", AddressError::SingleLabel);
        refused("a@192.0.2.1", AddressError::AddressLiteral);
        refused("a@192.0.2.１", AddressError::AddressLiteral);
        refused("a@[192.0.2.1]", AddressError::AddressLiteral);
        refused("a@[IPv6:2001:db8::1]", AddressError::AddressLiteral);
        let long = format!("{0}@{1}.{1}.{1}.com", "a".repeat(60), "b".repeat(63));
        refused(&long, AddressError::Long);
    }

    #[test]
    fn local_parts_outside_ascii_are_taken_from_who_asks_for_them() {
        let read = |text: &str| EmailAddress::parse_with(text, LocalParts::Utf8);
        for text in [
            "jürgen@exämple.com",
            "山田.太郎@example.com",
            "a🎡@example.com",
        ] {
            let address = read(text).unwrap();
            assert_eq!(address.local_part(), text.split('@').next().unwrap());
            assert!(address.domain().is_ascii());
        }
        let long = "ü".repeat(33) + "@example.com";
        for (text, because) in [
            ("ü..b@example.com", AddressError::LocalPart),
            ("ü,b@example.com", AddressError::LocalPart),
            ("\"ü\"@example.com", AddressError::LocalPart),
            ("ü\u{3000}b@example.com", AddressError::Space),
            ("ü\u{202e}b@example.com", AddressError::Control),
            ("ü\u{85}b@example.com", AddressError::Control),
            (long.as_str(), AddressError::LongLocalPart),
        ] {
            assert_eq!(read(text), Err(because), "{text:?}");
        }
    }

    #[test]
    fn comparing_disregards_case_only_where_asked() {
        let [lower, upper] =
            ["anna@example.com", "Anna@Example.com"].map(|text| EmailAddress::parse(text).unwrap());
        assert!(lower.is_same_as(&upper));
        assert_ne!(lower, upper);
        assert!(upper.is_in(&Domain::parse("example.COM").unwrap()));
        assert!(!upper.is_in(&Domain::parse("mail.example.com").unwrap()));
    }

    #[test]
    fn debug_masks_and_display_does_not() {
        let address = EmailAddress::parse("anna@example.com").unwrap();
        assert_eq!(format!("{address:?}"), "EmailAddress(a***@e***.com)");
        assert_eq!(address.to_string(), "anna@example.com");
    }

    #[test]
    fn json_holds_the_text_and_an_error_does_not() {
        let address: EmailAddress = serde_json::from_str("\"anna@example.com\"").unwrap();
        assert_eq!(
            serde_json::to_string(&address).unwrap(),
            "\"anna@example.com\""
        );
        let error = serde_json::from_str::<EmailAddress>("\"anna\"")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("has no @") && !error.contains("anna"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_is_stable(text in "\\PC{0,40}(@\\PC{0,40})?") {
            if let Ok(address) = EmailAddress::parse(&text) {
                prop_assert!(address.as_str().is_ascii());
                prop_assert_eq!(EmailAddress::parse(address.as_str()), Ok(address));
            }
            if let Ok(address) = EmailAddress::parse_with(&text, LocalParts::Utf8) {
                prop_assert_eq!(EmailAddress::parse(&text).is_ok(), address.as_str().is_ascii());
                prop_assert_eq!(EmailAddress::parse_with(address.as_str(), LocalParts::Utf8), Ok(address));
            }
        }

        #[test]
        fn what_we_accept_the_message_builder_accepts(text in "[a-zA-Z0-9.+!_'~-]{1,66}@[a-zA-Z0-9.äß-]{1,70}") {
            if let Ok(address) = EmailAddress::parse(&text) {
                prop_assert!(address.as_str().parse::<lettre::Address>().is_ok());
            }
        }
    }
}
