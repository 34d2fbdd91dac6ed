//! How a notification would look, without sending it.

use common::mailbox::Settings;
use common::message::{self, ComposeError, MessageIdentity, SenderPolicy};
use common::notification::{
    Body, Content, InvalidNotification, Mail, Notification, NotificationId, Problem, TextBesideHtml,
};
use common::object::ObjectStore;
use common::template::{self, TemplateCache, TemplateError};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// A notification as its reader would see it.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub(crate) struct Rendered {
    /// The subject; a raw message has its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    /// The plain text, as far as it is not made of the html.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    /// The html.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) html: Option<String>,
    /// The whole message, as it would be submitted; absent where a part of it is in the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
}

/// Why a notification cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenderError {
    /// It is none.
    #[error(transparent)]
    Invalid(#[from] InvalidNotification),
    /// Its template makes no mail, or cannot be read.
    #[error("/template cannot be filled: {0}")]
    Template(#[from] TemplateError),
    /// It cannot be given an id.
    #[error("/id {0}")]
    Id(#[source] Problem),
    /// The mailbox would not send it.
    #[error(transparent)]
    Compose(#[from] ComposeError),
}

/// Makes the message of a notification.
pub(crate) async fn render(
    notification: &Value,
    settings: &Settings,
    objects: &impl ObjectStore,
    now: Timestamp,
) -> Result<Rendered, RenderError> {
    let read = Notification::parse(&notification.to_string())?;
    let limit = settings.message_bytes;
    let filled = template::fill(read, &TemplateCache::default(), objects, limit, now).await?;
    let mut rendered = Rendered::default();
    let mut is_whole = true;
    if let Mail::Letter(letter) = &filled.mail {
        rendered.subject = Some(letter.subject.as_str().to_owned());
        (rendered.text, rendered.html) = match &letter.body {
            Body::Text(text) => (Some(text.clone()), None),
            Body::Html { html, text } => {
                let given = match text {
                    TextBesideHtml::Given(text) => Some(text.clone()),
                    TextBesideHtml::FromHtml | TextBesideHtml::None => None,
                };
                (given, Some(html.clone()))
            }
        };
        let mut attachments = letter.attachments.iter();
        is_whole = attachments.all(|attachment| matches!(attachment.content, Content::Given(_)));
    }
    if is_whole {
        let id = match &filled.id {
            Some(id) => id.clone(),
            None => NotificationId::parse("preview").map_err(RenderError::Id)?,
        };
        let identity = MessageIdentity::derive(&settings.mailbox, &id, now);
        let message = message::compose(&filled, &SenderPolicy::from(settings), &identity)?;
        rendered.message = Some(String::from_utf8_lossy(&message.bytes).into_owned());
    }
    Ok(rendered)
}

#[cfg(test)]
mod tests {
    use common::fakes::MemoryObjects;
    use common::mailbox::MailboxId;
    use serde_json::json;

    use super::*;

    async fn rendered(notification: Value) -> Result<Rendered, RenderError> {
        let objects = MemoryObjects::default();
        objects.put("templates/invoice/3/subject.txt", "Invoice {{ number }}");
        objects.put("templates/invoice/3/html.html", "<p>{{ name }}</p>");
        let mailbox = MailboxId::parse("billing").unwrap();
        let json = r#"{"address":"billing@contoso.com","tenant":"contoso.com","client_id":"app","more":{"recipient_domains":["fabrikam.com"]}}"#;
        let settings = Settings::parse(mailbox, json).unwrap();
        render(&notification, &settings, &objects, Timestamp::UNIX_EPOCH).await
    }

    fn form(data: Value) -> Value {
        json!({"to": "a@fabrikam.com", "template": {"name": "invoice", "version": "3", "data": data}})
    }

    #[tokio::test]
    async fn a_template_is_shown_as_the_mail_that_it_makes() {
        let rendered = rendered(form(json!({"number": 7, "name": "A & B"})))
            .await
            .unwrap();
        assert_eq!(rendered.subject.as_deref(), Some("Invoice 7"));
        assert_eq!(rendered.html.as_deref(), Some("<p>A &amp; B</p>"));
        assert_eq!(rendered.text, None);
        let message = rendered.message.unwrap();
        assert!(message.contains("Subject: Invoice 7\r\n"), "{message}");
        assert!(
            message.contains("From: billing@contoso.com\r\n"),
            "{message}"
        );
    }

    #[tokio::test]
    async fn what_would_be_refused_is_refused() {
        let stored =
            json!([{"filename": "a", "s3": {"key": "mailboxes/billing/a", "version_id": "1"}}]);
        let mut elsewhere = form(json!({"number": 7, "name": "A"}));
        elsewhere["attachments"] = stored;
        assert_eq!(rendered(elsewhere).await.unwrap().message, None);
        for (notification, problem) in [
            (form(json!({"number": 7})), "line 1: `name` is undefined"),
            (json!({"to": "a@fabrikam.com"}), "/subject is missing"),
            (
                json!({"to": "a@contoso.com", "subject": "x", "text": "y"}),
                "recipient",
            ),
        ] {
            let error = rendered(notification).await.unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }
}
