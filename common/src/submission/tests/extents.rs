//! Large messages, many recipients, extensions, and probes without a message.

use super::{peer::*, *};

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
            Transfer::Data => {
                let dotted = String::from_utf8(message.clone())
                    .unwrap()
                    .replace("\n.", "\n..");
                assert!(heard == dotted.as_bytes());
            }
            Transfer::Bdat => assert!(heard == &message),
        }
    }
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
