//! Replies: what the server said.

use super::Stage;
use std::fmt;

/// An enhanced status code (RFC 3463), such as 5.7.139.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Enhanced(pub u8, pub u16, pub u16);

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// One complete reply of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What it answers.
    pub stage: Stage,
    /// The three-digit code.
    pub code: u16,
    /// The enhanced code, where the text begins with one.
    pub enhanced: Option<Enhanced>,
    /// The text of all lines without codes, joined by spaces, free of control characters.
    pub text: String,
}

impl Reply {
    /// Whether the reply is a refusal, for good or for now.
    pub fn is_negative(&self) -> bool {
        (400..600).contains(&self.code)
    }

    /// Whether the reply is a refusal for now.
    pub fn is_transient(&self) -> bool {
        (400..500).contains(&self.code)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        if !self.text.is_empty() {
            write!(f, " {}", self.text)?;
        }
        Ok(())
    }
}

/// The longest reply line that is read, without its line break.
const LINE: usize = 4 * 1024;
/// The longest reply that is read.
const REPLY: usize = 64 * 1024;

/// A reply as its lines, before anything is made of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) lines: Vec<String>,
}

/// Puts replies together from octets as they come.
///
/// Stricter than is usual, so that no two sides can differ about where a reply ends: lines end in CRLF and hold
/// no other CR or LF, all lines of a reply carry one code, and lengths are limited.
#[derive(Clone, Debug, Default)]
pub(super) struct Replies {
    unread: Vec<u8>,
    searched: usize,
    octets: usize,
    partial: Answer,
}

impl Replies {
    /// Takes what was read from the connection.
    pub(super) fn push(&mut self, octets: &[u8]) {
        self.unread.extend_from_slice(octets);
    }

    /// Whether nothing is waiting, not even the beginning of a reply.
    pub(super) fn is_empty(&self) -> bool {
        self.unread.is_empty() && self.partial.lines.is_empty()
    }

    /// Takes the next complete reply out; `None` asks for more octets.
    pub(super) fn next(&mut self) -> Result<Option<Answer>, &'static str> {
        loop {
            let from = self.searched;
            let Some(end) = self.unread[from..]
                .iter()
                .position(|&b| b == b'\n')
                .map(|at| from + at)
            else {
                self.searched = self.unread.len();
                return if self.searched > LINE {
                    Err("an endless reply line")
                } else {
                    Ok(None)
                };
            };
            let line: Vec<u8> = self.unread.drain(..=end).collect();
            self.searched = 0;
            let line = line
                .strip_suffix(b"\r\n")
                .ok_or("a reply line without CRLF")?;
            if line.contains(&b'\r') {
                return Err("a bare CR in a reply");
            }
            self.octets += line.len() + 2;
            if line.len() > LINE || self.octets > REPLY {
                return Err("an endless reply");
            }
            if self.line(line)? {
                self.octets = 0;
                return Ok(Some(std::mem::take(&mut self.partial)));
            }
        }
    }

    /// Takes one line; true means that it was the reply's last.
    fn line(&mut self, line: &[u8]) -> Result<bool, &'static str> {
        let (code, rest) = line
            .split_first_chunk::<3>()
            .ok_or("a reply line without a code")?;
        if !matches!(code, [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9']) {
            return Err("a reply line without a code");
        }
        let code = code
            .iter()
            .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
        let (last, text) = match rest.split_first() {
            None => (true, rest),
            Some((b' ', text)) => (true, text),
            Some((b'-', text)) => (false, text),
            Some(_) => return Err("a reply code without a separator"),
        };
        if !self.partial.lines.is_empty() && self.partial.code != code {
            return Err("a reply with two codes");
        }
        self.partial.code = code;
        let text = String::from_utf8_lossy(text);
        self.partial.lines.push(
            text.replace(|c: char| c.is_control(), " ")
                .trim()
                .to_owned(),
        );
        Ok(last)
    }
}

impl Answer {
    /// The enhanced code that the first line begins with. A 3yz reply has none (RFC 2034).
    pub(super) fn enhanced(&self) -> Option<Enhanced> {
        match self.code {
            200..300 | 400..600 => {
                Enhanced::split(self.lines.first()?).map(|(enhanced, _)| enhanced)
            }
            _ => None,
        }
    }

    /// Makes the reply of a stage of it.
    pub(super) fn into_reply(self, stage: Stage) -> Reply {
        let enhanced = self.enhanced();
        let lines: Vec<&str> = self
            .lines
            .iter()
            .map(|line| match Enhanced::split(line) {
                // Servers repeat the code on each line; once is enough.
                Some((repeated, text)) if Some(repeated) == enhanced => text,
                Some(_) | None => line,
            })
            .filter(|line| !line.is_empty())
            .collect();
        Reply {
            stage,
            code: self.code,
            enhanced,
            text: lines.join(" "),
        }
    }
}

impl Enhanced {
    /// Takes an enhanced code off the beginning of a text.
    fn split(text: &str) -> Option<(Self, &str)> {
        let (code, rest) = text.split_once(' ').unwrap_or((text, ""));
        let mut parts = code.split('.').map(|part| {
            let plain = (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| part.parse::<u16>().ok()).flatten()
        });
        let (class, subject, detail) = (parts.next()??, parts.next()??, parts.next()??);
        if parts.next().is_some() || !matches!(class, 2 | 4 | 5) {
            return None;
        }
        Some((
            Self(u8::try_from(class).ok()?, subject, detail),
            rest.trim_start(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(octets: &[u8]) -> Result<Option<Reply>, &'static str> {
        let mut replies = Replies::default();
        replies.push(octets);
        Ok(replies.next()?.map(|answer| answer.into_reply(Stage::Body)))
    }

    fn check(octets: &str, expected: &str) {
        let reply = read(octets.as_bytes()).unwrap().unwrap();
        assert_eq!(
            format!(
                "{} {:?} {:?}",
                reply.code,
                reply.enhanced.map(|e| e.to_string()),
                reply.text
            ),
            expected
        );
    }

    #[test]
    fn a_reply_keeps_code_enhanced_code_and_text_apart() {
        check(
            "250 2.1.0 Sender OK\r\n",
            r#"250 Some("2.1.0") "Sender OK""#,
        );
        check(
            "535 5.7.139 Authentication unsuccessful\r\n",
            r#"535 Some("5.7.139") "Authentication unsuccessful""#,
        );
        check("250\r\n", r#"250 None """#);
        check("250 \r\n", r#"250 None """#);
        check("550 5.1.1\r\n", r#"550 Some("5.1.1") """#);
        check("550 5.1 no\r\n", r#"550 None "5.1 no""#);
        check("550 5.1.1.1 no\r\n", r#"550 None "5.1.1.1 no""#);
        check("550 5.1.1000 no\r\n", r#"550 None "5.1.1000 no""#);
        check("334 5.1.1 challenge\r\n", r#"334 None "5.1.1 challenge""#);
    }

    #[test]
    fn lines_are_joined_and_repeated_codes_dropped() {
        check(
            "550-5.7.1 one\r\n550-5.7.1 two\r\n550 three\r\n",
            r#"550 Some("5.7.1") "one two three""#,
        );
    }

    #[test]
    fn control_characters_do_not_reach_the_text() {
        check("550 a\tb\x1b[31m\u{85}c\r\n", r#"550 None "a b [31m c""#);
    }

    #[test]
    fn octets_that_are_no_text_are_no_obstacle() {
        assert_eq!(read(b"550 \xff\r\n").unwrap().unwrap().text, "\u{fffd}");
    }

    #[test]
    fn an_unfinished_reply_asks_for_more() {
        for octets in ["", "2", "250 ok", "250 ok\r", "250-ok\r\n", "250-ok\r\n250"] {
            assert_eq!(read(octets.as_bytes()), Ok(None), "{octets:?}");
        }
    }

    #[test]
    fn what_is_not_a_reply_is_refused() {
        let long = format!("250 {}\r\n", "a".repeat(LINE));
        let endless = "a".repeat(LINE + 1);
        let many = format!("250-{}\r\n", "a".repeat(4000)).repeat(20);
        for octets in [
            "250 ok\n",
            "250 a\rb\r\n",
            "ok\r\n",
            "25 ok\r\n",
            "2500 ok\r\n",
            "250_ok\r\n",
            "150 ok\r\n",
            "650 ok\r\n",
            "\r\n",
            "250-a\r\n550 b\r\n",
            " 250 ok\r\n",
            &long,
            &endless,
            &many,
        ] {
            assert!(
                read(octets.as_bytes()).is_err(),
                "{:?}",
                &octets[..octets.len().min(40)]
            );
        }
    }

    proptest! {
        #[test]
        fn replies_come_out_the_same_however_they_are_cut(
            texts in proptest::collection::vec(("[2-5][0-5][0-9]", proptest::collection::vec("[ -~]{0,60}", 1..4)), 1..6),
            cuts in proptest::collection::vec(1usize..20, 1..40),
        ) {
            let mut wire = Vec::new();
            for (code, lines) in &texts {
                for (at, line) in lines.iter().enumerate() {
                    let separator = if at + 1 == lines.len() { ' ' } else { '-' };
                    wire.extend_from_slice(format!("{code}{separator}{line}\r\n").as_bytes());
                }
            }
            let mut replies = Replies::default();
            let mut seen = Vec::new();
            let mut rest = &wire[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break }
                let (piece, tail) = rest.split_at(rest.len().min(*cut));
                rest = tail;
                replies.push(piece);
                while let Some(answer) = replies.next().unwrap() {
                    seen.push((answer.code.to_string(), answer.lines));
                }
            }
            let expected: Vec<_> = texts
                .into_iter()
                .map(|(code, lines)| (code, lines.iter().map(|line| line.trim().to_owned()).collect::<Vec<_>>()))
                .collect();
            prop_assert_eq!(seen, expected);
            prop_assert!(replies.is_empty());
        }

        #[test]
        fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut replies = Replies::default();
            replies.push(&octets);
            while let Ok(Some(answer)) = replies.next() {
                let _reply = answer.into_reply(Stage::Body);
            }
        }
    }
}
