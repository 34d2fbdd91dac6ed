//! What each reply means: one row for each that Microsoft documents or was seen to give, the look-alikes among
//! them.

use crate::{
    class::{
        Class::{self, *},
        Concerning, Scope,
    },
    submission::{
        Reply,
        Stage::{self, Auth, Bdat, Body, Data, Ehlo, Greeting, Mail, Rcpt, StartTls, Token},
        classify,
        classify::{BLOCK, HOUR, MINUTE, PATIENCE},
        reply::Replies,
    },
};
use proptest::prelude::*;
use std::time::Duration;

fn reply(stage: Stage, line: &str) -> Reply {
    let mut replies = Replies::default();
    replies.push(format!("{line}\r\n").as_bytes());
    replies.next().unwrap().unwrap().into_reply(stage)
}

/// Checks rows of stage, reply, class and hint.
fn check(rows: &[(Stage, &str, Class, Option<Duration>)]) {
    for (stage, line, class, retry_after) in rows {
        let diagnosis = classify(&reply(*stage, line));
        assert_eq!(
            (diagnosis.class, diagnosis.retry_after),
            (*class, *retry_after),
            "{stage}: {line}"
        );
    }
}

const SOON: Option<Duration> = Some(MINUTE);
const IN_AN_HOUR: Option<Duration> = Some(HOUR);
const IN_A_DAY: Option<Duration> = Some(BLOCK);
const LATER: Option<Duration> = Some(Duration::from_secs(300));

#[test]
#[rustfmt::skip]
fn what_is_said_to_a_token() {
    check(&[
        (Token, "535 5.7.3 Authentication unsuccessful [AM0PR01CA0001.eurprd01.prod.exchangelabs.com 2026-11-23T10:00:00.000Z 08DE2A]", TokenRejected, None),
        (Token, "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information. [x]", SmtpAuthDisabled, None),
        (Token, "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information. [x]", SmtpAuthDisabled, None),
        (Token, "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy. Contact your administrator. [x]", PolicyRefused, None),
        (Token, "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. Contact your administrator. [x]", PolicyRefused, None),
        (Token, "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [x]", PolicyRefused, None),
        (Token, "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. [x]", PolicyRefused, None),
        (Token, "550 5.7.30 Basic authentication is not supported for Client Submission.", PolicyRefused, None),
        (Token, "421 4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade/update your client to support TLS 1.2. Visit https://aka.ms/smtp_auth_tls.", TlsRefused, None),
        (Ehlo, "421 4.7.66 TLS 1.0 and 1.1 are not supported.", TlsRefused, None),
        (Token, "501 5.5.124 Invalid address", AppMisconfigured, None),
        (Token, "501 5.5.127 Token is about to expire", TokenRejected, None),
        (Token, "535 5.7.144 Permission is missing", AppMisconfigured, None),
        (Token, "430 4.2.0 STOREDRV; mailbox logon failure; message: Cannot open mailbox. MapiExceptionLogonFailed", TokenRejected, LATER),
        (Body, "430 4.2.0 STOREDRV; mailbox logon failure. MapiExceptionLogonFailed", TokenRejected, LATER),
        (Token, "500 5.5.6 Authentication exchange line is too long", TokenTooLarge, None),
        (Token, "555 5.5.2 Syntax error", TokenTooLarge, None),
        (Token, "500 5.3.3 Unrecognized command 'unknown' [x]", TokenTooLarge, None),
        (Token, "501 5.5.4 line too long", TokenTooLarge, None),
        (Auth, "504 5.7.4 Unrecognized authentication type", ProtocolError, None),
        (Auth, "530 5.7.0 Must issue a STARTTLS command first", ProtocolError, None),
        (Token, "534 5.7.9 Mechanism is too weak", PolicyRefused, None),
        (Token, "550 5.7.1 not allowed", PolicyRefused, None),
        (Token, "454 4.7.0 Temporary authentication failure", ServerBusy, SOON),
    ]);
}

#[test]
#[rustfmt::skip]
fn what_is_said_to_a_sender() {
    check(&[
        (Mail, "530 5.7.57 Client not authenticated to send mail. [x]", ProtocolError, None),
        (Mail, "530 5.7.0 Must issue a STARTTLS command first", ProtocolError, None),
        (Body, "550 5.7.60 SMTP; Client does not have permissions to send as this sender", SendAsDenied, None),
        (Mail, "550 5.7.1 Client does not have permission to send as this sender", SendAsDenied, None),
        (Body, "554 5.2.252 SendAsDenied; billing@contoso.com not allowed to send as invoices@contoso.com; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception", SendAsDenied, None),
        (Bdat, "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message", SendAsDenied, None),
        (Body, "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message", QuotaDay, IN_AN_HOUR),
        (Body, "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message due to a permanent exception with message WASCL UserAction verdict is not None", MailboxRestricted, None),
        (Body, "554 5.2.0 STOREDRV.Submission.Exception:SomethingElseException; Failed to process message", RefusedOther, None),
        (Token, "550 5.2.251 Mailbox full throttled", SubmissionThrottled, IN_A_DAY),
        (Body, "550 5.2.252 SendAsDenied throttled", SubmissionThrottled, IN_A_DAY),
        (Body, "550 5.2.253 Mailbox not licensed throttled", SubmissionThrottled, IN_A_DAY),
        (Mail, "550 5.2.254 Too many recipients throttled", SubmissionThrottled, IN_A_DAY),
        (Token, "550 5.2.255 Invalid recipients throttled", SubmissionThrottled, IN_A_DAY),
        (Body, "554 5.2.251 Mailbox full", MailboxFull, None),
        (Body, "554 5.2.253 Mailbox not licensed", MailboxUnlicensed, None),
        (Body, "554 5.2.255 Invalid recipients", RecipientRefused, None),
        (Body, "550 5.1.8 Access denied, bad outbound sender", MailboxRestricted, None),
        (Mail, "501 5.1.8 Access denied, bad outbound sender AS(42003)", MailboxRestricted, None),
        (Body, "550 5.7.501 Access denied, spam abuse detected", MailboxRestricted, None),
        (Body, "550 5.7.502 Access denied, banned sender", MailboxRestricted, None),
        (Body, "550 5.7.503 Access denied, banned sender", MailboxRestricted, None),
        (Mail, "550 5.7.511 Access denied, banned sender [192.0.2.1]", MailboxRestricted, None),
        (Body, "550 5.7.705 Access denied, tenant has exceeded threshold", TenantBlocked, None),
        (Body, "550 5.7.708 Access denied, traffic not accepted from this IP", TenantBlocked, None),
        (Body, "550 5.7.750 Service unavailable. Client blocked from sending from unregistered domains.", TenantBlocked, None),
        (Body, "550 5.7.232 Your message can't be sent because your trial tenant has exceeded its daily limit", QuotaTenant, IN_AN_HOUR),
        (Body, "550 5.7.233 Your message can't be sent because your tenant has exceeded its daily limit for sending email to external recipients", QuotaTenant, IN_AN_HOUR),
        (Body, "550 5.7.236 Your message can't be sent because onmicrosoft.com is limited", QuotaTenant, IN_AN_HOUR),
        (Body, "554 5.2.2 Submission quota exceeded", QuotaDay, IN_AN_HOUR),
        (Body, "554 5.2.2 Mailbox full", MailboxFull, None),
        (Rcpt, "552 5.2.2 Mailbox full", RecipientRefused, None),
    ]);
}

#[test]
#[rustfmt::skip]
fn what_asks_to_wait() {
    check(&[
        (Body, "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information. [x]", RateLimited, SOON),
        (Token, "432 4.3.2 Concurrent connections limit exceeded.", RateLimited, SOON),
        (Body, "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded; Failed to process message", RateLimited, SOON),
        (Body, "432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded", ServerBusy, SOON),
        (Mail, "421 4.4.2 Message submission rate for this client has exceeded the configured limit", RateLimited, SOON),
        (Mail, "421 4.4.2 Connection dropped due to idle timeout", RateLimited, SOON),
        (Greeting, "421 4.7.0 Temporary server error. Please try again later. PRX4", ServerBusy, SOON),
        (Body, "451 4.7.0 Temporary server error. Please try again later. PRX5", ServerBusy, SOON),
        (Rcpt, "450 4.7.0 Proxy session setup failed", ServerBusy, SOON),
        (Body, "452 4.3.111 Too busy MRH1", ServerBusy, SOON),
        (Rcpt, "451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS77714)", ServerBusy, LATER),
        (Mail, "451 4.7.699 Server busy (AS843)", ServerBusy, LATER),
        (Mail, "451 4.7.850 Access denied, please try again later", ServerBusy, LATER),
        (Mail, "451 4.7.899 Access denied, please try again later", ServerBusy, LATER),
        (Mail, "451 4.7.651 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation", ServerBusy, Some(Duration::from_secs(900))),
        (Rcpt, "451 4.4.3 Temporary server error. Please try again later ATTR2", ServerBusy, SOON),
        (Rcpt, "550 5.2.121 Recipient's per hour message receive limit from specific sender exceeded", ServerBusy, IN_AN_HOUR),
        (Body, "550 5.2.122 Recipient's per hour message receive limit exceeded", ServerBusy, IN_AN_HOUR),
        (StartTls, "454 4.7.0 TLS not available due to temporary reason", ServerBusy, SOON),
    ]);
}

#[test]
#[rustfmt::skip]
fn what_is_said_of_the_message_and_its_recipients() {
    check(&[
        (Rcpt, "452 4.5.3 Too many recipients (AS780090)", TooManyRecipients, None),
        (Rcpt, "550 5.5.3 Too many recipients", TooManyRecipients, None),
        (Body, "554 5.2.254 Too many recipients", TooManyRecipients, None),
        (Body, "552 5.3.4 Message size exceeds fixed maximum message size", MessageTooLarge, None),
        (Body, "552 5.3.4 Header size exceeds fixed maximum size", MessageTooLarge, None),
        (Mail, "552 5.2.3 Message too large", MessageTooLarge, None),
        (Mail, "552 Message too large", MessageTooLarge, None),
        (Rcpt, "501 5.1.3 Invalid address", RecipientRefused, None),
        (Rcpt, "550 5.1.1 User unknown", RecipientRefused, None),
        (Body, "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found", RecipientRefused, None),
        (Rcpt, "550 No such user here", RecipientRefused, None),
        (Rcpt, "550 5.2.1 Mailbox disabled", RecipientRefused, None),
        (Rcpt, "550 5.7.12 Sender was not authenticated by organization", RecipientRefused, None),
        (Rcpt, "550 5.7.124 Sender not in allowed-senders list", RecipientRefused, None),
        (Rcpt, "550 5.7.133 Sender not authenticated for group", RecipientRefused, None),
        (Rcpt, "550 5.7.134 Sender was not authenticated for mailbox", RecipientRefused, None),
        (Rcpt, "550 5.7.136 Sender was not authenticated for mail user", RecipientRefused, None),
        (Body, "550 5.7.703 Your message can't be delivered because a recipient is on the tenant block list", RecipientRefused, None),
        (Body, "550 5.7.512 Access denied, message must be RFC 5322 section 3.6.2 compliant", ContentRefused, None),
        (Body, "550 5.7.506 Access denied, bad HELO", ContentRefused, None),
        (Body, "550 5.7.509 Access denied, sending domain does not pass DMARC verification", ContentRefused, None),
        (Body, "550 5.6.11 Invalid characters: bare line feed", ContentRefused, None),
        (Body, "550 5.7.515 Access denied, sending domain does not meet the required authentication level", ContentRefused, None),
    ]);
}

#[test]
#[rustfmt::skip]
fn what_nobody_has_described() {
    check(&[
        (Body, "450 what", ServerBusy, None),
        (Mail, "499 4.9.9 what", ServerBusy, None),
        (Body, "554 5.9.9 what", RefusedOther, None),
        (Mail, "550 what", RefusedOther, None),
        (Rcpt, "554 5.7.1 Relay access denied", RefusedOther, None),
        (Data, "500 5.3.3 Unrecognized command 'unknown'", ProtocolError, None),
        (Data, "503 5.5.1 Bad sequence of commands", ProtocolError, None),
        (Greeting, "554 No SMTP service here", ProtocolError, None),
        (StartTls, "501 5.5.4 Syntax error", TlsRefused, None),
    ]);
    assert_eq!(
        classify(&reply(Body, "450 what")).escalate_after,
        Some(PATIENCE)
    );
}

#[test]
fn one_figure_tells_the_block_of_a_mailbox_from_the_refusal_of_a_message() {
    let scope = |line| classify(&reply(Body, line)).scope();
    assert_eq!(scope("550 5.2.252 SendAsDenied"), Scope::Mailbox);
    assert_eq!(scope("554 5.2.252 SendAsDenied"), Scope::Sender);
}

proptest! {
    #[test]
    fn every_reply_has_a_class_with_a_remedy(line in "[45][0-9]{2} ([245]\\.[0-9]{1,3}\\.[0-9]{1,3} )?[ -~]{0,40}", at in 0usize..14) {
        let stages = [
            Stage::Connect, Greeting, Ehlo, StartTls, Stage::Handshake, Auth, Token, Mail, Rcpt, Data, Body, Bdat,
            Stage::Rset, Stage::Quit,
        ];
        let diagnosis = classify(&reply(stages[at], &line));
        let remedy = diagnosis.class.remedy(&Concerning::mailbox("billing", "billing@contoso.com"));
        prop_assert!(!remedy.is_empty());
        // A sign-in that fails condemns no message.
        if at < 7 {
            prop_assert_ne!(diagnosis.scope(), Scope::Message);
            prop_assert_ne!(diagnosis.scope(), Scope::Sender);
        }
    }
}
