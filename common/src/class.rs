//! What went wrong, in the one vocabulary of the product.
//!
//! Events, queue attributes, metrics, pages and commands all name a failure by its [`Class`]. A class says
//! who has to wait ([`Class::scope`]) and what a person has to do ([`Class::remedy`]); two failures with
//! different remedies never share one. Which reply belongs to which class is decided in
//! [`crate::submission::classify`] and, for tokens, in the OAuth adapter.

mod remedy;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

use crate::retry::Retry;

macro_rules! classes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $scope:ident;)*) => {
        /// The kind of a failure, by what has to be done about it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        pub enum Class {
            $($(#[$doc])* $variant,)*
        }

        impl Class {
            /// Every class, in the order of their scopes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The class's name in events, attributes, metrics, pages and commands.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Who has to wait until the remedy has been applied.
            pub const fn scope(self) -> Scope {
                match self { $(Self::$variant => Scope::$scope,)* }
            }
        }

        impl FromStr for Class {
            type Err = UnknownClass;

            fn from_str(name: &str) -> Result<Self, UnknownClass> {
                match name {
                    $($name => Ok(Self::$variant),)*
                    _ => Err(UnknownClass),
                }
            }
        }
    };
}

classes! {
    /// The queue message is not a notification.
    InvalidMessage = "invalid_message", Message;
    /// The same id came with other content.
    IdempotencyConflict = "idempotency_conflict", Message;
    /// The message exceeds the server's or the mailbox's size limit.
    MessageTooLarge = "message_too_large", Message;
    /// There are more recipients than a notification, or the server's transaction, may have.
    TooManyRecipients = "too_many_recipients", Message;
    /// An object that the notification names is not there, or is not the one that it names.
    AttachmentUnavailable = "attachment_unavailable", Message;
    /// The From address is not among the mailbox's senders.
    SenderNotAllowed = "sender_not_allowed", Message;
    /// A recipient does not exist or does not want this mail.
    RecipientRefused = "recipient_refused", Message;
    /// The content of the message was refused.
    ContentRefused = "content_refused", Message;
    /// The notification's own `expires_at` has passed.
    Expired = "expired", Message;
    /// The mailbox stayed closed until the queue would have deleted the notification.
    WaitedTooLong = "waited_too_long", Message;
    /// The server refused for good, for a reason that no other class names.
    RefusedOther = "refused_other", Message;

    /// The mailbox sends faster, or over more connections, than Microsoft allows.
    RateLimited = "rate_limited", Wait;
    /// The mailbox has used up its recipients of the day.
    QuotaDay = "quota_day", Wait;
    /// The tenant has used up its external recipients of the day.
    QuotaTenant = "quota_tenant", Wait;
    /// The server, or the recipient's mailbox, cannot take the message just now.
    ServerBusy = "server_busy", Wait;
    /// The server could not be reached, or the connection broke before the message was at stake.
    Network = "network", Wait;

    /// The mailbox may not send as this From address.
    SendAsDenied = "send_as_denied", Sender;

    /// The server does not accept the access token for this user.
    TokenRejected = "token_rejected", Mailbox;
    /// The server does not accept a token of this length.
    TokenTooLarge = "token_too_large", Mailbox;
    /// SMTP AUTH is switched off for the mailbox or the tenant.
    SmtpAuthDisabled = "smtp_auth_disabled", Mailbox;
    /// A sign-in policy of the tenant refuses the mailbox.
    PolicyRefused = "policy_refused", Mailbox;
    /// Entra wants the owner to sign in again.
    InteractionRequired = "interaction_required", Mailbox;
    /// The grant is dead.
    ConsentRevoked = "consent_revoked", Mailbox;
    /// The consent needs an administrator.
    AdminConsentRequired = "admin_consent_required", Mailbox;
    /// The account is disabled, locked or gone.
    AccountDisabled = "account_disabled", Mailbox;
    /// Entra does not accept the client's secret.
    ClientCredentialRefused = "client_credential_refused", Mailbox;
    /// The app registration or the mailbox's settings do not fit each other.
    AppMisconfigured = "app_misconfigured", Mailbox;
    /// The mailbox has no license that lets it send.
    MailboxUnlicensed = "mailbox_unlicensed", Mailbox;
    /// The mailbox is full, so that Sent Items takes nothing more.
    MailboxFull = "mailbox_full", Mailbox;
    /// Microsoft has banned the mailbox from sending.
    MailboxRestricted = "mailbox_restricted", Mailbox;
    /// Microsoft has blocked SMTP submission for the mailbox because errors went on.
    SubmissionThrottled = "submission_throttled", Mailbox;
    /// Microsoft takes no mail from the tenant.
    TenantBlocked = "tenant_blocked", Mailbox;
    /// There is no safe TLS connection to the server.
    TlsRefused = "tls_refused", Mailbox;

    /// The dialogue went against the protocol.
    ProtocolError = "protocol_error", Ours;

    /// The message was handed over and its reply never came.
    UnknownAfterData = "unknown_after_data", Unknown;
}

/// Who has to wait until a failure's remedy has been applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// This message alone; it is final for it, and the others go on.
    Message,
    /// This message, or all of the mailbox for a while; time heals it.
    Wait,
    /// What is sent from this From address; the mailbox's other senders go on.
    Sender,
    /// The whole mailbox.
    Mailbox,
    /// Nobody: it is a fault of this product or of the server's software.
    Ours,
    /// This message, until its fate has been settled by policy.
    Unknown,
}

/// Reports a name that is no class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a class")]
pub struct UnknownClass;

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for Class {
    type Error = UnknownClass;

    fn try_from(name: String) -> Result<Self, UnknownClass> {
        name.parse()
    }
}

impl From<Class> for &'static str {
    fn from(class: Class) -> Self {
        class.as_str()
    }
}

/// What a remedy is about, so that its commands can be run as they stand.
#[derive(Clone, Copy, Debug)]
pub struct Concerning<'a> {
    /// The mailbox's id in Pillarbox.
    pub mailbox: &'a str,
    /// The mailbox's address.
    pub address: &'a str,
    /// The user principal name that signs in.
    pub username: &'a str,
    /// The From address of the message, where one was at hand.
    pub from: &'a str,
}

impl<'a> Concerning<'a> {
    /// A mailbox that signs in and sends under its own address.
    pub fn mailbox(mailbox: &'a str, address: &'a str) -> Self {
        Self {
            mailbox,
            address,
            username: address,
            from: address,
        }
    }
}

impl Class {
    /// Whether a mailbox that it stopped lets us sign in all the same, so that only a message can find out whether
    /// it has ended.
    #[must_use]
    pub const fn is_met_by_messages(self) -> bool {
        matches!(
            self,
            Self::MailboxUnlicensed
                | Self::MailboxFull
                | Self::MailboxRestricted
                | Self::SubmissionThrottled
                | Self::TenantBlocked
        )
    }

    /// How often it is tried whether a mailbox that it stopped can go on.
    #[must_use]
    pub const fn retry(self) -> Retry {
        if matches!(self, Self::SubmissionThrottled) {
            // Microsoft lifts these blocks by itself, after about a day in which it is left alone.
            Retry {
                first: SignedDuration::from_hours(24),
                longest: SignedDuration::from_hours(24),
            }
        } else if self.is_met_by_messages() {
            Retry {
                first: SignedDuration::from_mins(15),
                longest: SignedDuration::from_hours(6),
            }
        } else {
            // Less than the five minutes between two ticks, so that one that comes early still counts.
            Retry {
                first: SignedDuration::from_mins(4),
                longest: SignedDuration::from_hours(1),
            }
        }
    }

    /// What a person has to do, in complete sentences, with the exact command where one exists.
    pub fn remedy(self, about: &Concerning<'_>) -> String {
        remedy::of(self, about)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_read_back_by_its_name() {
        for &class in Class::ALL {
            assert_eq!(class.as_str().parse(), Ok(class));
            let json = serde_json::to_string(&class).unwrap();
            assert_eq!(json, format!("\"{class}\""));
            assert_eq!(serde_json::from_str::<Class>(&json).unwrap(), class);
        }
        assert_eq!("delivered".parse::<Class>(), Err(UnknownClass));
    }
}
