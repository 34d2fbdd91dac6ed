//! What a run insists on: a laptop may lack a browser or a mail server, and skips what needs it; a run that has to prove
//! everything may not.

/// Whether `PILLARBOX_REQUIRE`, a list with commas, names it.
#[must_use]
pub fn is_required(what: &str) -> bool {
    let required = std::env::var_os("PILLARBOX_REQUIRE").unwrap_or_default();
    let required = required.to_string_lossy();
    required.split(',').any(|named| named.trim() == what)
}
