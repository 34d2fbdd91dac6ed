//! What a reply means and asks for: one pure, total function.
//!
//! Neither the code nor the enhanced code decides alone. At Exchange 550 and 554 share 5.2.252 (the mailbox is
//! blocked for a day; this one message is refused), 432 4.3.2 has three meanings, 554 5.2.0 is an envelope for
//! named exceptions, 421 4.7.66 and 430 4.2.0 are permanent, and 550 5.2.121 is over in an hour.

use super::{Enhanced, Reply, Stage};
use crate::class::{Class, Scope};
use std::time::Duration;

/// What a failure means and asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The kind of the failure.
    pub class: Class,
    /// How long to wait before the next try, where Microsoft or experience says so.
    pub retry_after: Option<Duration>,
    /// After how long of the same answer a person should look, although it says to wait.
    pub escalate_after: Option<Duration>,
}

pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(60 * 60);
/// How long a server may be busy before somebody should look.
pub(super) const PATIENCE: Duration = Duration::from_secs(6 * 60 * 60);
/// How long the blocks of continuous-error throttling were seen to last.
pub(super) const BLOCK: Duration = Duration::from_secs(24 * 60 * 60);

impl Diagnosis {
    /// The message was handed over and no reply settles its fate.
    pub const UNKNOWN: Self = Self {
        class: Class::UnknownAfterData,
        retry_after: None,
        escalate_after: None,
    };

    /// Who has to wait: how far the breaker reaches.
    pub fn scope(self) -> Scope {
        self.class.scope()
    }

    /// The same, not to be tried before this long.
    fn after(self, wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..self
        }
    }

    /// The same, to be looked at when it goes on for this long.
    fn until(self, patience: Duration) -> Self {
        Self {
            escalate_after: Some(patience),
            ..self
        }
    }
}

impl From<Class> for Diagnosis {
    fn from(class: Class) -> Self {
        Self {
            class,
            retry_after: None,
            escalate_after: None,
        }
    }
}

/// Says what a reply means and asks for, by all of stage, code, enhanced code and text.
pub fn classify(reply: &Reply) -> Diagnosis {
    // Before MAIL there is no message and no sender that a refusal could be about.
    let fits = |known: &Diagnosis| match known.scope() {
        Scope::Message | Scope::Sender => reply.stage.is_of_a_message(),
        Scope::Wait | Scope::Mailbox | Scope::Ours | Scope::Unknown => true,
    };
    known(reply).filter(fits).unwrap_or_else(|| unknown(reply))
}

/// The replies that Microsoft documents or that were seen from its servers.
fn known(reply: &Reply) -> Option<Diagnosis> {
    let Enhanced(class, subject, detail) = reply.enhanced?;
    let text = reply.text.to_ascii_lowercase();
    let says = |words: &str| text.contains(words);
    let busy = Diagnosis::from(Class::ServerBusy).until(PATIENCE);
    let diagnosis = match (reply.code, class, subject, detail) {
        // Sign-in.
        (_, 4 | 5, 7, 66) => Class::TlsRefused.into(),
        (_, 5, 7, 139) if says("smtpclientauthentication is disabled") => {
            Class::SmtpAuthDisabled.into()
        }
        (_, 5, 7, 139 | 30) => Class::PolicyRefused.into(),
        (_, 5, 7, 57) => Class::ProtocolError.into(),
        (_, 5, 5, 124) | (_, 5, 7, 144) => Class::AppMisconfigured.into(),
        (_, 5, 5, 127) => Class::TokenRejected.into(),
        (430, 4, 2, 0) | (_, 4 | 5, 2, 0) if says("mapiexceptionlogonfailed") => {
            Diagnosis::from(Class::TokenRejected).after(5 * MINUTE)
        }

        // Continuous-error throttling blocks the mailbox; otherwise the same figures speak of one message.
        (550, 5, 2, 251..=255) => Diagnosis::from(Class::SubmissionThrottled).after(BLOCK),
        (_, 5, 2, 251) => Class::MailboxFull.into(),
        (_, 5, 2, 252) => Class::SendAsDenied.into(),
        (_, 5, 2, 253) => Class::MailboxUnlicensed.into(),
        (_, 5, 2, 254) => Class::TooManyRecipients.into(),
        (_, 5, 2, 255) => Class::RecipientRefused.into(),

        // The sender.
        (_, 5, 7, 60) => Class::SendAsDenied.into(),
        (_, 5, 7, 1) if says("send as") || says("send on behalf") => Class::SendAsDenied.into(),
        (_, 5, 1, 8) | (_, 5, 7, 501..=503 | 511) => Class::MailboxRestricted.into(),
        (_, 5, 7, 705 | 708 | 750) => Class::TenantBlocked.into(),

        // The carrier of exceptions of the store.
        (_, 5, 2, 0) if says("sendasdenied") => Class::SendAsDenied.into(),
        (_, 5, 2, 0) if says("submissionquotaexceeded") => {
            Diagnosis::from(Class::QuotaDay).after(HOUR)
        }
        (_, 5, 2, 0) if says("outboundspam") => Class::MailboxRestricted.into(),

        // Quotas.
        (_, 5, 2, 2) if reply.stage == Stage::Rcpt => Class::RecipientRefused.into(),
        (_, 5, 2, 2) if says("full") => Class::MailboxFull.into(),
        (_, 5, 2, 2) => Diagnosis::from(Class::QuotaDay).after(HOUR),
        (_, 4 | 5, 7, 232 | 233 | 236) => Diagnosis::from(Class::QuotaTenant).after(HOUR),
        (_, 4 | 5, 2, 121 | 122) => busy.after(HOUR),

        // Back-pressure.
        (_, 4, 3, 2)
            if says("concurrent")
                || says("storedrv.clientsubmit")
                || says("sender thread limit") =>
        {
            Diagnosis::from(Class::RateLimited).after(MINUTE)
        }
        (_, 4, 3, 2) => busy.after(MINUTE),
        (_, 4, 4, 2) => Diagnosis::from(Class::RateLimited).after(MINUTE),
        (_, 4, _, _) if says("submission rate") => {
            Diagnosis::from(Class::RateLimited).after(MINUTE)
        }
        (_, 4, 3, 111) | (_, 4, 4, 3) | (_, 4, 7, 0) => busy.after(MINUTE),
        (_, 4, 7, 651) => busy.after(15 * MINUTE),
        (_, 4, 7, 500..=699 | 850..=899) => busy.after(5 * MINUTE),

        // The message.
        (_, 4 | 5, 5, 3) => Class::TooManyRecipients.into(),
        (_, 5, 3, 4) | (_, 5, 2, 3) => Class::MessageTooLarge.into(),
        (_, 5, 1, 1 | 2 | 3 | 6 | 10) if reply.stage != Stage::Mail => {
            Class::RecipientRefused.into()
        }
        (_, 5, 7, 12 | 124 | 133 | 134 | 136 | 703) => Class::RecipientRefused.into(),
        (_, 5, 7, 506 | 509 | 512 | 515) | (_, 5, 6, _) => Class::ContentRefused.into(),
        _ => return None,
    };
    Some(diagnosis)
}

/// What the stage and the code alone allow to say.
fn unknown(reply: &Reply) -> Diagnosis {
    let subject = reply
        .enhanced
        .map(|Enhanced(_, subject, detail)| (subject, detail));
    let is_too_long = || {
        let text = reply.text.to_ascii_lowercase();
        text.contains("too long") || text.contains("line length")
    };
    let class = match (reply.stage, reply.code) {
        (_, 400..500) => return Diagnosis::from(Class::ServerBusy).until(PATIENCE),
        (Stage::StartTls | Stage::Handshake, 500..600) => Class::TlsRefused,
        // RFC 4954 has 500 5.5.6 for it, Gmail 555 5.5.2; Exchange takes an unreadable line for a command.
        (Stage::Auth | Stage::Token, _) if subject == Some((5, 6)) || is_too_long() => {
            Class::TokenTooLarge
        }
        (Stage::Token, 500 | 552 | 555) => Class::TokenTooLarge,
        (Stage::Auth | Stage::Token, 535) => Class::TokenRejected,
        (Stage::Auth | Stage::Token, 500..=504 | 530 | 538) => Class::ProtocolError,
        (Stage::Auth | Stage::Token, 500..600) => Class::PolicyRefused,
        (Stage::Connect | Stage::Greeting | Stage::Ehlo | Stage::Rset | Stage::Quit, 500..600) => {
            Class::ProtocolError
        }
        (_, 500 | 502..=504 | 530) => Class::ProtocolError,
        (Stage::Rcpt, 550 | 551 | 553) if matches!(subject, None | Some((1, _) | (2, 1))) => {
            Class::RecipientRefused
        }
        (Stage::Mail | Stage::Data | Stage::Body | Stage::Bdat, 552) if subject.is_none() => {
            Class::MessageTooLarge
        }
        (_, 500..600) => Class::RefusedOther,
        // No refusal at all.
        (_, _) => Class::ProtocolError,
    };
    class.into()
}
