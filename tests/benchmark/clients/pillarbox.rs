//! Sends with `common::submission`, as the function `send-email` does.
//!
//! MANNER is `data` or `bdat`: a mail is composed of a notification that was read before. `queue` goes the function's
//! whole way for each mail, beginning with the body of a queue message, under DATA.

mod job;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use common::address::EmailAddress;
use common::mailbox::MailboxId;
use common::message::{Message, MessageIdentity, SenderPolicy, compose};
use common::notification::{
    Attachment, Content, ContentType, Disposition, FileName, Mail, Notification, NotificationId,
};
use common::secret::AccessToken;
use common::submission::{Server, Session, Transfer, Verdict};
use common::tls;
use jiff::Timestamp;
use job::{Job, RECIPIENT, SENDER, pause};
use serde_json::json;
use tokio::time::Instant;

/// Where notifications come from.
enum Source {
    /// The body of a queue message, read anew for each mail.
    Queue(String),
    /// A notification that was read once.
    Ready(Box<Notification>),
}

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
    let mut server = Server::new(
        host,
        port,
        Arc::new(tls::client_config(Some(&certificate))?),
    );
    server.transfer = match manner.as_str() {
        "data" | "queue" => Transfer::Data,
        "bdat" => Transfer::Bdat,
        _ => bail!("MANNER is data, bdat or queue"),
    };
    let source = if manner == "queue" {
        Source::Queue(body(&text, file.as_deref()))
    } else {
        let mut notification = Notification::parse(&body(&text, None))?;
        if let Mail::Letter(letter) = &mut notification.mail {
            letter.attachments.extend(file.map(attachment).transpose()?);
        }
        Source::Ready(Box::new(notification))
    };
    drop((text, certificate));
    pause("ready")?;

    let mut session = Session::open(&server, SENDER, &AccessToken::new(token)).await?;
    for number in 0..count {
        let Message {
            bytes, envelope, ..
        } = match &source {
            Source::Queue(body) => message(&Notification::parse(body)?, number)?,
            Source::Ready(notification) => message(notification, number)?,
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        let submission = session.submit(&envelope, &bytes, deadline).await?;
        if !matches!(submission.verdict, Verdict::Accepted(_)) {
            bail!("mail {number}: {:?}", submission.verdict);
        }
    }
    pause("done")?;
    session.quit().await;
    Ok(())
}

/// The body of a queue message.
fn body(text: &str, file: Option<&[u8]>) -> String {
    let attachments: Vec<_> = file
        .into_iter()
        .map(|file| json!({"filename": "invoice.pdf", "content": STANDARD.encode(file)}))
        .collect();
    json!({"to": RECIPIENT, "subject": "Your invoice", "text": text, "attachments": attachments})
        .to_string()
}

fn attachment(content: Vec<u8>) -> Result<Attachment> {
    Ok(Attachment {
        filename: FileName::parse("invoice.pdf").ok().context("a file name")?,
        content_type: ContentType::bytes(),
        content_id: None,
        disposition: Disposition::Attachment,
        content: Content::Given(content),
    })
}

/// Composes one mail.
fn message(notification: &Notification, number: usize) -> Result<Message> {
    let policy = SenderPolicy {
        address: EmailAddress::parse(SENDER).ok().context("an address")?,
        senders: Vec::new(),
        recipient_domains: Vec::new(),
        message_bytes: 35 * 1024 * 1024,
    };
    let mailbox = MailboxId::parse("billing").ok().context("a mailbox")?;
    let id = NotificationId::parse(&format!("invoice-{number}"))
        .ok()
        .context("an id")?;
    Ok(compose(
        notification,
        &policy,
        &MessageIdentity::derive(&mailbox, &id, Timestamp::UNIX_EPOCH),
    )?)
}
