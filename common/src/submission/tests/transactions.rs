//! Mail transactions: what is sent, what is said of it, and in how many flights.

use super::{
    peer::{Act, Hang, Hear, HearChunk, HearMessage, HearOctets, raw, say, stutter},
    *,
};

/// The replies to MAIL, RCPT and DATA in one flight, then to the message.
fn by_data(mail: &str, rcpt: &[&str], data: &str, last: &str) -> Vec<Act> {
    vec![
        Hear("DATA"),
        say(&replies(mail, rcpt, &[data])),
        HearMessage,
        say(last),
        Hang,
    ]
}

/// The replies to MAIL, RCPT and BDAT in one flight.
fn by_bdat(mail: &str, rcpt: &[&str], last: &str) -> Vec<Act> {
    let last: &[&str] = if last.is_empty() { &[] } else { &[last] };
    vec![
        Hear("RCPT"),
        HearChunk,
        say(&replies(mail, rcpt, last)),
        Hang,
    ]
}

fn replies(mail: &str, rcpt: &[&str], rest: &[&str]) -> String {
    [&[mail], rcpt, rest].concat().join("\r\n")
}

async fn check_data(mail: &str, rcpt: &[&str], data: &str, last: &str, expected: &str) {
    let ended = submit(
        EXCHANGE,
        Transfer::Data,
        rcpt.len(),
        by_data(mail, rcpt, data, last),
    )
    .await;
    assert_eq!(ended.in_short(), expected);
}

async fn check_bdat(mail: &str, rcpt: &[&str], last: &str, expected: &str) {
    let recipients = rcpt.len();
    // Only the last RCPT of a flight may be awaited, for the chunk begins right behind it.
    let mut script = vec![];
    script.extend(std::iter::repeat_n(
        Hear("RCPT"),
        recipients.saturating_sub(1),
    ));
    script.extend(by_bdat(mail, rcpt, last));
    let ended = submit(EXCHANGE, Transfer::Bdat, recipients, script).await;
    assert_eq!(ended.in_short(), expected);
    assert_eq!(ended.heard.rest, b"", "something follows the chunk");
}

const OK: &str = "250 2.1.0 OK";
const QUEUED: &str = "250 2.0.0 queued";
const GO: &str = "354 go";

#[tokio::test(start_paused = true)]
async fn everything_up_to_data_is_one_flight_and_the_message_another() {
    let ended = submit(
        EXCHANGE,
        Transfer::Data,
        2,
        by_data(OK, &[OK, OK], GO, "250 2.0.0 queued"),
    )
    .await;
    assert_eq!(ended.in_short(), "accepted 250 2.0.0 queued [AA], goes on");
    assert_eq!(ended.heard.flights, 2);
    let lines = [
        "MAIL FROM:<billing@contoso.com> SIZE=21",
        "RCPT TO:<r1@fabrikam.com>",
        "RCPT TO:<r2@fabrikam.com>",
        "DATA",
    ];
    assert_eq!(ended.heard.lines, lines);
    assert_eq!(ended.heard.messages, [b"Subject: a\r\n\r\nb\r\n..c\r\n"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_under_bdat_is_one_flight() {
    let ended = submit(
        EXCHANGE,
        Transfer::Bdat,
        1,
        by_bdat(OK, &[OK], "250 2.0.0 queued"),
    )
    .await;
    assert_eq!(ended.in_short(), "accepted 250 2.0.0 queued [A], goes on");
    assert_eq!(ended.heard.flights, 1);
    assert_eq!(ended.heard.lines.last().unwrap(), "BDAT 21 LAST");
    assert_eq!(ended.heard.messages, [MESSAGE]);
}

#[tokio::test(start_paused = true)]
async fn every_further_message_takes_as_few_flights() {
    for (transfer, flights) in [(Transfer::Data, 2), (Transfer::Bdat, 1)] {
        let once = match transfer {
            Transfer::Data => vec![
                Hear("DATA"),
                say(&replies(OK, &[OK], &[GO])),
                HearMessage,
                say(QUEUED),
            ],
            Transfer::Bdat => vec![Hear("RCPT"), HearChunk, say(&replies(OK, &[OK], &[QUEUED]))],
        };
        let script = once
            .iter()
            .cycle()
            .take(once.len() * 5)
            .cloned()
            .chain([Hang])
            .collect();
        let mut scene = Scene::set(EXCHANGE, server(transfer), script);
        for _ in 0..4 {
            let _accepted = scene.submit(&envelope(1), MESSAGE).await.unwrap();
        }
        let last = scene.submit(&envelope(1), MESSAGE).await;
        let ended = scene.end(last).await;
        assert_eq!(ended.in_short(), "accepted 250 2.0.0 queued [A], goes on");
        assert_eq!(
            (ended.heard.messages.len(), ended.heard.flights),
            (5, 5 * flights),
            "{transfer:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn without_pipelining_each_command_waits_for_its_reply() {
    let script = vec![
        Hear("MAIL"),
        say(OK),
        Hear("RCPT"),
        say(OK),
        Hear("RCPT"),
        say("550 5.1.1 no"),
        Hear("DATA"),
        say(GO),
        HearMessage,
        say("250 queued"),
        Hang,
    ];
    let ended = submit(PLAIN, Transfer::Bdat, 2, script).await;
    assert_eq!(ended.in_short(), "accepted 250 queued [AR], goes on");
    assert_eq!(ended.heard.flights, 5);
    assert_eq!(ended.heard.lines[0], "MAIL FROM:<billing@contoso.com>");
}

#[tokio::test(start_paused = true)]
async fn without_pipelining_a_chunk_waits_for_the_recipients() {
    let script = vec![
        Hear("MAIL"),
        say(OK),
        Hear("RCPT"),
        say(OK),
        HearChunk,
        say("250 queued"),
        Hang,
    ];
    let ended = submit("hello CHUNKING", Transfer::Bdat, 1, script).await;
    assert_eq!(ended.in_short(), "accepted 250 queued [A], goes on");
    assert_eq!(ended.heard.flights, 3);
}

#[tokio::test(start_paused = true)]
async fn without_pipelining_nothing_follows_a_refused_sender_but_a_reset() {
    let script = vec![
        Hear("MAIL"),
        say("550 5.7.60 no"),
        Hear("RSET"),
        say(OK),
        Hear("MAIL"),
        say(OK),
        Hear("RCPT"),
        say(OK),
        Hear("DATA"),
        say(GO),
        HearMessage,
        say(OK),
        Hang,
    ];
    let mut scene = Scene::set(PLAIN, server(Transfer::Data), script);
    let refused = scene.submit(&envelope(1), MESSAGE).await.unwrap();
    assert!(matches!(refused.verdict, Verdict::Refused(_)));
    let last = scene.submit(&envelope(1), MESSAGE).await;
    let ended = scene.end(last).await;
    assert_eq!(ended.in_short(), "accepted 250 2.1.0 OK [A], goes on");
}

#[tokio::test(start_paused = true)]
async fn a_reset_shares_the_flight_of_the_next_message() {
    let script = vec![
        Hear("DATA"),
        say(&replies(OK, &["550 5.1.1 no"], &["503 5.5.1 nobody"])),
        Hear("RSET"),
        Hear("DATA"),
        say(&replies(OK, &[OK, OK], &[GO])),
        HearMessage,
        say("250 queued"),
        Hang,
    ];
    let mut scene = Scene::set(EXCHANGE, server(Transfer::Data), script);
    let _refused = scene.submit(&envelope(1), MESSAGE).await.unwrap();
    let last = scene.submit(&envelope(1), MESSAGE).await;
    let ended = scene.end(last).await;
    assert_eq!(
        (ended.in_short().as_str(), ended.heard.flights),
        ("accepted 250 queued [A], goes on", 3)
    );
}

#[tokio::test(start_paused = true)]
async fn replies_may_come_octet_by_octet() {
    let script = vec![
        Hear("DATA"),
        stutter(&replies(OK, &[OK], &[GO])),
        HearMessage,
        stutter("250-2.0.0 a\r\n250 2.0.0 b"),
        Hang,
    ];
    let ended = submit(EXCHANGE, Transfer::Data, 1, script).await;
    assert_eq!(ended.in_short(), "accepted 250 2.0.0 a b [A], goes on");
}

#[tokio::test(start_paused = true)]
async fn each_recipient_has_an_outcome_of_its_own() {
    let (no, later) = ("550 5.1.1 no", "452 4.5.3 too many");
    check_data(
        OK,
        &[OK, no, later],
        GO,
        "250 queued",
        "accepted 250 queued [ARD], goes on",
    )
    .await;
    check_data(
        OK,
        &["251 forwards", "252 perhaps"],
        GO,
        "250 queued",
        "accepted 250 queued [AA], goes on",
    )
    .await;
    check_data(
        OK,
        &[OK, no],
        GO,
        "554 5.2.252 no",
        "refused at body: 554 5.2.252 no [RR], goes on",
    )
    .await;
    check_data(
        OK,
        &[OK, no],
        GO,
        "432 4.3.2 later",
        "deferred at body: 432 4.3.2 later [DR], goes on",
    )
    .await;
    check_data(
        OK,
        &[OK, later],
        GO,
        "554 no",
        "refused at body: 554 no [RD], goes on",
    )
    .await;
    check_bdat(
        OK,
        &[OK, no, later],
        "250 queued",
        "accepted 250 queued [ARD], goes on",
    )
    .await;
    check_bdat(
        OK,
        &[OK, no],
        "554 5.2.252 no",
        "refused at bdat: 554 5.2.252 no [RR]",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn data_refused_is_the_message_refused() {
    check_data(
        OK,
        &[OK, "550 no"],
        "451 4.3.0 later",
        "",
        "deferred at data: 451 4.3.0 later [DR], goes on",
    )
    .await;
    check_data(
        OK,
        &[OK],
        "554 5.7.1 no",
        "",
        "refused at data: 554 5.7.1 no [R], goes on",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_sender_is_the_whole_message_refused() {
    let unknown = "503 5.5.1 MAIL first";
    check_data(
        "550 5.7.60 no",
        &[unknown, unknown],
        unknown,
        "",
        "refused at mail: 550 5.7.60 no [RR], goes on",
    )
    .await;
    check_data(
        "451 4.3.0 later",
        &[unknown],
        unknown,
        "",
        "deferred at mail: 451 4.3.0 later [D], goes on",
    )
    .await;
    check_bdat(
        "550 5.7.60 no",
        &[unknown],
        unknown,
        "refused at mail: 550 5.7.60 no [R]",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_message_for_nobody_ends_in_a_lone_dot_whatever_its_verdict() {
    for verdict in [OK, "554 no valid recipients", "451 later"] {
        let script = by_data(OK, &["550 5.1.1 no", "450 4.2.1 busy"], GO, verdict);
        let ended = submit(EXCHANGE, Transfer::Data, 2, script).await;
        assert_eq!(
            ended.in_short(),
            "deferred at rcpt: 450 4.2.1 busy [RD], goes on"
        );
        assert_eq!(ended.heard.messages, [b""]);
    }
}

#[tokio::test(start_paused = true)]
async fn no_empty_message_goes_to_a_recipient_without_a_sender() {
    let ended = submit(
        EXCHANGE,
        Transfer::Data,
        1,
        by_data("550 5.7.60 no", &[OK], GO, OK),
    )
    .await;
    assert_eq!(ended.in_short(), "refused at mail: 550 5.7.60 no [R]");
    assert_eq!(ended.heard.messages.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_chunk_for_nobody_is_not_accepted_even_if_the_server_says_so() {
    check_bdat(
        OK,
        &["550 5.1.1 no"],
        OK,
        "refused at rcpt: 550 5.1.1 no [R]",
    )
    .await;
    check_bdat(
        "550 5.7.60 no",
        &[OK],
        OK,
        "refused at mail: 550 5.7.60 no [R]",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_reply_about_an_address_is_not_the_reply_to_a_chunk() {
    let expected = "unknown: violation the reply to another command at bdat [?]";
    check_bdat(OK, &["250 2.1.5 OK"], "250 2.1.5 OK", expected).await;
    let expected = "unknown: violation more replies than commands at bdat [?]";
    check_bdat(OK, &["250 OK"], "250 OK\r\n250 2.0.0 queued", expected).await;
    // A server may be closing.
    check_bdat(
        OK,
        &[OK],
        "250 queued\r\n421 bye",
        "accepted 250 queued [A]",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_421_anywhere_proves_that_nothing_was_taken() {
    let bye = "421 4.3.2 bye";
    let deferred = |stage: &str, letters: &str| format!("deferred at {stage}: {bye} [{letters}]");
    check_data(bye, &[OK, OK], GO, "", &deferred("mail", "DD")).await;
    check_data(OK, &[bye, OK], GO, "", &deferred("rcpt", "DD")).await;
    check_data(OK, &["550 no", bye], GO, "", &deferred("rcpt", "RD")).await;
    check_data(OK, &[OK, "550 no"], bye, "", &deferred("data", "DR")).await;
    check_data(OK, &[OK, "550 no"], GO, bye, &deferred("body", "DR")).await;
    check_bdat(bye, &[OK, OK], OK, &deferred("mail", "DD")).await;
    check_bdat(OK, &[OK, bye], OK, &deferred("rcpt", "DD")).await;
    check_bdat(OK, &[OK, OK], bye, &deferred("bdat", "DD")).await;
}

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
async fn a_dropped_submission_takes_the_connection_with_it() {
    let mut scene = Scene::set(
        EXCHANGE,
        server(Transfer::Data),
        by_data(OK, &[OK], GO, "554 no"),
    );
    let envelope = envelope(1);
    let submission = scene.submit(&envelope, MESSAGE);
    assert!(
        tokio::time::timeout(Duration::ZERO, submission)
            .await
            .is_err()
    );
    assert!(scene.dialogue.is_none());
}

#[tokio::test(start_paused = true)]
async fn four_thousand_recipients_do_not_deadlock() {
    for transfer in [Transfer::Data, Transfer::Bdat] {
        // Neither side holds more than a few replies or commands for the other.
        let (ours, theirs) = tokio::io::duplex(256);
        let mut script: Vec<Act> = vec![Hear("MAIL"), say(OK)];
        for n in 0..4_000 {
            script.extend([
                Hear("RCPT"),
                say(if n % 2 == 0 {
                    OK
                } else {
                    "550 5.1.1 no such mailbox here"
                }),
            ]);
        }
        match transfer {
            Transfer::Data => {
                script.extend([Hear("DATA"), say(GO), HearMessage, say("250 queued"), Hang])
            }
            Transfer::Bdat => script.extend([HearChunk, say("250 queued"), Hang]),
        }
        let server = server(transfer);
        let dialogue = Dialogue::new(Wire::new(ours, server.timeouts), offered(EXCHANGE), server);
        let mut scene = Scene {
            dialogue: Some(dialogue),
            peer: tokio::spawn(peer::play(theirs, script)),
        };
        let result = scene.submit(&envelope(4_000), MESSAGE).await;
        let ended = scene.end(result).await;
        assert_eq!(
            ended.in_short(),
            format!("accepted 250 queued [{}], goes on", "AR".repeat(2_000))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn twenty_five_megabytes_arrive_octet_for_octet() {
    let lines = b".0123456789 abcdefghijklmnopqrstuvwxyz 0123456789 abcdefghijklmnopqrstuvwxyz\r\n"
        .repeat(330_000);
    let message = [b"Subject: large\r\n\r\n", &lines[..]].concat();
    assert!(message.len() > 25_000_000);
    for transfer in [Transfer::Data, Transfer::Bdat] {
        let script = match transfer {
            Transfer::Data => by_data(OK, &[OK], GO, "250 queued"),
            Transfer::Bdat => vec![
                Hear("RCPT"),
                say(&replies(OK, &[OK], &[])),
                HearChunk,
                say("250 queued"),
                Hang,
            ],
        };
        let mut scene = Scene::set(EXCHANGE, server(transfer), script);
        let result = scene.submit(&envelope(1), &message).await;
        let ended = scene.end(result).await;
        assert_eq!(ended.in_short(), "accepted 250 queued [A], goes on");
        assert_eq!(ended.heard.flights, 2, "{transfer:?}");
        let [heard] = &ended.heard.messages[..] else {
            panic!("one message")
        };
        match transfer {
            Transfer::Data => assert_eq!(heard.len(), message.len() + 330_000),
            Transfer::Bdat => assert!(heard == &message),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_do_bdat_gets_data_from_then_on() {
    for refusal in [
        "500 5.5.1 what",
        "501 no",
        "502 5.5.1 no",
        "503 5.5.1 no",
        "552 5.3.4 Header size exceeds fixed maximum size",
    ] {
        let server = server(Transfer::Bdat);
        let mut scene = Scene::set(EXCHANGE, server.clone(), by_bdat(OK, &[OK], refusal));
        let result = scene.submit(&envelope(1), MESSAGE).await;
        let ended = scene.end(result).await;
        assert_eq!(
            ended.in_short(),
            format!("failed: chunking {refusal} at bdat")
        );
        assert_eq!(ended.heard.rest, b"");

        let mut scene = Scene::set(EXCHANGE, server, by_data(OK, &[OK], GO, "250 queued"));
        let result = scene.submit(&envelope(1), MESSAGE).await;
        let ended = scene.end(result).await;
        assert_eq!(ended.in_short(), "accepted 250 queued [A], goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stalls_over_bdat_gets_data_from_then_on() {
    let server = server(Transfer::Bdat);
    let mut scene = Scene::set(EXCHANGE, server.clone(), by_bdat(OK, &[OK], ""));
    let result = scene.submit(&envelope(1), MESSAGE).await;
    let ended = scene.end(result).await;
    assert_eq!(ended.in_short(), "unknown: deadline at bdat [?]");
    assert_eq!(server.current_transfer(), Transfer::Data);
}

#[tokio::test(start_paused = true)]
async fn a_refused_message_says_nothing_against_bdat() {
    let server = server(Transfer::Bdat);
    let mut scene = Scene::set(
        EXCHANGE,
        server.clone(),
        by_bdat(OK, &[OK], "554 5.2.252 no"),
    );
    let _refused = scene.submit(&envelope(1), MESSAGE).await.unwrap();
    assert_eq!(server.current_transfer(), Transfer::Bdat);
}

#[tokio::test(start_paused = true)]
async fn extensions_are_used_when_needed_and_offered() {
    async fn check(offers: &str, to: &str, message: &str, expected: &str) {
        let envelope = Envelope::new(None, vec![to.parse().unwrap()]).unwrap();
        let script = vec![Hear("MAIL"), say("451 4.0.0 later"), Hang];
        let mut scene = Scene::set(offers, server(Transfer::Data), script);
        let said = match scene.submit(&envelope, message.as_bytes()).await {
            Err(failure) if scene.dialogue.is_some() => kind(&failure),
            Err(_) | Ok(_) => {
                drop(scene.dialogue);
                scene.peer.await.unwrap().lines.remove(0)
            }
        };
        assert_eq!(said, expected);
    }
    let (ascii, body, header) = (
        "Subject: a\r\n\r\nb\r\n",
        "Subject: a\r\n\r\nü\r\n",
        "Subject: ü\r\n\r\nb\r\n",
    );
    check("hello", "a@b.example", ascii, "MAIL FROM:<>").await;
    check("hello SIZE", "a@b.example", ascii, "MAIL FROM:<> SIZE=17").await;
    check(
        "hello SIZE=17",
        "a@b.example",
        ascii,
        "MAIL FROM:<> SIZE=17",
    )
    .await;
    check(
        "hello SIZE=16",
        "a@b.example",
        ascii,
        "17 exceeds 16 at mail",
    )
    .await;
    check("hello SIZE=0", "a@b.example", ascii, "MAIL FROM:<> SIZE=17").await;
    check(
        "hello 8BITMIME SMTPUTF8",
        "a@b.example",
        ascii,
        "MAIL FROM:<>",
    )
    .await;
    check(
        "hello 8BITMIME SMTPUTF8",
        "a@b.example",
        body,
        "MAIL FROM:<> BODY=8BITMIME",
    )
    .await;
    check(
        "hello 8BITMIME SMTPUTF8",
        "a@b.example",
        header,
        "MAIL FROM:<> BODY=8BITMIME SMTPUTF8",
    )
    .await;
    check(
        "hello 8BITMIME SMTPUTF8",
        "ü@b.example",
        ascii,
        "MAIL FROM:<> SMTPUTF8",
    )
    .await;
    check(
        "hello SMTPUTF8",
        "a@b.example",
        body,
        "needs 8BITMIME at mail",
    )
    .await;
    check(
        "hello 8BITMIME",
        "a@b.example",
        header,
        "needs SMTPUTF8 at mail",
    )
    .await;
    check(
        "hello 8BITMIME",
        "ü@b.example",
        ascii,
        "needs SMTPUTF8 at mail",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_probe_asks_without_a_message() {
    for (offers, script, flights) in [
        (
            EXCHANGE,
            vec![
                Hear("RSET"),
                say(&replies(OK, &[OK, "550 5.1.1 no"], &[OK])),
                Hang,
            ],
            1,
        ),
        (
            PLAIN,
            vec![
                Hear("MAIL"),
                say(OK),
                Hear("RCPT"),
                say(OK),
                Hear("RCPT"),
                say("550 5.1.1 no"),
                Hear("RSET"),
                say(OK),
                Hang,
            ],
            4,
        ),
    ] {
        let scene = Scene::set(offers, server(Transfer::Bdat), script);
        let deadline = Instant::now() + Duration::from_secs(60);
        let (result, dialogue) = scene.dialogue.unwrap().probe(&envelope(2), deadline).await;
        let letters: String = result
            .unwrap()
            .iter()
            .map(|recipient| letter(&recipient.outcome))
            .collect();
        assert!(dialogue.unwrap().is_ready().await);
        let heard = scene.peer.await.unwrap();
        assert_eq!((letters.as_str(), heard.flights), ("AR", flights));
        assert!(
            !heard
                .lines
                .iter()
                .any(|line| line == "DATA" || line.starts_with("BDAT"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_reports_a_refused_sender() {
    let script = vec![
        Hear("RSET"),
        say(&replies("550 5.7.60 no", &["503 no"], &[OK])),
        Hang,
    ];
    let scene = Scene::set(EXCHANGE, server(Transfer::Data), script);
    let deadline = Instant::now() + Duration::from_secs(60);
    let (result, dialogue) = scene.dialogue.unwrap().probe(&envelope(1), deadline).await;
    assert_eq!(kind(&result.unwrap_err()), "reply 550 5.7.60 no at mail");
    assert!(dialogue.is_some());
}
