//! What the tests and the demo run on: a simulated Microsoft and a local stack.

pub mod microsoft;
