//! The typed states of a connection.

use super::{Envelope, Failure, Recipient, Server, Submission};
use crate::secret::AccessToken;
use tokio::time::Instant;

/// A connection that has read the greeting and the first EHLO, in clear text.
#[derive(Debug)]
pub struct Connected(());

/// A connection inside TLS, with the server's name verified.
#[derive(Debug)]
pub struct Encrypted(());

/// An authenticated connection, which submits messages one after the other.
#[derive(Debug)]
pub struct Session(());

impl Connected {
    /// Connects, reads the greeting and says EHLO.
    ///
    /// # Errors
    ///
    /// When there is no connection, no greeting, or no STARTTLS.
    pub async fn open(_server: &Server) -> Result<Self, Failure> {
        unimplemented!()
    }

    /// Turns to TLS and says EHLO again.
    ///
    /// # Errors
    ///
    /// When anything follows the reply to STARTTLS in clear text, TLS cannot be agreed, the certificate is not
    /// the server's, or XOAUTH2 is not offered.
    pub async fn encrypt(self) -> Result<Encrypted, Failure> {
        unimplemented!()
    }
}

impl Encrypted {
    /// Signs in with XOAUTH2.
    ///
    /// # Errors
    ///
    /// When the server does not answer 235; [`super::Cause::Token`] when it refused the token.
    pub async fn authenticate(
        self,
        _username: &str,
        _token: &AccessToken,
    ) -> Result<Session, Failure> {
        unimplemented!()
    }
}

impl Session {
    /// Whether the connection is sound and silent, so that a message may be begun on it.
    pub fn is_ready(&mut self) -> bool {
        unimplemented!()
    }

    /// Submits one message; waits for its final reply until the deadline.
    ///
    /// # Errors
    ///
    /// When the message certainly was not taken and no reply to it says why.
    pub async fn submit(
        &mut self,
        _envelope: &Envelope,
        _message: &[u8],
        _deadline: Instant,
    ) -> Result<Submission, Failure> {
        unimplemented!()
    }

    /// Asks how the server takes sender and recipients, by MAIL, RCPT and RSET without a message.
    ///
    /// # Errors
    ///
    /// When MAIL was refused, or the dialogue broke.
    pub async fn probe(
        &mut self,
        _envelope: &Envelope,
        _deadline: Instant,
    ) -> Result<Vec<Recipient>, Failure> {
        unimplemented!()
    }

    /// Says goodbye. Whatever the answer is, the connection is closed.
    pub async fn quit(self) {
        unimplemented!()
    }
}
