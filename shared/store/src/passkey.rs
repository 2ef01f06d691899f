//! Whose a passkey is, at `directory#passkey#<digest of its id>`, and the challenges that wait to be answered by one, at
//! `directory#passkey-challenge#<digest>`.
//!
//! What is kept of a passkey itself is among what its person logs in with, in [`factor`](crate::factor). The entries here follow from it.

use jiff::Timestamp;
use rookery_domain::hash::Sha256;
use rookery_domain::id::{SessionId, TenantId, UserId};
use rookery_domain::passkey::{ANSWERED_WITHIN, CHALLENGE, Octets, Passkey, digest};
use serde::{Deserialize, Serialize};

use crate::{Key, Partition, Record, Refusal, StoreError, Table, TenantScope, Transaction};

#[derive(Debug, Serialize, Deserialize)]
struct OwnerRecord {
    tenant: TenantId,
    user: UserId,
}

impl Record for OwnerRecord {
    const KIND: &'static str = "passkey";
}

pub(crate) fn directory(digest: Sha256) -> Key {
    Partition::directory("passkey", digest).only()
}

/// Adds to a transaction whose a passkey is from now on; refused if it is somebody's already, wherever.
pub(crate) fn claim(
    transaction: &mut Transaction,
    scope: &TenantScope,
    user: UserId,
    passkey: &Passkey,
) -> Result<(), StoreError> {
    let record = OwnerRecord { tenant: scope.tenant(), user };
    transaction.create(&directory(passkey.digest()), &record, Refusal::Taken("passkey"))
}

/// Whose a passkey is that somebody names.
pub async fn owner(table: &Table, credential: &Octets) -> Result<Option<(TenantScope, UserId)>, StoreError> {
    let record: Option<OwnerRecord> = table.get(&directory(digest(credential))).await?;
    Ok(record.map(|record| (TenantScope::of_passkey(record.tenant), record.user)))
}

/// What a challenge is for: an answer to it is good for nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum Ceremony {
    /// One more passkey of a person, in the session that asked.
    Register {
        /// The tenant.
        tenant: TenantId,
        /// Whose it is to be.
        user: UserId,
        /// In which session.
        session: SessionId,
    },
    /// The second factor of a login that waits.
    SecondFactor {
        /// The digest of its token.
        login: Sha256,
    },
    /// Logging in with a passkey alone. Who comes is not known before.
    LogIn,
}

#[derive(Debug, Serialize, Deserialize)]
struct ChallengeRecord {
    #[serde(flatten)]
    ceremony: Ceremony,
    ttl: i64,
}

impl Record for ChallengeRecord {
    const KIND: &'static str = "passkey_challenge";
}

fn challenge_key(challenge: &[u8]) -> Key {
    Partition::directory("passkey-challenge", Sha256::of(challenge)).only()
}

/// Adds a challenge to a transaction.
pub fn challenge(
    transaction: &mut Transaction,
    challenge: &[u8; CHALLENGE],
    ceremony: Ceremony,
    now: Timestamp,
) -> Result<(), StoreError> {
    let ttl = (now + ANSWERED_WITHIN).as_second();
    transaction.create(&challenge_key(challenge), &ChallengeRecord { ceremony, ttl }, Refusal::Taken("id"))
}

/// Takes a challenge that somebody answers, so that nobody else does: however many come at once, one of them gets what it was for.
/// The challenge is looked up by its digest, which nobody can steer.
pub async fn take(table: &Table, challenge: &[u8], now: Timestamp) -> Result<Option<Ceremony>, StoreError> {
    let key = challenge_key(challenge);
    let Some(record) = table.get::<ChallengeRecord>(&key).await? else { return Ok(None) };
    let mut transaction = Transaction::new();
    transaction.delete_if(&key, "attribute_exists(pk)", [], Refusal::Gone("challenge"));
    match table.commit(&transaction).await {
        Ok(()) => Ok((now.as_second() < record.ttl).then_some(record.ceremony)),
        Err(StoreError::Refused(Refusal::Gone(_))) => Ok(None),
        Err(error) => Err(error),
    }
}
