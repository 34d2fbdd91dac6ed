//! Writes the schema of the notification: `cargo run --package common --example schema > docs/notification.schema.json`.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    writeln!(io::stdout(), "{:#}", common::notification::schema())
}
