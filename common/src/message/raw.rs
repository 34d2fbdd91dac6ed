//! What a raw message lacks to be sent: a Message-ID and a Date, derived as for any other message.

use lettre::message::header::{Date, Headers};

use super::{error::ComposeError, identity::MessageIdentity};
use crate::notification::{Dated, MessageId, RawMessage};

/// Puts in what is missing, above everything else.
pub(super) fn completed(
    raw: &RawMessage,
    identity: &MessageIdentity,
) -> Result<(MessageId, Vec<u8>), ComposeError> {
    let mut above = Headers::new();
    if raw.date == Dated::No {
        above.set(Date::from(identity.date()));
    }
    let mut above = above.to_string();
    let message_id = match &raw.message_id {
        Some(id) => id.clone(),
        None => {
            let id = identity.message_id(&raw.from)?;
            above.push_str(&format!("Message-ID: {id}\r\n"));
            id
        }
    };
    let bytes = [above.as_bytes(), &raw.bytes].concat();
    Ok((message_id, bytes))
}
