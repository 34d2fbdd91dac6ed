//! Flights: commands, and perhaps a message behind them, as few writes as their length allows.

use super::{Cause, Failure, Stage, body::Body, wire::within};
use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    time::Instant,
};

/// How much is written at once. Four TLS records fit.
const CHUNK: usize = 64 * 1024;

/// What one flight carries. It has no `Debug`, because the token travels in one.
pub(super) struct Flight<'a> {
    commands: String,
    content: Content<'a>,
}

/// The message content at the end of a flight.
enum Content<'a> {
    None,
    Dotted(&'a Body<'a>),
    Plain(&'a Body<'a>),
}

/// How far the writing of a flight has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The write that holds the last octet has begun.
    pub(super) last_begun: AtomicBool,
    /// All of the flight has been written.
    pub(super) complete: AtomicBool,
}

impl<'a> Flight<'a> {
    /// A flight of commands, each with its CRLF.
    pub(super) fn commands(commands: String) -> Self {
        Self {
            commands,
            content: Content::None,
        }
    }

    /// A message as DATA carries it, final dot included.
    pub(super) fn dotted(body: &'a Body<'a>) -> Self {
        Self {
            commands: String::new(),
            content: Content::Dotted(body),
        }
    }

    /// Commands, the last of which is BDAT, and the message behind them.
    pub(super) fn chunk(commands: String, body: &'a Body<'a>) -> Self {
        Self {
            commands,
            content: Content::Plain(body),
        }
    }
}

/// The writing half of an exchange.
pub(super) struct Outgoing<W> {
    writer: W,
    chunk: Vec<u8>,
    stall: Duration,
    deadline: Option<Instant>,
    stage: Stage,
}

impl<W: AsyncWrite + Unpin> Outgoing<W> {
    /// A writer whose failures belong to a stage.
    pub(super) fn new(writer: W, stage: Stage, stall: Duration, deadline: Option<Instant>) -> Self {
        Self {
            writer,
            chunk: Vec::new(),
            stall,
            deadline,
            stage,
        }
    }

    /// Writes all of a flight.
    pub(super) async fn send(
        &mut self,
        flight: &Flight<'_>,
        progress: &Progress,
    ) -> Result<(), Failure> {
        self.put(flight.commands.as_bytes()).await?;
        match flight.content {
            Content::None => {}
            Content::Dotted(body) => {
                for piece in body.dotted() {
                    self.put(piece).await?;
                }
                self.put(b".\r\n").await?;
            }
            Content::Plain(body) => {
                for piece in body.plain() {
                    self.put(piece).await?;
                }
            }
        }
        progress.last_begun.store(true, Ordering::Relaxed);
        self.write().await?;
        let Self {
            writer,
            stall,
            deadline,
            stage,
            ..
        } = self;
        let flushed = within(*stage, Some(*stall), *deadline, async {
            writer
                .flush()
                .await
                .map_err(|e| Failure::new(*stage, Cause::Io(e)))
        });
        flushed.await?;
        progress.complete.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Collects octets, and writes a full chunk once it is certain that more follow.
    async fn put(&mut self, mut octets: &[u8]) -> Result<(), Failure> {
        while !octets.is_empty() {
            if self.chunk.len() == CHUNK {
                self.write().await?;
            }
            let (now, later) = octets.split_at(octets.len().min(CHUNK - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            octets = later;
        }
        Ok(())
    }

    async fn write(&mut self) -> Result<(), Failure> {
        let Self {
            writer,
            chunk,
            stall,
            deadline,
            stage,
        } = self;
        let mut rest = &chunk[..];
        while !rest.is_empty() {
            let written = within(*stage, Some(*stall), *deadline, async {
                writer
                    .write(rest)
                    .await
                    .map_err(|e| Failure::new(*stage, Cause::Io(e)))
            });
            match written.await? {
                0 => {
                    return Err(Failure::new(
                        *stage,
                        Cause::Io(io::ErrorKind::WriteZero.into()),
                    ));
                }
                count => rest = &rest[count..],
            }
        }
        chunk.clear();
        Ok(())
    }
}
