//! The domain of Pillarbox, and its adapters.
