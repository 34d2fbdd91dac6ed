//! What Exchange says when all is well, and the refusals with a part that varies.

use jiff::Timestamp;

use super::super::id::{random_below, random_guid};
use super::limits::Limits;
use super::replies;

/// The host name that the front end shows.
pub(super) const FRONT_END: &str = "AS4P250CA0021.outlook.office365.com";
/// The host name inside the brackets of a refusal.
const FRONT_END_INSIDE: &str = "AS4P250CA0021.EURP250.PROD.OUTLOOK.COM";
/// The host name of the back end that takes the message.
const BACK_END: &str = "AM9PR03MB7412.eurprd03.prod.outlook.com";

pub(super) const HELO_FIRST: &str = "503 5.5.2 Send hello first";
pub(super) const STARTTLS_FIRST: &str = "530 5.7.0 Must issue a STARTTLS command first";
pub(super) const TLS_READY: &str = "220 2.0.0 SMTP server ready";
pub(super) const TLS_ALREADY: &str =
    "503 5.5.2 Only one STARTTLS command can be issued per session";
pub(super) const AUTHENTICATED: &str = "235 2.7.0 Authentication successful";
pub(super) const AUTHENTICATED_ALREADY: &str = "503 5.5.1 Already authenticated";
pub(super) const AUTH_CANCELLED: &str = "501 5.7.0 Authentication cancelled";
pub(super) const AUTH_MALFORMED: &str = "501 5.5.4 Invalid arguments";
pub(super) const AUTH_UNKNOWN: &str = "504 5.7.4 Unrecognized authentication type";
pub(super) const SENDER_OK: &str = "250 2.1.0 Sender OK";
pub(super) const SENDER_ALREADY: &str = "503 5.5.2 Sender already specified";
pub(super) const SENDER_INVALID: &str = "501 5.1.7 Invalid address";
pub(super) const RECIPIENT_OK: &str = "250 2.1.5 Recipient OK";
pub(super) const RECIPIENT_INVALID: &str = "501 5.1.3 Invalid address";
pub(super) const MAIL_FIRST: &str = "503 5.5.2 Need mail command";
pub(super) const RCPT_FIRST: &str = "503 5.5.2 Need rcpt command";
pub(super) const START_INPUT: &str = "354 Start mail input; end with <CRLF>.<CRLF>";
pub(super) const BAD_SEQUENCE: &str = "503 5.5.1 Bad sequence of commands";
pub(super) const RESET: &str = "250 2.0.0 Resetting";
pub(super) const OK: &str = "250 2.0.0 OK";
pub(super) const CANNOT_VERIFY: &str = "252 2.1.5 Cannot VRFY user";
pub(super) const GOODBYE: &str = "221 2.0.0 Service closing transmission channel";
pub(super) const BAD_ARGUMENTS: &str = "501 5.5.4 Invalid arguments";
pub(super) const BAD_PARAMETER: &str = "555 5.5.4 Unsupported parameter";
pub(super) const TOO_LARGE: &str = "552 5.3.4 Message size exceeds fixed maximum message size";
pub(super) const NOT_STORED: &str = "451 4.3.0 Mail server temporarily rejected message";

pub(super) fn greeting(now: Timestamp) -> String {
    format!(
        "220 {FRONT_END} Microsoft ESMTP MAIL Service ready at {} [{:016X}]",
        now.strftime("%a, %-d %b %Y %H:%M:%S +0000"),
        random_below(u64::MAX)
    )
}

/// The list of EHLO, in Exchange's order.
pub(super) fn ehlo(peer: &str, is_encrypted: bool, limits: &Limits, withheld: &[String]) -> String {
    let size = format!("SIZE {}", limits.advertised_octets);
    let security = if is_encrypted {
        "AUTH LOGIN XOAUTH2"
    } else {
        "STARTTLS"
    };
    let offered = [
        &size,
        "PIPELINING",
        "DSN",
        "ENHANCEDSTATUSCODES",
        security,
        "8BITMIME",
        "BINARYMIME",
        "CHUNKING",
        "SMTPUTF8",
    ];
    let mut lines = vec![format!("{FRONT_END} Hello [{peer}]")];
    lines.extend(offered.iter().filter_map(|line| without(line, withheld)));
    let last = lines.len() - 1;
    let mark = |index| if index == last { ' ' } else { '-' };
    let marked: Vec<String> = lines
        .iter()
        .enumerate()
        .map(|(index, line)| format!("250{}{line}", mark(index)))
        .collect();
    marked.join("\r\n")
}

pub(super) fn helo(peer: &str) -> String {
    format!("250 {FRONT_END} Hello [{peer}]")
}

pub(super) fn token_rejected(now: Timestamp) -> String {
    format!(
        "535 5.7.3 Authentication unsuccessful [{FRONT_END_INSIDE} {} {:016X}]",
        now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ"),
        random_below(u64::MAX)
    )
}

pub(super) fn not_authenticated() -> String {
    known("not authenticated")
}

pub(super) fn unrecognized(verb: &str) -> String {
    format!("500 5.3.3 Unrecognized command '{verb}' [{FRONT_END_INSIDE}]")
}

pub(super) fn chunk(octets: usize) -> String {
    format!("250 2.6.0 CHUNK received OK, {octets} octets")
}

pub(super) fn send_as_denied(account: &str, sender: &str) -> String {
    format!(
        "554 5.2.252 SendAsDenied; {account} not allowed to send as {sender}; \
         STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to \
         a permanent exception with message [BeginDiagnosticData]Cannot submit message. \
         0.35250:0A004D80[EndDiagnosticData] [Hostname={BACK_END}]"
    )
}

pub(super) fn queued(message_id: Option<&str>) -> String {
    let made = || format!("{}@{BACK_END}", random_guid());
    let message_id = message_id.map_or_else(made, str::to_owned);
    format!("250 2.0.0 OK <{message_id}> [Hostname={BACK_END}] Queued mail for delivery")
}

/// One of the replies of the table, by name.
pub(super) fn known(name: &str) -> String {
    let reply = replies::find(name).map(|reply| reply.text);
    reply
        .unwrap_or("451 4.7.0 Temporary server error")
        .to_owned()
}

/// A line of EHLO without what is withheld: the whole line by its keyword, or one word of it.
fn without(line: &str, withheld: &[String]) -> Option<String> {
    let is_withheld = |word: &str| {
        withheld
            .iter()
            .any(|other| other.eq_ignore_ascii_case(word))
    };
    let mut words = line.split(' ');
    let keyword = words.next().filter(|keyword| !is_withheld(keyword))?;
    let kept: Vec<&str> = std::iter::once(keyword)
        .chain(words.filter(|word| !is_withheld(word)))
        .collect();
    Some(kept.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_before_tls_has_no_auth_and_the_list_after_no_starttls() {
        let limits = Limits::default();
        let before = ehlo("127.0.0.1", false, &limits, &[]);
        assert!(before.contains("250-SIZE 157286400\r\n") && before.contains("STARTTLS"));
        assert!(!before.contains("AUTH"));
        assert!(before.ends_with("\r\n250 SMTPUTF8"));
        let after = ehlo("127.0.0.1", true, &limits, &[]);
        assert!(after.contains("250-AUTH LOGIN XOAUTH2\r\n") && !after.contains("STARTTLS"));
    }

    #[test]
    fn a_keyword_or_a_word_can_be_withheld() {
        let withheld = ["CHUNKING".to_owned(), "XOAUTH2".to_owned()];
        let list = ehlo("127.0.0.1", true, &Limits::default(), &withheld);
        assert!(!list.contains("CHUNKING"));
        assert!(list.contains("250-AUTH LOGIN\r\n"));
    }

    #[test]
    fn every_name_used_here_is_in_the_table() {
        for name in [
            "not authenticated",
            "basic authentication disabled",
            "too many connections",
            "message rate exceeded",
            "too many recipients",
            "too many recipients of a domain",
            "header too large",
            "bare linefeed",
            "from missing",
            "smtp auth disabled for the mailbox",
            "smtp auth disabled for the tenant",
            "security defaults",
            "policy not met",
        ] {
            assert!(replies::find(name).is_some(), "{name}");
        }
    }
}
