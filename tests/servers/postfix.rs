//! Postfix, with tokens judged by Dovecot. Its own log shows what was pipelined.

mod dovecot;
pub(crate) mod limits;
mod log;
mod server;
pub(crate) mod signing_in;

use anyhow::Result;
use common::class::Class;
use common::submission::{Transfer, Verdict};

use self::log::Read;
use self::server::{Options, Postfix};
use crate::mail::{self, letters};

pub(crate) use self::server::hindrance;

const ANNA: &[&str] = &["anna@fabrikam.com"];

/// What is stored has the line breaks of the machine.
fn as_stored(message: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(message)
        .replace("\r\n", "\n")
        .into_bytes()
}

/// The commands that open a transaction with anna.
fn opening(size: usize) -> [String; 2] {
    [
        format!("MAIL FROM:<billing@contoso.com> SIZE={size}"),
        "RCPT TO:<anna@fabrikam.com>".to_owned(),
    ]
}

/// A read that found these commands, and nothing else but a message's octets.
fn read(commands: &[String], message: usize) -> Read {
    Read {
        octets: commands.iter().map(|line| line.len() + 2).sum::<usize>() + message,
        commands: commands.to_vec(),
    }
}

pub(crate) async fn every_message_takes_two_flights_by_data_and_one_by_bdat() -> Result<()> {
    for transfer in [Transfer::Data, Transfer::Bdat] {
        let postfix = Postfix::start(Options {
            is_verbose: true,
            ..Options::default()
        })
        .await?;
        let mut session = postfix.session(transfer).await?;
        let mut expected = Vec::new();
        let mut messages = Vec::new();
        for number in 1..=3 {
            let message = mail::message(&format!("number {number}\r\n"));
            mail::deliver(&mut session, ANNA, &message).await?;
            let [sender, recipient] = opening(message.len());
            match transfer {
                Transfer::Data => {
                    expected.push(read(&[sender, recipient, "DATA".to_owned()], 0));
                    expected.push(read(&[], message.len() + ".\r\n".len()));
                }
                Transfer::Bdat => {
                    let chunk = format!("BDAT {} LAST", message.len());
                    expected.push(read(&[sender, recipient, chunk], message.len()));
                }
            }
            messages.push(as_stored(&message));
        }
        session.quit().await;
        expected.push(read(&["QUIT".to_owned()], 0));
        assert_eq!(log::reads_of_messages(&postfix.log(1).await?)?, expected);
        assert_eq!(postfix.stored("anna", 3).await?, messages);
    }
    Ok(())
}

pub(crate) async fn a_message_is_stored_octet_for_octet() -> Result<()> {
    let postfix = Postfix::start(Options::default()).await?;
    let message = mail::message(&mail::awkward_body());
    for (transfer, count) in [(Transfer::Data, 1), (Transfer::Bdat, 2)] {
        let mut session = postfix.session(transfer).await?;
        mail::deliver(&mut session, ANNA, &message).await?;
        let stored = postfix.stored("anna", count).await?;
        assert_eq!(stored, vec![as_stored(&message); count]);
    }
    Ok(())
}

pub(crate) async fn each_recipient_has_an_outcome_of_its_own() -> Result<()> {
    let postfix = Postfix::start(Options::default()).await?;
    let message = mail::message("for anna and otto\r\n");
    let to = [
        "anna@fabrikam.com",
        "nobody@fabrikam.com",
        "busy@fabrikam.com",
        "stranger@tailspintoys.com",
        "otto@fabrikam.com",
    ];
    for (transfer, count) in [(Transfer::Data, 1), (Transfer::Bdat, 2)] {
        let mut session = postfix.session(transfer).await?;
        let submission = mail::submit(&mut session, &to, &message).await?;
        assert!(matches!(submission.verdict, Verdict::Accepted(_)));
        assert_eq!(letters(&submission), "ARDRA");
        let classes: Vec<_> = submission
            .recipients
            .iter()
            .filter_map(|recipient| recipient.outcome.diagnosis())
            .map(|diagnosis| diagnosis.class)
            .collect();
        let expected = [
            Class::RecipientRefused,
            Class::ServerBusy,
            Class::RefusedOther,
        ];
        assert_eq!(classes, expected);
        for mailbox in ["anna", "otto"] {
            let stored = postfix.stored(mailbox, count).await?;
            assert_eq!(stored, vec![as_stored(&message); count]);
        }
        assert!(postfix.is_empty("busy"));

        // For nobody, no message: a lone dot, or a chunk that is refused.
        let submission = mail::submit(&mut session, &to[1..2], &message).await?;
        assert!(matches!(submission.verdict, Verdict::Refused(_)));
        assert_eq!(session.is_ready().await, transfer == Transfer::Data);
    }
    Ok(())
}

pub(crate) async fn eight_bits_and_international_addresses_arrive() -> Result<()> {
    let options = Options {
        is_verbose: true,
        ..Options::default()
    };
    let postfix = Postfix::start(options).await?;
    let mut session = postfix.session(Transfer::Bdat).await?;
    let body = mail::message("Grüße aus Łódź\r\n");
    mail::deliver(&mut session, ANNA, &body).await?;
    assert_eq!(postfix.stored("anna", 1).await?, [as_stored(&body)]);
    let header = String::from_utf8(body.clone())?.replace("Subject: Hello", "Subject: Grüße");
    mail::deliver(&mut session, &["jürgen@fabrikam.com"], header.as_bytes()).await?;
    assert_eq!(
        postfix.stored("jürgen", 1).await?,
        [as_stored(header.as_bytes())]
    );
    session.quit().await;
    let log = postfix.log(1).await?;
    assert!(log.contains(&format!("SIZE={} BODY=8BITMIME\n", body.len())));
    assert!(log.contains(&format!("SIZE={} BODY=8BITMIME SMTPUTF8\n", header.len())));
    Ok(())
}
