//! Tickets, attempts and outcomes in memory.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::{Calls, lock};
use crate::consent::{
    ATTEMPTS, Attempt, BrowserHash, Consents, ConsentsUnavailable, Outcome, Standing, StateHash,
    Taken, TicketHash,
};
use crate::mailbox::MailboxId;

/// Tickets, attempts and outcomes in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryConsents {
    records: Arc<Mutex<Records>>,
    /// What was asked.
    pub calls: Calls,
}

#[derive(Debug, Default)]
struct Records {
    tickets: HashMap<TicketHash, Ticket>,
    attempts: HashMap<StateHash, Attempt>,
    used: HashSet<StateHash>,
    outcomes: HashMap<BrowserHash, Outcome>,
}

#[derive(Debug)]
struct Ticket {
    mailbox: MailboxId,
    attempts: u32,
    burnt: bool,
    expires_at: Timestamp,
}

impl Ticket {
    fn standing(&self, now: Timestamp) -> Standing {
        match () {
            () if self.burnt => Standing::Burnt,
            () if self.expires_at <= now => Standing::Expired,
            () if self.attempts >= ATTEMPTS => Standing::Exhausted,
            () => Standing::Good(self.mailbox.clone()),
        }
    }
}

impl MemoryConsents {
    /// How many attempts are waiting for their answer.
    #[must_use]
    pub fn attempts(&self) -> usize {
        lock(&self.records).attempts.len()
    }

    fn within<T>(
        &self,
        verb: &str,
        object: &str,
        act: impl FnOnce(&mut Records) -> T,
    ) -> Result<T, ConsentsUnavailable> {
        let noted = self.calls.note(verb, object);
        noted.map_err(|broken| ConsentsUnavailable(Box::new(broken)))?;
        Ok(act(&mut lock(&self.records)))
    }
}

impl Consents for MemoryConsents {
    async fn create(
        &self,
        ticket: &TicketHash,
        mailbox: &MailboxId,
        expires_at: Timestamp,
    ) -> Result<(), ConsentsUnavailable> {
        let record = Ticket {
            mailbox: mailbox.clone(),
            attempts: 0,
            burnt: false,
            expires_at,
        };
        self.within("create", "ticket", |records| {
            records.tickets.insert(ticket.clone(), record);
        })
    }

    async fn standing(
        &self,
        ticket: &TicketHash,
        now: Timestamp,
    ) -> Result<Standing, ConsentsUnavailable> {
        self.within("look at", "ticket", |records| {
            let ticket = records.tickets.get(ticket);
            ticket.map_or(Standing::Unknown, |ticket| ticket.standing(now))
        })
    }

    async fn count(
        &self,
        ticket: &TicketHash,
        now: Timestamp,
    ) -> Result<Standing, ConsentsUnavailable> {
        self.within("count", "attempt", |records| {
            let Some(ticket) = records.tickets.get_mut(ticket) else {
                return Standing::Unknown;
            };
            let standing = ticket.standing(now);
            if matches!(standing, Standing::Good(_)) {
                ticket.attempts += 1;
            }
            standing
        })
    }

    async fn burn(&self, ticket: &TicketHash) -> Result<(), ConsentsUnavailable> {
        self.within("burn", "ticket", |records| {
            if let Some(ticket) = records.tickets.get_mut(ticket) {
                ticket.burnt = true;
            }
        })
    }

    async fn begin(&self, state: &StateHash, attempt: &Attempt) -> Result<(), ConsentsUnavailable> {
        let copy = Attempt {
            purpose: attempt.purpose,
            mailbox: attempt.mailbox.clone(),
            ticket: attempt.ticket.clone(),
            browser: attempt.browser.clone(),
            verifier: attempt.verifier.clone(),
            nonce: attempt.nonce.clone(),
            expires_at: attempt.expires_at,
        };
        self.within("begin", "attempt", |records| {
            records.attempts.insert(state.clone(), copy);
        })
    }

    async fn take(
        &self,
        state: &StateHash,
        browser: &BrowserHash,
        now: Timestamp,
    ) -> Result<Taken, ConsentsUnavailable> {
        self.within("take", "attempt", |records| {
            if records.used.contains(state) {
                return Taken::Used;
            }
            let Some(attempt) = records.attempts.get(state) else {
                return Taken::Unknown;
            };
            if attempt.browser != *browser {
                return Taken::Foreign;
            }
            if attempt.expires_at <= now {
                return Taken::Expired;
            }
            records.used.insert(state.clone());
            let attempt = records.attempts.remove(state);
            attempt.map_or(Taken::Unknown, Taken::Attempt)
        })
    }

    async fn conclude(
        &self,
        browser: &BrowserHash,
        outcome: &Outcome,
    ) -> Result<(), ConsentsUnavailable> {
        self.within("conclude", outcome.ending.as_str(), |records| {
            records.outcomes.insert(browser.clone(), outcome.clone());
        })
    }

    async fn outcome(
        &self,
        browser: &BrowserHash,
        now: Timestamp,
    ) -> Result<Option<Outcome>, ConsentsUnavailable> {
        self.within("look at", "outcome", |records| {
            let outcome = records.outcomes.get(browser).cloned();
            outcome.filter(|outcome| outcome.expires_at > now)
        })
    }
}
