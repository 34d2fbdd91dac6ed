//! The dialogue with the submission server, which never lies about what was sent.
//!
//! A connection passes through three types: [`Connected`] has read the greeting, [`Encrypted`] speaks TLS with
//! the verified server, [`Session`] is authenticated. A token in clear text or a message before AUTH cannot be
//! written. A [`Session`] submits any number of messages, one after the other, each with its own permit and
//! record, which are the caller's.
//!
//! Guarantees: *accepted* means that the server answered 250 to that message after accepting at least one
//! recipient of it; *unknown* means that the server may have the whole message and no reply settles it; a
//! [`Failure`] means that the message was certainly not taken. Replies are matched to commands one by one,
//! and a connection that cannot be trusted to do so any more is closed: after a timeout, an I/O error, a
//! breach of protocol or a dropped future the session refuses to go on. The token and the content of messages
//! are in no log line and in no error.
//!
//! One limit is the protocol's: under BDAT in one flight nothing but the number of replies and their enhanced codes
//! ties the last one to the message. A server that leaves one reply out and makes one up undoes that; under
//! DATA its 354 would give it away.
//!
//! A message is held once, by the caller: one of 25 MB is submitted with 0.2 MB of memory beside it, 1.01 times its size
//! in all. Only one whose line breaks have to be put right is copied, once.
//!
//! Left to others: composing the message, permits and slots, records, and what becomes of a failure. A session
//! serves one mailbox within one invocation.

mod auth;
mod body;
mod capabilities;
mod classify;
mod commands;
mod dialogue;
mod failure;
mod flight;
mod outcome;
mod reply;
mod server;
mod session;
mod stage;
#[cfg(test)]
mod tests;
mod transcript;
mod wire;

pub use classify::{Diagnosis, classify};
pub use failure::{Cause, Failure};
pub use lettre::address::Envelope;
pub use outcome::{Outcome, Recipient, Submission, Verdict};
pub use reply::{Enhanced, Reply};
pub use server::{EhloName, InvalidEhloName, Server, Timeouts, Transfer};
pub use session::{Connected, Encrypted, Phases, Session};
pub use stage::Stage;
