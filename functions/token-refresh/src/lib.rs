//! Keeps an access token with enough life for every mailbox that has a grant.
//!
//! The function is [`handler::Function`]; its `main` gives it AWS and Microsoft, and tests give it stores in memory.

pub mod handler;
mod measure;
pub mod ports;
pub mod provider;
pub mod visit;
