//! Visits against stores in memory and a provider that keeps its tokens.

mod crashes;
mod days;
mod log;
mod overlaps;
mod provider;
mod refusals;
mod renewals;
mod stops;
mod world;
