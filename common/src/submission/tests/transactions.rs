//! Mail transactions: what is sent, what is said of it, and in how many flights.

use super::{peer::*, *};

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
async fn a_reset_follows_a_refused_message() {
    let script = vec![
        Hear("DATA"),
        say(&replies(OK, &[OK], &[GO])),
        HearMessage,
        say("554 5.6.0 no"),
        Hear("RSET"),
        Hear("DATA"),
        say(&replies(OK, &[OK, OK], &[GO])),
        HearMessage,
        say(QUEUED),
        Hang,
    ];
    let mut scene = Scene::set(EXCHANGE, server(Transfer::Data), script);
    let _refused = scene.submit(&envelope(1), MESSAGE).await.unwrap();
    let last = scene.submit(&envelope(1), MESSAGE).await;
    let ended = scene.end(last).await;
    assert_eq!(ended.in_short(), "accepted 250 2.0.0 queued [A], goes on");
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
async fn a_421_without_pipelining_or_to_a_reset_proves_it_too() {
    let bye = "421 4.3.2 bye";
    let script = vec![
        Hear("MAIL"),
        say(OK),
        Hear("RCPT"),
        say(OK),
        Hear("RCPT"),
        say(bye),
    ];
    let ended = submit(PLAIN, Transfer::Data, 3, script).await;
    assert_eq!(ended.in_short(), "deferred at rcpt: 421 4.3.2 bye [DDD]");
    assert_eq!(ended.heard.rest, b"");

    let script = vec![
        Hear("DATA"),
        say(&replies("550 5.7.60 no", &["503 no"], &["503 no"])),
        Hear("DATA"),
        say(bye),
    ];
    let mut scene = Scene::set(EXCHANGE, server(Transfer::Data), script);
    let _refused = scene.submit(&envelope(1), MESSAGE).await.unwrap();
    let result = scene.submit(&envelope(2), MESSAGE).await;
    let ended = scene.end(result).await;
    assert_eq!(ended.in_short(), "deferred at rset: 421 4.3.2 bye [DD]");
}

#[tokio::test(start_paused = true)]
async fn each_recipient_is_told_by_the_reply_that_decided() {
    async fn told(rcpt: &[&str], last: &str) -> Vec<(String, String)> {
        let script = by_data(OK, rcpt, GO, last);
        let ended = submit(EXCHANGE, Transfer::Data, rcpt.len(), script).await;
        let recipients = ended.result.unwrap().recipients;
        let decided = recipients.into_iter().map(|recipient| {
            let reply = match recipient.outcome {
                Outcome::Accepted(reply) | Outcome::Refused(reply) | Outcome::Deferred(reply) => {
                    format!("{reply} at {}", reply.stage)
                }
                Outcome::Unknown => "unknown".to_owned(),
            };
            (recipient.address, reply)
        });
        decided.collect()
    }
    let pair = |address: &str, reply: &str| (address.to_owned(), reply.to_owned());
    let rcpt = ["250 2.1.5 fine", "550-5.1.1 no\r\n550 5.1.1 such mailbox"];
    assert_eq!(
        told(&rcpt, QUEUED).await,
        [
            pair("r1@fabrikam.com", "250 2.1.5 fine at rcpt"),
            pair("r2@fabrikam.com", "550 5.1.1 no such mailbox at rcpt"),
        ]
    );
    assert_eq!(
        told(&rcpt, "554 5.2.252 SendAsDenied").await,
        [
            pair("r1@fabrikam.com", "554 5.2.252 SendAsDenied at body"),
            pair("r2@fabrikam.com", "550 5.1.1 no such mailbox at rcpt"),
        ]
    );
}
