//! A connection with a tape of both directions.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// All that was written and read, in order.
#[derive(Clone, Default)]
pub(super) struct Tape(Arc<Mutex<Recording>>);

#[derive(Clone, Default)]
pub(super) struct Recording {
    pub(super) told: Vec<u8>,
    pub(super) said: Vec<u8>,
    /// How much had been told when so much had been said, after each read.
    pub(super) read_at: Vec<(usize, usize)>,
}

impl Tape {
    pub(super) fn recording(&self) -> Recording {
        self.0.lock().unwrap().clone()
    }
}

/// A connection with a tape.
pub(super) struct Taped<S> {
    pub(super) stream: S,
    pub(super) tape: Tape,
}

impl<S: AsyncRead + Unpin> AsyncRead for Taped<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let mut tape = self.tape.0.lock().unwrap();
        tape.said.extend_from_slice(&buffer.filled()[before..]);
        let moment = (tape.said.len(), tape.told.len());
        tape.read_at.push(moment);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Taped<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, octets);
        if let Poll::Ready(Ok(count)) = polled {
            let mut tape = self.tape.0.lock().unwrap();
            tape.told.extend_from_slice(&octets[..count]);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
