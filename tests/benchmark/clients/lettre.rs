//! Sends with lettre's own asynchronous transport, one connection in its pool.

mod job;

use anyhow::{Context, Result, ensure};
use job::{Job, RECIPIENT, SENDER, pause};
use lettre::message::{Attachment, MultiPart, SinglePart, header::ContentType};
use lettre::transport::smtp::{
    PoolConfig,
    authentication::{Credentials, Mechanism},
    client::{Certificate, Tls, TlsParameters},
};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let Job {
        host,
        port,
        certificate,
        token,
        count,
        text,
        file,
        manner,
    } = Job::read()?;
    ensure!(manner.is_empty(), "lettre has one manner only");
    let tls = TlsParameters::builder(host.clone())
        .add_root_certificate(Certificate::from_pem(certificate.as_bytes())?)
        .build_rustls()?;
    let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        .port(port)
        .tls(Tls::Required(tls))
        .credentials(Credentials::new(SENDER.to_owned(), token))
        .authentication(vec![Mechanism::Xoauth2])
        .pool_config(PoolConfig::new().max_size(1))
        .build();
    pause("ready")?;

    for number in 0..count {
        transport
            .send(message(&text, file.as_deref())?)
            .await
            .with_context(|| format!("mail {number}"))?;
        // The connection returns to the pool by a task of its own; without a turn for it, a second one is opened.
        tokio::task::yield_now().await;
    }
    pause("done")
}

/// Composes one mail.
fn message(text: &str, file: Option<&[u8]>) -> Result<Message> {
    let builder = Message::builder()
        .from(SENDER.parse()?)
        .to(RECIPIENT.parse()?)
        .subject("Your invoice")
        .message_id(None);
    let text = SinglePart::plain(text.to_owned());
    Ok(match file {
        None => builder.singlepart(text)?,
        Some(file) => {
            let kind = ContentType::parse("application/octet-stream")?;
            let file = Attachment::new("invoice.pdf".to_owned()).body(file.to_vec(), kind);
            builder.multipart(MultiPart::mixed().singlepart(text).singlepart(file))?
        }
    })
}
