//! Flows on the deployed stack.

fn main() {}
