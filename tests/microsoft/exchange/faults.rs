//! Faults: what the simulated Exchange does differently, where, how often and for whom.
//!
//! Faults are kept in order. At each stage of each dialogue the first one that matches and is not used up happens, and
//! is counted as used; one at a time.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::super::lock;
use super::replies::KnownReply;

/// A place in the dialogue where a fault can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// A connection was accepted; the greeting is next.
    Greeting,
    /// EHLO or HELO in clear.
    Ehlo,
    /// STARTTLS.
    StartTls,
    /// `220` was sent; the TLS handshake is next.
    Handshake,
    /// EHLO or HELO under TLS.
    EhloTls,
    /// AUTH, before its credential is looked at.
    Auth,
    /// The credential arrived; the verdict is next.
    Credential,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// `354` was sent; the body is next.
    Body,
    /// BDAT, before its octets are read.
    Bdat,
    /// The last octet of a message arrived, by DATA or BDAT LAST; the verdict is next.
    EndOfMessage,
    /// RSET.
    Rset,
    /// NOOP.
    Noop,
    /// QUIT.
    Quit,
}

/// What happens instead, or besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// This reply instead of the work; the dialogue goes on.
    Reply(String),
    /// This reply instead of the work, then the connection is closed.
    ReplyAndClose(String),
    /// These octets instead of the work and the reply; the dialogue goes on. At [`Stage::Bdat`] the octets of the chunk
    /// are not taken, so that they are run as commands.
    Raw(Vec<u8>),
    /// The work, then this reply instead of the true one.
    Lie(String),
    /// The work and its reply, then these octets in the same write. At [`Stage::StartTls`] they follow the `220` in
    /// clear.
    Inject(Vec<u8>),
    /// The work, and its reply one octet in each write.
    Trickle,
    /// A pause, then the work as usual.
    Pause(Duration),
    /// A pause until the gate lets it go on, then the work as usual.
    Wait(Gate),
    /// The connection is closed at once, and the work is not done.
    HangUp,
    /// Silence until the peer goes away.
    Hang,
    /// From here on the connection breaks as soon as this many octets more have been taken from the peer.
    BreakAfterReceiving(u64),
    /// From here on the connection breaks as soon as this many octets more have been sent to the peer: with 0, the work
    /// is done and its reply is lost.
    BreakAfterSending(u64),
    /// From here on the list of EHLO lacks the keyword, or the word among a keyword's, and what it stands for is unknown.
    Withhold(String),
    /// Under TLS, a certificate for another name.
    WrongName,
    /// Under TLS, a certificate that the trusted authority did not sign.
    Impostor,
}

/// Where dialogues wait until somebody lets them go on.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    /// A gate that nobody passes.
    #[must_use]
    pub fn closed() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets one dialogue go on: one that waits, or the next one that comes.
    pub fn let_one_through(&self) {
        self.0.add_permits(1);
    }

    pub(super) async fn pass(&self) {
        // The gate is never taken away.
        if let Ok(permit) = self.0.acquire().await {
            permit.forget();
        }
    }
}

impl PartialEq for Gate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Gate {}

/// What is known at the moment a fault is considered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Moment {
    /// The stage.
    pub stage: Stage,
    /// The connection, counted from 1.
    pub connection: u64,
    /// The account, once authenticated; at [`Stage::Credential`] the one that the credential names.
    pub account: Option<String>,
    /// The address of MAIL FROM, from [`Stage::Mail`] on.
    pub reverse_path: Option<String>,
    /// The address of RCPT TO, at [`Stage::Rcpt`].
    pub recipient: Option<String>,
    /// How many messages were accepted on this connection before.
    pub accepted: u64,
    /// Octets of the command line, or of the message at [`Stage::EndOfMessage`].
    pub octets: usize,
}

/// One fault: an effect at a stage, with limits. Without limits it happens every time.
#[derive(Clone)]
pub struct Fault {
    stage: Stage,
    effect: Effect,
    skip: u64,
    times: Option<u64>,
    condition: Option<Arc<Condition>>,
}

type Condition = dyn Fn(&Moment) -> bool + Send + Sync;

/// The faults in force, in order.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Vec<Fault>>);

impl Fault {
    /// An effect at a stage.
    #[must_use]
    pub fn new(stage: Stage, effect: Effect) -> Self {
        Self {
            stage,
            effect,
            skip: 0,
            times: None,
            condition: None,
        }
    }

    /// A reply at a stage instead of the work there.
    #[must_use]
    pub fn reply(stage: Stage, text: &str) -> Self {
        Self::new(stage, Effect::Reply(text.to_owned()))
    }

    /// One of Microsoft's replies, at the stage where Microsoft gives it.
    #[must_use]
    pub fn known(reply: &KnownReply) -> Self {
        let text = reply.text.to_owned();
        let effect = match reply.then_closes {
            true => Effect::ReplyAndClose(text),
            false => Effect::Reply(text),
        };
        Self::new(reply.stage, effect)
    }

    /// Happens once.
    #[must_use]
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// Happens so many times.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Spares so many matching moments first.
    #[must_use]
    pub fn after(mut self, moments: u64) -> Self {
        self.skip = moments;
        self
    }

    /// Happens only in the dialogues of this account.
    #[must_use]
    pub fn for_account(self, upn: &str) -> Self {
        let upn = upn.to_owned();
        self.when(move |moment| {
            moment
                .account
                .as_ref()
                .is_some_and(|account| account.eq_ignore_ascii_case(&upn))
        })
    }

    /// Happens only for this recipient, at [`Stage::Rcpt`].
    #[must_use]
    pub fn for_recipient(self, address: &str) -> Self {
        let address = address.to_owned();
        self.when(move |moment| moment.recipient.as_deref() == Some(&address))
    }

    /// Happens only when the condition holds too. Conditions add up.
    #[must_use]
    pub fn when(mut self, condition: impl Fn(&Moment) -> bool + Send + Sync + 'static) -> Self {
        self.condition = Some(match self.condition.take() {
            None => Arc::new(condition),
            Some(earlier) => Arc::new(move |moment| earlier(moment) && condition(moment)),
        });
        self
    }

    fn matches(&self, moment: &Moment) -> bool {
        self.stage == moment.stage
            && self.times != Some(0)
            && self
                .condition
                .as_ref()
                .is_none_or(|condition| condition(moment))
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("stage", &self.stage)
            .field("effect", &self.effect)
            .field("skip", &self.skip)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}

impl Faults {
    pub(super) fn add(&self, fault: Fault) {
        lock(&self.0).push(fault);
    }

    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }

    /// Counts those that were limited and are not used up.
    pub(super) fn pending(&self) -> usize {
        lock(&self.0)
            .iter()
            .filter(|fault| fault.times.is_some_and(|times| times > 0))
            .count()
    }

    /// Takes what happens now, if anything does.
    pub(super) fn take(&self, moment: &Moment) -> Option<Effect> {
        let mut faults = lock(&self.0);
        for fault in faults.iter_mut().filter(|fault| fault.matches(moment)) {
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if let Some(times) = &mut fault.times {
                *times -= 1;
            }
            return Some(fault.effect.clone());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(stage: Stage, account: &str) -> Moment {
        Moment {
            stage,
            connection: 1,
            account: Some(account.to_owned()),
            reverse_path: None,
            recipient: None,
            accepted: 0,
            octets: 0,
        }
    }

    #[test]
    fn a_fault_happens_where_as_often_and_for_whom_it_says() {
        let faults = Faults::default();
        faults.add(
            Fault::reply(Stage::Mail, "451 4.7.0 later")
                .after(1)
                .times(2)
                .for_account("anna@contoso.com"),
        );
        let take = |stage, account| faults.take(&moment(stage, account)).is_some();
        assert!(!take(Stage::Rcpt, "anna@contoso.com"));
        assert!(!take(Stage::Mail, "bob@contoso.com"));
        assert!(
            !take(Stage::Mail, "anna@contoso.com"),
            "the first is spared"
        );
        assert!(take(Stage::Mail, "Anna@contoso.com"));
        assert!(take(Stage::Mail, "anna@contoso.com"));
        assert!(!take(Stage::Mail, "anna@contoso.com"), "used up");
        assert_eq!(faults.pending(), 0);
    }

    #[test]
    fn the_first_that_matches_happens_alone() {
        let faults = Faults::default();
        faults.add(Fault::reply(Stage::Mail, "451 4.7.0 one").once());
        faults.add(Fault::reply(Stage::Mail, "451 4.7.0 two").once());
        let first = faults.take(&moment(Stage::Mail, "a"));
        assert_eq!(first, Some(Effect::Reply("451 4.7.0 one".to_owned())));
        assert_eq!(faults.pending(), 1);
    }
}
