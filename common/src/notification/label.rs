//! What a notification carries for the producer's own use: tags and metadata. None of it is in the mail.

use std::collections::BTreeMap;

use super::{body::is_one_line, fault::Problem, reader::Found};

/// How many tags there may be.
pub(super) const MAX_TAGS: usize = 20;
/// The longest tag, in characters.
pub(super) const MAX_TAG: usize = 128;
/// How many values `metadata` may hold.
pub(super) const MAX_VALUES: usize = 50;
/// The longest name of a value, in characters.
pub(super) const MAX_NAME: usize = 64;
/// The longest value, in characters.
pub(super) const MAX_VALUE: usize = 1024;

pub(super) fn tags(found: Found<'_>) -> Option<Vec<String>> {
    let list = found.list("a list of strings")?;
    match list.get(MAX_TAGS) {
        Some(first_too_many) => {
            first_too_many.refuse("is one too many; accepted are up to 20 tags")
        }
        None => Some(
            list.into_iter()
                .filter_map(|tag| one_line(tag, MAX_TAG))
                .collect(),
        ),
    }
}

pub(super) fn metadata(found: Found<'_>) -> Option<BTreeMap<String, String>> {
    let mut metadata = BTreeMap::new();
    for (name, value) in found.entries("an object of strings")? {
        if metadata.len() == MAX_VALUES {
            return value.refuse("is one too many; accepted are up to 50 values");
        }
        if name.is_empty() || name.chars().count() > MAX_NAME || !is_one_line(&name) {
            value.refuse::<()>(
                "has no usable name; a name has 1 to 64 characters and no control characters",
            );
        } else if let Some(value) = one_line(value, MAX_VALUE) {
            metadata.insert(name, value);
        }
    }
    Some(metadata)
}

fn one_line(found: Found<'_>, max: usize) -> Option<String> {
    found.parse("a string", |text| {
        if text.is_empty() || text.chars().count() > max {
            Err(Problem::new(format!(
                "is empty or too long; accepted are 1 to {max} characters"
            )))
        } else if !is_one_line(text) {
            Err(Problem::new("has a line break or a control character"))
        } else {
            Ok(text.to_owned())
        }
    })
}
