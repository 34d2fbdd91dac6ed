//! Replies: what the server said, and where in the dialogue it said it.

use std::fmt;

/// Where in the dialogue something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Resolving the name and connecting.
    Connect,
    /// The greeting.
    Greeting,
    /// EHLO, in clear text or inside TLS.
    Ehlo,
    /// STARTTLS.
    StartTls,
    /// The TLS handshake.
    Handshake,
    /// The AUTH command.
    Auth,
    /// The line that carries the token.
    Token,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA, until its 354.
    Data,
    /// The message and its final reply under DATA.
    Body,
    /// The message and its final reply under BDAT.
    Bdat,
    /// RSET.
    Rset,
    /// QUIT.
    Quit,
}

impl Stage {
    /// The stage's name in logs and events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Greeting => "greeting",
            Self::Ehlo => "ehlo",
            Self::StartTls => "starttls",
            Self::Handshake => "handshake",
            Self::Auth => "auth",
            Self::Token => "token",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Body => "body",
            Self::Bdat => "bdat",
            Self::Rset => "rset",
            Self::Quit => "quit",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

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
