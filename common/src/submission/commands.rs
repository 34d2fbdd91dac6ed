//! The commands that open a transaction.

use super::{Cause, Envelope, Failure, Stage, body::Body, capabilities::Capabilities};
use lettre::Address;

/// A command with its CRLF, and the stage that its reply belongs to.
pub(super) type Command = (Stage, String);

/// Writes MAIL and the RCPTs, if the server can take such a message at all.
///
/// 8BITMIME and SMTPUTF8 are asked for when the message needs them, and only then.
pub(super) fn opening(
    offered: &Capabilities,
    envelope: &Envelope,
    body: Option<&Body<'_>>,
) -> Result<Vec<Command>, Failure> {
    let unfit = |cause| Err(Failure::new(Stage::Mail, cause));
    let addresses = || envelope.from().into_iter().chain(envelope.to()).map(text);
    if addresses().any(|address| address.chars().any(char::is_control)) {
        return unfit(Cause::Unspeakable("an address"));
    }
    let mut mail = format!("MAIL FROM:<{}>", envelope.from().map_or("", text));
    if let Some(body) = body {
        let size = body.len();
        if let Some(limit) = offered.size_limit.filter(|&limit| size > limit) {
            return unfit(Cause::TooLarge { size, limit });
        }
        if offered.size {
            mail += &format!(" SIZE={size}");
        }
        if body.is_eight_bit {
            if !offered.eight_bit_mime {
                return unfit(Cause::Needs("8BITMIME"));
            }
            mail += " BODY=8BITMIME";
        }
    }
    if addresses().any(|address| !address.is_ascii())
        || body.is_some_and(|body| body.has_eight_bit_header)
    {
        if !offered.smtputf8 {
            return unfit(Cause::Needs("SMTPUTF8"));
        }
        mail += " SMTPUTF8";
    }
    mail += "\r\n";

    let recipients = envelope.to().iter();
    let rcpts = recipients.map(|to| (Stage::Rcpt, format!("RCPT TO:<{to}>\r\n")));
    Ok(std::iter::once((Stage::Mail, mail)).chain(rcpts).collect())
}

fn text(address: &Address) -> &str {
    address.as_ref()
}
