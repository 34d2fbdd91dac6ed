//! A notification from the command line: flags or a file become the JSON that goes on the queue.
//!
//! It is parsed by the same code as `send-email` does it, so that a fault is named here and not in the failed queue.

use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::digest;
use common::notification::Notification;
use serde_json::{Map, Value, json};

use crate::arguments::Send;
use crate::trouble::Trouble;

/// A notification that can be put on a queue.
#[derive(Debug)]
pub(crate) struct Letter {
    /// Its id; one is made where none was given.
    pub(crate) id: String,
    /// What goes on the queue.
    pub(crate) body: String,
}

impl Letter {
    /// Reads what the flags say.
    pub(crate) fn read(flags: &Send) -> Result<Self, Trouble> {
        let given = match &flags.file {
            Some(path) => read_json(path)?,
            None => Value::Object(by_flags(flags)?),
        };
        Self::of(given, flags.id.as_deref())
    }

    fn of(mut given: Value, id: Option<&str>) -> Result<Self, Trouble> {
        let fields = given
            .as_object_mut()
            .ok_or_else(|| Trouble::Usage("a notification is a JSON object".to_owned()))?;
        if let Some(id) = id {
            fields.insert("id".to_owned(), json!(id));
        }
        let id = fields
            .entry("id")
            .or_insert_with(|| json!(format!("cli-{}", digest::random_hex::<8>())))
            .as_str()
            .map(str::to_owned)
            .unwrap_or_default();
        let body = given.to_string();
        Notification::parse(&body)?;
        Ok(Self { id, body })
    }
}

fn by_flags(flags: &Send) -> Result<Map<String, Value>, Trouble> {
    let some = |list: &[String]| (!list.is_empty()).then(|| json!(list));
    let attachments = flags
        .attach
        .iter()
        .map(|path| attachment(path))
        .collect::<Result<Vec<_>, _>>()?;
    let fields = [
        ("from", flags.from.as_ref().map(|from| json!(from))),
        ("to", some(&flags.to)),
        ("cc", some(&flags.cc)),
        ("bcc", some(&flags.bcc)),
        ("reply_to", flags.reply_to.as_ref().map(|to| json!(to))),
        (
            "subject",
            flags.subject.as_ref().map(|subject| json!(subject)),
        ),
        ("text", flags.text.as_ref().map(|text| json!(text))),
        ("html", flags.html.as_ref().map(|html| json!(html))),
        (
            "attachments",
            (!attachments.is_empty()).then(|| json!(attachments)),
        ),
    ];
    Ok(fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect())
}

fn attachment(path: &Path) -> Result<Value, Trouble> {
    let content = std::fs::read(path).map_err(|source| unreadable(path, source))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(json!({ "filename": name, "content": STANDARD.encode(content) }))
}

/// Reads a file, or standard input where it is called `-`, as JSON.
pub(crate) fn read_json(path: &Path) -> Result<Value, Trouble> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|source| unreadable(path, source))?;
    serde_json::from_str(&text)
        .map_err(|error| Trouble::Usage(format!("{} is not JSON: {error}", path.display())))
}

fn unreadable(path: &Path, source: std::io::Error) -> Trouble {
    Trouble::File {
        path: PathBuf::from(path),
        source,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn letter(flags: &[&str]) -> Result<Letter, Trouble> {
        let line = ["pillarbox", "send", "billing"].iter().chain(flags);
        let Command::Send(flags) = Arguments::try_parse_from(line).unwrap().command else {
            panic!("it is another command");
        };
        Letter::read(&flags)
    }

    #[test]
    fn flags_become_a_notification_with_an_id_of_its_own() {
        let flags = [
            "--to",
            "a@contoso.com",
            "--to",
            "b@contoso.com",
            "--subject",
            "Hello",
            "--text",
            "Hi",
        ];
        let first = letter(&flags).unwrap();
        let body: Value = serde_json::from_str(&first.body).unwrap();
        assert_eq!(body["to"], json!(["a@contoso.com", "b@contoso.com"]));
        assert_eq!(body["id"], json!(first.id));
        assert!(body.get("html").is_none(), "what was not said is left out");
        assert_ne!(letter(&flags).unwrap().id, first.id);
    }

    #[test]
    fn an_id_that_is_given_stays() {
        let flags = [
            "--to",
            "a@contoso.com",
            "--subject",
            "Hello",
            "--text",
            "Hi",
            "--id",
            "order-1",
        ];
        assert_eq!(letter(&flags).unwrap().id, "order-1");
        let with_id =
            json!({ "id": "order-2", "to": "a@contoso.com", "subject": "Hello", "text": "Hi" });
        assert_eq!(Letter::of(with_id, None).unwrap().id, "order-2");
    }

    #[test]
    fn every_fault_is_named_before_anything_is_sent() {
        let trouble = letter(&["--to", "nobody", "--text", "Hi"])
            .unwrap_err()
            .to_string();
        assert!(
            trouble.contains("/to/0") && trouble.contains("/subject"),
            "{trouble}"
        );
        let trouble = letter(&["--file", "no-such-file.json"]).unwrap_err();
        assert_eq!(trouble.to_string(), "no-such-file.json cannot be read");
    }
}
