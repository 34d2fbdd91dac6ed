//! The pages under `/inbox`: a list, and each message as a person would want to see it.
//!
//! What a message brings is shown and never trusted: text is escaped, its HTML lives in a sandboxed frame that loads
//! nothing, attachments are downloads.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{
    CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_parser::{Address, MessagePart, MimeHeaders as _};

use super::super::html::{escape, page};
use super::{Inbox, Message};

const FRAME_POLICY: &str = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'";

pub(crate) fn router(inbox: Inbox) -> Router {
    Router::new()
        .route("/inbox", get(list))
        .route("/inbox/{number}", get(message))
        .route("/inbox/{number}/html", get(html))
        .route("/inbox/{number}/raw", get(raw))
        .route("/inbox/{number}/attachments/{index}", get(attachment))
        .with_state(inbox)
}

async fn list(State(inbox): State<Inbox>) -> Response {
    let messages = inbox.messages();
    let rows: String = messages
        .iter()
        .rev()
        .map(|message| {
            let subject = message.subject();
            let subject = if subject.is_empty() { "(no subject)" } else { &subject };
            format!(
                "<tr><td><a href=\"/inbox/{number}\">{subject}</a></td><td>{from}</td><td>{to}</td><td><time \
                 datetime=\"{at}\">{clock}</time></td></tr>\n",
                number = message.number,
                subject = escape(subject),
                from = escape(&from(message)),
                to = escape(&message.envelope.forward_paths.join(", ")),
                at = message.accepted_at,
                clock = message.accepted_at.strftime("%H:%M:%S UTC"),
            )
        })
        .collect();
    let content = match messages.len() {
        0 => "<p>Nothing was accepted yet. Reload to look again.</p>".to_owned(),
        count => format!(
            "<p>{count} accepted, the latest first.</p>\n<table>\n<thead><tr><th scope=\"col\">Subject</th><th \
             scope=\"col\">From</th><th scope=\"col\">To</th><th scope=\"col\">Accepted</th></tr></thead>\n<tbody>\n\
             {rows}</tbody>\n</table>"
        ),
    };
    page(
        StatusCode::OK,
        "Inbox",
        &format!("<h1>Inbox</h1>\n{content}"),
    )
}

async fn message(State(inbox): State<Inbox>, Path(number): Path<usize>) -> Response {
    let Some(message) = find(&inbox, number) else {
        return missing();
    };
    let subject = message.subject();
    let facts: String = facts(&message)
        .iter()
        .map(|(name, value)| {
            format!(
                "<tr><th scope=\"row\">{name}</th><td>{}</td></tr>\n",
                escape(value)
            )
        })
        .collect();
    page(
        StatusCode::OK,
        &subject,
        &format!(
            "<p><a href=\"/inbox\">All messages</a></p>\n<h1>{subject}</h1>\n<table>\n<tbody>\n{facts}</tbody>\n</table>\n\
             {parts}\n<p><a href=\"/inbox/{number}/raw\">The message as it was sent</a> ({octets} octets)</p>",
            subject = escape(&subject),
            parts = parts(&message),
            octets = message.raw.len(),
        ),
    )
}

async fn html(State(inbox): State<Inbox>, Path(number): Path<usize>) -> Response {
    let Some(message) = find(&inbox, number) else {
        return missing();
    };
    match html_of(&message) {
        Some(html) => ([(CONTENT_SECURITY_POLICY, FRAME_POLICY)], Html(html)).into_response(),
        None => missing(),
    }
}

async fn raw(State(inbox): State<Inbox>, Path(number): Path<usize>) -> Response {
    match find(&inbox, number) {
        Some(message) => plain(message.raw.to_vec()),
        None => missing(),
    }
}

async fn attachment(
    State(inbox): State<Inbox>,
    Path((number, index)): Path<(usize, u32)>,
) -> Response {
    let Some(message) = find(&inbox, number) else {
        return missing();
    };
    let Ok(parsed) = message.parsed() else {
        return missing();
    };
    let Some(part) = parsed.attachment(index) else {
        return missing();
    };
    let download = HeaderValue::from_static("attachment");
    let mut response = plain(part.contents().to_vec());
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    let name = part.attachment_name().unwrap_or("attachment");
    let disposition = format!("attachment; filename*=UTF-8''{}", percent_encoded(name));
    headers.insert(
        CONTENT_DISPOSITION,
        HeaderValue::from_str(&disposition).unwrap_or(download),
    );
    response
}

fn find(inbox: &Inbox, number: usize) -> Option<Message> {
    inbox
        .messages()
        .into_iter()
        .find(|message| message.number == number)
}

fn missing() -> Response {
    page(
        StatusCode::NOT_FOUND,
        "Not there",
        "<h1>Not there</h1>\n<p><a href=\"/inbox\">All messages</a></p>",
    )
}

fn plain(octets: Vec<u8>) -> Response {
    (
        [
            (CONTENT_TYPE, "text/plain; charset=utf-8"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ],
        octets,
    )
        .into_response()
}

fn facts(message: &Message) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Ok(parsed) = message.parsed() {
        let named = [
            ("From", parsed.from()),
            ("To", parsed.to()),
            ("Cc", parsed.cc()),
            ("Reply to", parsed.reply_to()),
        ];
        facts.extend(
            named
                .into_iter()
                .filter_map(|(name, address)| address.map(|address| (name, people(address)))),
        );
        facts.extend(parsed.date().map(|date| ("Date", date.to_rfc3339())));
        facts.extend(parsed.message_id().map(|id| ("Message-ID", id.to_owned())));
    }
    let envelope = &message.envelope;
    facts.push(("Sent by", format!("<{}>", envelope.reverse_path)));
    facts.push(("Sent to", envelope.forward_paths.join(", ")));
    facts.push(("Account", message.account.clone()));
    facts.push(("Accepted", message.accepted_at.to_string()));
    facts
}

fn parts(message: &Message) -> String {
    let Ok(parsed) = message.parsed() else {
        return String::new();
    };
    let mut content = String::new();
    if html_of(message).is_some() {
        content.push_str(&format!(
            "<h2>HTML</h2>\n<iframe sandbox=\"\" title=\"The message as HTML\" src=\"/inbox/{}/html\"></iframe>\n",
            message.number
        ));
    }
    for part in parsed
        .text_bodies()
        .filter(|part| part.is_text() && !part.is_text_html())
    {
        let text = escape(part.text_contents().unwrap_or_default());
        content.push_str(&format!("<h2>Text</h2>\n<pre>{text}</pre>\n"));
    }
    let attachments: String = parsed
        .attachments()
        .enumerate()
        .map(|(index, part)| {
            format!(
                "<li><a href=\"/inbox/{}/attachments/{index}\">{}</a> ({}, {} octets)</li>\n",
                message.number,
                escape(part.attachment_name().unwrap_or("without a name")),
                escape(&content_type(part)),
                part.contents().len()
            )
        })
        .collect();
    if !attachments.is_empty() {
        content.push_str(&format!("<h2>Attachments</h2>\n<ul>\n{attachments}</ul>\n"));
    }
    content
}

/// The HTML body, with the pictures it refers to by `cid:` put into it.
fn html_of(message: &Message) -> Option<String> {
    let parsed = message.parsed().ok()?;
    let part = parsed.html_bodies().find(|part| part.is_text_html())?;
    let mut html = part.text_contents()?.to_owned();
    for part in &parsed.parts {
        if let Some(id) = part.content_id() {
            let data = format!(
                "data:{};base64,{}",
                content_type(part),
                STANDARD.encode(part.contents())
            );
            html = html.replace(&format!("cid:{id}"), &data);
        }
    }
    Some(html)
}

fn content_type(part: &MessagePart<'_>) -> String {
    match part.content_type() {
        Some(known) => match known.subtype() {
            Some(subtype) => format!("{}/{subtype}", known.ctype()),
            None => known.ctype().to_owned(),
        },
        None => "application/octet-stream".to_owned(),
    }
}

fn from(message: &Message) -> String {
    let parsed = message.parsed();
    let from = parsed.as_ref().ok().and_then(|parsed| parsed.from());
    from.map(people).unwrap_or_default()
}

fn people(address: &Address<'_>) -> String {
    let all: Vec<String> = address
        .iter()
        .map(|one| {
            let address = one.address.as_deref().unwrap_or_default();
            match one.name.as_deref() {
                Some(name) => format!("{name} <{address}>"),
                None => address.to_owned(),
            }
        })
        .collect();
    all.join(", ")
}

fn percent_encoded(name: &str) -> String {
    name.bytes()
        .map(|octet| match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
                char::from(octet).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
