//! What the tests and the demo run on: a simulated Microsoft, a local stack, and a company that uses both.

pub mod browser;
pub mod canaries;
pub mod contoso;
pub mod microsoft;
pub mod node;
pub mod required;
pub mod shell;
pub mod stack;
pub mod terminal;
