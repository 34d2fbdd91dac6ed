//! Where in the dialogue something happens.

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

    /// Whether a message is being spoken of, and no longer the connection or the sign-in.
    pub(super) const fn is_of_a_message(self) -> bool {
        match self {
            Self::Mail | Self::Rcpt | Self::Data | Self::Body | Self::Bdat => true,
            Self::Connect
            | Self::Greeting
            | Self::Ehlo
            | Self::StartTls
            | Self::Handshake
            | Self::Auth
            | Self::Token
            | Self::Rset
            | Self::Quit => false,
        }
    }

    /// The command that the stage's replies answer, as logs name it.
    pub(super) const fn verb(self) -> &'static str {
        match self {
            Self::Connect | Self::Greeting | Self::Handshake | Self::Token | Self::Body => "",
            Self::Ehlo => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Bdat => "BDAT",
            Self::Rset => "RSET",
            Self::Quit => "QUIT",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
