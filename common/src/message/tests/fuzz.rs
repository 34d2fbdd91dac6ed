//! Whatever becomes of a body on its way, reader and composer neither panic nor hang, and make no message that was not asked for.
//!
//! Bodies that are right, of every format, raw and in every wrapper, are meddled with: values are moved, renamed, replaced,
//! repeated and cut, octets of raw messages and of the JSON itself are changed. What still becomes a message is read again by
//! rules that know nothing of the composer. The sequence is the same each time; `PROPTEST_CASES` sets its length, of which
//! each case is one of sixteen.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use super::*;
use crate::{address::Domain, class::Scope};

/// What any one body may take, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many list items a deed makes at most.
const MANY: usize = 3000;

/// Bodies that are right.
fn seeds() -> Vec<Value> {
    let raw = STANDARD.encode(
        "From: Service <service@contoso.com>\r\nTo: anna@example.com\r\nBcc: bob@example.com\r\nSubject: Hello\r\nX-A: b\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nHello\r\n--x--\r\n",
    );
    let letter = json!({
        "id": "n-1", "version": 1, "from": "Contoso <service@contoso.com>", "sender": "billing@contoso.com",
        "to": ["Anna <anna@example.com>", {"name": "Bob", "email": "bob@example.com"}], "cc": "c@contoso.com", "bcc": ["d@example.com"],
        "reply_to": "help@other.com", "subject": "Hello", "text": "Hello, Anna.\r\n.\r\nFrom here", "html": "<p>Hello <img src=\"cid:logo\"></p>",
        "attachments": [{"filename": "logo.png", "content_type": "image/png", "content_id": "logo", "content": PIXEL}],
        "headers": {"X-A": "b", "List-ID": "News <news.contoso.com>"}, "message_id": "<1@contoso.com>",
        "in_reply_to": ["<0@contoso.com>"], "references": "<0@contoso.com>", "priority": "high",
        "list_unsubscribe": {"url": "https://contoso.com/u", "email": "u@contoso.com", "one_click": true},
        "tags": ["a"], "metadata": {"b": "c"}, "expires_at": "2027-01-01T00:00:00Z", "on_unknown": "retry", "dry_run": false,
    });
    let utf8 = json!({"smtputf8": true, "to": ["jürgen@example.com", "Änna <änna@contoso.com>"], "subject": "Grüße", "text": "Grüße"});
    let own = json!({"raw": raw, "to": "anna@example.com", "smtputf8": true});
    let nodemailer = json!({"format": "nodemailer", "from": "Service <service@contoso.com>", "to": "Anna <anna@example.com>, bob@example.com",
        "replyTo": ["help@other.com"], "subject": "Hello", "text": "Hello", "html": "<p>Hello</p>", "headers": {"X-A": "b", "In-Reply-To": "<0@contoso.com>"},
        "attachments": [{"filename": "a.txt", "content": "Hello"}, {"filename": "b.txt", "content": {"type": "Buffer", "data": [1, 2]}}]});
    let postmark = json!({"format": "postmark", "From": "service@contoso.com", "To": "anna@example.com,bob@example.com", "Bcc": "d@contoso.com",
        "Subject": "Hello", "TextBody": "Hello", "HtmlBody": "<p>Hello</p>", "Tag": "a", "Metadata": {"b": "c"},
        "Headers": [{"Name": "List-Unsubscribe", "Value": "<https://contoso.com/u>, <mailto:u@contoso.com>"}, {"Name": "X-A", "Value": "b"}],
        "Attachments": [{"Name": "a.txt", "Content": "SGVsbG8=", "ContentType": "text/plain"}]});
    let resend = json!({"format": "resend", "from": "Service <service@contoso.com>", "to": ["anna@example.com"], "reply_to": "help@other.com",
        "subject": "Hello", "html": "<p>Hello</p>", "headers": {"X-A": "b"}, "tags": [{"name": "a", "value": "b"}]});
    let sendgrid = json!({"format": "sendgrid.v3", "personalizations": [{"to": [{"email": "anna@example.com", "name": "Anna"}], "cc": [{"email": "c@contoso.com"}]}],
        "from": {"email": "service@contoso.com"}, "subject": "Hello", "content": [{"type": "text/plain", "value": "Hello"}, {"type": "text/html", "value": "<p>Hello</p>"}],
        "headers": {"X-A": "b"}, "categories": ["a"]});
    let ses = json!({"format": "ses.v2", "FromEmailAddress": "service@contoso.com", "Destination": {"ToAddresses": ["Anna <anna@example.com>"]},
        "Content": {"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello"}, "Html": {"Data": "<p>Hello</p>"}}}}});
    let ses_raw = json!({"format": "ses.v2", "Content": {"Raw": {"Data": raw}}});
    let mut seeds = vec![
        letter,
        utf8,
        own,
        json!({ "raw": raw }),
        nodemailer,
        postmark,
        resend,
        sendgrid,
        ses,
        ses_raw,
    ];
    let wrapped: Vec<_> = seeds
        .iter()
        .take(3)
        .flat_map(|body| {
            let sns = json!({"Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
                "TopicArn": "arn:aws:sns:eu-west-1:123456789012:mails", "Message": body.to_string(), "Timestamp": "2026-11-24T09:30:15.000Z"});
            let event = json!({"version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": "mail", "source": "app", "account": "123456789012",
                "time": "2026-11-24T09:30:15Z", "region": "eu-west-1", "resources": [], "detail": body});
            [sns, event, body.to_string().into()]
        })
        .collect();
    seeds.extend(wrapped);
    seeds
}

/// What is done to a body.
#[derive(Debug, Clone)]
enum Deed {
    /// Puts this in the place of a value.
    Replace(usize, Value),
    /// Puts a value in the place of another.
    Move(usize, usize),
    /// Takes a member or an item away.
    Remove(usize),
    /// Gives a member this name, beside the one it has.
    Name(usize, String),
    /// Repeats an item of a list, numbered where it is an address.
    Repeat(usize, usize),
    /// Puts this into a text.
    Insert(usize, usize, String),
    /// Puts these octets into a text in base64.
    Octets(usize, usize, Vec<u8>),
    /// Changes the JSON itself.
    Text(usize, String),
}

fn piece() -> impl Strategy<Value = String> {
    let known = [
        "\r\n",
        "\n",
        "\r",
        "\0",
        "\t",
        " ",
        "\r\nBcc: x@other.com\r\n",
        "\r\n\r\n",
        "\r\n.\r\n",
        "\"",
        "\\",
        "<",
        ">",
        "@",
        ",",
        ";",
        ":",
        "(",
        ")",
        "=?utf-8?q?=0d=0a?=",
        "\u{85}",
        "\u{2028}",
        "\u{202e}",
        "ü",
        "🎡",
        "x@other.com",
        "a@example.com",
        "ceo@contoso.com",
        "%0d%0a",
        "&#13;",
        "<br>",
    ];
    prop_oneof![
        4 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{0,8}",
        1 => "[a-z]{990,1010}",
        1 => "<[a-z]{1,6}>".prop_map(|tag| tag.repeat(120)),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    let place = any::<u16>().prop_map(usize::from);
    let name = prop::sample::select(
        &[
            "from",
            "to",
            "bcc",
            "subject",
            "text",
            "html",
            "raw",
            "headers",
            "X-B",
            "Bcc",
            "From",
            "Sender",
            "To",
            "replyTo",
            "sender",
            "smtputf8",
            "format",
            "template",
            "attachments",
            "content",
            "email",
            "name",
            "message_id",
        ][..],
    );
    let leaf = prop_oneof![
        3 => piece().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => prop::collection::vec(piece().prop_map(Value::from), 0..4).prop_map(Value::from),
        1 => (piece(), piece()).prop_map(|(name, value)| json!({name: value})),
        1 => (piece(), piece()).prop_map(|(name, email)| json!({"name": name, "email": email})),
    ];
    prop_oneof![
        3 => (place.clone(), leaf).prop_map(|(place, value)| Deed::Replace(place, value)),
        2 => (place.clone(), place.clone()).prop_map(|(from, to)| Deed::Move(from, to)),
        2 => place.clone().prop_map(Deed::Remove),
        2 => (place.clone(), name).prop_map(|(place, name)| Deed::Name(place, name.to_owned())),
        1 => (place.clone(), prop_oneof![9 => 1..5usize, 1 => 1..MANY]).prop_map(|(place, times)| Deed::Repeat(place, times)),
        6 => (place.clone(), place.clone(), piece()).prop_map(|(place, at, piece)| Deed::Insert(place, at, piece)),
        4 => (place.clone(), place.clone(), prop_oneof![piece().prop_map(String::into_bytes), prop::collection::vec(any::<u8>(), 1..4)])
            .prop_map(|(place, at, octets)| Deed::Octets(place, at, octets)),
        1 => (place, "[\"{}\\[\\],:\\\\a0]{0,3}").prop_map(|(at, text)| Deed::Text(at, text)),
    ]
}

/// The pointers of all values below one.
fn pointers(value: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    let members: Vec<(String, &Value)> = match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(number, item)| (number.to_string(), item))
            .collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.replace('~', "~0").replace('/', "~1"), member))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (name, member) in members.into_iter().take(40) {
        pointers(member, &format!("{at}/{name}"), into);
    }
}

/// A place in a text, where a character begins.
fn spot(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at % (text.len() + 1))
}

fn meddle(body: &mut Value, deed: &Deed) {
    let mut all = Vec::new();
    pointers(body, "", &mut all);
    let texts: Vec<_> = all
        .iter()
        .filter(|at| body.pointer(at).is_some_and(Value::is_string))
        .cloned()
        .collect();
    let pick = |place: &usize| all[place % all.len()].clone();
    let text_at = |place: &usize| texts.get(place % texts.len().max(1)).cloned();
    match deed {
        Deed::Replace(place, value) => {
            let at = pick(place);
            *body.pointer_mut(&at).unwrap() = value.clone();
        }
        Deed::Move(from, to) => {
            let value = body.pointer(&pick(from)).unwrap().clone();
            *body.pointer_mut(&pick(to)).unwrap() = value;
        }
        Deed::Remove(place) => {
            let at = pick(place);
            let (parent, name) = at.rsplit_once('/').unwrap_or_default();
            match body.pointer_mut(parent) {
                Some(Value::Object(members)) => drop(members.remove(name)),
                Some(Value::Array(items)) => {
                    let at = name.parse::<usize>().ok().filter(|at| *at < items.len());
                    at.map(|at| items.remove(at));
                }
                Some(_) | None => {}
            }
        }
        Deed::Name(place, name) => {
            let at = pick(place);
            let (parent, old) = at.rsplit_once('/').unwrap_or_default();
            let (parent, old) = (parent.to_owned(), old.to_owned());
            if let Some(Value::Object(members)) = body.pointer_mut(&parent)
                && let Some(value) = members.get(&old).cloned()
            {
                members.insert(name.clone(), value);
            }
        }
        Deed::Repeat(place, times) => {
            let lists: Vec<_> = all
                .iter()
                .filter(|at| body.pointer(at).is_some_and(Value::is_array))
                .collect();
            if let Some(at) = lists.get(place % lists.len().max(1))
                && let Some(Value::Array(items)) = body.pointer_mut(at)
                && let Some(first) = items.first().cloned()
            {
                let is_address = first.as_str().is_some_and(|text| text.contains('@'));
                items.extend((0..*times).map(|number| match is_address {
                    true => format!("p{number}@example.com").into(),
                    false => first.clone(),
                }));
            }
        }
        Deed::Insert(place, at, piece) => {
            if let Some(Value::String(text)) =
                text_at(place).and_then(|pointer| body.pointer_mut(&pointer))
            {
                text.insert_str(spot(text, *at), piece);
            }
        }
        Deed::Octets(place, at, octets) => {
            if let Some(Value::String(text)) =
                text_at(place).and_then(|pointer| body.pointer_mut(&pointer))
                && let Ok(mut bytes) = STANDARD.decode(&*text)
            {
                let at = at % (bytes.len() + 1);
                bytes.splice(at..at, octets.iter().copied());
                *text = STANDARD.encode(bytes);
            }
        }
        Deed::Text(..) => {}
    }
}

/// What the mailbox of these bodies may do.
fn narrow() -> SenderPolicy {
    SenderPolicy {
        recipient_domains: ["example.com", "contoso.com"]
            .map(|domain| Domain::parse(domain).unwrap())
            .to_vec(),
        ..policy()
    }
}

fn is_sender(address: &str) -> bool {
    ["billing@contoso.com", "service@contoso.com"]
        .iter()
        .any(|sender| sender.eq_ignore_ascii_case(address))
}

/// Whether a body may ask for local parts in UTF-8: nothing else in it has such a name.
fn asks_for_utf8(text: &str) -> bool {
    text.contains("smtputf8")
}

/// Reads a message again.
fn judge(notification: &Notification, message: &Message, body: &str) {
    let bytes = &message.bytes;
    assert_fit_lines(bytes);
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap_or(bytes.len());
    let header = std::str::from_utf8(&bytes[..end]).unwrap();
    assert!(
        header.is_ascii() || asks_for_utf8(body),
        "nobody asked for SMTPUTF8: {header}"
    );

    let envelope = &message.envelope;
    assert!(is_sender(envelope.from().unwrap().as_ref()), "{envelope:?}");
    let mut recipients: Vec<String> = envelope
        .to()
        .iter()
        .map(|to| to.to_string().to_lowercase())
        .collect();
    assert!(
        recipients
            .iter()
            .all(|to| to.ends_with("@example.com") || to.ends_with("@contoso.com")),
        "{recipients:?}"
    );
    assert!(recipients.iter().all(|to| to.is_ascii()) || asks_for_utf8(body));
    let count = recipients.len();
    recipients.sort();
    recipients.dedup();
    assert!(count == recipients.len() && (1..=2000).contains(&count));

    let names = header
        .split("\r\n")
        .filter(|line| !line.starts_with([' ', '\t']))
        .map(|line| line.split(':').next().unwrap().to_ascii_lowercase());
    let names: Vec<String> = names.collect();
    assert!(
        names
            .iter()
            .all(|name| name != "bcc" && !name.starts_with("resent-")),
        "{names:?}"
    );
    assert_eq!(names.iter().filter(|name| *name == "from").count(), 1);
    let read = MessageParser::new().parse(bytes).unwrap();
    let from: Vec<_> = read
        .from()
        .unwrap()
        .iter()
        .filter_map(|one| one.address())
        .collect();
    assert!(from.len() == 1 && is_sender(from[0]), "{from:?}");
    match &notification.mail {
        Mail::Letter(letter) => {
            const OURS: &[&str] = &[
                "date",
                "from",
                "to",
                "cc",
                "reply-to",
                "subject",
                "message-id",
                "in-reply-to",
                "references",
                "importance",
                "x-priority",
                "list-unsubscribe",
                "list-unsubscribe-post",
                "auto-submitted",
                "mime-version",
                "content-type",
                "content-transfer-encoding",
            ];
            let mut asked: Vec<_> = letter
                .headers
                .iter()
                .map(|extra| extra.name().to_ascii_lowercase())
                .collect();
            for name in &names {
                let place = asked.iter().position(|asked| asked == name);
                match place {
                    Some(place) => drop(asked.remove(place)),
                    None => assert!(OURS.contains(&&**name), "nobody asked for {name}"),
                }
            }
            assert!(asked.is_empty(), "{asked:?} are not there");
            assert_eq!(
                names.contains(&"list-unsubscribe".to_owned()),
                letter.list_unsubscribe.is_some()
            );
            assert!(bytes[end..].is_ascii());
        }
        Mail::Form(_) => panic!("a form without its words is a message"),
        Mail::Raw(raw) => assert!(bytes.ends_with(&raw.bytes), "a raw message is changed"),
    }
}

#[test]
fn no_meddling_with_a_body_makes_a_message_that_was_not_asked_for() {
    let seeds = seeds();
    for body in &seeds {
        let read = Notification::parse(&body.to_string())
            .unwrap_or_else(|error| panic!("{body}: {error}"));
        let message = compose(&read, &narrow(), &identity("n"))
            .unwrap_or_else(|error| panic!("{body}: {error}"));
        judge(&read, &message, &body.to_string());
    }
    let config = ProptestConfig::default();
    let config = ProptestConfig::with_cases(config.cases.saturating_mul(16));
    let cases = config.cases;
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let composed = RefCell::new(0);
    let bodies = (0..seeds.len(), prop::collection::vec(deed(), 1..5));
    let ran = runner.run(&bodies, |(seed, deeds)| {
        let mut body = seeds[seed].clone();
        for deed in &deeds {
            meddle(&mut body, deed);
        }
        let mut text = body.to_string();
        for deed in &deeds {
            if let Deed::Text(at, piece) = deed {
                text.insert_str(spot(&text, *at), piece);
            }
        }
        let begun = Instant::now();
        if let Ok(read) = Notification::parse(&text) {
            match compose(&read, &narrow(), &identity("n")) {
                Ok(message) => {
                    judge(&read, &message, &text);
                    let again = compose(&read, &narrow(), &identity("n")).unwrap();
                    prop_assert_eq!(message, again, "a repeat is another message");
                    *composed.borrow_mut() += 1;
                }
                Err(error) => prop_assert_eq!(error.class().scope(), Scope::Message),
            }
        }
        prop_assert!(begun.elapsed() < PATIENCE, "it takes too long");
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
    // A campaign in which nearly nothing gets through, or nearly everything, would find nothing.
    let composed = composed.into_inner();
    assert!(
        composed > cases / 8 && composed < cases / 8 * 7,
        "{composed} of {cases}"
    );
}
