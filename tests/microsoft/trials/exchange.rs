//! Submission as Exchange takes it.

use super::super::SmtpAuth;
use super::super::exchange::Stage;
use super::super::inbox::{Body, Transfer};
use super::*;

const MESSAGE: &str = "From: Billing <billing@contoso.com>\r\nTo: lena@example.com\r\nSubject: Invoice\r\n\
                       Message-ID: <1@contoso.com>\r\n\r\nHello";

#[tokio::test]
async fn the_lists_of_ehlo_are_those_of_exchange() {
    let trial = Trial::start().await;
    let mut dialogue = Dialogue::open(&trial.microsoft).await;
    let keywords = |reply: &str| -> Vec<String> {
        reply
            .lines()
            .skip(1)
            .map(|line| line[4..].to_owned())
            .collect()
    };
    let common = ["SIZE 157286400", "PIPELINING", "DSN", "ENHANCEDSTATUSCODES"];
    let rest = ["8BITMIME", "BINARYMIME", "CHUNKING", "SMTPUTF8"];
    let list = dialogue.ask("EHLO client.example").await;
    assert_eq!(
        keywords(&list),
        [&common[..], &["STARTTLS"], &rest].concat()
    );
    dialogue.start_tls(&trial.microsoft).await;
    let list = dialogue.ask("EHLO client.example").await;
    assert_eq!(
        keywords(&list),
        [&common[..], &["AUTH LOGIN XOAUTH2"], &rest].concat()
    );
}

#[tokio::test]
async fn a_message_is_in_the_inbox_as_it_was_sent() {
    let trial = Trial::start().await;
    let mut dialogue = trial.authenticated("billing@contoso.com").await;
    let reply = dialogue
        .submit("billing@contoso.com", "lena@example.com", MESSAGE)
        .await;
    assert!(
        reply.starts_with("250 2.0.0 OK <1@contoso.com> [Hostname="),
        "{reply}"
    );
    assert!(reply.ends_with("] Queued mail for delivery\r\n"), "{reply}");
    assert!(dialogue.ask("QUIT").await.starts_with("221 2.0.0 "));
    assert_eq!(dialogue.rest().await, "");

    let messages = trial.microsoft.inbox().messages();
    assert_eq!(messages.len(), 1);
    let message = &messages[0];
    assert_eq!(&message.raw[..], format!("{MESSAGE}\r\n").as_bytes());
    assert_eq!(message.account, "billing@contoso.com");
    assert_eq!(message.envelope.reverse_path, "billing@contoso.com");
    assert_eq!(message.envelope.forward_paths, ["lena@example.com"]);
    assert_eq!(message.transfer, Transfer::Data);
    assert_eq!(message.subject(), "Invoice");
}

#[tokio::test]
async fn both_forms_of_xoauth2_are_taken() {
    let trial = Trial::start().await;
    let token = trial.access_token("anna@contoso.com").await;
    let mut dialogue = trial.dialogue().await;
    let line = format!("AUTH XOAUTH2 {}", blob("Anna@contoso.com", &token));
    assert_eq!(
        dialogue.ask(&line).await,
        "235 2.7.0 Authentication successful\r\n"
    );
    let mut dialogue = trial.dialogue().await;
    assert!(
        dialogue
            .authenticate("anna@contoso.com", &token)
            .await
            .starts_with("235 ")
    );
}

#[tokio::test]
async fn a_token_is_good_only_for_its_own_account_while_it_lives() {
    let trial = Trial::start().await;
    let directory = trial.microsoft.directory();
    directory
        .change_account("anna@contoso.com", |anna| {
            anna.aliases.insert("a.berg@contoso.com".to_owned());
        })
        .unwrap();
    let token = trial.access_token("anna@contoso.com").await;
    let mut dialogue = trial.dialogue().await;
    for other in [
        "bob@contoso.com",
        "a.berg@contoso.com",
        "invoices@contoso.com",
    ] {
        let reply = dialogue.authenticate(other, &token).await;
        assert!(
            reply.starts_with("535 5.7.3 Authentication unsuccessful ["),
            "{other}: {reply}"
        );
    }
    let mut forged = token.clone();
    forged.replace_range(forged.len() - 4.., "AAAA");
    assert!(
        dialogue
            .authenticate("anna@contoso.com", &forged)
            .await
            .starts_with("535 5.7.3 ")
    );

    trial
        .microsoft
        .entra()
        .end_access_tokens("anna@contoso.com");
    assert!(
        dialogue
            .authenticate("anna@contoso.com", &token)
            .await
            .starts_with("535 5.7.3 ")
    );
    trial
        .microsoft
        .entra()
        .restore_access_tokens("anna@contoso.com");
    assert!(
        trial
            .dialogue()
            .await
            .authenticate("anna@contoso.com", &token)
            .await
            .starts_with("235 ")
    );

    trial.microsoft.clock().advance(Duration::from_mins(91));
    assert!(
        dialogue
            .authenticate("anna@contoso.com", &token)
            .await
            .starts_with("535 5.7.3 ")
    );
}

#[tokio::test]
async fn a_graph_token_is_no_token_here() {
    let trial = Trial::start().await;
    let url = trial.authorize_url(&[("scope", "SMTP.Send")]);
    let answer = trial
        .person("anna@contoso.com")
        .sign_in(&url)
        .await
        .unwrap();
    let (_, tokens) = trial.redeem(&field(&answer, "code"), &[]).await;
    let token = text(&tokens, "access_token");
    let reply = trial
        .dialogue()
        .await
        .authenticate("anna@contoso.com", &token)
        .await;
    assert!(reply.starts_with("535 5.7.3 "), "{reply}");
}

#[tokio::test]
async fn a_mailbox_without_smtp_auth_says_who_decided_so() {
    let trial = Trial::start().await;
    let token = trial.access_token("anna@contoso.com").await;
    let cases = [
        (
            SmtpAuth::DisabledForMailbox,
            "SmtpClientAuthentication is disabled for the Mailbox.",
        ),
        (
            SmtpAuth::DisabledForTenant,
            "SmtpClientAuthentication is disabled for the Tenant.",
        ),
        (SmtpAuth::SecurityDefaults, "security defaults policy"),
        (
            SmtpAuth::PolicyNotMet,
            "the request did not meet the criteria",
        ),
    ];
    for (state, words) in cases {
        trial
            .microsoft
            .directory()
            .change_account("anna@contoso.com", |anna| anna.smtp_auth = state)
            .unwrap();
        let reply = trial
            .dialogue()
            .await
            .authenticate("anna@contoso.com", &token)
            .await;
        assert!(
            reply.starts_with("535 5.7.139 ") && reply.contains(words),
            "{reply}"
        );
    }
}

#[tokio::test]
async fn the_order_of_the_dialogue_is_kept() {
    let trial = Trial::start().await;
    let mut dialogue = Dialogue::open(&trial.microsoft).await;
    let mut ask = async |line: &str, reply: &str| {
        let actual = dialogue.ask(line).await;
        assert!(actual.starts_with(reply), "{line}: {actual}");
    };
    ask("MAIL FROM:<anna@contoso.com>", "503 5.5.2 ").await;
    ask("HELO client.example", "250 ").await;
    ask(
        "MAIL FROM:<anna@contoso.com>",
        "530 5.7.0 Must issue a STARTTLS command first",
    )
    .await;
    ask("AUTH XOAUTH2", "530 5.7.0 ").await;
    ask("SEND ME", "500 5.3.3 Unrecognized command").await;
    ask("NOOP", "250 2.0.0 ").await;

    let mut dialogue = trial.dialogue().await;
    let mut ask = async |line: &str, reply: &str| {
        let actual = dialogue.ask(line).await;
        assert!(actual.starts_with(reply), "{line}: {actual}");
    };
    ask("MAIL FROM:<anna@contoso.com>", "530 5.7.57 ").await;
    ask("AUTH PLAIN AGFubmEAcHc=", "504 5.7.4 ").await;
    ask("AUTH LOGIN", "334 VXNlcm5hbWU6").await;
    ask("YW5uYQ==", "334 UGFzc3dvcmQ6").await;
    ask("cHc=", "535 5.7.139 ").await;
    ask("AUTH XOAUTH2", "334 ").await;
    ask("*", "501 ").await;
    ask("STARTTLS", "503 ").await;

    let mut dialogue = trial.authenticated("anna@contoso.com").await;
    let mut ask = async |line: &str, reply: &str| {
        let actual = dialogue.ask(line).await;
        assert!(actual.starts_with(reply), "{line}: {actual}");
    };
    ask("RCPT TO:<lena@example.com>", "503 5.5.2 Need mail command").await;
    ask("DATA", "503 5.5.2 Need mail command").await;
    ask("MAIL FROM:<anna@contoso.com> SIZE=157286401", "552 5.3.4 ").await;
    ask(
        "MAIL FROM:<anna@contoso.com> SIZE=100 BODY=8BITMIME SMTPUTF8",
        "250 2.1.0 ",
    )
    .await;
    ask(
        "MAIL FROM:<anna@contoso.com>",
        "503 5.5.2 Sender already specified",
    )
    .await;
    ask("DATA", "503 5.5.2 Need rcpt command").await;
    ask("RCPT TO:<nobody>", "501 5.1.3 ").await;
    ask("AUTH XOAUTH2", "503 5.5.1 ").await;
    ask("RSET", "250 2.0.0 Resetting").await;
    ask("RCPT TO:<lena@example.com>", "503 5.5.2 ").await;
}

#[tokio::test]
async fn a_pipelined_message_takes_two_flights_and_a_chunked_one_takes_one() {
    let trial = Trial::start().await;
    let mut dialogue = trial.authenticated("billing@contoso.com").await;
    let flights = || trial.microsoft.exchange().counters().flights;
    let body = format!("{MESSAGE}\r\n");

    let before = flights();
    dialogue
        .send(b"MAIL FROM:<billing@contoso.com>\r\nRCPT TO:<lena@example.com>\r\nDATA\r\n")
        .await;
    assert!(dialogue.replies(3).await[2].starts_with("354 "));
    dialogue.send(format!("{body}.\r\n").as_bytes()).await;
    assert!(dialogue.reply().await.unwrap().starts_with("250 2.0.0 "));
    assert_eq!(flights() - before, 2);

    let before = flights();
    let flight = format!(
        "MAIL FROM:<billing@contoso.com> BODY=8BITMIME\r\nRCPT TO:<lena@example.com>\r\nBDAT {} LAST\r\n{body}",
        body.len()
    );
    dialogue.send(flight.as_bytes()).await;
    assert!(dialogue.replies(3).await[2].starts_with("250 2.0.0 "));
    assert_eq!(flights() - before, 1);

    let messages = trial.microsoft.inbox().messages();
    assert_eq!(messages[0].raw, messages[1].raw);
    assert_eq!(messages[1].transfer, Transfer::Bdat);
    assert_eq!(messages[1].envelope.body, Body::EightBitMime);
}

#[tokio::test]
async fn dots_are_transparent_under_data_and_plain_under_bdat() {
    let trial = Trial::start().await;
    let mut dialogue = trial.authenticated("billing@contoso.com").await;
    let stuffed = "From: billing@contoso.com\r\n\r\n..\r\n..two\r\na.b\r\n...three";
    assert!(
        dialogue
            .submit("billing@contoso.com", "l@example.com", stuffed)
            .await
            .starts_with("250 ")
    );
    let plain = "From: billing@contoso.com\r\n\r\n.\r\n.two\r\na.b\r\n..three\r\n";
    assert_eq!(
        &trial.microsoft.inbox().messages()[0].raw[..],
        plain.as_bytes()
    );

    let (first, second) = plain.split_at(30);
    dialogue
        .send(b"MAIL FROM:<billing@contoso.com>\r\nRCPT TO:<l@example.com>\r\n")
        .await;
    dialogue.replies(2).await;
    dialogue
        .send(format!("BDAT {}\r\n{first}", first.len()).as_bytes())
        .await;
    assert!(dialogue.reply().await.unwrap().starts_with("250 2.6.0 "));
    assert!(
        dialogue.ask("DATA").await.starts_with("503 "),
        "chunks and DATA do not mix"
    );
    dialogue
        .send(format!("BDAT {} LAST\r\n{second}", second.len()).as_bytes())
        .await;
    assert!(dialogue.reply().await.unwrap().starts_with("250 2.0.0 "));
    assert_eq!(
        &trial.microsoft.inbox().messages()[1].raw[..],
        plain.as_bytes()
    );
}

#[tokio::test]
async fn the_octets_of_a_refused_chunk_are_never_commands() {
    let trial = Trial::start().await;
    let mut dialogue = trial.authenticated("billing@contoso.com").await;
    let chunk = "RSET\r\nMAIL FROM:<billing@contoso.com>\r\nQUIT\r\n";
    let flight = format!("BDAT {} LAST\r\n{chunk}NOOP\r\n", chunk.len());
    dialogue.send(flight.as_bytes()).await;
    let replies = dialogue.replies(2).await;
    assert!(
        replies[0].starts_with("503 5.5.2 Need mail command"),
        "{replies:?}"
    );
    assert!(replies[1].starts_with("250 2.0.0 OK"), "{replies:?}");
}

#[tokio::test]
async fn a_body_ends_only_where_it_ends() {
    let trial = Trial::start().await;
    let mut dialogue = trial.authenticated("billing@contoso.com").await;
    let smuggling = "From: billing@contoso.com\r\n\r\na\n.\r\nb\r\n.\nc";
    let reply = dialogue
        .submit("billing@contoso.com", "l@example.com", smuggling)
        .await;
    assert!(reply.starts_with("550 5.6.11 "), "{reply}");
    assert!(dialogue.ask("NOOP").await.starts_with("250 "));
    assert_eq!(trial.microsoft.inbox().count(), 0);
}

#[tokio::test]
async fn send_as_is_judged_after_the_message() {
    let trial = Trial::start().await;
    let from = |address: &str| format!("From: <{address}>\r\nSubject: x\r\n\r\nx");
    let mut bob = trial.authenticated("bob@contoso.com").await;
    for (reverse_path, header) in [
        ("bob@contoso.com", "invoices@contoso.com"),
        ("invoices@contoso.com", "bob@contoso.com"),
    ] {
        let reply = bob
            .submit(reverse_path, "lena@example.com", &from(header))
            .await;
        assert!(
            reply.starts_with("554 5.2.252 SendAsDenied; bob@contoso.com not allowed to send as invoices@contoso.com;"),
            "{reply}"
        );
    }
    let mut anna = trial.authenticated("anna@contoso.com").await;
    let reply = anna
        .submit(
            "invoices@contoso.com",
            "lena@example.com",
            &from("invoices@contoso.com"),
        )
        .await;
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    let reply = bob
        .submit(
            "bob@contoso.com",
            "lena@example.com",
            "Subject: no sender\r\n\r\nx",
        )
        .await;
    assert!(reply.starts_with("550 5.7.512 "), "{reply}");
    assert_eq!(trial.microsoft.inbox().count(), 1);
}

#[tokio::test]
async fn the_fourth_connection_hears_it_at_the_end_of_its_message() {
    let trial = Trial::start().await;
    let mut dialogues = Vec::new();
    for _ in 0..4 {
        dialogues.push(trial.authenticated("billing@contoso.com").await);
    }
    let send = async |dialogue: &mut Dialogue| {
        dialogue
            .submit("billing@contoso.com", "lena@example.com", MESSAGE)
            .await
    };
    let reply = send(&mut dialogues[3]).await;
    assert!(
        reply.starts_with("432 4.3.2 Concurrent connections limit exceeded."),
        "{reply}"
    );
    assert!(send(&mut dialogues[2]).await.starts_with("250 "));
    let exchange = trial.microsoft.exchange();
    assert_eq!(exchange.peak_connections("billing@contoso.com"), 4);

    exchange.change_limits(|limits| limits.connections_told_at = Stage::Credential);
    let token = trial.access_token("billing@contoso.com").await;
    let mut fifth = trial.dialogue().await;
    assert!(
        fifth
            .authenticate("billing@contoso.com", &token)
            .await
            .starts_with("432 4.3.2 ")
    );
    drop((dialogues, fifth));
    exchange.wait_until_idle(PATIENCE).await.unwrap();
    assert!(
        trial
            .dialogue()
            .await
            .authenticate("billing@contoso.com", &token)
            .await
            .starts_with("235 ")
    );
}

#[tokio::test]
async fn the_message_beyond_the_minute_is_refused_and_the_minute_slides() {
    let trial = Trial::start().await;
    trial
        .microsoft
        .exchange()
        .change_limits(|limits| limits.messages = 2);
    let mut dialogue = trial.authenticated("billing@contoso.com").await;
    for _ in 0..2 {
        let reply = dialogue
            .submit("billing@contoso.com", "lena@example.com", MESSAGE)
            .await;
        assert!(reply.starts_with("250 "), "{reply}");
    }
    let reply = dialogue.ask("MAIL FROM:<billing@contoso.com>").await;
    assert!(
        reply.starts_with("421 4.4.2 Message submission rate"),
        "{reply}"
    );
    assert_eq!(dialogue.rest().await, "");
    trial.microsoft.clock().advance(Duration::from_secs(60));
    let mut dialogue = trial.authenticated("billing@contoso.com").await;
    assert!(
        dialogue
            .ask("MAIL FROM:<billing@contoso.com>")
            .await
            .starts_with("250 ")
    );
    let window = Duration::from_secs(60);
    assert_eq!(
        trial
            .microsoft
            .exchange()
            .peak_messages("billing@contoso.com", window),
        2
    );
}

#[tokio::test]
async fn the_limits_of_a_message_are_those_of_the_mailbox() {
    let trial = Trial::start().await;
    trial.microsoft.exchange().change_limits(|limits| {
        limits.recipients = 3;
        limits.recipients_of_a_domain = 2;
        limits.message_octets = 2000;
        limits.header_octets = 500;
    });
    let mut dialogue = trial.authenticated("billing@contoso.com").await;
    dialogue.ask("MAIL FROM:<billing@contoso.com>").await;
    let mut rcpt = async |to: &str| dialogue.ask(&format!("RCPT TO:<{to}>")).await;
    assert!(rcpt("a@one.example").await.starts_with("250 "));
    assert!(rcpt("b@One.example").await.starts_with("250 "));
    assert!(rcpt("c@one.example").await.starts_with("452 4.5.3 "));
    assert!(rcpt("a@two.example").await.starts_with("250 "));
    assert!(rcpt("a@three.example").await.starts_with("552 5.5.3 "));
    dialogue.ask("RSET").await;

    let large = format!("{MESSAGE}{}", "\r\nx".repeat(1000));
    let reply = dialogue
        .submit("billing@contoso.com", "l@example.com", &large)
        .await;
    assert!(
        reply.starts_with("552 5.3.4 Message size exceeds"),
        "{reply}"
    );
    let header = format!("X-Long: {}\r\n{MESSAGE}", "x".repeat(500));
    let reply = dialogue
        .submit("billing@contoso.com", "l@example.com", &header)
        .await;
    assert!(
        reply.starts_with("552 5.3.4 Header size exceeds"),
        "{reply}"
    );
}

#[tokio::test]
async fn four_thousand_recipients_and_a_large_body_pass() {
    let trial = Trial::start().await;
    trial.microsoft.exchange().change_limits(|limits| {
        limits.recipients = 5000;
        limits.recipients_of_a_domain = 5000;
    });
    let mut dialogue = trial.authenticated("billing@contoso.com").await;
    let mut flight = String::from("MAIL FROM:<billing@contoso.com>\r\n");
    for number in 0..4000 {
        flight.push_str(&format!("RCPT TO:<r{number}@example.com>\r\n"));
    }
    flight.push_str("DATA\r\n");
    for piece in flight.as_bytes().chunks(16 * 1024) {
        dialogue.send(piece).await;
    }
    assert!(dialogue.replies(4002).await[4001].starts_with("354 "));
    let body = format!(
        "{MESSAGE}\r\n{}",
        format!("{}\r\n", "x".repeat(998)).repeat(5000)
    );
    dialogue.send(body.as_bytes()).await;
    dialogue.send(b".\r\n").await;
    assert!(dialogue.reply().await.unwrap().starts_with("250 "));
    let messages = trial.microsoft.inbox().messages();
    assert_eq!(messages[0].envelope.forward_paths.len(), 4000);
    assert_eq!(&messages[0].raw[..], body.as_bytes());
}

#[tokio::test]
async fn clear_text_behind_starttls_ends_the_connection() {
    let trial = Trial::start().await;
    let mut dialogue = Dialogue::open(&trial.microsoft).await;
    dialogue.ask("EHLO client.example").await;
    dialogue
        .send(b"STARTTLS\r\nMAIL FROM:<anna@contoso.com>\r\n")
        .await;
    let rest = dialogue.rest().await;
    assert!(
        rest.is_empty() || rest == "220 2.0.0 SMTP server ready\r\n",
        "{rest}"
    );
}

#[tokio::test]
async fn a_connection_is_recorded_without_anything_of_its_content() {
    let trial = Trial::start().await;
    let mut dialogue = trial.authenticated("billing@contoso.com").await;
    dialogue
        .submit("billing@contoso.com", "lena@example.com", MESSAGE)
        .await;
    dialogue.ask("hunter2").await;
    dialogue.ask("QUIT").await;
    drop(dialogue);
    trial
        .microsoft
        .exchange()
        .wait_until_idle(PATIENCE)
        .await
        .unwrap();
    let connection = &trial.microsoft.exchange().connections()[0];
    assert_eq!(
        connection.commands,
        [
            "EHLO",
            "STARTTLS",
            "EHLO",
            "AUTH",
            "(credential)",
            "MAIL",
            "RCPT",
            "DATA",
            "(unknown)",
            "QUIT"
        ]
    );
    assert_eq!(connection.account.as_deref(), Some("billing@contoso.com"));
    assert!(connection.encrypted && connection.accepted == 1);
    assert_eq!(
        connection.flights, 11,
        "one for each reply but the greeting"
    );
    let counters = trial.microsoft.exchange().counters();
    assert_eq!(
        (counters.connections, counters.open, counters.peak_open),
        (1, 0, 1)
    );
    assert_eq!(counters.commands["MAIL"], 1);
}
