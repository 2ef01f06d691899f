//! Answers that were given, kept for 24 hours for requests that are sent again.

use jiff::Timestamp;
use rookery_domain::hash::Sha256;
use serde::{Deserialize, Serialize};

use crate::seal::Sealed;
use crate::{Key, Partition, Record, Refusal, StoreError, Table, TenantScope, Transaction};

/// For how long an answer is kept, in seconds.
pub const KEPT_SECONDS: i64 = 24 * 60 * 60;

/// An answer, under the digest of the request that it was given to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AnswerRecord {
    /// Digest of the request's body.
    pub request: Sha256,
    /// What was answered.
    pub answer: StoredAnswer,
    /// When it is forgotten, in seconds of Unix time.
    pub ttl: i64,
}

/// What is kept of an answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredAnswer {
    /// The answer as it was sent: status, headers, body.
    Whole {
        /// The status.
        status: u16,
        /// The headers that the handler set.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// An answer whose body holds a secret.
    Sealed {
        /// The status.
        status: u16,
        /// The headers that the handler set.
        headers: Vec<(String, String)>,
        /// The sealed body.
        body: Sealed,
        /// Whose data key sealed it.
        tenant: rookery_domain::id::TenantId,
    },
    /// Nothing: the request changes nothing, so that it is carried out again.
    Again,
}

impl Record for AnswerRecord {
    const KIND: &'static str = "answer";
}

/// Whose requests an idempotency key tells apart.
#[derive(Debug, Clone, Copy)]
pub enum Caller<'a> {
    /// A tenant's.
    Tenant(&'a TenantScope),
    /// Those of whoever is not known yet.
    Anybody,
}

/// Where the answer to a request lies: its principal, its method and path, and the key that the client chose.
pub fn key(caller: Caller<'_>, principal: &str, route: &str, chosen: &str) -> Key {
    let digest = Sha256::of_parts(&[principal.as_bytes(), b"\0", route.as_bytes(), b"\0", chosen.as_bytes()]);
    match caller {
        Caller::Tenant(scope) => scope.partition(&["idempotency"]).item(digest),
        Caller::Anybody => Partition::directory("idempotency", digest).only(),
    }
}

/// Reads an answer that is not forgotten. DynamoDB deletes some time after an item's end, so the end is checked here too.
pub async fn find(table: &Table, key: &Key, now: Timestamp) -> Result<Option<AnswerRecord>, StoreError> {
    let record: Option<AnswerRecord> = table.get(key).await?;
    Ok(record.filter(|record| record.ttl > now.as_second()))
}

/// Adds the answer to the transaction whose outcome it tells.
pub fn keep(
    transaction: &mut Transaction,
    key: &Key,
    record: &AnswerRecord,
    now: Timestamp,
) -> Result<(), StoreError> {
    transaction.create_or_renew(key, record, now, Refusal::Repeated)
}
