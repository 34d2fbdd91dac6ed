//! What a storm does to a call: a decision that is the same whenever the call is.
//!
//! The decision follows from the seed, the operation, what the call is about (the key of an item, the name of a secret, the mailbox of an event),
//! and how many such calls there were before it. So the same seed does the same to the third `PutItem` of a notification's
//! record in each run, whichever worker makes it and whatever goes on beside it. What is not repeatable is which worker
//! that is, and how many calls there are: both follow from how the workers race.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};

use super::call::Call;

/// Bad weather between the functions and DynamoDB, Secrets Manager and EventBridge.
#[derive(Clone, Debug)]
pub struct Storm {
    /// What all decisions follow from.
    pub seed: u64,
    /// The mailbox whose calls are concerned; all others pass.
    pub mailbox: String,
    /// How many of a thousand calls begin a spell of one to four failures.
    pub spells: u64,
    /// How many of a thousand calls cost a worker of `send-email` that makes them its life.
    pub kills: u64,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It passes.
    Passes,
    /// It never arrives, and is answered with an error of the service.
    Lost,
    /// It never arrives: the service slows the caller down.
    Throttled,
    /// It is done, and answered with an error of the service.
    Denied,
    /// It is done, and the connection closes without an answer.
    Cut,
    /// It is done, and its answer comes so late.
    Late(Duration),
    /// The worker is killed before it arrives.
    KilledBefore,
    /// The worker is killed when it is done, before it hears of it.
    KilledAfter,
}

/// The longest spell, in calls. The SDK makes three attempts, so a spell of this length is one that a function notices.
const LONGEST_SPELL: u64 = 4;
/// Longer than a function waits for one attempt of a call.
const TOO_LATE: Duration = Duration::from_millis(4500);

impl Storm {
    /// What becomes of the call that comes after so many others of its kind.
    pub(super) fn fate(&self, call: &Call, before: u64) -> Fate {
        let draw = |question: &str, nth: u64| self.draw(call, question, nth);
        match draw("kill", before) % 1000 {
            lot if lot < self.kills / 2 => return Fate::KilledBefore,
            lot if lot < self.kills => return Fate::KilledAfter,
            _ => {}
        }
        let in_spell = (0..LONGEST_SPELL.min(before + 1)).any(|ago| {
            let begin = before - ago;
            draw("spell", begin) % 1000 < self.spells
                && draw("length", begin) % LONGEST_SPELL >= ago
        });
        if !in_spell {
            return Fate::Passes;
        }
        match draw("kind", before) % 10 {
            0..3 => Fate::Lost,
            3..5 => Fate::Throttled,
            5..7 => Fate::Denied,
            7..9 => Fate::Cut,
            _ => Fate::Late(TOO_LATE),
        }
    }

    fn draw(&self, call: &Call, question: &str, nth: u64) -> u64 {
        let Call { target, about } = call;
        let text = format!("{}\n{target}\n{about}\n{question}\n{nth}", self.seed);
        let hash = digest(&SHA256, text.as_bytes());
        hash.as_ref()
            .iter()
            .take(8)
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storm(seed: u64) -> Storm {
        Storm {
            seed,
            mailbox: "billing".to_owned(),
            spells: 60,
            kills: 10,
        }
    }

    fn fates(seed: u64, about: &str) -> Vec<Fate> {
        let call = Call {
            target: "DynamoDB_20120810.PutItem".to_owned(),
            about: about.to_owned(),
        };
        (0..2000).map(|nth| storm(seed).fate(&call, nth)).collect()
    }

    #[test]
    fn the_same_seed_does_the_same_to_the_same_call() {
        assert_eq!(fates(1, "ledger#billing#a"), fates(1, "ledger#billing#a"));
        assert_ne!(fates(1, "ledger#billing#a"), fates(2, "ledger#billing#a"));
        assert_ne!(fates(1, "ledger#billing#a"), fates(1, "ledger#billing#b"));
    }

    #[test]
    fn everything_happens_and_most_calls_pass() {
        let fates = fates(1, "ledger#billing#a");
        let count = |fate| fates.iter().filter(|&&one| one == fate).count();
        assert!(count(Fate::Passes) > 1500, "{}", count(Fate::Passes));
        for fate in [
            Fate::Lost,
            Fate::Throttled,
            Fate::Denied,
            Fate::Cut,
            Fate::Late(TOO_LATE),
            Fate::KilledBefore,
            Fate::KilledAfter,
        ] {
            assert!(count(fate) > 0, "{fate:?}");
        }
    }

    #[test]
    fn a_spell_outlasts_the_attempts_of_the_sdk() {
        let fates = fates(1, "ledger#billing#a");
        let fails = |fate: &Fate| *fate != Fate::Passes;
        assert!(fates.windows(3).any(|three| three.iter().all(fails)));
    }

    #[test]
    fn without_spells_and_kills_every_call_passes() {
        let calm = Storm {
            spells: 0,
            kills: 0,
            ..storm(1)
        };
        let call = Call {
            target: "secretsmanager.GetSecretValue".to_owned(),
            about: "pillarbox/mailboxes/billing/grant".to_owned(),
        };
        assert!((0..500).all(|nth| calm.fate(&call, nth) == Fate::Passes));
    }
}
