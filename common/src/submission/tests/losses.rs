//! Transactions that break off: what may be said of a message whose end nobody has heard.

use super::{peer::*, *};

#[tokio::test(start_paused = true)]
async fn a_lost_final_reply_is_unknown() {
    let lost = "unknown: io UnexpectedEof at body [?R]";
    for last in [
        "",
        "250",
        "250 queued",
        "250 queued\r",
        "250-queued\r\n",
        "250-queued\r\n250 ",
    ] {
        let script = vec![
            Hear("DATA"),
            say(&replies(OK, &[OK, "550 no"], &[GO])),
            HearMessage,
            raw(last),
        ];
        let ended = submit(EXCHANGE, Transfer::Data, 2, script).await;
        assert_eq!(ended.in_short(), lost, "{last:?}");
    }
    let script = vec![Hear("RCPT"), HearChunk, say(&replies(OK, &[OK], &[]))];
    let ended = submit(EXCHANGE, Transfer::Bdat, 1, script).await;
    assert_eq!(ended.in_short(), "unknown: io UnexpectedEof at bdat [?]");
    let ended = submit(EXCHANGE, Transfer::Bdat, 1, vec![Hear("RCPT"), HearChunk]).await;
    assert_eq!(ended.in_short(), "unknown: io UnexpectedEof at mail [?]");
}

#[tokio::test(start_paused = true)]
async fn a_final_reply_that_never_comes_is_awaited_until_the_deadline() {
    let begun = Instant::now();
    let script = vec![
        Hear("DATA"),
        say(&replies(OK, &[OK], &[GO])),
        HearMessage,
        Hang,
    ];
    let ended = submit(EXCHANGE, Transfer::Data, 1, script).await;
    assert_eq!(ended.in_short(), "unknown: deadline at body [?]");
    assert_eq!(begun.elapsed().as_secs(), 900);
}

#[tokio::test(start_paused = true)]
async fn a_final_reply_that_is_neither_250_nor_a_refusal_settles_nothing() {
    for odd in [
        "251 forwards",
        "252 perhaps",
        "220 hello",
        "354 go",
        "200 fine",
        "garbage",
        "250_ok",
    ] {
        let ended = submit(EXCHANGE, Transfer::Data, 1, by_data(OK, &[OK], GO, odd)).await;
        assert!(
            ended.in_short().starts_with("unknown: violation "),
            "{odd}: {}",
            ended.in_short()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_lost_before_the_message_was_out_took_nothing() {
    for (script, expected) in [
        (vec![], "failed: stale at mail"),
        (vec![Hear("MAIL")], "failed: io UnexpectedEof at mail"),
        (
            vec![Hear("DATA"), say(OK)],
            "failed: io UnexpectedEof at rcpt",
        ),
        (
            vec![Hear("DATA"), say(&replies(OK, &[OK], &[]))],
            "failed: io UnexpectedEof at data",
        ),
        (
            vec![Hear("DATA"), say(&replies(OK, &[OK], &[])), raw("354 g")],
            "failed: io UnexpectedEof at data",
        ),
    ] {
        let ended = submit(EXCHANGE, Transfer::Data, 1, script).await;
        assert_eq!(ended.in_short(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_cut_in_its_middle_took_nothing() {
    let message = b"a line of the message\r\n".repeat(100_000);
    for transfer in [Transfer::Data, Transfer::Bdat] {
        let script = match transfer {
            Transfer::Data => vec![
                Hear("DATA"),
                say(&replies(OK, &[OK], &[GO])),
                HearOctets(500_000),
            ],
            Transfer::Bdat => vec![
                Hear("RCPT"),
                say(&replies(OK, &[OK], &[])),
                Hear("BDAT"),
                HearOctets(500_000),
            ],
        };
        let mut scene = Scene::set(EXCHANGE, server(transfer), script);
        let result = scene.submit(&envelope(1), &message).await;
        let ended = scene.end(result).await;
        assert!(
            ended.in_short().starts_with("failed: io "),
            "{}",
            ended.in_short()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_cut_within_its_last_write_is_unknown() {
    // What has left our hands may have arrived, however little of it the peer says it has read.
    let message = b"a line of the message\r\n".repeat(1_000);
    let (ours, theirs) = tokio::io::duplex(4096);
    let script = vec![
        Hear("DATA"),
        say(&replies(OK, &[OK], &[GO])),
        HearOctets(100),
    ];
    let server = server(Transfer::Data);
    let dialogue = Dialogue::new(Wire::new(ours, server.timeouts), offered(EXCHANGE), server);
    let mut scene = Scene {
        dialogue: Some(dialogue),
        peer: tokio::spawn(play(theirs, script)),
    };
    let result = scene.submit(&envelope(1), &message).await;
    let ended = scene.end(result).await;
    assert_eq!(ended.in_short(), "unknown: io BrokenPipe at body [?]");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_in_the_middle_of_the_message_is_heard() {
    let message = b"a line of the message\r\n".repeat(100_000);
    let refusal = "552 5.3.4 too large";
    // One goes on reading, one hangs, one closes at once.
    for ending in [vec![HearMessage, Hang], vec![Act::Sleep], vec![]] {
        let mut script = vec![
            Hear("DATA"),
            say(&replies(OK, &[OK], &[GO])),
            HearOctets(500_000),
            say(refusal),
        ];
        script.extend(ending);
        let mut scene = Scene::set(EXCHANGE, server(Transfer::Data), script);
        let result = scene.submit(&envelope(1), &message).await;
        let ended = scene.end(result).await;
        assert_eq!(ended.in_short(), "refused at body: 552 5.3.4 too large [R]");
    }
}

#[tokio::test(start_paused = true)]
async fn an_acceptance_in_the_middle_of_the_message_is_none() {
    let message = b"a line of the message\r\n".repeat(100_000);
    let script = vec![
        Hear("DATA"),
        say(&replies(OK, &[OK], &[GO])),
        HearOctets(500_000),
        say(OK),
        Act::Sleep,
    ];
    let mut scene = Scene::set(EXCHANGE, server(Transfer::Data), script);
    let result = scene.submit(&envelope(1), &message).await;
    let ended = scene.end(result).await;
    assert_eq!(
        ended.in_short(),
        "failed: violation 250 before the message was complete at body"
    );
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_answers_nothing_is_not_taken_for_the_next() {
    // Said with the 354, it would pass for the final reply.
    let script = vec![
        Hear("DATA"),
        say(&replies(OK, &[OK], &[GO, "250 queued"])),
        HearMessage,
        say("554 no"),
        Hang,
    ];
    let ended = submit(EXCHANGE, Transfer::Data, 1, script).await;
    assert_eq!(
        ended.in_short(),
        "failed: violation a reply to nothing at body"
    );
    assert_eq!(ended.heard.messages.len(), 0);

    // Said with the final reply, it would pass for an answer to the next message.
    let script = by_data(OK, &[OK], GO, "250 queued\r\n250 more");
    let ended = submit(EXCHANGE, Transfer::Data, 1, script).await;
    assert_eq!(ended.in_short(), "accepted 250 queued [A]");

    // Said before anything was asked.
    let ended = submit(
        EXCHANGE,
        Transfer::Data,
        1,
        vec![say("421 4.4.2 idle"), Hang],
    )
    .await;
    assert_eq!(ended.in_short(), "failed: stale at mail");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_closes_between_354_and_message_is_heard() {
    let script = vec![
        Hear("DATA"),
        say(&replies(OK, &[OK], &[GO, "421 4.3.2 bye"])),
    ];
    let ended = submit(EXCHANGE, Transfer::Data, 1, script).await;
    assert_eq!(ended.in_short(), "failed: reply 421 4.3.2 bye at body");
}

#[tokio::test(start_paused = true)]
async fn codes_that_do_not_answer_the_command_end_the_session() {
    for (script, stage) in [
        (by_data(GO, &[OK], GO, OK), "mail"),
        (by_data("252 perhaps", &[OK], GO, OK), "mail"),
        (by_data(OK, &[GO], GO, OK), "rcpt"),
        (by_data(OK, &["220 hello"], GO, OK), "rcpt"),
        (by_data(OK, &[OK], OK, OK), "data"),
        (by_data(OK, &[OK], "334 go", OK), "data"),
    ] {
        let ended = submit(EXCHANGE, Transfer::Data, 1, script).await;
        assert_eq!(
            ended.in_short(),
            format!("failed: violation a reply that does not answer the command at {stage}")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_hang_at_any_command_ends_at_its_own_limit() {
    let limits = Timeouts {
        mail: Duration::from_secs(11),
        rcpt: Duration::from_secs(12),
        data: Duration::from_secs(13),
        body: Duration::from_secs(14),
        ..Timeouts::default()
    };
    let message = b"a line of the message\r\n".repeat(100_000);
    for (script, expected) in [
        (vec![Hang], "failed: timeout 11s at mail"),
        (
            vec![Hear("DATA"), say(OK), Hang],
            "failed: timeout 12s at rcpt",
        ),
        (
            vec![Hear("DATA"), say(&replies(OK, &[OK], &[])), Hang],
            "failed: timeout 12s at rcpt",
        ),
        (
            vec![Hear("DATA"), say(&replies(OK, &[OK, OK], &[])), Hang],
            "failed: timeout 13s at data",
        ),
        (
            vec![
                Hear("DATA"),
                say(&replies(OK, &[OK, OK], &[GO])),
                Act::Sleep,
            ],
            "failed: timeout 14s at body",
        ),
    ] {
        let mut server = server(Transfer::Data);
        server.timeouts = limits;
        let mut scene = Scene::set(EXCHANGE, server, script);
        let result = scene.submit(&envelope(2), &message).await;
        assert!(scene.dialogue.is_none());
        scene.peer.abort();
        let short = match result {
            Ok(submission) => format!("{:?}", submission.verdict),
            Err(failure) => format!("failed: {}", kind(&failure)),
        };
        assert_eq!(short, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_after_the_deadline() {
    let scene = Scene::set(EXCHANGE, server(Transfer::Bdat), vec![Hang]);
    let dialogue = scene.dialogue.unwrap();
    let (result, dialogue) = dialogue.submit(&envelope(1), MESSAGE, Instant::now()).await;
    assert_eq!(kind(&result.unwrap_err()), "deadline at mail");
    drop(dialogue.expect("the connection goes on"));
    assert_eq!(scene.peer.await.unwrap().rest, b"");

    // The 354 comes in time, and too late for the message.
    let script = vec![Hear("DATA"), say(&replies(OK, &[OK], &[GO])), Hang];
    let scene = Scene::set(EXCHANGE, server(Transfer::Data), script);
    let deadline = Instant::now() + Duration::from_nanos(1);
    let submission = async {
        let envelope = envelope(1);
        scene
            .dialogue
            .unwrap()
            .submit(&envelope, MESSAGE, deadline)
            .await
            .0
    };
    let clock = async {
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_millis(1)).await;
    };
    let (result, ()) = tokio::join!(submission, clock);
    assert!(matches!(result.unwrap_err().cause, Cause::Deadline));
    assert_eq!(scene.peer.await.unwrap().messages.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_hang_at_a_reset_ends_at_its_limit() {
    let mut server = server(Transfer::Data);
    server.timeouts.mail = Duration::from_secs(11);
    let script = vec![
        Hear("DATA"),
        say(&replies("550 5.7.60 no", &["503 no"], &["503 no"])),
        Hang,
    ];
    let mut scene = Scene::set(EXCHANGE, server, script);
    let _refused = scene.submit(&envelope(1), MESSAGE).await.unwrap();
    let result = scene.submit(&envelope(1), MESSAGE).await;
    let ended = scene.end(result).await;
    assert_eq!(ended.in_short(), "failed: timeout 11s at rset");
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_that_nobody_answers_takes_two_seconds() {
    let begun = Instant::now();
    let scene = Scene::set(EXCHANGE, server(Transfer::Data), vec![Hear("QUIT"), Hang]);
    scene.dialogue.unwrap().quit().await;
    assert_eq!(begun.elapsed().as_secs(), 2);
    assert_eq!(scene.peer.await.unwrap().lines, ["QUIT"]);
}

#[tokio::test(start_paused = true)]
async fn a_submission_dropped_at_any_moment_takes_the_connection_with_it() {
    let mut polls = 0;
    loop {
        let script = vec![
            Hear("DATA"),
            stutter(&replies(OK, &[OK], &[GO])),
            HearMessage,
            stutter("554 no"),
            Hang,
        ];
        let mut scene = Scene::set(EXCHANGE, server(Transfer::Data), script);
        let envelope = envelope(1);
        let has_ended = {
            let mut submission = std::pin::pin!(scene.submit(&envelope, MESSAGE));
            let mut has_ended = false;
            for _ in 0..polls {
                let once = std::future::poll_fn(|cx| {
                    std::task::Poll::Ready(submission.as_mut().poll(cx).is_ready())
                });
                has_ended = once.await;
                if has_ended {
                    break;
                }
                tokio::task::yield_now().await;
            }
            has_ended
        };
        if has_ended {
            break;
        }
        assert!(
            polls == 0 || scene.dialogue.is_none(),
            "after {polls} polls"
        );
        polls += 1;
    }
    assert!(polls > 40, "only {polls} moments");
}
