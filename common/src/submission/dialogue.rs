//! Mail transactions on an authenticated connection.
//!
//! With PIPELINING, everything up to DATA travels in one flight, or up to the end of the message under BDAT;
//! without it, each command waits for the reply to the one before. Every transaction consumes the dialogue and
//! gives it back only when it ended cleanly, so that a dialogue which lost count of its replies cannot go on.

use super::{
    Cause, Enhanced, Envelope, Failure, Outcome, Recipient, Reply, Server, Stage, Submission,
    Transfer,
    body::Body,
    capabilities::Capabilities,
    commands::{self, Command},
    flight::{Flight, Progress},
    transcript::Transcript,
    wire::Wire,
};
use std::sync::atomic::Ordering;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

/// The largest message that travels under BDAT before its recipients are known to be accepted.
const ONE_FLIGHT: usize = 256 * 1024;

/// An authenticated connection between two transactions.
#[derive(Debug)]
pub(super) struct Dialogue<S> {
    wire: Wire<S>,
    offered: Capabilities,
    server: Server,
    /// The last transaction did not end by itself; RSET goes before the next MAIL.
    needs_reset: bool,
}

/// Whether a connection may carry another transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Connection {
    Sound,
    Spent,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Dialogue<S> {
    pub(super) fn new(wire: Wire<S>, offered: Capabilities, server: Server) -> Self {
        Self {
            wire,
            offered,
            server,
            needs_reset: false,
        }
    }

    /// Whether the connection is open and silent.
    pub(super) async fn is_ready(&mut self) -> bool {
        self.wire.is_silent().await
    }

    /// Submits one message.
    pub(super) async fn submit(
        mut self,
        envelope: &Envelope,
        message: &[u8],
        deadline: Instant,
    ) -> (Result<Submission, Failure>, Option<Self>) {
        if deadline <= Instant::now() {
            let late = Failure::new(Stage::Mail, Cause::Deadline);
            return (Err(late), Some(self));
        }
        let body = Body::new(message);
        let opening = match commands::opening(&self.offered, envelope, Some(&body)) {
            Ok(opening) => self.reset_first(opening),
            // Nothing was sent.
            Err(failure) => return (Err(failure), Some(self)),
        };
        self.wire.set_deadline(Some(deadline));
        let mut transcript = Transcript::new(envelope);
        let transfer = if self.offered.chunking {
            self.server.current_transfer()
        } else {
            Transfer::Data
        };
        let connection = match transfer {
            Transfer::Data => self.data(opening, &body, &mut transcript).await,
            Transfer::Bdat => self.bdat(opening, &body, &mut transcript).await,
        };
        self.wire.set_deadline(None);
        match connection {
            Ok(Connection::Sound) => (transcript.settle(envelope), Some(self)),
            Ok(Connection::Spent) => (transcript.settle(envelope), None),
            // A server may hang up on what it has just refused; the refusal is what counts.
            Err(_) if transcript.is_hopeless() => (transcript.settle(envelope), None),
            Err(failure) => (Err(failure), None),
        }
    }

    /// Asks how sender and recipients would be taken.
    pub(super) async fn probe(
        mut self,
        envelope: &Envelope,
        deadline: Instant,
    ) -> (Result<Vec<Recipient>, Failure>, Option<Self>) {
        let opening = match commands::opening(&self.offered, envelope, None) {
            Ok(opening) => self.reset_first(opening),
            Err(failure) => return (Err(failure), Some(self)),
        };
        self.wire.set_deadline(Some(deadline));
        let mut transcript = Transcript::new(envelope);
        let asked = self.ask(opening, &mut transcript).await;
        self.wire.set_deadline(None);
        let refusal = transcript
            .refusal()
            .map(|reply| Failure::new(reply.stage, Cause::Reply(reply.clone())));
        match (refusal, asked) {
            (Some(refusal), Ok(())) if !transcript.is_closing() => (Err(refusal), Some(self)),
            (Some(refusal), _) => (Err(refusal), None),
            (None, Ok(())) => (
                Ok(transcript.recipients(envelope, |rcpt| Outcome::Accepted(rcpt.clone()))),
                Some(self),
            ),
            (None, Err(failure)) => (Err(failure), None),
        }
    }

    async fn ask(
        &mut self,
        mut opening: Vec<Command>,
        transcript: &mut Transcript,
    ) -> Result<(), Failure> {
        if self.offered.pipelining {
            opening.push((Stage::Rset, "RSET\r\n".to_owned()));
            self.flight(opening, transcript).await?;
        } else {
            self.one_by_one(opening, transcript).await?;
            if !transcript.is_closing() {
                self.flight(vec![(Stage::Rset, "RSET\r\n".to_owned())], transcript)
                    .await?;
            }
        }
        self.needs_reset = false;
        Ok(())
    }

    /// Says goodbye.
    pub(super) async fn quit(mut self) {
        // The answer changes nothing, and neither does its absence.
        let _ = self.wire.command(Stage::Quit, "QUIT\r\n".to_owned()).await;
        self.wire.close().await;
    }

    /// Puts RSET before a transaction that follows an unfinished one.
    fn reset_first(&self, mut opening: Vec<Command>) -> Vec<Command> {
        if self.needs_reset {
            opening.insert(0, (Stage::Rset, "RSET\r\n".to_owned()));
        }
        opening
    }

    /// A transaction under DATA.
    async fn data(
        &mut self,
        mut opening: Vec<Command>,
        body: &Body<'_>,
        transcript: &mut Transcript,
    ) -> Result<Connection, Failure> {
        self.needs_reset = true;
        let data = (Stage::Data, "DATA\r\n".to_owned());
        if self.offered.pipelining {
            opening.push(data);
            self.flight(opening, transcript).await?;
        } else {
            self.one_by_one(opening, transcript).await?;
            if transcript.has_recipient() && !transcript.is_closing() {
                self.flight(vec![data], transcript).await?;
            }
        }
        if transcript.is_closing() {
            return Ok(Connection::Spent);
        }
        let is_invited = transcript.data().is_some_and(|data| data.code == 354);
        if !is_invited {
            return Ok(Connection::Sound);
        }
        if !transcript.has_recipient() {
            return Ok(self.lone_dot(transcript).await);
        }

        let connection = self
            .content(&Flight::dotted(body), &[Stage::Body], transcript)
            .await?;
        self.needs_reset = transcript.last().is_none_or(|last| last.code != 250);
        Ok(connection)
    }

    /// Ends the DATA of a server that invited a message for nobody.
    async fn lone_dot(&mut self, transcript: &Transcript) -> Connection {
        if transcript.has_accepted_rcpt() {
            // It refused the sender and took a recipient: an empty message might reach somebody.
            return Connection::Spent;
        }
        match self.wire.command(Stage::Data, ".\r\n".to_owned()).await {
            // Whatever it says, it is not about our message.
            Ok(reply) if reply.code != 421 => Connection::Sound,
            Ok(_) | Err(_) => Connection::Spent,
        }
    }

    /// A transaction under BDAT.
    ///
    /// A server that does not discard the octets of a chunk it refuses would run them as commands. So nothing
    /// follows a chunk that was not accepted: the connection is closed.
    async fn bdat(
        &mut self,
        mut opening: Vec<Command>,
        body: &Body<'_>,
        transcript: &mut Transcript,
    ) -> Result<Connection, Failure> {
        self.needs_reset = true;
        let bdat = (Stage::Bdat, format!("BDAT {} LAST\r\n", body.len()));
        let chunk = if self.offered.pipelining && body.len() <= ONE_FLIGHT {
            opening.push(bdat);
            opening
        } else {
            if self.offered.pipelining {
                self.flight(opening, transcript).await?;
            } else {
                self.one_by_one(opening, transcript).await?;
            }
            if transcript.is_closing() {
                return Ok(Connection::Spent);
            }
            if !transcript.has_recipient() {
                return Ok(Connection::Sound);
            }
            vec![bdat]
        };
        let (stages, commands) = joined(chunk);
        let sent = self
            .content(&Flight::chunk(commands, body), &stages, transcript)
            .await;
        if transcript.is_hopeless() {
            return Ok(Connection::Spent);
        }
        let stalled = |failure: &Failure| {
            failure.stage == Stage::Bdat
                && matches!(failure.cause, Cause::Timeout(_) | Cause::Deadline)
        };
        if transcript.lost().is_some_and(stalled) || sent.as_ref().is_err_and(stalled) {
            self.server.give_up_bdat();
        }
        let connection = sent?;
        if let Some(last) = transcript.last().cloned() {
            if refuses_bdat_itself(&last) {
                self.server.give_up_bdat();
                return Err(Failure::new(Stage::Bdat, Cause::Chunking(last)));
            }
            // No 354 has shown that replies and commands still go in step. If there are more replies than
            // commands, the last one that was counted need not be the message's own.
            if !self.wire.has_said_all().await {
                let surplus = Cause::Violation("more replies than commands");
                transcript.lose(Failure::new(Stage::Bdat, surplus));
                return Ok(Connection::Spent);
            }
        }
        self.needs_reset = false;
        let is_accepted = transcript.last().is_some_and(|last| last.code == 250);
        Ok(if is_accepted {
            connection
        } else {
            Connection::Spent
        })
    }

    /// Sends commands in one flight and notes their replies.
    async fn flight(
        &mut self,
        lines: Vec<Command>,
        transcript: &mut Transcript,
    ) -> Result<(), Failure> {
        let (stages, commands) = joined(lines);
        let take = |progress: &Progress, stage, answer| transcript.take(progress, stage, answer);
        self.wire
            .exchange(
                &Flight::commands(commands),
                &stages,
                &Progress::default(),
                take,
            )
            .await
    }

    /// Sends commands one at a time, as far as there is hope.
    async fn one_by_one(
        &mut self,
        opening: Vec<Command>,
        transcript: &mut Transcript,
    ) -> Result<(), Failure> {
        for line in opening {
            self.flight(vec![line], transcript).await?;
            if transcript.is_hopeless() {
                break;
            }
        }
        Ok(())
    }

    /// Sends the flight that ends in the message, and notes what is known when its final reply stays away.
    async fn content(
        &mut self,
        flight: &Flight<'_>,
        stages: &[Stage],
        transcript: &mut Transcript,
    ) -> Result<Connection, Failure> {
        let progress = Progress::default();
        let take = |progress: &Progress, stage, answer| {
            let goes_on = transcript.take(progress, stage, answer)?;
            Ok(goes_on && !transcript.is_hopeless())
        };
        match self.wire.exchange(flight, stages, &progress, take).await {
            Ok(()) if progress.complete.load(Ordering::Relaxed) && !transcript.is_closing() => {
                Ok(Connection::Sound)
            }
            Ok(()) => Ok(Connection::Spent),
            Err(failure) if progress.last_begun.load(Ordering::Relaxed) => {
                transcript.lose(failure);
                Ok(Connection::Spent)
            }
            Err(failure) => Err(failure),
        }
    }
}

/// Joins commands to the text of one flight, and their stages to its expected replies.
fn joined(lines: Vec<Command>) -> (Vec<Stage>, String) {
    lines.into_iter().unzip()
}

/// Whether a refusal is about BDAT and not about the message.
///
/// Exchange has been seen to refuse correct chunks with 552 5.3.4; under DATA the same message passed, and if
/// the message is at fault after all, DATA will say so.
fn refuses_bdat_itself(reply: &Reply) -> bool {
    matches!(reply.code, 500..=503)
        || (reply.code == 552 && reply.enhanced == Some(Enhanced(5, 3, 4)))
}
