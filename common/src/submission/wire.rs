//! One connection: flights out, replies in.
//!
//! A flight is written with as few writes as its length allows, one for all but large ones, and its replies are
//! read while it is still being written, so that neither side can wait for the other for ever. Before each
//! flight the connection has to be silent: nothing unread, not closed.

use super::{
    Cause, Failure, Reply, Stage, Timeouts,
    flight::{Flight, Outgoing, Progress},
    reply::{Answer, Replies},
};
use std::{
    fmt, io,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::{Instant, timeout, timeout_at},
};

/// How long a server that stops reading may take to say why.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A connection and what was read from it.
pub(super) struct Wire<S> {
    stream: S,
    replies: Replies,
    timeouts: Timeouts,
    /// Ends every wait, whatever the phase allows.
    deadline: Option<Instant>,
}

impl<S> fmt::Debug for Wire<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S, timeouts: Timeouts) -> Self {
        Self {
            stream,
            replies: Replies::default(),
            timeouts,
            deadline: None,
        }
    }

    /// Gives the stream up to be wrapped in TLS.
    pub(super) fn into_stream(self) -> S {
        self.stream
    }

    /// Sets when every wait ends.
    pub(super) fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// Whether the connection is open and nothing has been said since the last reply.
    pub(super) async fn is_silent(&mut self) -> bool {
        // What the kernel already holds becomes readable only when the runtime has looked.
        tokio::task::yield_now().await;
        let mut octets = [0; 512];
        let mut buffer = ReadBuf::new(&mut octets);
        match Pin::new(&mut self.stream)
            .poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer)
        {
            Poll::Pending => self.replies.is_empty(),
            Poll::Ready(Ok(())) => {
                self.replies.push(buffer.filled());
                false
            }
            Poll::Ready(Err(_)) => false,
        }
    }

    /// Whether the server has said anything since the last reply. The end of the connection is not speech.
    pub(super) async fn has_unread(&mut self) -> bool {
        !self.is_silent().await && !self.replies.is_empty()
    }

    /// Whether nothing but a goodbye follows the last reply.
    pub(super) async fn has_said_all(&mut self) -> bool {
        if !self.has_unread().await {
            return true;
        }
        // Left unread, it keeps the connection from being used again.
        matches!(self.replies.clone().next(), Ok(Some(answer)) if answer.code == 421)
    }

    /// Says why a connection that is not silent is of no use at a stage.
    fn unasked(&mut self, stage: Stage) -> Failure {
        let cause = match (stage, self.replies.next()) {
            // Between messages it is nobody's fault: servers end sessions that are idle.
            (Stage::Mail | Stage::Rset, _) => Cause::Stale,
            (_, Ok(Some(answer))) if answer.code == 421 => Cause::Reply(answer.into_reply(stage)),
            (_, Ok(None)) if self.replies.is_empty() => {
                Cause::Io(io::ErrorKind::UnexpectedEof.into())
            }
            (_, Ok(_) | Err(_)) => Cause::Violation("a reply to nothing"),
        };
        Failure::new(stage, cause)
    }

    /// Sends one command and reads its reply.
    pub(super) async fn command(&mut self, stage: Stage, line: String) -> Result<Reply, Failure> {
        Ok(self.ask(stage, line).await?.into_reply(stage))
    }

    /// Sends one line and reads the answer to it.
    pub(super) async fn ask(&mut self, stage: Stage, line: String) -> Result<Answer, Failure> {
        let mut answer = None;
        let flight = Flight::commands(line);
        let keep = |_: &Progress, _, found| {
            answer = Some(found);
            Ok(true)
        };
        self.exchange(&flight, &[stage], &Progress::default(), keep)
            .await?;
        answer.ok_or(Failure::new(stage, Cause::Violation("no reply")))
    }

    /// Reads the greeting, which answers nothing.
    pub(super) async fn greeting(&mut self) -> Result<Reply, Failure> {
        let mut incoming = Incoming {
            replies: &mut self.replies,
            timeouts: self.timeouts,
            deadline: self.deadline,
        };
        Ok(incoming
            .next(&mut self.stream, Stage::Greeting, Instant::now())
            .await?
            .into_reply(Stage::Greeting))
    }

    /// Sends a flight and hands each of its replies, in order, to `take`.
    ///
    /// Nothing is written once the deadline has passed. `take` answers whether to read on. When it ends the flight
    /// early the rest is not written, and the connection is of no further use.
    pub(super) async fn exchange(
        &mut self,
        flight: &Flight<'_>,
        expected: &[Stage],
        progress: &Progress,
        mut take: impl FnMut(&Progress, Stage, Answer) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let (Some(&first), Some(&last)) = (expected.first(), expected.last()) else {
            return Ok(());
        };
        if !self.is_silent().await {
            return Err(self.unasked(first));
        }
        let begun = Instant::now();
        if self.deadline.is_some_and(|deadline| deadline <= begun) {
            return Err(Failure::new(first, Cause::Deadline));
        }
        let mut incoming = Incoming {
            replies: &mut self.replies,
            timeouts: self.timeouts,
            deadline: self.deadline,
        };
        let (mut reader, writer) = tokio::io::split(&mut self.stream);
        let mut outgoing = Outgoing::new(writer, last, self.timeouts.body, self.deadline);
        let mut write = pin!(outgoing.send(flight, progress));
        let mut read = pin!(async {
            for &stage in expected {
                let answer = incoming.next(&mut reader, stage, begun).await?;
                if !take(progress, stage, answer)? {
                    break;
                }
            }
            Ok(())
        });
        tokio::select! {
            biased;
            written = &mut write => match written {
                Ok(()) => read.await,
                // A server that hangs up has usually said why.
                Err(broken) => match timeout(LAST_WORDS, read).await {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(_)) | Err(_) => Err(broken),
                },
            },
            read = &mut read => read,
        }
    }

    /// Ends the connection in good order.
    pub(super) async fn close(mut self) {
        // Nothing depends on it: the server has all it needs.
        let _ = timeout(self.timeouts.quit, self.stream.shutdown()).await;
    }
}

/// The reading half of an exchange.
struct Incoming<'a> {
    replies: &'a mut Replies,
    timeouts: Timeouts,
    deadline: Option<Instant>,
}

impl Incoming<'_> {
    async fn next(
        &mut self,
        reader: &mut (impl AsyncRead + Unpin),
        stage: Stage,
        begun: Instant,
    ) -> Result<Answer, Failure> {
        let answer = within(stage, self.timeouts.of(stage), self.deadline, async {
            loop {
                if let Some(answer) = self
                    .replies
                    .next()
                    .map_err(|why| Failure::new(stage, Cause::Violation(why)))?
                {
                    return Ok(answer);
                }
                let mut octets = [0; 4096];
                let count = reader
                    .read(&mut octets)
                    .await
                    .map_err(|e| Failure::new(stage, Cause::Io(e)))?;
                if count == 0 {
                    return Err(Failure::new(
                        stage,
                        Cause::Io(io::ErrorKind::UnexpectedEof.into()),
                    ));
                }
                self.replies.push(&octets[..count]);
            }
        })
        .await?;
        log(stage, &answer, begun);
        Ok(answer)
    }
}

/// Bounds a phase by its own limit and by the deadline, whichever comes first.
pub(super) async fn within<T>(
    stage: Stage,
    limit: Option<Duration>,
    deadline: Option<Instant>,
    phase: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let own =
        limit.and_then(|limit| Some((Instant::now().checked_add(limit)?, Cause::Timeout(limit))));
    let callers = deadline.map(|deadline| (deadline, Cause::Deadline));
    match own.into_iter().chain(callers).min_by_key(|(at, _)| *at) {
        None => phase.await,
        Some((at, cause)) => timeout_at(at, phase)
            .await
            .unwrap_or_else(|_| Err(Failure::new(stage, cause))),
    }
}

/// Writes one answered command to the log: what it was and what the codes were, and nothing of its text.
fn log(stage: Stage, answer: &Answer, begun: Instant) {
    if tracing::enabled!(tracing::Level::DEBUG) {
        let enhanced = answer
            .enhanced()
            .map(|enhanced| enhanced.to_string())
            .unwrap_or_default();
        tracing::debug!(
            stage = stage.as_str(),
            verb = stage.verb(),
            reply.code = answer.code,
            reply.enhanced = enhanced,
            duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            "the server answered"
        );
    }
}
