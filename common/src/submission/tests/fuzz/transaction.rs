//! What the tape tells of one message, by rules that know nothing of the session.

use super::{super::*, position, tape::Recording};
use std::ops::Range;

/// How much of a message may leave in one write.
const WRITE: usize = 64 * 1024;

/// A command on the tape: its verb, or `.` for what ends a message, and where it ends.
struct Told {
    verb: String,
    end: usize,
}

/// Reads the commands off the tape. Every message of the campaign begins with "Subject: ", as no command does.
fn commands(told: &[u8]) -> Vec<Told> {
    let mut commands = Vec::new();
    let mut at = 0;
    while let Some(length) = position(&told[at..], b"\r\n") {
        let line = String::from_utf8_lossy(&told[at..at + length]).into_owned();
        let (verb, end) = if line.starts_with("Subject: ") {
            match position(&told[at..], b"\r\n.\r\n") {
                Some(length) => (".".to_owned(), at + length + 5),
                None => break,
            }
        } else {
            let verb = line.split(' ').next().unwrap_or_default().to_owned();
            let content = match line.strip_prefix("BDAT ") {
                Some(rest) => rest.trim_end_matches(" LAST").parse().unwrap(),
                None => 0,
            };
            (verb, at + length + 2 + content)
        };
        if end > told.len() {
            break;
        }
        commands.push(Told { verb, end });
        at = end;
    }
    commands
}

/// Reads the codes of the replies off the tape, and where each ends, as far as they are replies.
pub(super) fn replies(said: &[u8]) -> Vec<(u16, usize)> {
    let mut replies = Vec::new();
    let mut at = 0;
    let mut begun = None;
    while let Some(length) = position(&said[at..], b"\r\n") {
        let line = &said[at..at + length];
        at += length + 2;
        let code = line
            .get(..3)
            .filter(|code| code.iter().all(u8::is_ascii_digit))
            .and_then(|code| std::str::from_utf8(code).ok()?.parse().ok());
        if begun.is_some_and(|begun| Some(begun) != code) {
            break;
        }
        match (code, line.get(3)) {
            (Some(code), Some(b'-')) => begun = Some(code),
            (Some(code), Some(b' ') | None) => {
                begun = None;
                replies.push((code, at));
            }
            (Some(_), Some(_)) | (None, _) => break,
        }
    }
    replies
}

/// The commands of one transaction with the codes of their replies.
pub(super) struct Transaction {
    codes: Vec<(String, Option<u16>)>,
    /// The message was told to its end.
    is_complete: bool,
    /// Its final reply was not read before the write that ended it.
    is_in_order: bool,
    /// More was said than was asked for, and it is no goodbye.
    has_surplus: bool,
}

impl Transaction {
    /// What was told in this range, and what was said to it.
    pub(super) fn read(tape: &Recording, range: Range<usize>) -> Self {
        let replies = replies(&tape.said);
        // The greeting answers nothing.
        let commands: Vec<_> = commands(&tape.told).into_iter().zip(1..).collect();
        let surplus = replies.get(commands.len() + 1);
        let own: Vec<_> = commands
            .into_iter()
            .filter(|(command, _)| range.contains(&(command.end - 1)))
            .collect();
        let last = own
            .iter()
            .find(|(command, _)| matches!(command.verb.as_str(), "." | "BDAT"));
        let is_in_order = last.is_some_and(|(message, at)| {
            replies.get(*at).is_some_and(|(_, end)| {
                let read = tape.read_at.iter().find(|(said, _)| said >= end);
                read.is_some_and(|(_, told)| *told + WRITE >= message.end)
            })
        });
        Self {
            is_complete: last.is_some(),
            is_in_order,
            has_surplus: surplus.is_some_and(|(code, _)| *code != 421),
            codes: own
                .into_iter()
                .map(|(command, at)| (command.verb, replies.get(at).map(|(code, _)| *code)))
                .collect(),
        }
    }

    fn codes<'a>(&'a self, verb: &'a str) -> impl Iterator<Item = Option<u16>> + 'a {
        let own = self.codes.iter().filter(move |(known, _)| known == verb);
        own.map(|(_, code)| *code)
    }

    fn is(&self, verb: &str, wanted: u16) -> bool {
        self.codes(verb).all(|code| code == Some(wanted))
    }

    /// Whether a reply proves that the message was not taken.
    fn is_refused(&self) -> bool {
        let negative = |code: Option<u16>| code.is_some_and(|code| code >= 400);
        self.codes.iter().any(|(_, code)| *code == Some(421))
            || ["MAIL", "DATA", ".", "BDAT"]
                .into_iter()
                .any(|verb| self.codes(verb).any(negative))
            || (self.codes("RCPT").count() > 0 && self.codes("RCPT").all(negative))
    }

    /// Compares what was said of a message with what is on the tape.
    pub(super) fn judge(&self, result: &Result<Submission, Failure>) {
        let story = || format!("{result:?} of {:?}", self.codes);
        match result {
            Ok(Submission {
                verdict: Verdict::Accepted(_),
                recipients,
            }) => {
                assert!(self.is_complete && self.is_in_order, "{}", story());
                assert!(self.is("MAIL", 250) && self.is("DATA", 354), "{}", story());
                assert!(self.is(".", 250) && self.is("BDAT", 250), "{}", story());
                let closing = self.codes.iter().any(|(_, code)| *code == Some(421));
                assert!(!closing, "{}", story());
                // A 354 shows that replies and commands go in step. Under BDAT their number has to.
                let is_chunk = self.codes("BDAT").count() > 0;
                assert!(!(is_chunk && self.has_surplus), "{}", story());
                let accepted: Vec<_> = self
                    .codes("RCPT")
                    .map(|code| code.is_some_and(|code| (250..260).contains(&code)))
                    .collect();
                let told: Vec<_> = recipients
                    .iter()
                    .map(|recipient| matches!(recipient.outcome, Outcome::Accepted(_)))
                    .collect();
                assert_eq!(accepted, told, "{}", story());
                assert!(told.contains(&true), "{}", story());
            }
            Ok(Submission {
                verdict: Verdict::Unknown(_),
                ..
            }) => assert!(self.is("DATA", 354), "{}", story()),
            // A message that was not told to its end was not taken, whatever is said of it.
            Ok(Submission {
                verdict: Verdict::Refused(_) | Verdict::Deferred(_),
                ..
            })
            | Err(_) => assert!(!self.is_complete || self.is_refused(), "{}", story()),
        }
    }
}
