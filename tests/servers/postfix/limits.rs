//! What Postfix has enough of: octets, recipients, mistakes.

use anyhow::{Result, ensure};
use common::class::Class;
use common::submission::{Cause, Enhanced, Transfer, Verdict};

use super::server::{Options, Postfix};
use super::{ANNA, as_stored};
use crate::mail::{self, letters};

pub(crate) async fn twenty_five_megabytes_arrive() -> Result<()> {
    let size = "message_size_limit = 30000000\nmailbox_size_limit = 0";
    let postfix = Postfix::start(Options {
        settings: size,
        ..Options::default()
    })
    .await?;
    let message = mail::message(&".a line of 26 octets, abcd\r\n".repeat(900_000));
    ensure!(message.len() > 25_000_000, "the message is small");
    for (transfer, count) in [(Transfer::Data, 1), (Transfer::Bdat, 2)] {
        let mut session = postfix.session(transfer).await?;
        mail::deliver(&mut session, ANNA, &message).await?;
        let stored = postfix.stored("anna", count).await?;
        let as_sent = as_stored(&message);
        assert!(
            stored.iter().all(|stored| *stored == as_sent),
            "{transfer:?}"
        );
    }
    Ok(())
}

/// Neither side stops reading to write, so thousands of commands and thousands of replies pass each other.
pub(crate) async fn four_thousand_recipients_do_not_deadlock() -> Result<()> {
    let limits = "smtpd_recipient_limit = 5000\nsmtpd_hard_error_limit = 5000\nsmtpd_soft_error_limit = 5000";
    let postfix = Postfix::start(Options {
        settings: limits,
        ..Options::default()
    })
    .await?;
    let mut session = postfix.session(Transfer::Data).await?;
    let unknown: Vec<_> = (1..4_000)
        .map(|number| format!("nobody{number}@fabrikam.com"))
        .collect();
    let to: Vec<_> = unknown
        .iter()
        .map(String::as_str)
        .chain(ANNA.iter().copied())
        .collect();
    let message = mail::message("for anna alone\r\n");
    let submission = mail::submit(&mut session, &to, &message).await?;
    ensure!(
        matches!(submission.verdict, Verdict::Accepted(_)),
        "{:?}",
        submission.verdict
    );
    assert_eq!(letters(&submission), "R".repeat(3_999) + "A");
    assert_eq!(postfix.stored("anna", 1).await?, [as_stored(&message)]);
    Ok(())
}

pub(crate) async fn recipients_beyond_the_limit_are_put_off_and_the_others_get_the_message()
-> Result<()> {
    let limit = "smtpd_recipient_limit = 2";
    let postfix = Postfix::start(Options {
        settings: limit,
        ..Options::default()
    })
    .await?;
    let mut session = postfix.session(Transfer::Data).await?;
    let to = [
        "anna@fabrikam.com",
        "otto@fabrikam.com",
        "jurgen@fabrikam.com",
    ];
    let submission = mail::submit(&mut session, &to, &mail::message("for two\r\n")).await?;
    assert_eq!(letters(&submission), "AAD");
    let diagnosis = submission.recipients[2].outcome.diagnosis().unwrap();
    assert_eq!(diagnosis.class, Class::TooManyRecipients);
    Ok(())
}

/// Postfix hangs up in the middle of a flight when a client makes too many mistakes.
pub(crate) async fn a_server_that_loses_patience_took_nothing() -> Result<()> {
    let patience = "smtpd_hard_error_limit = 2\nsmtpd_soft_error_limit = 1";
    for transfer in [Transfer::Data, Transfer::Bdat] {
        let postfix = Postfix::start(Options {
            settings: patience,
            ..Options::default()
        })
        .await?;
        let mut session = postfix.session(transfer).await?;
        let to = [
            "anna@fabrikam.com",
            "a@fabrikam.com",
            "b@fabrikam.com",
            "c@fabrikam.com",
        ];
        let submission = mail::submit(&mut session, &to, &mail::message("never\r\n")).await?;
        ensure!(
            matches!(&submission.verdict, Verdict::Deferred(reply) if reply.code == 421),
            "{submission:?}"
        );
        assert_eq!(letters(&submission), "DRRD", "{submission:?}");
        assert!(!session.is_ready().await);
        postfix.log(1).await?;
        assert!(postfix.is_empty("anna"));
    }
    Ok(())
}

pub(crate) async fn a_message_over_the_limit_is_not_begun() -> Result<()> {
    let limit = "message_size_limit = 50000";
    let options = Options {
        settings: limit,
        is_verbose: true,
        ..Options::default()
    };
    let postfix = Postfix::start(options).await?;
    let mut session = postfix.session(Transfer::Bdat).await?;
    let message = mail::message(&"a line of the message\r\n".repeat(3_000));
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    let failure = session
        .submit(&mail::envelope(ANNA)?, &message, deadline)
        .await
        .unwrap_err();
    assert!(
        matches!(failure.cause, Cause::TooLarge { limit: 50_000, .. }),
        "{failure}"
    );
    session.quit().await;
    assert!(
        !postfix
            .log(1)
            .await?
            .contains("]: < localhost[127.0.0.1]: MAIL")
    );
    Ok(())
}

/// Under BDAT the refusal could be about BDAT, so DATA is asked too; what it says is about the message.
pub(crate) async fn a_limit_that_was_not_announced_is_heard_of_at_the_end() -> Result<()> {
    let limit = "message_size_limit = 50000\nsmtpd_discard_ehlo_keywords = size";
    let postfix = Postfix::start(Options {
        settings: limit,
        ..Options::default()
    })
    .await?;
    let token = postfix.provider.token(2_048).await?;
    let route = postfix.provider.route(postfix.port, Transfer::Bdat)?;
    let message = mail::message(&"a line of the message\r\n".repeat(3_000));
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);

    let mut session = route.sign_in(&token).await?;
    let failure = session
        .submit(&mail::envelope(ANNA)?, &message, deadline)
        .await
        .unwrap_err();
    assert!(
        matches!(&failure.cause, Cause::Chunking(reply) if reply.code == 552),
        "{failure}"
    );

    let mut session = route.sign_in(&token).await?;
    let submission = mail::submit(&mut session, ANNA, &message).await?;
    assert_eq!(
        submission.verdict.diagnosis().unwrap().class,
        Class::MessageTooLarge
    );
    assert!(
        matches!(submission.verdict, Verdict::Refused(reply) if reply.enhanced == Some(Enhanced(5, 3, 4)))
    );

    let small = mail::message("small\r\n");
    mail::deliver(&mut session, ANNA, &small).await?;
    assert_eq!(postfix.stored("anna", 1).await?, [as_stored(&small)]);
    Ok(())
}
