//! Thirty days of a mailbox, tick by tick.

use std::time::Duration;

use common::chance::{Chance, SeededChance};
use common::clock::Clock;
use common::grant::TokenSet;
use jiff::{SignedDuration, Timestamp};

use super::world::World;

const DAYS: i64 = 30;

/// A length between two numbers of minutes.
fn between(chance: &SeededChance, least: u64, most: u64) -> SignedDuration {
    let [least, most] = [least, most].map(|minutes| Duration::from_secs(minutes * 60));
    SignedDuration::try_from(chance.between(least, most)).unwrap()
}

/// Outages of up to 20 minutes, a few a day, with at least one tick's time between them.
fn outages(chance: &SeededChance, start: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let mut outages = Vec::new();
    let mut at = start;
    while at < start + SignedDuration::from_hours(24 * DAYS) {
        let begin = at + between(chance, 6, 240);
        at = begin + between(chance, 1, 20);
        outages.push((begin, at));
    }
    outages
}

#[tokio::test]
async fn for_thirty_days_of_short_outages_no_token_comes_under_five_minutes() {
    for seed in 1..=5 {
        let chance = SeededChance::from(seed);
        let world = World::connected().await;
        let start = world.clock.now();
        let outages = outages(&chance, start);
        let mut longest_wait = SignedDuration::ZERO;
        let mut written = world.writes();
        for tick in 1..=DAYS * 24 * 12 {
            world.pass(5);
            let now = world.clock.now();
            let is_down = outages
                .iter()
                .any(|(begin, end)| (*begin..*end).contains(&now));
            world.issuer.inner().is_down = is_down;
            world.issuer.inner().life = between(&chance, 60, 90);
            // A token is at its oldest when the next visit begins.
            let left = world.tokens().await.value.expires_at.duration_since(now);
            assert!(
                left >= TokenSet::LEEWAY,
                "seed {seed}: {left:?} left at {now}"
            );
            longest_wait = longest_wait.max(SignedDuration::from_mins(30) - left);
            world.tick().await;
            if tick % (24 * 12) == 0 {
                let today = world.writes();
                for (today, before) in today.into_iter().zip(written) {
                    assert!(
                        (16..144).contains(&(today - before)),
                        "seed {seed}: {today}"
                    );
                }
                written = today;
            }
            world.calls.forget();
        }
        assert!(
            longest_wait > SignedDuration::from_mins(20),
            "no outage was felt: {longest_wait:?}"
        );
        world.issuer.inner().is_down = false;
        world.next_tick().await;
        world.assert_sends("g-1", "").await;
    }
}
