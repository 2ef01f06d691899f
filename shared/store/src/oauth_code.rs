//! Codes that people bring to clients, at `directory#oauth-code#…`: what each stands for, and the digest of its secret.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::Timestamp;
use rookery_domain::hash::Sha256;
use rookery_domain::id::{ClientId, SessionId, TenantId, UserId};
use rookery_domain::oauth_client::{RedirectUri, Scope};
use rookery_domain::oauth_code::{Challenge, Code, KeptProof, Promise, REMEMBERED_FOR};
use serde::{Deserialize, Serialize};

use crate::{Key, Partition, Record, Refusal, StoreError, Table, Transaction};

#[derive(Debug, Serialize, Deserialize)]
struct CodeRecord {
    session: SessionId,
    tenant: TenantId,
    user: UserId,
    digest: Sha256,
    proof: KeptProof,
    within: SessionId,
    client: ClientId,
    redirect_uri: RedirectUri,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    challenge: Option<Challenge>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    scope: Scope,
    expires_at: Timestamp,
    spent: bool,
    ttl: i64,
    /// 1, and 2 once it is spent.
    version: u64,
}

impl Record for CodeRecord {
    const KIND: &'static str = "oauth_code";
}

fn key(session: SessionId) -> Key {
    Partition::directory("oauth-code", session).only()
}

fn record(promise: &Promise, digest: Sha256) -> CodeRecord {
    let promise = promise.clone();
    let forgotten = promise.expires_at.saturating_add(REMEMBERED_FOR).unwrap_or(Timestamp::MAX);
    CodeRecord {
        session: promise.session,
        tenant: promise.tenant,
        user: promise.user,
        digest,
        proof: promise.proof.into(),
        within: promise.within,
        client: promise.client,
        redirect_uri: promise.redirect_uri,
        challenge: promise.challenge,
        nonce: promise.nonce,
        scope: promise.scope,
        expires_at: promise.expires_at,
        spent: promise.spent,
        ttl: forgotten.as_second(),
        version: if promise.spent { 2 } else { 1 },
    }
}

impl From<CodeRecord> for Promise {
    fn from(record: CodeRecord) -> Self {
        Self {
            session: record.session,
            tenant: record.tenant,
            user: record.user,
            proof: record.proof.into(),
            within: record.within,
            client: record.client,
            redirect_uri: record.redirect_uri,
            challenge: record.challenge,
            nonce: record.nonce,
            scope: record.scope,
            expires_at: record.expires_at,
            spent: record.spent,
        }
    }
}

/// Adds a code to a transaction.
pub fn create(transaction: &mut Transaction, code: &Code, promise: &Promise) -> Result<(), StoreError> {
    transaction.create(&key(code.session), &record(promise, code.digest()), Refusal::Taken("id"))
}

/// What a code stands for, spent or not. Secrets are compared in constant time.
pub async fn find(table: &Table, code: &Code) -> Result<Option<Promise>, StoreError> {
    let known: Option<CodeRecord> = table.get(&key(code.session)).await?;
    let expected = known.as_ref().map_or(Sha256::from_bytes([0; 32]), |known| known.digest);
    let equal = verify_slices_are_equal(code.digest().as_bytes(), expected.as_bytes()).is_ok();
    Ok(known.filter(|_| equal).map(Promise::from))
}

/// Adds to a transaction that a code is taken for tokens; refused if somebody took it meanwhile.
pub fn spend(transaction: &mut Transaction, code: &Code, promise: &Promise) -> Result<(), StoreError> {
    let spent = Promise { spent: true, ..promise.clone() };
    transaction.follow(&key(code.session), &record(&spent, code.digest()), 1)
}
