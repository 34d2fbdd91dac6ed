//! Why a session ended, or a message never was at stake.

use super::{Diagnosis, Reply, Stage, classify};
use crate::class::Class;
use std::{fmt, io, time::Duration};

/// Why a session could not be opened, or ended before a message was at stake.
///
/// Nothing of the message was taken. (The one exception says so: inside [`super::Verdict::Unknown`] a failure
/// is what ended the wait for the final reply.)
#[derive(Debug)]
pub struct Failure {
    /// Where in the dialogue it happened.
    pub stage: Stage,
    /// What happened.
    pub cause: Cause,
}

/// What ended a session or kept a message from being submitted.
#[derive(Debug)]
pub enum Cause {
    /// The server answered with a refusal.
    Reply(Reply),
    /// The server refused the access token.
    Token {
        /// Its reply, with anything that repeats the token removed.
        reply: Reply,
        /// What it had to say in a 334 challenge, decoded and reduced to known fields.
        challenge: Option<String>,
        /// The length of the line that carried the token, in octets.
        line: usize,
    },
    /// The phase took longer than it may.
    Timeout(Duration),
    /// The caller's deadline came first.
    Deadline,
    /// The connection broke or was never made.
    Io(io::Error),
    /// TLS could not be agreed, or the server did not prove its name.
    Tls(rustls::Error),
    /// Something was sent in clear text behind the reply to STARTTLS, to be taken for a reply inside TLS.
    Injection,
    /// The server does not offer STARTTLS.
    NoStartTls,
    /// The server does not offer XOAUTH2.
    NoXoauth2,
    /// The message needs an extension that the server does not offer.
    Needs(&'static str),
    /// The message is larger than the server takes.
    TooLarge {
        /// The message's size in octets, as it would have been sent.
        size: usize,
        /// The server's limit.
        limit: usize,
    },
    /// An address or a user name holds what a command line cannot carry.
    Unspeakable(&'static str),
    /// The server broke the protocol.
    Violation(&'static str),
    /// The server offers CHUNKING and does not do it; the next session uses DATA.
    Chunking(Reply),
    /// The connection ended, or spoke unasked, before this flight; nothing of the flight was sent.
    Stale,
}

impl Failure {
    pub(super) fn new(stage: Stage, cause: Cause) -> Self {
        Self { stage, cause }
    }

    /// The server's reply, where it was one that ended the matter.
    pub fn reply(&self) -> Option<&Reply> {
        match &self.cause {
            Cause::Reply(reply) | Cause::Chunking(reply) | Cause::Token { reply, .. } => {
                Some(reply)
            }
            Cause::Timeout(_)
            | Cause::Deadline
            | Cause::Io(_)
            | Cause::Tls(_)
            | Cause::Injection
            | Cause::NoStartTls
            | Cause::NoXoauth2
            | Cause::Needs(_)
            | Cause::TooLarge { .. }
            | Cause::Unspeakable(_)
            | Cause::Violation(_)
            | Cause::Stale => None,
        }
    }

    /// What the failure means and asks for.
    pub fn diagnosis(&self) -> Diagnosis {
        match &self.cause {
            Cause::Reply(reply) | Cause::Token { reply, .. } => classify(reply),
            Cause::Timeout(_) | Cause::Deadline | Cause::Io(_) => Class::Network.into(),
            // Nothing is wrong with the message or the network: a new connection is all it takes.
            Cause::Stale | Cause::Chunking(_) => Diagnosis {
                retry_after: Some(Duration::ZERO),
                ..Class::Network.into()
            },
            Cause::Tls(_) | Cause::Injection | Cause::NoStartTls => Class::TlsRefused.into(),
            Cause::NoXoauth2 => Class::AppMisconfigured.into(),
            Cause::Needs(_) => Class::ContentRefused.into(),
            Cause::TooLarge { .. } => Class::MessageTooLarge.into(),
            Cause::Unspeakable(_) if self.stage.is_of_a_message() => Class::InvalidMessage.into(),
            Cause::Unspeakable(_) => Class::AppMisconfigured.into(),
            Cause::Violation(_) => Class::ProtocolError.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = self.stage;
        match &self.cause {
            Cause::Reply(reply) => write!(f, "the server refused at {stage}: {reply}"),
            Cause::Token {
                reply,
                challenge,
                line,
            } => {
                write!(
                    f,
                    "the server refused the token (a line of {line} octets): {reply}"
                )?;
                match challenge {
                    Some(challenge) => write!(f, " ({challenge})"),
                    None => Ok(()),
                }
            }
            Cause::Timeout(limit) => write!(f, "no answer at {stage} within {limit:?}"),
            Cause::Deadline => write!(f, "no answer at {stage} before the deadline"),
            Cause::Io(_) => write!(f, "the connection failed at {stage}"),
            Cause::Tls(_) => write!(f, "TLS failed at {stage}"),
            Cause::Injection => {
                f.write_str("response injection: clear text behind the reply to STARTTLS")
            }
            Cause::NoStartTls => f.write_str("the server does not offer STARTTLS"),
            Cause::NoXoauth2 => f.write_str("the server does not offer XOAUTH2"),
            Cause::Needs(extension @ "SMTPUTF8") => write!(
                f,
                "the message needs {extension} for an address or a header outside ASCII, and the server does not offer it; write them in ASCII"
            ),
            Cause::Needs(extension) => write!(
                f,
                "the message needs {extension}, which the server does not offer"
            ),
            Cause::TooLarge { size, limit } => {
                write!(
                    f,
                    "the message of {size} octets exceeds the server's limit of {limit}"
                )
            }
            Cause::Unspeakable(what) => write!(f, "{what} is empty or holds control characters"),
            Cause::Violation(what) => write!(f, "the server broke the protocol at {stage}: {what}"),
            Cause::Chunking(reply) => {
                write!(f, "the server offers CHUNKING and refuses it: {reply}")
            }
            Cause::Stale => write!(f, "the connection had ended before {stage}"),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Io(error) => Some(error),
            Cause::Tls(error) => Some(error),
            Cause::Reply(_)
            | Cause::Token { .. }
            | Cause::Timeout(_)
            | Cause::Deadline
            | Cause::Injection
            | Cause::NoStartTls
            | Cause::NoXoauth2
            | Cause::Needs(_)
            | Cause::TooLarge { .. }
            | Cause::Unspeakable(_)
            | Cause::Violation(_)
            | Cause::Chunking(_)
            | Cause::Stale => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_class() {
        let reply = || Reply {
            stage: Stage::Token,
            code: 535,
            enhanced: None,
            text: String::new(),
        };
        for (cause, class) in [
            (Cause::Reply(reply()), Class::TokenRejected),
            (
                Cause::Token {
                    reply: reply(),
                    challenge: None,
                    line: 3000,
                },
                Class::TokenRejected,
            ),
            (Cause::Timeout(Duration::from_secs(1)), Class::Network),
            (Cause::Deadline, Class::Network),
            (
                Cause::Io(io::ErrorKind::ConnectionReset.into()),
                Class::Network,
            ),
            (Cause::Tls(rustls::Error::DecryptError), Class::TlsRefused),
            (Cause::Injection, Class::TlsRefused),
            (Cause::NoStartTls, Class::TlsRefused),
            (Cause::NoXoauth2, Class::AppMisconfigured),
            (Cause::Needs("SMTPUTF8"), Class::ContentRefused),
            (
                Cause::TooLarge { size: 2, limit: 1 },
                Class::MessageTooLarge,
            ),
            (Cause::Unspeakable("an address"), Class::InvalidMessage),
            (Cause::Violation("a reply to nothing"), Class::ProtocolError),
        ] {
            let is_of_a_message = matches!(cause, Cause::Unspeakable(_));
            let stage = if is_of_a_message {
                Stage::Mail
            } else {
                Stage::Token
            };
            let failure = Failure::new(stage, cause);
            assert_eq!(failure.diagnosis().class, class, "{failure}");
        }
    }

    #[test]
    fn a_user_name_that_cannot_be_said_is_no_fault_of_a_message() {
        let failure = Failure::new(Stage::Auth, Cause::Unspeakable("the user name"));
        assert_eq!(failure.diagnosis().class, Class::AppMisconfigured);
    }

    #[test]
    fn what_only_needs_a_new_connection_is_tried_at_once() {
        let refusal = Reply {
            stage: Stage::Bdat,
            code: 503,
            enhanced: None,
            text: String::new(),
        };
        for cause in [Cause::Stale, Cause::Chunking(refusal)] {
            let diagnosis = Failure::new(Stage::Mail, cause).diagnosis();
            assert_eq!(
                (diagnosis.class, diagnosis.retry_after),
                (Class::Network, Some(Duration::ZERO))
            );
        }
    }
}
