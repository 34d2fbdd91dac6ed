//! What others hear: an event for each outcome, on the account's default EventBridge bus.
//!
//! An event is made where its outcome is recorded, and put by an [`EventBus`] before the queue may forget the notification: a
//! worker that stops in between leaves a copy that comes back, and its outcome is told again under the same id. An event that
//! the bus does not take within seconds is given up, logged and counted; no mail waits for it. What has become of a mailbox is
//! told by whoever finds that others do not know it yet. Who hears of them tells repeats by `event_id`. Their contract is `docs/events.md`, with a schema for each kind that is made of the types here.

mod addresses;
mod email;
mod mailbox;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;

use std::future::Future;

use jiff::Timestamp;
use serde::Serialize;

pub use self::addresses::{EventAddresses, HashKey, HashKeyUnavailable, HashKeys};
pub use self::email::{Delayed, Email, Ended, Recipient, RecipientState, Sent, Skipped, Trouble};
pub use self::mailbox::{Connected, Expiring, Look, Restored, Stopped, Told};
use crate::digest;
use crate::mailbox::MailboxId;
use crate::naming::StackName;

/// The source that all events name.
pub const SOURCE: &str = "pillarbox";

/// The longest detail of an event, in octets of JSON. With what EventBridge adds, an event stays below the 256 KiB that every
/// target takes.
pub const LONGEST: usize = 240 * 1024;

macro_rules! events {
    ($($(#[doc = $meaning:literal])* $kind:ident($detail:ident) = $name:literal, $file:literal;)*) => {
        /// What kind of event it is; its `detail-type`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[doc = $meaning])* $kind,)*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// Its `detail-type`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// The name of its schema below `docs/events`.
            #[must_use]
            pub const fn schema(self) -> &'static str {
                match self { $(Self::$kind => concat!($file, ".schema.json"),)* }
            }
        }

        /// An event.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        #[serde(untagged)]
        pub enum Event {
            $($(#[doc = $meaning])* $kind(Box<$detail>),)*
        }

        impl Event {
            /// What kind of event it is.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$kind(_) => Kind::$kind,)* }
            }

            /// Which event it is, of whom and when.
            #[must_use]
            pub fn about(&self) -> &About {
                match self { $(Self::$kind(detail) => &detail.about,)* }
            }
        }

        /// The schema of each kind's detail.
        #[cfg(test)]
        fn schemas() -> Vec<(Kind, schemars::Schema)> {
            vec![$((Kind::$kind, schema::of::<$detail>($name)),)*]
        }
    };
}

events! {
    /// The server has accepted the message for at least one recipient. It does not say that anybody has received it.
    EmailSent(Sent) = "Email Sent", "email-sent";
    /// The first attempt that failed was put off; it is tried again.
    EmailDelayed(Delayed) = "Email Delayed", "email-delayed";
    /// The notification is in the failed queue: it was not sent, or not to everybody.
    EmailFailed(Ended) = "Email Failed", "email-failed";
    /// Nobody knows whether the message was taken; it is in the failed queue.
    EmailUnknown(Ended) = "Email Unknown", "email-unknown";
    /// Another copy of a notification that has ended came, and was not sent.
    EmailDuplicateSkipped(Skipped) = "Email Duplicate Skipped", "email-duplicate-skipped";
    /// The time at which the notification was worth sending has passed; it is in the failed queue.
    EmailExpired(Ended) = "Email Expired", "email-expired";
    /// The mailbox has a new grant, and its way to the mail server is proven.
    MailboxConnected(Connected) = "Mailbox Connected", "mailbox-connected";
    /// The mailbox's grant is dead; only a new consent helps.
    MailboxNeedsConsent(Stopped) = "Mailbox Needs Consent", "mailbox-needs-consent";
    /// The mail server or a policy refuses the mailbox.
    MailboxBlocked(Stopped) = "Mailbox Blocked", "mailbox-blocked";
    /// The mailbox that had stopped can send again.
    MailboxRestored(Restored) = "Mailbox Restored", "mailbox-restored";
    /// A credential of the mailbox is about to expire.
    CredentialExpiring(Expiring) = "Credential Expiring", "credential-expiring";
}

/// Which event it is, of whom and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct About {
    /// The version of the contract: 1.
    pub version: u32,
    /// The same for every repeat of the event, and for no other event.
    pub event_id: String,
    /// The stack.
    pub stack: String,
    /// The mailbox.
    pub mailbox: String,
    /// When it happened.
    #[cfg_attr(test, schemars(with = "schema::Time"))]
    pub at: Timestamp,
}

impl About {
    /// An event of `kind` of a mailbox, told from its others of that kind by `occasion`.
    #[must_use]
    pub fn new(
        kind: Kind,
        (stack, mailbox): (&StackName, &MailboxId),
        occasion: &[&str],
        at: Timestamp,
    ) -> Self {
        /// 128 bits: none is made twice.
        const DIGITS: usize = 32;
        let (stack, mailbox) = (stack.to_string(), mailbox.to_string());
        let mut parts = vec![kind.as_str(), &stack, &mailbox];
        parts.extend(occasion);
        let parts: Vec<_> = parts.into_iter().map(str::as_bytes).collect();
        let mut event_id = digest::sha256_hex(&parts);
        event_id.truncate(DIGITS);
        Self {
            version: 1,
            event_id,
            stack,
            mailbox,
            at,
        }
    }
}

impl Event {
    /// The detail as JSON, no longer than [`LONGEST`]: where it would be, recipients at the end of the list are left out and
    /// counted, and the reply is cut.
    #[must_use]
    pub fn detail(&self) -> String {
        let whole = json(self);
        if whole.len() <= LONGEST {
            return whole;
        }
        let mut cut = self.clone();
        if let Some(email) = cut.email_mut() {
            let recipients = std::mem::take(&mut email.recipients);
            email.recipients_left_out = recipients.len();
            if json(&cut).len() > LONGEST {
                cut.shorten_reply();
            }
            let mut room = LONGEST.saturating_sub(json(&cut).len());
            let kept = recipients.into_iter().take_while(|recipient| {
                let length = json(recipient).len() + ",".len();
                let fits = length <= room;
                room = room.saturating_sub(length);
                fits
            });
            let kept: Vec<_> = kept.collect();
            if let Some(email) = cut.email_mut() {
                email.recipients_left_out -= kept.len();
                email.recipients = kept;
            }
        }
        json(&cut)
    }

    /// The same with hashes in the place of addresses, under `key`.
    #[must_use]
    pub fn hashed(mut self, key: &HashKey) -> Self {
        let own = self.email_mut().and_then(|email| {
            for recipient in &mut email.recipients {
                recipient.address = key.hash(&recipient.address);
                if let Some(reply) = &mut recipient.reply {
                    *reply = key.hash_within(reply, email.message_id.as_deref());
                }
            }
            email.message_id.clone()
        });
        if let Some(reply) = self.reply_mut() {
            *reply = key.hash_within(reply, own.as_deref());
        }
        self
    }

    /// What it says of its notification, if it is about one.
    fn email_mut(&mut self) -> Option<&mut Email> {
        Some(match self {
            Self::EmailSent(sent) => &mut sent.email,
            Self::EmailDelayed(delayed) => &mut delayed.email,
            Self::EmailFailed(ended) | Self::EmailUnknown(ended) | Self::EmailExpired(ended) => {
                &mut ended.email
            }
            Self::EmailDuplicateSkipped(skipped) => &mut skipped.email,
            Self::MailboxConnected(_)
            | Self::MailboxNeedsConsent(_)
            | Self::MailboxBlocked(_)
            | Self::MailboxRestored(_)
            | Self::CredentialExpiring(_) => return None,
        })
    }

    /// What the server has said, which may name anybody.
    fn reply_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::EmailSent(sent) => Some(&mut sent.reply),
            Self::EmailDelayed(delayed) => Some(&mut delayed.trouble.reply),
            Self::EmailFailed(ended) | Self::EmailUnknown(ended) | Self::EmailExpired(ended) => {
                Some(&mut ended.trouble.reply)
            }
            // What stops a mailbox is said of the mailbox alone.
            Self::EmailDuplicateSkipped(_)
            | Self::MailboxConnected(_)
            | Self::MailboxNeedsConsent(_)
            | Self::MailboxBlocked(_)
            | Self::MailboxRestored(_)
            | Self::CredentialExpiring(_) => None,
        }
    }

    fn shorten_reply(&mut self) {
        /// In octets.
        const SHORT: usize = 4096;
        if let Some(reply) = self.reply_mut() {
            reply.truncate(reply.floor_char_boundary(SHORT));
        }
    }
}

#[expect(clippy::expect_used, reason = "texts and numbers are JSON")]
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("an event is JSON")
}

/// The bus that events are put on.
pub trait EventBus: Sync {
    /// Publishes events, for some seconds at the most.
    ///
    /// # Errors
    ///
    /// When the bus has not taken them all by then; the error says how many.
    fn publish(&self, events: &[Event]) -> impl Future<Output = Result<(), NotPut>> + Send;
}

/// Says that the bus has not taken events.
#[derive(Debug, thiserror::Error)]
#[error("the bus has not taken {count} of the events: {reason}")]
pub struct NotPut {
    /// How many.
    pub count: usize,
    /// Why, as far as the bus has said.
    pub reason: String,
}
