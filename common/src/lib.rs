//! The domain of Pillarbox, and its adapters.

pub mod address;
pub mod class;
pub mod secret;
pub mod submission;
pub mod tls;
