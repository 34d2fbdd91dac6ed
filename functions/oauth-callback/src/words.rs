//! What the pages say.
//!
//! Each refusal has its own words: what happened, as the person met it, and what to do about it. Commands stand
//! between backquotes. Nothing here repeats anything that came in.

use common::class::{Class, Concerning};
use common::consent::{Check, Purpose, Refusal};

/// A page that only says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    NotFound,
    NotAllowed,
    Unavailable,
    NoLink,
    LinkUnknown,
    LinkExpired,
    LinkExhausted,
    LinkUsed,
    OtherSite,
    NotReady,
    NoClientSecret,
    NoApproval,
    AnswerUnknown,
    AnswerUsed,
    AnswerExpired,
    AnswerForeign,
    NothingToShow,
    Approved,
    StatusOver,
}

impl Notice {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 19] = [
        Self::NotFound,
        Self::NotAllowed,
        Self::Unavailable,
        Self::NoLink,
        Self::LinkUnknown,
        Self::LinkExpired,
        Self::LinkExhausted,
        Self::LinkUsed,
        Self::OtherSite,
        Self::NotReady,
        Self::NoClientSecret,
        Self::NoApproval,
        Self::AnswerUnknown,
        Self::AnswerUsed,
        Self::AnswerExpired,
        Self::AnswerForeign,
        Self::NothingToShow,
        Self::Approved,
        Self::StatusOver,
    ];

    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Approved => 200,
            Self::NoLink | Self::AnswerUnknown => 400,
            Self::OtherSite | Self::AnswerForeign => 403,
            Self::NotFound | Self::LinkUnknown | Self::NoApproval | Self::NothingToShow => 404,
            Self::NotAllowed => 405,
            Self::LinkExpired
            | Self::LinkExhausted
            | Self::LinkUsed
            | Self::AnswerUsed
            | Self::AnswerExpired
            | Self::StatusOver => 410,
            Self::Unavailable | Self::NotReady | Self::NoClientSecret => 503,
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::NotFound => "There is no such page",
            Self::NotAllowed => "This page does not work that way",
            Self::Unavailable => "Something did not answer",
            Self::NoLink => "A link is needed",
            Self::LinkUnknown => "This link is not valid",
            Self::LinkExpired => "This link has expired",
            Self::LinkExhausted => "This link was tried too often",
            Self::LinkUsed => "This link has been used",
            Self::OtherSite => "This request came from another site",
            Self::NotReady => "The mailbox is not set up yet",
            Self::NoClientSecret => "The client secret is missing",
            Self::NoApproval => "There is nothing to approve",
            Self::AnswerUnknown => "This sign-in is not known",
            Self::AnswerUsed => "This sign-in was finished before",
            Self::AnswerExpired => "The sign-in took too long",
            Self::AnswerForeign => "This sign-in began in another browser",
            Self::NothingToShow => "There is nothing to show here",
            Self::Approved => "Microsoft has taken the approval",
            Self::StatusOver => "This link shows nothing any more",
        }
    }

    pub(crate) fn paragraphs(self) -> &'static [&'static str] {
        match self {
            Self::NotFound => &["Open the link that you were given to connect a mailbox."],
            Self::NotAllowed => {
                &["Open the link that you were given, and use the buttons of its pages."]
            }
            Self::Unavailable => &[
                "A part of Pillarbox could not be reached just now. Load the page again in a minute.",
                "If it stays this way, tell the person who runs Pillarbox; the log of `oauth-callback` says what did not answer.",
            ],
            Self::NoLink => &[
                "A mailbox is connected with a link that the person who runs Pillarbox makes by `operator connect`. Ask for one.",
            ],
            Self::LinkUnknown => &[
                "It may have been cut short on its way to you: open it whole, from the original message.",
                "If it was whole, ask for a new link.",
            ],
            Self::LinkExpired => &[
                "A link is good for 15 minutes. Ask for a new one; nothing has changed in the meantime.",
            ],
            Self::LinkExhausted => {
                &["A link is good for five attempts. Ask for a new one; nothing has been stored."]
            }
            Self::LinkUsed => &[
                "The mailbox was connected with this link, and a link connects once. There is nothing more to do.",
                "To see how the mailbox is, the person who runs Pillarbox can use `operator status`.",
            ],
            Self::OtherSite => &[
                "Nothing was begun. Open the link that you were given, and use the button of its page.",
            ],
            Self::NotReady => &[
                "Its settings are missing or faulty, so a sign-in would lead nowhere. Nothing was begun, and your link is still good.",
                "The person who runs Pillarbox finds every fault by `operator check`.",
            ],
            Self::NoClientSecret => &[
                "The stored client secret of the app registration is empty, or is not one, so a sign-in would lead nowhere. Nothing was begun, and your link is still good.",
                "The person who runs Pillarbox has to store the secret's value (the column Value in Entra, not the Secret ID).",
            ],
            Self::NoApproval => &[
                "The sign-in service of this mailbox has no page on which an administrator approves an app for everybody.",
                "Open the link without `for=approval`, and sign in as the mailbox's own account.",
            ],
            Self::AnswerUnknown => &[
                "The answer does not belong to any sign-in that was begun here; it may have been changed on its way. Nothing has been stored.",
                "Open the link that you were given once more.",
            ],
            Self::AnswerUsed => &[
                "An answer of Microsoft counts once, and this one has been used. It has changed nothing now.",
                "To see how the mailbox is, the person who runs Pillarbox can use `operator status`. To connect it again, ask for a new link.",
            ],
            Self::AnswerExpired => &[
                "A sign-in has to be finished within 15 minutes. Nothing has been stored.",
                "Open the link that you were given once more, or ask for a new one.",
            ],
            Self::AnswerForeign => &[
                "A sign-in has to be finished in the browser that began it, with cookies allowed. Nothing has been stored.",
                "Open the link that you were given in the browser you want to use, and go through it there.",
            ],
            Self::NothingToShow => &[
                "The result of a sign-in is kept for 15 minutes, for the browser that it was made in.",
                "To see how a mailbox is, the person who runs Pillarbox can use `operator status`.",
            ],
            Self::StatusOver => &[
                "A link to the mailboxes shows them once, within five minutes, to whoever has all of it. Make a new one with `pillarbox status-link`.",
            ],
            Self::Approved => &[
                "An approval stores nothing here, and no mailbox is connected by it. It helps where it was given for the organization that the mailbox belongs to.",
                "To connect the mailbox now, open the link that was made for that, or ask for a new one.",
            ],
        }
    }
}

/// What a refusal is called.
pub(crate) fn title(refusal: Refusal, purpose: Purpose) -> &'static str {
    match refusal {
        Refusal::Declined if purpose == Purpose::Approval => "The app was not approved",
        Refusal::WrongDirectory if purpose == Purpose::Approval => {
            "Another organization has approved the app"
        }
        Refusal::Declined => "You did not agree",
        Refusal::ConsentRequired => "The app has no consent yet",
        Refusal::AdminApproval => "An administrator has to approve",
        Refusal::NotAssigned => "The account is not assigned to the app",
        Refusal::PolicyStopped => "A sign-in policy stopped you",
        Refusal::NotInDirectory => "The account cannot sign in here",
        Refusal::Misconfigured => "The app registration does not fit",
        Refusal::ProviderBusy => "Microsoft did not answer in time",
        Refusal::Unrecognized => "Microsoft refused the sign-in",
        Refusal::ForeignIssuer => "The answer came from somebody else",
        Refusal::CodeRefused => "The sign-in was too old",
        Refusal::ClientSecretRefused => "Microsoft does not accept the client secret",
        Refusal::ClientSecretUnusable => "The client secret is missing",
        Refusal::AccountUnproven => "Microsoft did not say who signed in",
        Refusal::WrongDirectory => "That account is from another organization",
        Refusal::WrongAccount => "That is another account",
        Refusal::OtherAccountThanBefore => "That is not the account from before",
        Refusal::NoSendPermission => "The permission to send is missing",
        Refusal::NoRefreshToken => "The permission would not last",
        Refusal::NotReady => "The mailbox is not set up yet",
        Refusal::NotStored => "The permission could not be stored",
        Refusal::Unavailable => "Something of ours did not answer",
    }
}

/// What happened, and what to do about it.
pub(crate) fn paragraphs(
    refusal: Refusal,
    purpose: Purpose,
    about: &Concerning<'_>,
) -> Vec<String> {
    let own = match purpose {
        Purpose::Connection => None,
        Purpose::Approval => to_administrator(refusal, about),
    };
    own.unwrap_or_else(|| to_person(refusal, about))
}

/// What an administrator is told otherwise than the account of the mailbox.
fn to_administrator(refusal: Refusal, about: &Concerning<'_>) -> Option<Vec<String>> {
    let address = about.address;
    let as_administrator =
        format!("Try again, and sign in as an administrator of the organization of {address}.");
    let happened = match refusal {
        Refusal::Declined => "The approval was cancelled or not given.",
        Refusal::AdminApproval | Refusal::NotInDirectory | Refusal::NotAssigned => {
            "The account that signed in may not approve apps for the organization."
        }
        Refusal::WrongDirectory => {
            "The administrator who signed in belongs to another organization than the mailbox, so the approval does not help it. It may be withdrawn there (Entra admin center, Enterprise applications)."
        }
        Refusal::ConsentRequired
        | Refusal::PolicyStopped
        | Refusal::Misconfigured
        | Refusal::ProviderBusy
        | Refusal::Unrecognized
        | Refusal::ForeignIssuer
        | Refusal::CodeRefused
        | Refusal::ClientSecretRefused
        | Refusal::ClientSecretUnusable
        | Refusal::AccountUnproven
        | Refusal::WrongAccount
        | Refusal::OtherAccountThanBefore
        | Refusal::NoSendPermission
        | Refusal::NoRefreshToken
        | Refusal::NotReady
        | Refusal::NotStored
        | Refusal::Unavailable => return None,
    };
    Some(vec![happened.to_owned(), as_administrator])
}

fn to_person(refusal: Refusal, about: &Concerning<'_>) -> Vec<String> {
    let Concerning {
        mailbox, username, ..
    } = *about;
    let remedy = |class: Class| class.remedy(about);
    match refusal {
        Refusal::Declined => vec![
            "The sign-in was cancelled, or the permission was not given.".to_owned(),
            format!("Try again, sign in as {username}, and accept what Microsoft asks: to send mail, and to keep this permission."),
        ],
        Refusal::ConsentRequired => vec![
            "The organization does not let this app send mail yet, and Microsoft did not ask you for it.".to_owned(),
            remedy(Class::AdminConsentRequired),
        ],
        Refusal::AdminApproval => vec![
            "In this organization only an administrator may let an app send mail.".to_owned(),
            remedy(Class::AdminConsentRequired),
        ],
        Refusal::NotAssigned => vec![
            "The app is limited to users that are assigned to it.".to_owned(),
            format!("Have an administrator assign {username} to the app (Entra admin center, Enterprise applications, Users and groups), then try again."),
        ],
        Refusal::PolicyStopped => vec![
            "Your organization asks for more at this sign-in, such as a known device, another network or a second factor, or does not allow it at all.".to_owned(),
            remedy(Class::PolicyRefused),
        ],
        Refusal::NotInDirectory => vec![
            "Microsoft does not know the account in this organization, or has locked it.".to_owned(),
            format!("Try again as {username}. If that is what you did, have an administrator look at the account (Entra admin center, Users)."),
        ],
        Refusal::Misconfigured => vec![
            "Microsoft does not accept the request of the app. You cannot repair this.".to_owned(),
            remedy(Class::AppMisconfigured),
        ],
        Refusal::ProviderBusy => vec![
            "Microsoft is busy or could not be reached. Nothing is wrong with your account.".to_owned(),
            "Try again in a minute.".to_owned(),
        ],
        Refusal::Unrecognized => vec![
            "It gave no reason that we know.".to_owned(),
            format!("Try again. If it happens again, an administrator finds the reason in the Entra sign-in log of {username}."),
        ],
        Refusal::ForeignIssuer => vec![
            "The answer names another sign-in service than the one you were sent to, so it was not used.".to_owned(),
            format!("Try again. If it happens again, compare the issuer in the settings of mailbox {mailbox} with that of the service."),
        ],
        Refusal::CodeRefused => vec![
            "Microsoft's answer is good for some minutes and for one use, and this one was not good any more.".to_owned(),
            "Try again.".to_owned(),
        ],
        Refusal::ClientSecretRefused => vec![
            "Its value is wrong, or it has expired. You cannot repair this.".to_owned(),
            remedy(Class::ClientCredentialRefused),
        ],
        Refusal::ClientSecretUnusable => vec![
            "The stored client secret is empty or is not one. You cannot repair this.".to_owned(),
            remedy(Class::ClientCredentialRefused),
        ],
        Refusal::AccountUnproven => vec![
            "The proof of who signed in is missing, incomplete, or not for this sign-in, so it was not used.".to_owned(),
            format!("Try again. If it happens again, check that the scopes of mailbox {mailbox} include `openid` and `profile`, and that the clock of the sign-in service is right."),
        ],
        Refusal::WrongDirectory => vec![
            format!("Mailbox {mailbox} belongs to another organization than the account you signed in with."),
            format!("Try again and choose {username}."),
        ],
        Refusal::WrongAccount => vec![
            format!("You signed in with another account than {username}, most likely because the browser remembered one."),
            format!("Try again and choose {username}. If it does not come up, use a private window."),
        ],
        Refusal::OtherAccountThanBefore => vec![
            format!("Mailbox {mailbox} was connected by another account before, and the one you signed in with is not it, even if it has the same name."),
            format!("Try again with the account from before. If the account was really replaced, the person who runs Pillarbox enters its object id as `object_id` in the settings of mailbox {mailbox}."),
        ],
        Refusal::NoSendPermission => vec![
            "Microsoft's answer does not allow to send mail.".to_owned(),
            format!("Check that the app registration has the delegated permission `SMTP.Send` of Office 365 Exchange Online and that the scopes of mailbox {mailbox} name it, then try again."),
        ],
        Refusal::NoRefreshToken => vec![
            "Microsoft gave a permission that ends within hours and cannot be renewed.".to_owned(),
            format!("Check that the scopes of mailbox {mailbox} include `offline_access`, and that the redirect URI is registered as Web and not as a single-page application, then try again."),
        ],
        Refusal::NotReady => vec![
            "Its settings are missing or faulty.".to_owned(),
            format!("The person who runs Pillarbox finds every fault by `operator check {mailbox}`."),
        ],
        Refusal::NotStored => vec![
            "Everything was right, but the permission could not be stored, so the mailbox may not be connected.".to_owned(),
            format!("Try again in a minute. If it happens again, the log of `oauth-callback` says what did not answer; `operator status {mailbox}` shows how the mailbox is."),
        ],
        Refusal::Unavailable => vec![
            "A part of Pillarbox could not be reached, so the sign-in was not finished.".to_owned(),
            "Try again in a minute.".to_owned(),
        ],
    }
}

/// Whether an administrator's approval is what helps.
pub(crate) fn needs_approval(refusal: Refusal) -> bool {
    refusal.class() == Some(Class::AdminConsentRequired)
}

/// What a check makes sure of.
pub(crate) fn check(check: Check) -> &'static str {
    match check {
        Check::SignedIn => "Microsoft confirms the sign-in",
        Check::Directory => "The account is from the right organization",
        Check::Account => "It is the account of this mailbox",
        Check::Permission => "It may send mail",
        Check::Lasting => "The permission lasts until it is withdrawn",
        Check::Stored => "The permission is stored",
        Check::MailServer => "The mail server lets the mailbox sign in",
        Check::Queue => "Mail that waits is sent",
    }
}
