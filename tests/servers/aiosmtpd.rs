//! aiosmtpd: a server without PIPELINING and without CHUNKING, with XOAUTH2 by `aiosmtpd.py`.

use std::fs;

use anyhow::{Result, ensure};
use common::class::Class;
use common::secret::AccessToken;
use common::submission::{Cause, Outcome, Session, Transfer, Verdict};
use serde_json::json;
use tempfile::TempDir;
use tests::stack::{Environment, Packages, Progress, Supervised, Supervision};

use crate::mail::{self, eventually};
use crate::provider::Provider;

const PACKAGES: Packages = Packages {
    names: "aiosmtpd",
    lock: include_str!("requirements.txt"),
};

const SERVER: &str = include_str!("aiosmtpd.py");

/// The largest message that the server takes.
const SIZE: usize = 100_000;

/// A running server. It ends when dropped, and its files go with it.
struct Aiosmtpd {
    provider: Provider,
    port: u16,
    _process: Supervised,
    directory: TempDir,
}

impl Aiosmtpd {
    async fn start() -> Result<Self> {
        let environment = Environment::prepare(PACKAGES, Progress::detect()).await?;
        let provider = Provider::start().await?;
        let directory = tempfile::tempdir()?;
        let issued = provider.microsoft().authority().issue(&["localhost"])?;
        fs::write(
            directory.path().join("certificate.pem"),
            issued.certificate_pem,
        )?;
        fs::write(directory.path().join("key.pem"), issued.key_pem)?;
        let settings = json!({ "keys": provider.keys().await?, "size": SIZE }).to_string();
        let python = environment.python();
        let log = fs::File::create(directory.path().join("log"))?;
        let mut process = Supervision::new(&python, &python)
            .configure(|command| {
                command
                    .args(["-I", "-c", SERVER])
                    .arg(directory.path())
                    .arg(settings);
            })
            .spawn(log.try_clone()?.into(), log.into())?;
        let port = eventually("the port of aiosmtpd", || {
            let said = || fs::read_to_string(directory.path().join("log"));
            ensure!(process.ended()?.is_none(), "{}", said()?);
            Ok(fs::read_to_string(directory.path().join("port")).ok())
        })
        .await?;
        Ok(Self {
            provider,
            port: port.parse()?,
            _process: process,
            directory,
        })
    }

    async fn session(&self, transfer: Transfer) -> Result<Session> {
        self.provider.session(self.port, transfer).await
    }

    /// A message that was taken, by the order in which they were.
    fn kept(&self, number: usize) -> Result<Vec<u8>> {
        Ok(fs::read(
            self.directory.path().join(format!("{number}.eml")),
        )?)
    }
}

/// One command at a time, and DATA whatever the settings say: the server offers nothing else.
pub(crate) async fn several_messages_travel_on_one_connection() -> Result<()> {
    let server = Aiosmtpd::start().await?;
    for (transfer, before) in [(Transfer::Data, 0), (Transfer::Bdat, 3)] {
        let mut session = server.session(transfer).await?;
        for number in 1..=3 {
            let message = mail::message(&format!("number {number}\r\n"));
            assert!(session.is_ready().await);
            mail::deliver(&mut session, &["anna@fabrikam.com"], &message).await?;
            assert_eq!(server.kept(before + number)?, message);
        }
        session.quit().await;
    }
    Ok(())
}

pub(crate) async fn a_message_is_kept_octet_for_octet() -> Result<()> {
    let server = Aiosmtpd::start().await?;
    let mut session = server.session(Transfer::Data).await?;
    let message = mail::message(&mail::awkward_body());
    mail::deliver(&mut session, &["anna@fabrikam.com"], &message).await?;
    assert_eq!(server.kept(1)?, message);

    // What the server never sees is a stray CR or LF, or a message that ends without a line break.
    let stray = String::from_utf8(message.clone())?.replace("\r\n", "\n");
    mail::deliver(
        &mut session,
        &["anna@fabrikam.com"],
        stray.trim_end().as_bytes(),
    )
    .await?;
    assert_eq!(server.kept(2)?, message);
    Ok(())
}

pub(crate) async fn a_refused_recipient_does_not_stop_the_others() -> Result<()> {
    let server = Aiosmtpd::start().await?;
    let mut session = server.session(Transfer::Data).await?;
    let message = mail::message("for anna and otto\r\n");
    let to = [
        "anna@fabrikam.com",
        "nobody@fabrikam.com",
        "otto@fabrikam.com",
    ];
    let submission = mail::submit(&mut session, &to, &message).await?;
    assert!(matches!(submission.verdict, Verdict::Accepted(_)));
    assert_eq!(mail::letters(&submission), "ARA");
    let diagnosis = submission.recipients[1].outcome.diagnosis().unwrap();
    assert_eq!(diagnosis.class, Class::RecipientRefused);
    assert_eq!(server.kept(1)?, message);

    let submission = mail::submit(&mut session, &["nobody@fabrikam.com"], &message).await?;
    assert!(matches!(submission.verdict, Verdict::Refused(_)));
    assert!(matches!(
        submission.recipients[0].outcome,
        Outcome::Refused(_)
    ));
    mail::deliver(&mut session, &["anna@fabrikam.com"], &message).await?;
    assert!(
        server.kept(2).is_ok() && server.kept(3).is_err(),
        "two were kept"
    );
    Ok(())
}

pub(crate) async fn a_message_over_the_limit_is_not_begun() -> Result<()> {
    let server = Aiosmtpd::start().await?;
    let mut session = server.session(Transfer::Data).await?;
    let message = mail::message(&"a line of the message\r\n".repeat(SIZE / 20));
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    let envelope = mail::envelope(&["anna@fabrikam.com"])?;
    let failure = session
        .submit(&envelope, &message, deadline)
        .await
        .unwrap_err();
    assert!(
        matches!(failure.cause, Cause::TooLarge { size, limit: SIZE } if size == message.len()),
        "{failure}"
    );
    mail::deliver(
        &mut session,
        &["anna@fabrikam.com"],
        &mail::message("small\r\n"),
    )
    .await?;
    Ok(())
}

pub(crate) async fn eight_bits_and_international_addresses_arrive() -> Result<()> {
    let server = Aiosmtpd::start().await?;
    let mut session = server.session(Transfer::Data).await?;
    let message = mail::message("Grüße aus Łódź\r\n");
    mail::deliver(&mut session, &["anna@fabrikam.com"], &message).await?;
    assert_eq!(server.kept(1)?, message);
    let text = String::from_utf8(message)?.replace("Subject: Hello", "Subject: Grüße");
    mail::deliver(&mut session, &["jürgen@fabrikam.com"], text.as_bytes()).await?;
    assert_eq!(server.kept(2)?, text.as_bytes());
    Ok(())
}

pub(crate) async fn a_token_that_is_not_good_is_refused() -> Result<()> {
    let server = Aiosmtpd::start().await?;
    let token = server.provider.token(2_048).await?;
    let forged = AccessToken::new(format!("{}AAAA", &token.expose()[..token.len() - 4]));
    for bad in [forged, AccessToken::new("opaque".to_owned())] {
        let answer = server
            .provider
            .sign_in(server.port, Transfer::Data, &bad)
            .await?;
        let failure = answer.unwrap_err();
        assert_eq!(failure.diagnosis().class, Class::TokenRejected, "{failure}");
        assert_eq!(
            failure.reply().map(|reply| reply.code),
            Some(535),
            "{failure}"
        );
    }
    let session = server
        .provider
        .sign_in(server.port, Transfer::Data, &token)
        .await??;
    session.quit().await;
    Ok(())
}
