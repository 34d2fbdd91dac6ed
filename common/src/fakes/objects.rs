//! A bucket in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::{Calls, lock, turn};
use crate::object::{Location, Object, ObjectError, ObjectStore, VersionId};

/// A bucket that keeps every version of its objects.
#[derive(Debug, Clone, Default)]
pub struct MemoryObjects {
    objects: Arc<Mutex<HashMap<String, Vec<Version>>>>,
    /// What was asked.
    pub calls: Calls,
}

#[derive(Debug, Clone)]
struct Version {
    id: VersionId,
    /// Nothing where the object was deleted.
    content: Option<Vec<u8>>,
    is_denied: bool,
}

impl MemoryObjects {
    /// What the bucket is called.
    pub const BUCKET: &str = "pillarbox-bucket";

    /// Puts an object, and gives its version.
    pub fn put(&self, key: &str, content: impl Into<Vec<u8>>) -> VersionId {
        self.add(key, Some(content.into()), false)
    }

    /// Puts an object that nobody may read, and gives its version.
    pub fn put_denied(&self, key: &str, content: impl Into<Vec<u8>>) -> VersionId {
        self.add(key, Some(content.into()), true)
    }

    /// Deletes an object. Its earlier versions stay.
    pub fn delete(&self, key: &str) {
        self.add(key, None, false);
    }

    #[expect(clippy::expect_used, reason = "a number is a version id")]
    fn add(&self, key: &str, content: Option<Vec<u8>>, is_denied: bool) -> VersionId {
        let mut objects = lock(&self.objects);
        let versions = objects.entry(key.to_owned()).or_default();
        let number = (versions.len() + 1).to_string();
        let id = VersionId::parse(&number).expect("a number is a version id");
        versions.push(Version {
            id: id.clone(),
            content,
            is_denied,
        });
        id
    }
}

impl ObjectStore for MemoryObjects {
    fn bucket(&self) -> &str {
        Self::BUCKET
    }

    async fn get(
        &self,
        location: &Location,
        version: Option<&VersionId>,
        limit: usize,
    ) -> Result<Object, ObjectError> {
        turn().await;
        self.calls
            .note("get object", location.key())
            .map_err(|broken| ObjectError::Unavailable(Box::new(broken)))?;
        let objects = lock(&self.objects);
        let mut versions = objects.get(location.key()).into_iter().flatten().rev();
        let found = versions.find(|kept| version.is_none_or(|version| kept.id == *version));
        let found = found.ok_or(ObjectError::Absent)?;
        if found.is_denied {
            return Err(ObjectError::Denied);
        }
        let content = found.content.as_ref().ok_or(ObjectError::Absent)?;
        if content.len() > limit {
            return Err(ObjectError::TooLarge { limit });
        }
        Ok(Object {
            content: content.clone(),
            version: Some(found.id.clone()),
        })
    }
}
