//! Keeps an access token with enough life for every mailbox that has a grant

fn main() {}
