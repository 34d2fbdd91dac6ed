//! How an attempt ended, as its browser may look at it for a while.
//!
//! An outcome holds what its page shows and nothing that came from outside but the account's name and the mail
//! server's reply. It is written once the attempt is begun, and again when it has ended; so a page that is
//! loaded again, or a form that is sent twice, finds an answer and does nothing.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Purpose, TicketHash};
use crate::class::Class;
use crate::mailbox::{MailboxId, Stop};

/// How things stand with an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// What the attempt was for.
    pub purpose: Purpose,
    /// The ticket, with which the person may try again.
    pub ticket: TicketHash,
    /// How it ended.
    pub ending: Ending,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It has not ended: the person is at the provider, or the answer is being checked.
    Pending,
    /// The mailbox is connected and its way to the mail server is proven.
    Connected {
        /// What was stored.
        kept: Kept,
        /// What becomes of the mail that waits.
        queue: Queue,
    },
    /// The grant is stored, but the mail server does not let the mailbox send yet.
    Blocked {
        /// What was stored.
        kept: Kept,
        /// What the mail server said, and what it means.
        stop: Stop,
    },
    /// An administrator lets the directory's accounts use the app. Nothing was stored.
    Approved,
    /// Nothing was stored.
    Refused(Refusal),
}

/// What a consent left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The name of the account that consented.
    pub account: String,
    /// The life of the access token, in seconds.
    pub token_seconds: u64,
    /// The length of the access token, in octets.
    pub token_bytes: u64,
}

impl Kept {
    /// The length from which an access token may be too long for a mail server: the one length that
    /// Microsoft warns of.
    pub const LARGE: u64 = 4096;

    /// Whether the access token is so long that it may be refused.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.token_bytes > Self::LARGE
    }
}

/// What becomes of the mail that waits for a connected mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Queue {
    /// It is sent from now on.
    Open,
    /// It will be sent within minutes: the valve could not be turned at once.
    Opening,
    /// It waits until an operator resumes the mailbox.
    Paused,
}

/// Why nothing was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The person declined.
    Declined,
    /// The directory knows of no consent to the app.
    ConsentRequired,
    /// Only an administrator may consent to the app.
    AdminApproval,
    /// The app is limited to users that are assigned to it, and this one is not.
    NotAssigned,
    /// A sign-in policy stopped the person.
    PolicyStopped,
    /// The account is unknown in the directory, or disabled.
    NotInDirectory,
    /// The app registration and the settings do not fit each other.
    Misconfigured,
    /// The provider cannot answer now.
    ProviderBusy,
    /// The provider refused without a reason that we know.
    Unrecognized,
    /// The answer came from another provider.
    ForeignIssuer,
    /// The code was too old, or used already.
    CodeRefused,
    /// The provider does not accept the client secret.
    ClientSecretRefused,
    /// The stored client secret cannot be one.
    ClientSecretUnusable,
    /// The id token does not say who signed in, or was not made for this attempt.
    AccountUnproven,
    /// The account belongs to another directory.
    WrongDirectory,
    /// The account is not that of the mailbox.
    WrongAccount,
    /// The account has the name, but is not the one that consented before.
    OtherAccountThanBefore,
    /// The permission to send mail is missing.
    NoSendPermission,
    /// The permission that lasts is missing.
    NoRefreshToken,
    /// The settings of the mailbox are missing or faulty.
    NotReady,
    /// The tokens could not be stored.
    NotStored,
    /// Something of ours did not answer before anything was stored.
    Unavailable,
}

/// What a consent has to pass, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// The person signed in and agreed, and the provider issued tokens.
    SignedIn,
    /// The account belongs to the directory of the settings.
    Directory,
    /// The account is that of the mailbox.
    Account,
    /// The tokens allow to send mail.
    Permission,
    /// The tokens can be renewed.
    Lasting,
    /// The grant is stored.
    Stored,
    /// The mail server lets the mailbox sign in.
    MailServer,
    /// The mail that waits is sent.
    Queue,
}

impl Check {
    /// Every check, in order.
    pub const ALL: [Self; 8] = [
        Self::SignedIn,
        Self::Directory,
        Self::Account,
        Self::Permission,
        Self::Lasting,
        Self::Stored,
        Self::MailServer,
        Self::Queue,
    ];
}

impl Refusal {
    /// The check that was not passed; `None` where something of ours kept it from being made.
    #[must_use]
    pub fn check(self) -> Option<Check> {
        let check = match self {
            Self::NotReady | Self::Unavailable => return None,
            Self::Declined
            | Self::ConsentRequired
            | Self::AdminApproval
            | Self::NotAssigned
            | Self::PolicyStopped
            | Self::NotInDirectory
            | Self::Misconfigured
            | Self::ProviderBusy
            | Self::Unrecognized
            | Self::ForeignIssuer
            | Self::CodeRefused
            | Self::ClientSecretRefused
            | Self::ClientSecretUnusable
            | Self::AccountUnproven => Check::SignedIn,
            Self::WrongDirectory => Check::Directory,
            Self::WrongAccount | Self::OtherAccountThanBefore => Check::Account,
            Self::NoSendPermission => Check::Permission,
            Self::NoRefreshToken => Check::Lasting,
            Self::NotStored => Check::Stored,
        };
        Some(check)
    }

    /// Whether another account has to be chosen at the next attempt.
    #[must_use]
    pub fn asks_for_another_account(self) -> bool {
        matches!(
            self,
            Self::WrongDirectory
                | Self::WrongAccount
                | Self::OtherAccountThanBefore
                | Self::NotInDirectory
        )
    }

    /// The class of the refusal, where it is one that has a remedy of its own.
    #[must_use]
    pub fn class(self) -> Option<Class> {
        match self {
            Self::ConsentRequired | Self::AdminApproval => Some(Class::AdminConsentRequired),
            Self::Misconfigured => Some(Class::AppMisconfigured),
            Self::ClientSecretRefused | Self::ClientSecretUnusable => {
                Some(Class::ClientCredentialRefused)
            }
            Self::PolicyStopped => Some(Class::InteractionRequired),
            Self::Declined
            | Self::NotAssigned
            | Self::NotInDirectory
            | Self::ProviderBusy
            | Self::Unrecognized
            | Self::ForeignIssuer
            | Self::CodeRefused
            | Self::AccountUnproven
            | Self::WrongDirectory
            | Self::WrongAccount
            | Self::OtherAccountThanBefore
            | Self::NoSendPermission
            | Self::NoRefreshToken
            | Self::NotReady
            | Self::NotStored
            | Self::Unavailable => None,
        }
    }
}

impl Ending {
    /// The name of the ending, for the log.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Connected { .. } => "connected",
            Self::Blocked { .. } => "blocked",
            Self::Approved => "approved",
            Self::Refused(_) => "refused",
        }
    }
}
