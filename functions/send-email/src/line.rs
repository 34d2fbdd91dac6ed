//! The batch's one connection to the mail server.
//!
//! It is opened when the first message is ready, and serves until the batch ends. A token that the server
//! refuses is renewed and tried once more on a new connection, once in a batch; nothing else is tried twice.

use std::future::Future;

use common::class::Class;
use common::grant::TokenSet;
use common::route::{Obstacle, Route};
use common::submission::{Envelope, Failure, Phases, Recipient, Session, Submission};
use common::vault::{Current, VaultError, Version};
use tokio::time::Instant;

/// Leads to a server on which messages can be submitted.
pub(crate) trait Line: Send {
    /// What takes the messages.
    type Session: Submits;

    /// Makes sure that there is a connection on which a message may be begun.
    fn open(&mut self) -> impl Future<Output = Result<Opened<'_, Self::Session>, Obstacle>> + Send;
}

/// A connection on which a message may be begun.
pub(crate) struct Opened<'a, S> {
    /// The connection.
    pub(crate) session: &'a mut S,
    /// How long it took to open it, if it was opened just now.
    pub(crate) opened_in: Option<Phases>,
}

/// Takes messages.
pub(crate) trait Submits: Send {
    /// Submits a message, and waits for its final reply until the deadline.
    fn submit(
        &mut self,
        envelope: &Envelope,
        message: &[u8],
        deadline: Instant,
    ) -> impl Future<Output = Result<Submission, Failure>> + Send;

    /// Asks how sender and recipients would be taken, until the deadline, and submits nothing.
    fn probe(
        &mut self,
        envelope: &Envelope,
        deadline: Instant,
    ) -> impl Future<Output = Result<Vec<Recipient>, Failure>> + Send;
}

impl Submits for Session {
    async fn submit(
        &mut self,
        envelope: &Envelope,
        message: &[u8],
        deadline: Instant,
    ) -> Result<Submission, Failure> {
        Session::submit(self, envelope, message, deadline).await
    }

    async fn probe(
        &mut self,
        envelope: &Envelope,
        deadline: Instant,
    ) -> Result<Vec<Recipient>, Failure> {
        Session::probe(self, envelope, deadline).await
    }
}

/// Where access tokens come from.
pub(crate) trait Tokens: Sync {
    /// The mailbox's access token as it stands.
    fn token(&self) -> impl Future<Output = Result<Option<Current<TokenSet>>, VaultError>> + Send;

    /// Has the token renewed that somebody found wanting, and waits for it.
    fn renew(&self, seen: &Version) -> impl Future<Output = Result<(), String>> + Send;

    /// Whether a token has enough life to begin with.
    fn is_fresh(&self, token: &TokenSet) -> bool;
}

/// A connection over the real wire.
pub(crate) struct Wire<T> {
    route: Route,
    tokens: T,
    session: Option<Session>,
    renewed: bool,
}

impl<T: Tokens> Wire<T> {
    /// A line that is not yet open.
    pub(crate) fn new(route: Route, tokens: T) -> Self {
        Self {
            route,
            tokens,
            session: None,
            renewed: false,
        }
    }

    /// Takes leave of the server.
    pub(crate) async fn close(self) {
        if let Some(session) = self.session {
            session.quit().await;
        }
    }

    async fn sign_in(&mut self) -> Result<Session, Obstacle> {
        let mut token = self.token().await?;
        if !self.tokens.is_fresh(&token.value) {
            token = self.renewed_after(&token.version).await?;
        }
        match self.route.sign_in(&token.value.access_token).await {
            Err(failure) if failure.diagnosis().class == Class::TokenRejected && !self.renewed => {
                tracing::warn!(reply = %failure, "the server refused the token; it is renewed once");
                let read_again = self.token().await?;
                let token = if read_again.version == token.version {
                    self.renewed_after(&token.version).await?
                } else {
                    read_again
                };
                self.renewed = true;
                self.route
                    .sign_in(&token.value.access_token)
                    .await
                    .map_err(|failure| Obstacle::from(&failure))
            }
            answer => answer.map_err(|failure| Obstacle::from(&failure)),
        }
    }

    async fn token(&self) -> Result<Current<TokenSet>, Obstacle> {
        let network = |reason: String| Obstacle {
            class: Class::Network,
            reason,
        };
        let token = self
            .tokens
            .token()
            .await
            .map_err(|error| network(error.to_string()))?;
        token.ok_or_else(|| network("there is no access token".to_owned()))
    }

    async fn renewed_after(&mut self, seen: &Version) -> Result<Current<TokenSet>, Obstacle> {
        if let Err(reason) = self.tokens.renew(seen).await {
            tracing::warn!(%reason, "the token could not be renewed");
        }
        let token = self.token().await?;
        let usable = token.version != *seen || self.tokens.is_fresh(&token.value);
        if usable {
            Ok(token)
        } else {
            Err(Obstacle {
                class: Class::Network,
                reason: "the access token has ended and is not yet renewed".to_owned(),
            })
        }
    }
}

impl<T: Tokens + Send> Line for Wire<T> {
    type Session = Session;

    async fn open(&mut self) -> Result<Opened<'_, Session>, Obstacle> {
        let mut ready = self.session.take();
        if let Some(session) = &mut ready
            && !session.is_ready().await
        {
            ready = None;
        }
        let (session, opened_in) = match ready {
            Some(session) => (session, None),
            None => {
                let session = self.sign_in().await?;
                let opened_in = session.opened_in;
                (session, Some(opened_in))
            }
        };
        Ok(Opened {
            session: self.session.insert(session),
            opened_in,
        })
    }
}
