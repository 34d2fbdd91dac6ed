//! A file in the stack's bucket.
//!
//! A notification may be tried more than once, and every try has to be the same mail. So a file is named with its version,
//! which S3 never changes, or with its hash, by which a change is found out.

use super::{
    fault::Problem,
    reader::{Found, Names, Spelling},
};
use crate::object::{ObjectKey, Reference, VersionId};

const NAMES: Names = Names {
    known: &["bucket", "key", "version_id", "size", "sha256"],
    refused: &[],
    spelling: Spelling::SnakeOrCamel,
};

/// The largest size that can be named, in octets: no mail server takes as much.
pub(super) const MAX_SIZE: u32 = 1024 * 1024 * 1024;

/// Reads where a file is.
pub(super) fn read(found: Found<'_>) -> Option<Reference> {
    let mut fields = found.fields("an object with key and version_id or sha256", &NAMES)?;
    let bucket = fields
        .take("bucket")
        .map(|found| found.parse("a string", |text| Ok::<_, Problem>(text.to_owned())));
    let key = fields
        .require("key")
        .and_then(|found| found.parse("a string", ObjectKey::parse));
    let version = fields
        .take("version_id")
        .map(|found| found.parse("a string", VersionId::parse));
    let size = fields
        .take("size")
        .map(|found| found.count(MAX_SIZE, "octets"));
    let sha256 = fields
        .take("sha256")
        .map(|found| found.parse("a string", hash));
    if version.is_none() && sha256.is_none() {
        return fields.refuse(
            "has neither version_id nor sha256; one of them is needed, so that a repeat is the same mail",
        );
    }
    Some(Reference {
        bucket: given(bucket)?,
        key: key?,
        version: given(version)?,
        size: given(size)?,
        sha256: given(sha256)?,
    })
}

/// What was given has to be right; what was not need not be.
fn given<T>(field: Option<Option<T>>) -> Option<Option<T>> {
    match field {
        None => Some(None),
        Some(read) => read.map(Some),
    }
}

/// Reads a SHA-256 in hexadecimal digits of either case.
fn hash(text: &str) -> Result<[u8; 32], Problem> {
    let problem = || Problem::new("is not a SHA-256 in 64 hexadecimal digits");
    let mut hash = [0; 32];
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(problem());
    }
    for (octet, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).map_err(|_| problem())?;
        *octet = u8::from_str_radix(digits, 16).map_err(|_| problem())?;
    }
    Ok(hash)
}
