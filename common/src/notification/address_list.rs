//! Addresses as the header of a message lists them (RFC 5322 §3.4): of raw messages, and of the bodies of other vendors.
//!
//! The library reads whatever it is given. So that no two readers see different people in one line, the line has to have
//! as many `@` outside of names as addresses were found, and each of these has to be one by
//! [`EmailAddress`](crate::address::EmailAddress).

use mail_parser::{Address, MessageParser};

use super::{
    fault::Problem,
    party::{DisplayName, Party, bare_address},
};
use crate::address::{LocalParts, is_invisible};

/// Reads addresses that stand in one line, separated by commas, names decoded.
///
/// # Errors
///
/// When anything in the line is not an address, or is a group of addresses.
pub(super) fn parse(line: &str, local_parts: LocalParts) -> Result<Vec<Party>, Problem> {
    if line.chars().any(|c| c != '\t' && is_invisible(c)) {
        return Err(Problem::new(
            "has a line break, a control character or one that changes the direction of writing",
        ));
    }
    let malformed =
        || Problem::new("is not a list of addresses like \"a@example.com, Name <b@example.com>\"");
    let header = format!("To: {line}\r\n\r\n");
    let message = MessageParser::new().parse(header.as_bytes());
    let listed = match message.as_ref().and_then(|message| message.to()) {
        Some(Address::List(listed)) => listed.as_slice(),
        Some(Address::Group(_)) => {
            return Err(Problem::new(
                "has a group of addresses; list the addresses alone",
            ));
        }
        None => &[],
    };
    let parties = listed
        .iter()
        .map(|one| {
            let email = bare_address(one.address().ok_or_else(malformed)?, local_parts)?;
            let name = one.name().filter(|name| !name.trim().is_empty());
            let name = name.map(DisplayName::parse).transpose()?;
            Ok(Party { name, email })
        })
        .collect::<Result<Vec<_>, _>>()?;
    match signs(line) {
        Some(signs) if signs == parties.len() && signs > 0 => Ok(parties),
        Some(_) | None => Err(malformed()),
    }
}

/// Counts the `@` outside of quoted strings and comments; none if one of these, or an angle bracket, does not end.
fn signs(line: &str) -> Option<usize> {
    let mut signs = 0;
    let (mut quoted, mut angled, mut comments) = (false, false, 0_usize);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quoted || comments > 0 => {
                chars.next()?;
            }
            '"' if comments == 0 => quoted = !quoted,
            '(' if !quoted => comments += 1,
            ')' if !quoted => comments = comments.checked_sub(1)?,
            _ if quoted || comments > 0 => {}
            '@' => signs += 1,
            '<' | '>' if angled != (c == '>') => return None,
            '<' | '>' => angled = !angled,
            _ => {}
        }
    }
    (!quoted && !angled && comments == 0).then_some(signs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(line: &str) -> Vec<(Option<String>, String)> {
        let text = |party: Party| {
            let name = party.name.map(|name| name.as_str().to_owned());
            (name, party.email.to_string())
        };
        parse(line, LocalParts::Utf8)
            .unwrap()
            .into_iter()
            .map(text)
            .collect()
    }

    #[test]
    fn everyday_lists_are_read_with_their_names() {
        let [a, b] = ["a@example.com", "b@example.com"].map(str::to_owned);
        assert_eq!(read("a@example.com"), [(None, a.clone())]);
        assert_eq!(
            read("\"Miller, A. @work\" <a@example.com>,\tB (at home) <b@example.com>"),
            [
                (Some("Miller, A. @work".to_owned()), a.clone()),
                (Some("B (at home)".to_owned()), b)
            ],
        );
        assert_eq!(
            read("=?utf-8?B?SsO8cmdlbg==?= <a@example.com>"),
            [(Some("Jürgen".to_owned()), a.clone())]
        );
        assert_eq!(
            read("Jürgen <a@example.com>"),
            [(Some("Jürgen".to_owned()), a)]
        );
        assert_eq!(
            read("Jürgen <jürgen@exämple.com>"),
            [(
                Some("Jürgen".to_owned()),
                "jürgen@xn--exmple-cua.com".to_owned()
            )]
        );
        let refused = parse("jürgen@example.com", LocalParts::Ascii).map(|_| ());
        assert!(refused.unwrap_err().to_string().contains("smtputf8"));
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for line in [
            "",
            "Anna",
            "billing@contoso.com <ceo@contoso.com>",
            "a@example.com b@example.com",
            "<a@example.com",
            "friends: a@example.com, b@example.com;",
            "\"a <a@example.com>",
            "(a <a@example.com>",
            "a@example.com\r\nBcc: b@example.com",
            "<@hop.example:a@example.com>",
            "a@b@example.com",
            "a@localhost",
            "\"a b\"@example.com",
        ] {
            assert!(
                parse(line, LocalParts::Utf8).is_err(),
                "{line:?}: {:?}",
                read(line)
            );
        }
    }

    proptest! {
        #[test]
        fn no_line_makes_the_reader_panic(line in "([ab<>@,;:\"()\\\\ =?.é]|a@b\\.com){0,24}") {
            if let Ok(parties) = parse(&line, LocalParts::Utf8) {
                prop_assert!(!parties.is_empty());
            }
        }
    }
}
