//! The runs: many notifications at once. They print what they have measured.

pub(crate) mod consent_loss;
pub(crate) mod pace;
mod size;

#[expect(clippy::print_stdout, reason = "a run is read as well as passed")]
fn report(text: &str) {
    println!("{text}");
}
