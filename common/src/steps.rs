//! The steps of a check, kept while it is under way for whoever asked for it.
//!
//! Whoever asks for a check may choose a [`CheckId`] for it, and sees by it how far the check is. What the check answers
//! in the end is what counts; what is kept is forgotten after [`LIFE`].

use std::future::Future;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::digest;
use crate::ledger::Written;
use crate::mailbox::MailboxId;

/// How long the steps of a check are kept, from its beginning on.
pub const LIFE: SignedDuration = SignedDuration::from_mins(15);

/// The id of a check: 128 bits in 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct CheckId(String);

/// Says that a text is not a [`CheckId`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`id` is not the id of a check, which has 32 lower-case hexadecimal digits")]
pub struct InvalidCheckId;

impl CheckId {
    /// An id that no other check has.
    #[must_use]
    pub fn random() -> Self {
        Self(digest::random_hex::<16>())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CheckId {
    type Error = InvalidCheckId;

    fn try_from(text: String) -> Result<Self, InvalidCheckId> {
        let is_digit = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 32 && text.bytes().all(is_digit) {
            Ok(Self(text))
        } else {
            Err(InvalidCheckId)
        }
    }
}

/// One step of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What was tried.
    pub step: String,
    /// Whether it went well.
    pub ok: bool,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// What was found.
    pub found: String,
    /// What to do, if it did not go well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// The steps of a check as they are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptSteps {
    /// How often they were written, from 1.
    pub revision: u64,
    /// The steps that have ended, in their order.
    pub steps: Vec<Step>,
    /// The step that has begun; none when the check has ended.
    pub under_way: Option<String>,
    /// Until when they are kept.
    pub expires_at: Timestamp,
}

/// Says that the store of steps did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the store of a check's steps cannot be reached")]
pub struct StepsUnavailable(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Keeps the steps of checks, each check's under its mailbox and id.
pub trait StepStore: Sync {
    /// Reads what is kept of a check at `now`, consistently.
    fn read(
        &self,
        mailbox: &MailboxId,
        check: &CheckId,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<KeptSteps>, StepsUnavailable>> + Send;

    /// Writes over the revision before; answers whether it did.
    fn write(
        &self,
        mailbox: &MailboxId,
        check: &CheckId,
        kept: &KeptSteps,
        now: Timestamp,
    ) -> impl Future<Output = Result<Written, StepsUnavailable>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_32_lower_case_hexadecimal_digits() {
        let id = CheckId::random();
        assert_eq!(CheckId::try_from(id.0.clone()), Ok(id.clone()));
        assert_ne!(id, CheckId::random());
        for wrong in [
            String::new(),
            id.0[1..].to_owned(),
            format!("{}0", id.0),
            "A".repeat(32),
            "g".repeat(32),
            "é".repeat(16),
        ] {
            assert_eq!(
                CheckId::try_from(wrong.clone()),
                Err(InvalidCheckId),
                "{wrong}"
            );
        }
    }
}
