//! Round trips, counted in the packets at the client's end of the wire.
//!
//! Whoever waits for an answer before it goes on sends nothing meanwhile. So each time that the client sends something
//! new after something of the server has reached it, a round trip has passed, whatever the client's protocol is and
//! however the packets were cut.

use std::sync::{Mutex, PoisonError};

/// The count of one wire.
#[derive(Default)]
pub(crate) struct Tally {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The octet behind the last one that the client has sent.
    next: Option<u32>,
    /// The server has said something since.
    has_answer: bool,
    round_trips: u64,
}

/// What a TCP segment adds to its stream.
struct Segment {
    from: u32,
    length: u32,
    opens: bool,
}

impl Tally {
    /// The round trips that the client has begun on this connection. The first is that of the TCP handshake, which
    /// the greeting ends by a second one: the client's ACK has no payload to be counted by.
    pub(crate) fn round_trips(&self) -> u64 {
        self.lock().round_trips
    }

    /// Notes a packet of the client's.
    pub(crate) fn left_client(&self, packet: &[u8]) {
        let Some(Segment {
            from,
            length,
            opens,
        }) = Segment::read(packet)
        else {
            return;
        };
        let mut state = self.lock();
        if opens {
            *state = State {
                next: Some(from.wrapping_add(1)),
                has_answer: false,
                round_trips: 2,
            };
        } else if let Some(next) = state.next {
            let end = from.wrapping_add(length);
            // What was sent before is sent again when the timer has run out; it is no answer to anything.
            let is_new = length > 0 && (end.wrapping_sub(next) as i32) > 0;
            if is_new {
                state.next = Some(end);
                state.round_trips += u64::from(std::mem::take(&mut state.has_answer));
            }
        }
    }

    /// Notes a packet of the server's.
    pub(crate) fn reached_client(&self, packet: &[u8]) {
        if Segment::read(packet).is_some_and(|segment| segment.length > 0) {
            self.lock().has_answer = true;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Segment {
    /// Reads a TCP segment in an IPv4 packet.
    fn read(packet: &[u8]) -> Option<Self> {
        const TCP: u8 = 6;
        const SYN: u8 = 2;
        let header = usize::from(packet.first()? & 15) * 4;
        if packet[0] >> 4 != 4 || *packet.get(9)? != TCP {
            return None;
        }
        let tcp = packet.get(header..)?;
        let from = u32::from_be_bytes(*tcp.get(4..)?.first_chunk()?);
        let data = tcp.len().checked_sub(usize::from(tcp.get(12)? >> 4) * 4)?;
        Some(Self {
            from,
            length: data.try_into().ok()?,
            opens: tcp.get(13)? & SYN != 0,
        })
    }
}
