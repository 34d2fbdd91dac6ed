//! The key of the hashes in events, in the stack's table: who may read the ledger there sees the addresses themselves.

use std::time::Duration;

use aws_config::SdkConfig;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::boxed;
use super::documents::Documents;
use crate::event::{HashKey, HashKeyUnavailable, HashKeys};
use crate::ledger::Written;

/// How long it may take to read the key.
const PATIENCE: Duration = Duration::from_secs(3);
/// The key of its item.
const PK: &str = "event-hash-key";

/// The key in the stack's table, read once.
#[derive(Debug)]
pub struct HashKeyTable {
    documents: Documents,
    known: OnceCell<HashKey>,
}

/// The key as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored([u8; HashKey::LENGTH]);

impl HashKeyTable {
    /// The key in `table`.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            documents: Documents::new(config, table),
            known: OnceCell::new(),
        }
    }

    /// The key that is stored; where there is none, a new one, unless somebody else is faster.
    async fn stored(&self) -> Result<HashKey, Box<dyn std::error::Error + Send + Sync>> {
        // The key is kept for ever, so it does not matter what time it is.
        let now = Timestamp::UNIX_EPOCH;
        let mut made = None;
        loop {
            if let Some(Stored(key)) = self.documents.read(PK, now).await? {
                return Ok(HashKey::new(key));
            }
            let key = made.get_or_insert_with(HashKey::random);
            let stored = Stored(*key.expose());
            match self.documents.write(PK, (1, &stored), now, None).await? {
                Written::Done => return Ok(key.clone()),
                Written::Lost => {}
            }
        }
    }
}

impl HashKeys for HashKeyTable {
    async fn hash_key(&self) -> Result<HashKey, HashKeyUnavailable> {
        let known = self.known.get_or_try_init(|| async {
            let stored = timeout(PATIENCE, self.stored()).await;
            stored.unwrap_or_else(|slow| Err(boxed(slow)))
        });
        known.await.cloned().map_err(HashKeyUnavailable)
    }
}
