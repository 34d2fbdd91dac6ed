//! What a person may ask for.

use common::steps::CheckId;
use serde::Deserialize;

use crate::selection::Selection;

/// A command, as the payload of the invocation: `{"command": "status"}`.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Request {
    /// A link with which one person connects a mailbox.
    Connect {
        /// The mailbox.
        mailbox: String,
        /// Whether the link is for an administrator, who approves the app for the whole directory.
        #[serde(default)]
        admin: bool,
    },
    /// How a mailbox does, or all of them.
    Status {
        /// The mailbox; all when absent.
        #[serde(default)]
        mailbox: Option<String>,
    },
    /// A link to a page with all mailboxes, for one look.
    StatusLink {},
    /// The way to the server, step by step, without a message.
    Check {
        /// The mailbox.
        mailbox: String,
        /// An id of the caller's choice, by which `check-steps` sees how far the check is.
        #[serde(default)]
        #[cfg_attr(test, schemars(with = "Option<crate::schema::CheckId>"))]
        id: Option<CheckId>,
    },
    /// The steps of a check that have ended, while it is under way.
    CheckSteps {
        /// The mailbox.
        mailbox: String,
        /// The id that `check` was given.
        #[cfg_attr(test, schemars(with = "crate::schema::CheckId"))]
        id: CheckId,
    },
    /// A notification to the mailbox itself, on its own queue.
    SendTest {
        /// The mailbox.
        mailbox: String,
    },
    /// What has become of a notification.
    Trace {
        /// The mailbox.
        mailbox: String,
        /// The notification's id.
        id: String,
    },
    /// How a notification would look; nothing is sent.
    Render {
        /// The mailbox.
        mailbox: String,
        /// The notification, as it would be put on the queue.
        notification: serde_json::Value,
    },
    /// Nothing is sent until `resume`.
    Pause {
        /// The mailbox.
        mailbox: String,
    },
    /// What waits is sent.
    Resume {
        /// The mailbox.
        mailbox: String,
    },
    /// The access token is renewed now, whatever its age.
    Refresh {
        /// The mailbox.
        mailbox: String,
    },
    /// The tokens are forgotten, and nothing is sent until somebody consents anew.
    Disconnect {
        /// The mailbox.
        mailbox: String,
    },
    /// What is in the failed queue, which stays there.
    Failed {
        /// The mailbox.
        mailbox: String,
        /// How many notifications to show, 1000 at most.
        #[serde(default = "hundred")]
        limit: u16,
    },
    /// Notifications of the failed queue are tried again.
    Redrive(Selection),
    /// Notifications of the failed queue are deleted for good.
    Drop(Selection),
}

fn hundred() -> u16 {
    100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_flat_object() {
        let parse = |json: &str| serde_json::from_str::<Request>(json);
        let status = parse(r#"{"command":"status"}"#).expect("a request");
        assert_eq!(status, Request::Status { mailbox: None });
        let test = parse(r#"{"command":"send-test","mailbox":"billing"}"#).expect("a request");
        assert_eq!(
            test,
            Request::SendTest {
                mailbox: "billing".to_owned()
            }
        );
        for (json, admin) in [
            (r#"{"command":"connect","mailbox":"billing"}"#, false),
            (
                r#"{"command":"connect","mailbox":"billing","admin":true}"#,
                true,
            ),
        ] {
            let mailbox = "billing".to_owned();
            let connect = parse(json).expect("a request");
            assert_eq!(connect, Request::Connect { mailbox, admin });
        }
        assert_eq!(
            parse(r#"{"command":"failed","mailbox":"billing"}"#).expect("a request"),
            Request::Failed {
                mailbox: "billing".to_owned(),
                limit: 100
            }
        );
        let redrive = r#"{"command":"redrive","mailbox":"billing","class":"expired"}"#;
        assert!(matches!(parse(redrive), Ok(Request::Redrive(_))));
        assert!(parse(r#"{"command":"drop","mailbox":"billing","id":"a"}"#).is_err());
        assert!(parse(r#"{"command":"pause"}"#).is_err());
        let id = "5e1bf0c2".repeat(4);
        for command in ["check", "check-steps"] {
            let with =
                |id: &str| format!(r#"{{"command":"{command}","mailbox":"billing","id":"{id}"}}"#);
            assert!(parse(&with(&id)).is_ok(), "{command}");
            let error = parse(&with("5E1B")).unwrap_err().to_string();
            assert!(error.contains("`id`") && error.contains("32"), "{error}");
            assert!(!error.contains("5E1B"), "{error}");
        }
        assert!(parse(r#"{"command":"status","mailbx":"billing"}"#).is_err());
    }
}
