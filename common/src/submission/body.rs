//! A message as it goes on the wire.

use memchr::{memchr_iter, memchr2, memmem};
use std::{borrow::Cow, iter};

/// A message whose every line ends in CRLF and which holds no other CR or LF.
///
/// Whatever a stray CR or LF is to the servers on the way, it ends a line here, so that no two of them can
/// differ about where the message ends. A message that is right already is not copied.
#[derive(Debug)]
pub(super) struct Body<'a> {
    octets: Cow<'a, [u8]>,
    /// The line break that the last line lacks.
    tail: &'static [u8],
    pub(super) is_eight_bit: bool,
    pub(super) has_eight_bit_header: bool,
}

impl<'a> Body<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        let octets = if is_canonical(message) {
            Cow::Borrowed(message)
        } else {
            Cow::Owned(canonical(message))
        };
        let tail: &[u8] = if octets.is_empty() || octets.ends_with(b"\r\n") {
            b""
        } else {
            b"\r\n"
        };
        let is_eight_bit = !octets.is_ascii();
        let has_eight_bit_header = is_eight_bit && !header(&octets).is_ascii();
        Self {
            octets,
            tail,
            is_eight_bit,
            has_eight_bit_header,
        }
    }

    /// The message's size as BDAT and SIZE count it: as sent, without the dots of DATA.
    pub(super) fn len(&self) -> usize {
        self.octets.len() + self.tail.len()
    }

    /// The message's octets in pieces, as BDAT carries them.
    pub(super) fn plain(&self) -> impl Iterator<Item = &[u8]> {
        [&*self.octets, self.tail].into_iter()
    }

    /// The message's octets in pieces, as DATA carries them: with dots doubled, without the final dot.
    pub(super) fn dotted(&self) -> impl Iterator<Item = &[u8]> {
        // A piece ends with the dot that the next begins with.
        let starts = iter::once(0).chain(self.leading_dots());
        let ends = self.leading_dots().map(|dot| dot + 1);
        starts
            .zip(ends.chain([self.octets.len()]))
            .map(|(start, end)| &self.octets[start..end])
            .chain([self.tail])
    }

    /// Where lines begin with a dot.
    fn leading_dots(&self) -> impl Iterator<Item = usize> {
        let first = self.octets.starts_with(b".").then_some(0);
        let further = memmem::find_iter(&self.octets, b"\n.").map(|end| end + 1);
        first.into_iter().chain(further)
    }
}

/// Whether CR and LF come as CRLF only.
fn is_canonical(message: &[u8]) -> bool {
    let follows_cr = |lf: usize| message[..lf].ends_with(b"\r");
    let count = |octet| memchr_iter(octet, message).count();
    // No CR is left over when each LF has its own and there are as many.
    memchr_iter(b'\n', message).all(follows_cr) && count(b'\r') == count(b'\n')
}

/// Makes CRLF of every CRLF, CR and LF.
fn canonical(message: &[u8]) -> Vec<u8> {
    // Each stray CR or LF takes one octet more. A copy that had to grow would be held twice for a moment.
    let breaks = message
        .iter()
        .filter(|b| matches!(b, b'\r' | b'\n'))
        .count();
    let pairs = message.windows(2).filter(|pair| pair == b"\r\n").count();
    let mut octets = Vec::with_capacity(message.len() + breaks - 2 * pairs);
    let mut rest = message;
    while let Some(at) = memchr2(b'\r', b'\n', rest) {
        octets.extend_from_slice(&rest[..at]);
        octets.extend_from_slice(b"\r\n");
        rest = &rest[at..];
        rest = rest.strip_prefix(b"\r\n").unwrap_or(&rest[1..]);
    }
    octets.extend_from_slice(rest);
    octets
}

/// The header section of a canonical message.
fn header(octets: &[u8]) -> &[u8] {
    let mut length = 0;
    for line in octets.split_inclusive(|&b| b == b'\n') {
        if line == b"\r\n" {
            break;
        }
        length += line.len();
    }
    &octets[..length]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sent(message: &[u8]) -> (String, String) {
        let body = Body::new(message);
        let text = |pieces: Vec<&[u8]>| String::from_utf8(pieces.concat()).unwrap();
        (text(body.plain().collect()), text(body.dotted().collect()))
    }

    #[test]
    fn a_leading_dot_is_doubled_under_data_alone() {
        let message = ".\r\n..a\r\nb.\r\n.";
        let (plain, dotted) = sent(message.as_bytes());
        assert_eq!(plain, ".\r\n..a\r\nb.\r\n.\r\n");
        assert_eq!(dotted, "..\r\n...a\r\nb.\r\n..\r\n");
    }

    #[test]
    fn every_stray_cr_and_lf_ends_a_line() {
        for (message, expected) in [
            ("a\nb\r\n", "a\r\nb\r\n"),
            ("a\rb\r\n", "a\r\nb\r\n"),
            ("a\r\r\n.\r\n", "a\r\n\r\n.\r\n"),
            ("a\n.\nb", "a\r\n.\r\nb\r\n"),
            ("a\r\n.\rQUIT\r\n", "a\r\n.\r\nQUIT\r\n"),
            ("a\r", "a\r\n"),
            ("", ""),
        ] {
            assert_eq!(sent(message.as_bytes()).0, expected, "{message:?}");
        }
    }

    #[test]
    fn a_message_that_is_right_is_not_copied() {
        let message = b"Subject: a\r\n\r\nb\r\n".repeat(10);
        let body = Body::new(&message);
        assert!(matches!(body.octets, Cow::Borrowed(_)));
        assert_eq!(body.len(), message.len());
        assert!(matches!(
            Body::new(b"no line break at the end").octets,
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn a_message_that_is_not_right_is_copied_once() {
        for message in ["\n".repeat(10_000), "a\r\n\r\r\n\nb".repeat(1_000)] {
            let Cow::Owned(octets) = Body::new(message.as_bytes()).octets else {
                panic!("not copied")
            };
            assert_eq!(octets.capacity(), octets.len());
        }
    }

    #[test]
    fn eight_bits_are_found_where_they_are() {
        let bits = |message: &str| {
            let body = Body::new(message.as_bytes());
            (body.has_eight_bit_header, body.is_eight_bit)
        };
        assert_eq!(bits("Subject: a\r\n\r\nb"), (false, false));
        assert_eq!(bits("Subject: a\r\n\r\nü"), (false, true));
        assert_eq!(bits("Subject: ü\r\n\r\nb"), (true, true));
    }

    proptest! {
        #[test]
        fn the_far_side_gets_the_same_by_data_and_by_bdat(message in "([a.\r\n]|\r\n|é){0,60}") {
            let (plain, dotted) = sent(message.as_bytes());
            prop_assert_eq!(plain.len(), Body::new(message.as_bytes()).len());
            prop_assert!(is_canonical(plain.as_bytes()));
            // Under DATA only the final dot may stand alone on its line.
            prop_assert!(dotted.split("\r\n").all(|line| line != "."));
            let undotted: String =
                dotted.split_inclusive("\r\n").map(|line| line.strip_prefix('.').unwrap_or(line)).collect();
            prop_assert_eq!(undotted, plain);
        }
    }
}
