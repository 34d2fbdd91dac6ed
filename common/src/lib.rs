//! The domain of Pillarbox, and its adapters.

pub mod address;
pub mod message;
pub mod notification;
