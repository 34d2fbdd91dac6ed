//! Whatever becomes of the server's octets on the way, the session neither panics nor hangs nor lies.
//!
//! The peer here is honest, and somebody meddles with what it says: octets are dropped, changed, put in and repeated,
//! replies are cut anywhere, merged, delayed and broken off. Every octet in both directions is on a tape. When all is
//! over the tape is read again, by rules that know nothing of the session: the n-th reply answers the n-th command. So
//! it is known which reply each message got, and what may be said of it.

mod meddled;
mod tape;
mod transaction;

use self::{
    meddled::{Deed, Meddled, deed},
    tape::{Tape, Taped},
    transaction::{Transaction, replies},
};
use super::{
    super::{auth, session},
    *,
};
use proptest::prelude::*;

fn position(octets: &[u8], wanted: &[u8]) -> Option<usize> {
    octets.windows(wanted.len()).position(|part| part == wanted)
}

/// Opens a session, submits messages as long as the connection goes on, and says goodbye.
async fn converse(
    offers: &str,
    transfer: Transfer,
    deeds: Vec<(usize, Deed)>,
    messages: Vec<usize>,
    buffer: usize,
) {
    let (ours, theirs) = tokio::io::duplex(buffer);
    let meddled = Meddled {
        stream: theirs,
        offers: format!("250-hello\r\n250-STARTTLS\r\n250-AUTH XOAUTH2\r\n{offers}250 SIZE"),
        deeds: deeds.into(),
        unread: Vec::new(),
        unsent: Vec::new(),
        passed: Vec::new(),
    };
    let peer = tokio::spawn(meddled.serve());
    let tape = Tape::default();
    let stream = Taped {
        stream: ours,
        tape: tape.clone(),
    };
    let server = server(transfer);
    let mut wire = Wire::new(stream, server.timeouts);
    if let Ok(offered) = open(&mut wire).await {
        let said = tape.recording().said;
        let codes: Vec<_> = replies(&said).iter().map(|(code, _)| *code).collect();
        assert!(
            codes.starts_with(&[220, 250, 220, 250, 334, 235]),
            "{codes:?}"
        );
        let mut dialogue = Some(Dialogue::new(wire, offered, server));
        for (number, lines) in messages.into_iter().enumerate() {
            let Some(taken) = dialogue.take() else { break };
            let envelope = envelope(1 + number % 4);
            let lines = ".\r\nRSET\r\n250 2.0.0 queued\r\n".repeat(lines);
            let message = format!("Subject: {number}\r\n\r\n{lines}");
            let begun = tape.recording().told.len();
            let deadline = Instant::now() + Duration::from_secs(900);
            let (result, rest) = taken.submit(&envelope, message.as_bytes(), deadline).await;
            let recording = tape.recording();
            Transaction::read(&recording, begun..recording.told.len()).judge(&result);
            dialogue = rest;
        }
        if let Some(dialogue) = dialogue {
            dialogue.quit().await;
        }
    } else {
        drop(wire);
    }
    peer.await.unwrap();
}

/// Everything before the first message, but for TLS, whose octets are not the server's to choose.
async fn open(wire: &mut Wire<Taped<DuplexStream>>) -> Result<Capabilities, Failure> {
    session::greet(wire, "EHLO a\r\n").await?;
    session::start_tls(wire).await?;
    let offered = session::offer(wire, "EHLO a\r\n").await?;
    auth::authenticate(wire, USER, &token()).await?;
    Ok(offered)
}

proptest! {
    #![proptest_config(campaign(8))]

    #[test]
    fn no_meddling_makes_the_session_panic_hang_or_lie(
        first in 0usize..700,
        deeds in proptest::collection::vec((0usize..80, deed()), 0..5),
        messages in proptest::collection::vec(prop_oneof![19 => 0usize..3, 1 => 0usize..3_000], 1..6),
        buffer in prop_oneof![Just(1 << 20), 64usize..100_000],
        is_pipelined in any::<bool>(),
        is_chunked in any::<bool>(),
    ) {
        let pipelining = if is_pipelined { "250-PIPELINING\r\n" } else { "" };
        let (chunking, transfer) = if is_chunked {
            ("250-CHUNKING\r\n", Transfer::Bdat)
        } else {
            ("", Transfer::Data)
        };
        let mut deeds = deeds;
        if let Some((gap, _)) = deeds.first_mut() {
            *gap = first;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let offers = format!("{pipelining}{chunking}");
        // No time passes but what somebody waits for, and nobody may wait for longer than a day.
        let day = Duration::from_secs(24 * 60 * 60);
        let ended = runtime.block_on(async { tokio::time::timeout(day, converse(&offers, transfer, deeds, messages, buffer)).await });
        prop_assert!(ended.is_ok(), "somebody waits for ever");
    }
}
