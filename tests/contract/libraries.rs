//! Bodies and messages that libraries have written which know nothing of this contract, and messages that one of them reads.
//!
//! They are written while the tests run, so that nobody here has shaped them: the request bodies by the client libraries of
//! the vendors, the messages by those that producers write their mail with.

use std::fs;
use std::io::{Write as _, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::{Engine, engine::general_purpose::STANDARD};
use common::address::EmailAddress;
use common::mailbox::MailboxId;
use common::message::{Message, MessageIdentity, SenderPolicy, compose};
use common::notification::{Notification, NotificationId};
use jiff::Timestamp;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, MultiPart};
use mail_parser::{MessageParser, MimeHeaders};
use serde_json::{Value, json};
use tests::node::{self, Node, Packages};
use tests::required::is_required;

/// The vendors' client libraries, and AWS's.
pub(crate) const VENDORS: Packages = Packages {
    package: include_str!("libraries/package.json"),
    lock: include_str!("libraries/package-lock.json"),
};

const SUBJECT: &str = "Your invoice 4711 – Grüße";
const TEXT: &str = "Dear Anna,\n\nGrüße!";
const HTML: &str = "<p>Dear Anna,</p><p>Grüße!</p>";
const FILE: &str = "Total: 12 €\n";

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contract/libraries")
}

/// Whether there is what a test needs. A machine without it passes without that test, and is told so.
pub(crate) fn is_there(found: bool, lack: &str) -> bool {
    if !found {
        assert!(!is_required("libraries"), "{lack}");
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(stderr(), "Libraries are not tried: {lack}");
    }
    found
}

pub(crate) fn has_python() -> bool {
    let version = Command::new("python3").arg("--version").output();
    let found = version.is_ok_and(|output| output.status.success());
    is_there(found, "there is no python3 on the PATH")
}

/// Runs a program, which gets `input`, and returns what it prints.
pub(crate) fn run(command: &mut Command, input: &str) -> String {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let Output {
        status,
        stdout,
        stderr,
    } = output;
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

pub(crate) fn composed(body: &Value) -> Message {
    let policy = SenderPolicy {
        address: EmailAddress::parse("billing@contoso.com").unwrap(),
        senders: Vec::new(),
        recipient_domains: Vec::new(),
        message_bytes: 35 * 1024 * 1024,
    };
    let id = NotificationId::parse("n").unwrap();
    let mailbox = MailboxId::parse("billing").unwrap();
    let identity = MessageIdentity::derive(&mailbox, &id, Timestamp::UNIX_EPOCH);
    let notification = Notification::parse(&body.to_string());
    let notification = notification.unwrap_or_else(|error| panic!("{body}: {error}"));
    compose(&notification, &policy, &identity).unwrap()
}

/// Asserts that a message is the one that every library was asked for.
fn assert_is_the_invoice(message: &Message, by: &str) {
    let recipients = message.envelope.to().iter().map(ToString::to_string);
    let recipients: Vec<_> = recipients.collect();
    assert_eq!(recipients, ["anna@example.com", "bob@example.com"], "{by}");
    let read = MessageParser::new().parse(&message.bytes).unwrap();
    let people = |people: Option<&mail_parser::Address<'_>>| -> Vec<_> {
        let people = people.unwrap().iter();
        people
            .map(|one| {
                (
                    one.name().map(str::to_owned),
                    one.address().unwrap().to_owned(),
                )
            })
            .collect()
    };
    let named = |name: &str, address: &str| (Some(name.to_owned()), address.to_owned());
    let bare = |address: &str| (None, address.to_owned());
    let from = [named("Contoso Billing", "billing@contoso.com")];
    assert_eq!(people(read.from()), from, "{by}");
    let to = [named("Anna", "anna@example.com"), bare("bob@example.com")];
    assert_eq!(people(read.to()), to, "{by}");
    assert_eq!(people(read.reply_to()), [bare("help@contoso.com")], "{by}");
    assert_eq!(read.subject(), Some(SUBJECT), "{by}");
    let lines = |text: &str| text.replace("\r\n", "\n").trim_end().to_owned();
    assert_eq!(lines(&read.body_text(0).unwrap()), TEXT, "{by}");
    assert_eq!(lines(&read.body_html(0).unwrap()), HTML, "{by}");
    let campaign = read.header("X-Campaign").and_then(|value| value.as_text());
    assert_eq!(campaign, Some("autumn"), "{by}");
    let file = read.attachment(0).unwrap();
    assert_eq!(file.attachment_name(), Some("invoice.txt"), "{by}");
    assert_eq!(file.contents(), FILE.as_bytes(), "{by}");
}

/// Asserts that a message of a producer's own is the invoice, and leaves as it was written but for what is put before it.
fn assert_leaves_as_it_is(raw: &[u8], by: &str) {
    let message = composed(&json!({"raw": STANDARD.encode(raw)}));
    assert_is_the_invoice(&message, by);
    assert!(message.bytes.ends_with(raw), "{by}");
}

#[tokio::test]
async fn what_the_vendors_libraries_write_is_the_mail_that_they_were_asked_for() {
    if !is_there(Node::is_there(), node::MISSING) {
        return;
    }
    let node = Node::prepare_with(&VENDORS).await.unwrap();
    let mut program = Command::new("node");
    let program = program.arg("--input-type=module").current_dir(node.root());
    let written = run(program, include_str!("libraries/write.js"));
    let mut formats = Vec::new();
    for line in written.lines() {
        let body: Value = serde_json::from_str(line).unwrap();
        let format = body["format"].as_str().unwrap_or("raw").to_owned();
        match body["raw"].as_str() {
            None => assert_is_the_invoice(&composed(&body), &format),
            Some(raw) => assert_leaves_as_it_is(&STANDARD.decode(raw).unwrap(), "nodemailer"),
        }
        formats.push(format);
    }
    let all = [
        "postmark",
        "resend",
        "sendgrid.v3",
        "ses.v2",
        "nodemailer",
        "nodemailer",
        "raw",
    ];
    assert_eq!(formats, all);
}

#[test]
fn messages_that_pythons_library_writes_leave_as_they_are() {
    if !has_python() {
        return;
    }
    let written = run(Command::new("python3").arg(folder().join("write.py")), "");
    assert_eq!(written.lines().count(), 2);
    for line in written.lines() {
        assert_leaves_as_it_is(&STANDARD.decode(line).unwrap(), "Python");
    }
}

#[test]
fn a_message_that_lettre_writes_leaves_as_it_is() {
    let file = Attachment::new("invoice.txt".to_owned());
    let parts = MultiPart::mixed()
        .multipart(MultiPart::alternative_plain_html(
            TEXT.to_owned(),
            HTML.to_owned(),
        ))
        .singlepart(file.body(FILE.as_bytes().to_vec(), ContentType::TEXT_PLAIN));
    let mut message = lettre::Message::builder()
        .from("Contoso Billing <billing@contoso.com>".parse().unwrap())
        .to("Anna <anna@example.com>".parse().unwrap())
        .to("bob@example.com".parse().unwrap())
        .reply_to("help@contoso.com".parse().unwrap())
        .subject(SUBJECT)
        .multipart(parts)
        .unwrap();
    let campaign = HeaderName::new_from_ascii_str("X-Campaign");
    let campaign = HeaderValue::new(campaign, "autumn".to_owned());
    message.headers_mut().insert_raw(campaign);
    assert_leaves_as_it_is(&message.formatted(), "lettre");
}

#[test]
fn pythons_strict_reader_finds_no_defect_in_the_golden_messages() {
    if !has_python() {
        return;
    }
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../common/tests/fixtures");
    let entries = fs::read_dir(fixtures).unwrap();
    let golden: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "eml"))
        .collect();
    assert!(golden.len() >= 4, "{golden:?}");
    let mut program = Command::new("python3");
    let read = run(program.arg(folder().join("read.py")).args(&golden), "");
    assert_eq!(read.lines().count(), golden.len());
}
