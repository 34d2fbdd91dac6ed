//! The notification as producers meet it: its schema, read by a validator that knows nothing of the reader, and what
//! libraries write that know nothing of the contract.

#![expect(
    clippy::unwrap_used,
    reason = "a check that finds something else than it expects has failed"
)]

mod documents;
mod extended;
mod libraries;
mod producers;
mod schema;
