//! The records of stored files: contents that S3 confirmed and a package accepted. Each belongs to a tenant and is stored
//! once, however many packages hold it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rookery_domain::hash::Sha256;
use rookery_domain::package::FileSize;
use serde::{Deserialize, Serialize};

use crate::{Key, Record, Refusal, StoreError, Table, TenantScope, Transaction};

#[derive(Debug, Serialize, Deserialize)]
struct FileRecord {
    sha256: Sha256,
    size: FileSize,
    created_at: Timestamp,
}

impl Record for FileRecord {
    const KIND: &'static str = "file";
}

fn key(scope: &TenantScope, sha256: Sha256) -> Key {
    scope.partition(&["file"]).item(sha256)
}

/// Adds a new file to a transaction. It is refused as [`Refusal::Overtaken`] when the file has a record by now, so that
/// whoever writes the record is the one who counts its bytes.
pub fn create(
    transaction: &mut Transaction,
    scope: &TenantScope,
    sha256: Sha256,
    size: FileSize,
    at: Timestamp,
) -> Result<(), StoreError> {
    let record = FileRecord { sha256, size, created_at: at };
    transaction.create(&key(scope, sha256), &record, Refusal::Overtaken)
}

/// Which of these files the tenant has, with their sizes.
pub async fn find_many(
    table: &Table,
    scope: &TenantScope,
    files: &BTreeSet<Sha256>,
) -> Result<BTreeMap<Sha256, FileSize>, StoreError> {
    let keys: Vec<Key> = files.iter().map(|file| key(scope, *file)).collect();
    let found: Vec<FileRecord> = table.get_many(&keys).await?;
    Ok(found.into_iter().map(|record| (record.sha256, record.size)).collect())
}
