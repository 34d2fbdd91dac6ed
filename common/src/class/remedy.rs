//! The sentences and commands that repair each class of failure.

use super::{Class, Concerning};
use std::borrow::Cow;

/// Writes the remedy of a class for one mailbox.
pub(super) fn of(class: Class, about: &Concerning<'_>) -> String {
    let Concerning { mailbox, .. } = *about;
    let (address, username, from) = (word(about.address), word(about.username), word(about.from));
    match class {
        Class::InvalidMessage => "Correct the fields named in the reason and put the notification on the queue again.".to_owned(),
        Class::IdempotencyConflict => "Give the notification an id of its own: another one with this id and other content came first.".to_owned(),
        Class::MessageTooLarge => format!(
            "Make the message smaller, for example by a link in place of an attachment; the limit of the mailbox is shown by `Get-Mailbox -Identity {address} | Format-List MaxSendSize`."
        ),
        Class::TooManyRecipients => format!(
            "Split the recipients over several notifications if they are more than 2000; if the server refused, lower `recipients_per_message` of mailbox {mailbox} to what `Get-Mailbox -Identity {address} | Format-List RecipientLimits` shows, and put the notification back on the queue: `operator redrive {mailbox} --class too_many_recipients`."
        ),
        Class::AttachmentUnavailable => format!(
            "Put the object that the reason names where the notification says it is, then put the notification back on the queue: `operator redrive {mailbox} --class attachment_unavailable`; or correct the notification, and send it under a new id."
        ),
        Class::SenderNotAllowed => format!(
            "Add {from} to `senders` in the settings of mailbox {mailbox}, or leave `from` out of the notification so that {address} sends it."
        ),
        Class::RecipientRefused => "Correct or remove the recipient's address; where the recipient takes mail from chosen senders only, its owner has to allow the sender.".to_owned(),
        Class::ContentRefused => "Change the content of the message as the server's reply asks, and send it under a new id.".to_owned(),
        Class::Expired => "Send the notification again with a new id and a later `expires_at`, if it still matters.".to_owned(),
        Class::WaitedTooLong => format!(
            "Repair what keeps mailbox {mailbox} closed, then put its notifications back on the queue: `operator redrive {mailbox} --class waited_too_long`."
        ),
        Class::RefusedOther => format!(
            "Read the server's reply, repair what it names, and put the notification back on the queue: `operator redrive {mailbox} --class refused_other`."
        ),
        Class::RateLimited => format!(
            "Nothing has to be done: the mailbox slows down by itself. If it happens often, something else sends as {username} too; give it a mailbox of its own or lower `messages_per_minute`."
        ),
        Class::QuotaDay => format!(
            "Nothing has to be done: {address} has used its 10,000 recipients of 24 hours and goes on when the window has moved. Spread large runs over several mailboxes or use a bulk mail service for them."
        ),
        Class::QuotaTenant => "Nothing has to be done at once: sending goes on when the rolling 24 hours have moved. The limit on external recipients grows with the number of Exchange licenses (Exchange admin center, Reports, Mail flow); a sender at onmicrosoft.com is limited to 100 a day and has to be replaced by one at your own domain.".to_owned(),
        Class::ServerBusy => "Nothing has to be done: the server asked to wait and the notification is tried again. If it goes on for hours, look at the Microsoft 365 service health page and at the reputation of the address the functions send from.".to_owned(),
        Class::Network => "Nothing has to be done: the connection is tried again. If it goes on, check `smtp_host` and `smtp_port`, and that the function's network lets port 587 out (inside a VPC that takes a NAT gateway).".to_owned(),
        Class::SendAsDenied => format!(
            "Allow the account to send as this address: `Add-RecipientPermission -Identity {from} -AccessRights SendAs -Trustee {username} -Confirm:$false`; or send from {address}. The change may take an hour."
        ),
        Class::TokenRejected => format!(
            "Check that `username` of mailbox {mailbox} is the user principal name that signs in ({username}), that the scopes are those of Exchange (`https://outlook.office.com/SMTP.Send`, not a Graph scope), and connect again with `operator connect {mailbox}`. For application access, check the service principal's object id and its rights on the mailbox: `Get-MailboxPermission -Identity {address}`."
        ),
        Class::TokenTooLarge => format!(
            "Take {username} out of groups that it does not need, because the token grows with them; the next renewal, within the hour, brings a shorter one."
        ),
        Class::SmtpAuthDisabled => format!(
            "Switch SMTP AUTH on for the mailbox: `Set-CASMailbox -Identity {address} -SmtpClientAuthenticationDisabled $false`. This overrides the switch of the organization; it may take an hour."
        ),
        Class::PolicyRefused => format!(
            "Look up the refused sign-in of {username} in the Entra sign-in log; it names the policy. Exempt the account from that Conditional Access policy (security defaults have to be replaced by Conditional Access), and check its authentication policy: `Get-User -Identity {username} | Format-List AuthenticationPolicy`."
        ),
        Class::InteractionRequired => format!(
            "Sign in again as {username} with `operator connect {mailbox}`; to keep it from coming back, exempt the account from the policy that asked for it."
        ),
        Class::ConsentRevoked => format!("Sign in again as {username}: run `operator connect {mailbox}` and open its link."),
        Class::AdminConsentRequired => format!(
            "Have an administrator approve the app, by the link of `operator connect {mailbox} --admin` or in the Entra admin center (Enterprise applications, Permissions), then connect with `operator connect {mailbox}`."
        ),
        Class::AccountDisabled => format!(
            "Have an administrator of the directory enable the account {username} (Entra admin center, Users), then connect again with `operator connect {mailbox}`."
        ),
        Class::ClientCredentialRefused => format!(
            "Create a client secret for the app registration of mailbox {mailbox}, and store its value, not its id, in the client secret of the stack."
        ),
        Class::AppMisconfigured => format!(
            "Compare the settings of mailbox {mailbox} (tenant, client_id, scopes, username, smtp_host, redirect URI) with its app registration in Entra, and correct the one that the reason names."
        ),
        Class::MailboxUnlicensed => format!(
            "Assign a license with Exchange Online to {address} (Microsoft 365 admin center, Users), and wait until the mailbox is ready."
        ),
        Class::MailboxFull => format!(
            "Make room in {address}: every message sent is kept in its Sent Items. `Get-MailboxStatistics -Identity {address} | Format-List TotalItemSize` shows its size; a retention policy on Sent Items keeps it small."
        ),
        Class::MailboxRestricted => format!(
            "Find out why {address} was taken for a source of spam, then remove it from the restricted entities in Microsoft Defender (`Remove-BlockedSenderAddress -SenderAddress {address}`) or ask Microsoft support to lift the ban. It takes some hours."
        ),
        Class::SubmissionThrottled => format!(
            "Exchange has blocked submission by {address} for about a day because errors went on; remove their cause, which the last figure of the reply names: 5.2.251 the mailbox is full, 5.2.252 it may not send as its From address, 5.2.253 it has no license, 5.2.254 too many recipients in a message, 5.2.255 recipients that do not exist. Sending goes on by itself."
        ),
        Class::TenantBlocked => "Remove the cause that the reply names (5.7.705: too much or suspicious mail, or a lapsed subscription; 5.7.708: a trial tenant or its IP address; 5.7.750: a sending domain that is not registered, to be added as an accepted domain), then ask Microsoft support to lift the block.".to_owned(),
        Class::TlsRefused => "Check `smtp_host` and `smtp_port`, and that nothing between the function and the server changes the connection; for a server behind a private certification authority, give its certificate in the stack's parameter. It has to offer STARTTLS with TLS 1.2 or newer and a certificate for its name.".to_owned(),
        Class::ProtocolError => "Report this with the reply and the stage: the server and Pillarbox do not understand each other. Check first that `smtp_host` and `smtp_port` are those of a submission server.".to_owned(),
        Class::UnknownAfterData => format!(
            "Look for the message in Sent Items of {address}. If it is there, delete the failed copy: `operator drop {mailbox} <id>`. If it is not, send it again: `operator redrive {mailbox} <id> --resend`."
        ),
    }
}

/// Quotes what PowerShell would not take as one plain word.
fn word(argument: &str) -> Cow<'_, str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"@._+-".contains(&b);
    if !argument.is_empty() && !argument.starts_with(['@', '-']) && argument.bytes().all(plain) {
        Cow::Borrowed(argument)
    } else {
        Cow::Owned(format!("'{}'", argument.replace('\'', "''")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const BILLING: Concerning<'static> = Concerning {
        mailbox: "billing",
        address: "billing@contoso.com",
        username: "svc-billing@contoso.com",
        from: "invoices@contoso.com",
    };

    #[test]
    fn a_disabled_mailbox_is_enabled_by_one_command() {
        let remedy = Class::SmtpAuthDisabled.remedy(&BILLING);
        assert!(remedy.contains("`Set-CASMailbox -Identity billing@contoso.com -SmtpClientAuthenticationDisabled $false`"), "{remedy}");
    }

    #[test]
    fn send_as_is_granted_to_who_signs_in_on_who_it_sends_as() {
        let remedy = Class::SendAsDenied.remedy(&BILLING);
        assert!(
            remedy.contains("-Identity invoices@contoso.com -AccessRights SendAs -Trustee svc-billing@contoso.com"),
            "{remedy}"
        );
    }

    #[test]
    fn an_apostrophe_stays_inside_its_argument() {
        let remedy =
            Class::SmtpAuthDisabled.remedy(&Concerning::mailbox("m", "o'brien@contoso.com"));
        assert!(
            remedy.contains("-Identity 'o''brien@contoso.com' "),
            "{remedy}"
        );
    }

    #[test]
    fn every_class_has_a_remedy_of_its_own_in_whole_sentences() {
        let remedies: BTreeSet<_> = Class::ALL
            .iter()
            .map(|class| class.remedy(&BILLING))
            .collect();
        assert_eq!(remedies.len(), Class::ALL.len());
        for remedy in remedies {
            assert!(
                remedy.ends_with('.') && remedy.starts_with(|c: char| c.is_ascii_uppercase()),
                "{remedy}"
            );
            assert!(!remedy.contains("  ") && !remedy.contains('\n'), "{remedy}");
        }
    }
}
