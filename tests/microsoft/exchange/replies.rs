//! The replies of Exchange Online that a sender can meet, word for word where the words are known.
//!
//! Host names, identifiers and times inside brackets are made up; everything a classifier could look at is as seen.

use super::faults::Stage;

/// One reply, and where in the dialogue Microsoft gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownReply {
    /// A short name for tests and tables.
    pub name: &'static str,
    /// The stage at which it comes.
    pub stage: Stage,
    /// The reply without its line end.
    pub text: &'static str,
    /// Whether the server hangs up after it.
    pub then_closes: bool,
}

const fn at(stage: Stage, name: &'static str, text: &'static str) -> KnownReply {
    KnownReply {
        name,
        stage,
        text,
        then_closes: false,
    }
}

const fn closing(stage: Stage, name: &'static str, text: &'static str) -> KnownReply {
    KnownReply {
        name,
        stage,
        text,
        then_closes: true,
    }
}

/// Finds a reply by its name.
#[must_use]
pub fn find(name: &str) -> Option<&'static KnownReply> {
    ALL.iter().find(|reply| reply.name == name)
}

/// Every reply known.
pub const ALL: &[KnownReply] = &[
    at(
        Stage::Credential,
        "token rejected",
        "535 5.7.3 Authentication unsuccessful [AS4P250CA0021.EURP250.PROD.OUTLOOK.COM 2026-11-24T08:15:30.123Z 08DE2A5B7F1C9D3E]",
    ),
    at(
        Stage::Credential,
        "smtp auth disabled for the tenant",
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information. [AS4P250CA0021.EURP250.PROD.OUTLOOK.COM 2026-11-24T08:15:30.123Z 08DE2A5B7F1C9D3E]",
    ),
    at(
        Stage::Credential,
        "smtp auth disabled for the mailbox",
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information. [AS4P250CA0021.EURP250.PROD.OUTLOOK.COM 2026-11-24T08:15:30.123Z 08DE2A5B7F1C9D3E]",
    ),
    at(
        Stage::Credential,
        "security defaults",
        "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy. Contact your administrator. [AS4P250CA0021.EURP250.PROD.OUTLOOK.COM 2026-11-24T08:15:30.123Z 08DE2A5B7F1C9D3E]",
    ),
    at(
        Stage::Credential,
        "policy not met",
        "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. Contact your administrator. [AS4P250CA0021.EURP250.PROD.OUTLOOK.COM 2026-11-24T08:15:30.123Z 08DE2A5B7F1C9D3E]",
    ),
    at(
        Stage::Credential,
        "basic authentication disabled",
        "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [AS4P250CA0021.EURP250.PROD.OUTLOOK.COM 2026-11-24T08:15:30.123Z 08DE2A5B7F1C9D3E]",
    ),
    at(
        Stage::Credential,
        "credentials incorrect",
        "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. [AS4P250CA0021.EURP250.PROD.OUTLOOK.COM 2026-11-24T08:15:30.123Z 08DE2A5B7F1C9D3E]",
    ),
    at(
        Stage::Credential,
        "basic authentication retired",
        "550 5.7.30 Basic authentication is not supported for Client Submission.",
    ),
    at(
        Stage::Credential,
        "high volume token rejected",
        "535 5.7.144 Authentication unsuccessful; the token lacks the permission to send.",
    ),
    at(
        Stage::Credential,
        "high volume address",
        "501 5.5.124 Invalid address.",
    ),
    at(
        Stage::Credential,
        "high volume token about to expire",
        "501 5.5.127 The token expires too soon.",
    ),
    at(
        Stage::Mail,
        "not authenticated",
        "530 5.7.57 Client was not authenticated to send anonymous mail during MAIL FROM [AS4P250CA0021.EURP250.PROD.OUTLOOK.COM]",
    ),
    at(
        Stage::Mail,
        "no starttls",
        "530 5.7.0 Must issue a STARTTLS command first",
    ),
    closing(
        Stage::EhloTls,
        "tls too old",
        "421 4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade/update your client to support TLS 1.2. Visit https://aka.ms/smtp_auth_tls.",
    ),
    at(
        Stage::EndOfMessage,
        "not permitted to send as",
        "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
    ),
    at(
        Stage::EndOfMessage,
        "no permission to send as",
        "550 5.7.1 Client does not have permission to send as this sender",
    ),
    at(
        Stage::EndOfMessage,
        "send as denied",
        "554 5.2.252 SendAsDenied; billing@contoso.com not allowed to send as ceo@contoso.com; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception with message [BeginDiagnosticData]Cannot submit message. 0.35250:0A004D80, 16.55847:23140000[EndDiagnosticData] [Hostname=AM9PR03MB7412.eurprd03.prod.outlook.com]",
    ),
    at(
        Stage::EndOfMessage,
        "send as denied, older",
        "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception with message Cannot submit message. [Hostname=AM9PR03MB7412.eurprd03.prod.outlook.com]",
    ),
    at(
        Stage::EndOfMessage,
        "submission quota exceeded",
        "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message due to a permanent exception with message The message can't be submitted because the sender's submission quota was exceeded. [Hostname=AM9PR03MB7412.eurprd03.prod.outlook.com]",
    ),
    at(
        Stage::EndOfMessage,
        "outbound spam",
        "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message due to a permanent exception with message WASCL UserAction verdict is not None. Actual verdict is Suspend, ShowTierUpgrade. [Hostname=AM9PR03MB7412.eurprd03.prod.outlook.com]",
    ),
    at(
        Stage::EndOfMessage,
        "submission exception unknown",
        "554 5.2.0 STOREDRV.Submission.Exception:StorageTransientException; Failed to process message due to an exception. [Hostname=AM9PR03MB7412.eurprd03.prod.outlook.com]",
    ),
    at(
        Stage::EndOfMessage,
        "throttled: mailbox full",
        "550 5.2.251 Sender's mailbox is over its quota; submissions are throttled because of continuous errors.",
    ),
    at(
        Stage::EndOfMessage,
        "throttled: send as denied",
        "550 5.2.252 SendAs denied; submissions are throttled because of continuous errors.",
    ),
    at(
        Stage::EndOfMessage,
        "throttled: no licence",
        "550 5.2.253 Sender has no valid license; submissions are throttled because of continuous errors.",
    ),
    at(
        Stage::EndOfMessage,
        "throttled: too many recipients",
        "550 5.2.254 Too many recipients; submissions are throttled because of continuous errors.",
    ),
    at(
        Stage::EndOfMessage,
        "throttled: invalid recipients",
        "550 5.2.255 Invalid recipients; submissions are throttled because of continuous errors.",
    ),
    at(
        Stage::EndOfMessage,
        "too many connections",
        "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information. [Hostname=AM9PR03MB7412.eurprd03.prod.outlook.com]",
    ),
    at(
        Stage::EndOfMessage,
        "sender thread limit",
        "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded [Hostname=AM9PR03MB7412.eurprd03.prod.outlook.com]",
    ),
    at(
        Stage::EndOfMessage,
        "recipient thread limit",
        "432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded [Hostname=AM9PR03MB7412.eurprd03.prod.outlook.com]",
    ),
    closing(
        Stage::Mail,
        "message rate exceeded",
        "421 4.4.2 Message submission rate for this client has exceeded the configured limit",
    ),
    closing(
        Stage::Noop,
        "idle too long",
        "421 4.4.2 Connection dropped due to SocketError",
    ),
    at(
        Stage::Mail,
        "temporary server error",
        "451 4.7.0 Temporary server error. Please try again later. PRX2 [AS4P250CA0021.EURP250.PROD.OUTLOOK.COM]",
    ),
    closing(
        Stage::EhloTls,
        "temporary server error, closing",
        "421 4.7.0 Temporary server error. Please try again later. PRX5 [AS4P250CA0021.EURP250.PROD.OUTLOOK.COM]",
    ),
    at(
        Stage::EndOfMessage,
        "back pressure",
        "452 4.3.111 Temporary server error. Please try again later. MRH1",
    ),
    at(
        Stage::Mail,
        "server busy",
        "451 4.7.500 Server busy. Please try again later from [127.0.0.1]. (AS77712345)",
    ),
    at(
        Stage::Mail,
        "reputation pause",
        "451 4.7.850 Access denied, please try again later (AS843)",
    ),
    at(
        Stage::Mail,
        "address reputation",
        "451 4.7.651 The mail server [127.0.0.1] has been temporarily rate limited due to IP reputation.",
    ),
    at(
        Stage::Mail,
        "attribution failed",
        "451 4.4.3 Temporary server error. Please try again later. ATTR5",
    ),
    at(
        Stage::Rcpt,
        "proxy failed",
        "450 4.7.0 Proxy session setup failed on Frontend with 451 4.4.0 Primary target IP address responded with an error",
    ),
    at(
        Stage::Credential,
        "logon failed",
        "430 4.2.0 STOREDRV; mailbox logon failure; Storage transient failure: MapiExceptionLogonFailed: Unable to make connection to the server. [Hostname=AM9PR03MB7412.eurprd03.prod.outlook.com]",
    ),
    at(
        Stage::Rcpt,
        "too many recipients of a domain",
        "452 4.5.3 Too many recipients (AS780090)",
    ),
    at(
        Stage::Rcpt,
        "too many recipients",
        "552 5.5.3 Too many recipients",
    ),
    at(
        Stage::EndOfMessage,
        "message too large",
        "552 5.3.4 Message size exceeds fixed maximum message size",
    ),
    at(
        Stage::EndOfMessage,
        "header too large",
        "552 5.3.4 Header size exceeds fixed maximum size",
    ),
    at(
        Stage::Rcpt,
        "recipient malformed",
        "501 5.1.3 Invalid address",
    ),
    at(
        Stage::Rcpt,
        "recipient unknown",
        "550 5.1.1 RESOLVER.ADR.ExRecipNotFound; not found",
    ),
    at(
        Stage::Rcpt,
        "recipient not found",
        "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
    ),
    at(
        Stage::Rcpt,
        "recipient internal only",
        "550 5.7.12 RESOLVER.RST.AuthRequired; authentication required",
    ),
    at(
        Stage::Rcpt,
        "sender not on the group's list",
        "550 5.7.124 RESOLVER.RST.SenderNotInGroup; sender is not in the group's allowed-senders list",
    ),
    at(
        Stage::Rcpt,
        "group takes internal senders",
        "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; sender rejected by the group",
    ),
    at(
        Stage::Rcpt,
        "mailbox takes internal senders",
        "550 5.7.134 RESOLVER.RST.SenderNotAuthenticatedForMailbox; authentication required; sender rejected by the mailbox",
    ),
    at(
        Stage::Rcpt,
        "user takes internal senders",
        "550 5.7.136 RESOLVER.RST.SenderNotAuthenticatedForMailUser; authentication required; sender rejected by the mail user",
    ),
    at(
        Stage::EndOfMessage,
        "recipient on the tenant block list",
        "550 5.7.703 Your message can't be delivered because messages to XXX, YYY are blocked by your organization using Tenant Allow Block List.",
    ),
    at(
        Stage::EndOfMessage,
        "bad outbound sender",
        "550 5.1.8 Access denied, bad outbound sender AS(42004)",
    ),
    at(
        Stage::EndOfMessage,
        "spam abuse detected",
        "550 5.7.501 Access denied, spam abuse detected",
    ),
    at(
        Stage::EndOfMessage,
        "banned sender",
        "550 5.7.502 Access denied, banned sender",
    ),
    at(
        Stage::EndOfMessage,
        "banned sender, other",
        "550 5.7.503 Access denied, banned sender",
    ),
    at(
        Stage::EndOfMessage,
        "banned address",
        "550 5.7.511 Access denied, banned sender [127.0.0.1]",
    ),
    at(
        Stage::EndOfMessage,
        "tenant over threshold",
        "550 5.7.705 Access denied, tenant has exceeded threshold",
    ),
    at(
        Stage::EndOfMessage,
        "traffic not accepted",
        "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP",
    ),
    at(
        Stage::EndOfMessage,
        "unregistered domain",
        "550 5.7.750 Service unavailable. Client blocked from sending from unregistered domains",
    ),
    at(
        Stage::EndOfMessage,
        "tenant external recipient limit",
        "550 5.7.233 Your message can't be sent because your tenant exceeded its daily limit for sending email to external recipients (tenant external recipient rate limit)",
    ),
    at(
        Stage::EndOfMessage,
        "trial tenant external recipient limit",
        "550 5.7.232 Your message can't be sent because your trial tenant has exceeded its daily limit for sending email to external recipients (tenant external recipient rate limit)",
    ),
    at(
        Stage::EndOfMessage,
        "onmicrosoft domain limit",
        "550 5.7.236 Your message can't be sent because the limit for external recipients from onmicrosoft.com domains was exceeded",
    ),
    at(
        Stage::EndOfMessage,
        "submission quota of the day",
        "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException; the sender's quota was exceeded [Hostname=AM9PR03MB7412.eurprd03.prod.outlook.com]",
    ),
    at(
        Stage::EndOfMessage,
        "recipient over hourly limit from this sender",
        "450 4.2.121 Recipient's per hour message receive limit from specific sender exceeded",
    ),
    at(
        Stage::EndOfMessage,
        "recipient over hourly limit from this sender, permanent",
        "550 5.2.121 Recipient's per hour message receive limit from specific sender exceeded",
    ),
    at(
        Stage::EndOfMessage,
        "recipient over hourly limit",
        "550 5.2.122 Recipient's per hour message receive limit exceeded",
    ),
    at(
        Stage::EndOfMessage,
        "from missing",
        "550 5.7.512 Access denied, message must be RFC 5322 section 3.6.2 compliant and include a valid From address",
    ),
    at(
        Stage::EhloTls,
        "helo name refused",
        "550 5.7.506 Access denied, bad HELO",
    ),
    at(
        Stage::EndOfMessage,
        "dmarc refused",
        "550 5.7.509 Access denied, sending domain contoso.com does not pass DMARC verification",
    ),
    at(
        Stage::EndOfMessage,
        "bulk sender rules",
        "550 5.7.515 Access denied, sending domain contoso.com doesn't meet the required authentication level",
    ),
    at(
        Stage::EndOfMessage,
        "bare linefeed",
        "550 5.6.11 SMTPSEND.BareLinefeedsAreIllegal; message contains bare linefeeds, which cannot be sent via DATA and receiving system does not support BDAT",
    ),
    at(
        Stage::Auth,
        "unrecognized command",
        "500 5.3.3 Unrecognized command 'AUTH' [AS4P250CA0021.EURP250.PROD.OUTLOOK.COM]",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_reply_is_one_line_with_a_code_and_a_name_of_its_own() {
        let names: HashSet<_> = ALL.iter().map(|reply| reply.name).collect();
        assert_eq!(names.len(), ALL.len());
        for reply in ALL {
            let (code, rest) = reply.text.split_at(3);
            assert!(
                code.parse::<u16>()
                    .is_ok_and(|code| (400..600).contains(&code)),
                "{reply:?}"
            );
            assert!(
                rest.starts_with(' ') && !rest.contains(['\r', '\n']),
                "{reply:?}"
            );
            assert_eq!(find(reply.name), Some(reply));
        }
    }
}
