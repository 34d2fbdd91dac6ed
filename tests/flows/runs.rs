//! The runs: many notifications at once, and everything that can go wrong with them. They print what they have measured.
//!
//! `PILLARBOX_RUNS=10` makes them ten times as large as CI has time for, `PILLARBOX_SEED=2` draws other lots.

pub(crate) mod chaos;
pub(crate) mod consent_loss;
pub(crate) mod pace;
mod size;
pub(crate) mod upgrade;
mod work;

use self::size::Size;

#[expect(clippy::print_stdout, reason = "a run is read as well as passed")]
fn report(text: &str) {
    println!("{text}");
}
