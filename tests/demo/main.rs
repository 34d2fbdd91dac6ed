//! Runs the main job of Pillarbox on this machine.

fn main() {}
