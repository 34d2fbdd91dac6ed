//! What the server offers in its answer to EHLO.

use super::reply::Answer;

/// The extensions that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Capabilities {
    pub(super) starttls: bool,
    pub(super) xoauth2: bool,
    pub(super) pipelining: bool,
    pub(super) chunking: bool,
    pub(super) eight_bit_mime: bool,
    pub(super) smtputf8: bool,
    /// Whether MAIL takes SIZE.
    pub(super) size: bool,
    /// The largest message the server takes; none and 0 are no limit (RFC 1870).
    pub(super) size_limit: Option<usize>,
}

impl Capabilities {
    /// Reads the lines behind the first, which is a greeting.
    pub(super) fn read(answer: &Answer) -> Self {
        let mut offered = Self::default();
        for line in answer.lines.iter().skip(1) {
            // "AUTH=LOGIN" is how servers spoke to clients older than the standard.
            let mut words = line.split([' ', '=']).filter(|word| !word.is_empty());
            match words
                .next()
                .unwrap_or_default()
                .to_ascii_uppercase()
                .as_str()
            {
                "STARTTLS" => offered.starttls = true,
                "PIPELINING" => offered.pipelining = true,
                "CHUNKING" => offered.chunking = true,
                "8BITMIME" => offered.eight_bit_mime = true,
                "SMTPUTF8" => offered.smtputf8 = true,
                "AUTH" => offered.xoauth2 |= words.any(|word| word.eq_ignore_ascii_case("XOAUTH2")),
                "SIZE" => {
                    offered.size = true;
                    offered.size_limit = words
                        .next()
                        .and_then(|limit| limit.parse().ok())
                        .filter(|&limit| limit > 0);
                }
                _ => {}
            }
        }
        offered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Capabilities {
        let lines = lines.iter().map(|&line| line.to_owned()).collect();
        Capabilities::read(&Answer { code: 250, lines })
    }

    #[test]
    fn the_list_of_exchange_is_understood() {
        let offered = read(&[
            "AM0PR01CA0001.outlook.office365.com Hello [192.0.2.1]",
            "SIZE 157286400",
            "PIPELINING",
            "DSN",
            "ENHANCEDSTATUSCODES",
            "AUTH LOGIN XOAUTH2",
            "8BITMIME",
            "BINARYMIME",
            "CHUNKING",
            "SMTPUTF8",
        ]);
        assert_eq!(
            offered,
            Capabilities {
                starttls: false,
                xoauth2: true,
                pipelining: true,
                chunking: true,
                eight_bit_mime: true,
                smtputf8: true,
                size: true,
                size_limit: Some(157_286_400),
            }
        );
    }

    #[test]
    fn keywords_have_no_case() {
        let offered = read(&["hello", "pipelining", "Auth plain xoauth2", "StartTLS"]);
        assert!(offered.pipelining && offered.xoauth2 && offered.starttls);
    }

    #[test]
    fn the_greeting_offers_nothing() {
        assert_eq!(read(&["PIPELINING"]), Capabilities::default());
    }

    #[test]
    fn a_size_of_nothing_is_no_limit() {
        for line in ["SIZE", "SIZE 0", "SIZE many"] {
            let offered = read(&["hello", line]);
            assert_eq!((offered.size, offered.size_limit), (true, None), "{line}");
        }
    }
}
