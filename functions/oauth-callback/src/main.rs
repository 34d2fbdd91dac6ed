//! Turns one consent by the right person into a stored grant, or explains why not

fn main() {}
