//! Visits against stores in memory and a provider that keeps its tokens.

mod crashes;
mod days;
mod disconnects;
mod log;
mod overlaps;
pub(crate) mod provider;
mod refusals;
mod renewals;
mod stops;
pub(crate) mod world;
