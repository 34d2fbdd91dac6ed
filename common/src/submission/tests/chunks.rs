//! Messages under BDAT.

use super::{peer::*, *};

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
async fn a_large_message_waits_for_its_recipients() {
    let message = b"a line of the message\r\n".repeat(20_000);
    let script = vec![
        Hear("RCPT"),
        say(&replies(OK, &["550 5.1.1 no"], &[])),
        Hang,
    ];
    let mut scene = Scene::set(EXCHANGE, server(Transfer::Bdat), script);
    let result = scene.submit(&envelope(1), &message).await;
    let ended = scene.end(result).await;
    assert_eq!(
        ended.in_short(),
        "refused at rcpt: 550 5.1.1 no [R], goes on"
    );
    assert_eq!(ended.heard.rest, b"");
}
