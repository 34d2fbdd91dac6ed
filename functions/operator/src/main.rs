//! Everything that a person runs, behind one IAM permission

fn main() {}
