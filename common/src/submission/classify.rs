//! What a reply means and asks for: one pure, total function.

use super::Reply;
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
    if reply.is_transient() {
        Class::ServerBusy.into()
    } else {
        Class::RefusedOther.into()
    }
}
