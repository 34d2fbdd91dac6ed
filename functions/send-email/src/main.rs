//! Submits each notification on a mailbox's queue once, or sets it aside with a reason

fn main() {}
