//! API keys: what is presented at the door, and the records behind it.

use std::collections::BTreeMap;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::Timestamp;
use rookery_domain::binding::Range;
use rookery_domain::hash::Sha256;
use rookery_domain::id::{KeyId, TenantId};
use rookery_domain::key::{ApiKey, Credential, KeyOwner, Scopes, Token};
use rookery_domain::text::Name;
use rookery_domain::usage::KeyUse;
use serde::{Deserialize, Serialize};

use crate::{
    Filter, Key, Listed, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction,
};

/// Somebody who presented a key that exists, with its right secret. Whether it is still good is for the caller to ask.
#[derive(Debug, Clone)]
pub struct Presented {
    /// The scope of the key's tenant.
    pub scope: TenantScope,
    /// The key.
    pub key: KeyId,
    /// What is known of it.
    pub credential: Credential,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct CredentialRecord(Credential);

impl Record for CredentialRecord {
    const KIND: &'static str = "credential";
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ApiKeyRecord {
    id: KeyId,
    tenant: TenantId,
    owner: KeyOwner,
    name: Name,
    scopes: Scopes,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<Range>,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    digest: Sha256,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous_digest: Option<Sha256>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous_until: Option<Timestamp>,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for ApiKeyRecord {
    const KIND: &'static str = "api_key";
}

impl ApiKeyRecord {
    fn new(key: &ApiKey, digest: Sha256, previous_digest: Option<Sha256>) -> Self {
        let key = key.clone();
        Self {
            id: key.id,
            tenant: key.tenant,
            owner: key.owner,
            name: key.name,
            scopes: key.scopes,
            addresses: key.addresses,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            digest,
            previous_digest,
            previous_until: key.previous_until,
            version: key.version,
            created_at: key.created_at,
            updated_at: key.updated_at,
        }
    }

    pub(crate) fn into_found(self) -> Found {
        let key = ApiKey {
            id: self.id,
            tenant: self.tenant,
            owner: self.owner,
            name: self.name,
            scopes: self.scopes,
            addresses: self.addresses,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
            previous_until: self.previous_until,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        };
        Found { key, digest: self.digest, previous: self.previous_digest }
    }
}

pub(crate) fn directory(id: KeyId) -> Key {
    Partition::directory("key", id).only()
}

fn collection(scope: &TenantScope) -> Partition {
    scope.partition(&["key"])
}

pub(crate) fn place(scope: &TenantScope, id: KeyId) -> Key {
    collection(scope).item(id)
}

/// Reads the credential of a key. Which tenant it belongs to is not known before.
pub async fn look_up(table: &Table, id: KeyId) -> Result<Option<Credential>, StoreError> {
    Ok(table.get::<CredentialRecord>(&directory(id)).await?.map(|record| record.0))
}

/// Compares a presented token with what is known of its key. An unknown key takes the same steps as a wrong secret: one
/// read before, one hash and two comparisons in constant time here, with the secret and with the one before a rotation.
pub fn check(token: &Token, known: Option<&Credential>, now: Timestamp) -> Option<Presented> {
    const NONE: Sha256 = Sha256::from_bytes([0; 32]);
    let presented = token.digest();
    let is = |expected: Sha256| verify_slices_are_equal(presented.as_bytes(), expected.as_bytes()).is_ok();
    let current = is(known.map_or(NONE, |credential| credential.digest));
    let previous = known.and_then(|credential| credential.previous).filter(|previous| now < previous.until);
    let rotated = is(previous.map_or(NONE, |previous| previous.digest));
    match known {
        Some(credential) if current || rotated => Some(Presented {
            scope: TenantScope::of_credential(credential),
            key: token.id,
            credential: credential.clone(),
        }),
        _ => None,
    }
}

/// Adds a new key to a transaction.
pub fn create(
    transaction: &mut Transaction,
    scope: &TenantScope,
    key: &ApiKey,
    digest: Sha256,
) -> Result<(), StoreError> {
    transaction.create(
        &collection(scope).item(key.id),
        &ApiKeyRecord::new(key, digest, None),
        Refusal::Taken("key id"),
    )?;
    transaction.create(
        &directory(key.id),
        &CredentialRecord(key.credential(digest, None)),
        Refusal::Taken("key id"),
    )
}

/// A key as it was found, with what is needed to write it again.
#[derive(Debug, Clone)]
pub struct Found {
    /// The key.
    pub key: ApiKey,
    digest: Sha256,
    previous: Option<Sha256>,
}

impl Found {
    /// What decides about the key when it is presented.
    pub fn credential(&self) -> Credential {
        self.key.credential(self.digest, self.previous)
    }
}

/// Adds a changed key to a transaction.
pub fn replace(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Found,
    after: &ApiKey,
) -> Result<(), StoreError> {
    write(transaction, scope, before, after, (before.digest, before.previous))
}

/// Adds a key with a new secret to a transaction. The secret that it had becomes the one before.
pub fn rotate(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Found,
    after: &ApiKey,
    digest: Sha256,
) -> Result<(), StoreError> {
    write(transaction, scope, before, after, (digest, Some(before.digest)))
}

fn write(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Found,
    after: &ApiKey,
    (digest, previous): (Sha256, Option<Sha256>),
) -> Result<(), StoreError> {
    let record = ApiKeyRecord::new(after, digest, previous);
    transaction.replace(&collection(scope).item(after.id), &record, before.key.version)?;
    transaction.put(&directory(after.id), &CredentialRecord(after.credential(digest, previous)))
}

/// Reads a key of the tenant.
pub async fn find(table: &Table, scope: &TenantScope, id: KeyId) -> Result<Option<Found>, StoreError> {
    let record: Option<ApiKeyRecord> = table.get(&collection(scope).item(id)).await?;
    Ok(record.map(ApiKeyRecord::into_found))
}

/// Lists the tenant's keys.
pub async fn list(table: &Table, scope: &TenantScope, slice: Slice) -> Result<Listed<ApiKey>, StoreError> {
    let listed = table.list::<ApiKeyRecord>(&collection(scope), slice).await?;
    let items = listed.items.into_iter().map(|record| record.into_found().key).collect();
    Ok(Listed { items, next: listed.next })
}

/// When a key was last used, as far as was told. It has no place in the key's record, which only its own changes write.
#[derive(Debug, Serialize, Deserialize)]
struct UseRecord {
    /// In milliseconds of Unix time: numbers compare as times do, which their texts do not.
    at: i64,
}

impl Record for UseRecord {
    const KIND: &'static str = "key_use";
}

fn uses(scope: &TenantScope) -> Partition {
    scope.partition(&["key-use"])
}

/// Notes that a key was used, unless a later use is known. Told twice or in another order, it ends the same.
pub async fn note_use(table: &Table, scope: &TenantScope, used: &KeyUse) -> Result<(), StoreError> {
    let at = used.at.as_millisecond();
    table.put_newer(&uses(scope).item(used.key), &UseRecord { at }, at).await
}

/// When keys were last used; those that were not, so far as is known, are missing from the answer.
pub async fn last_uses(
    table: &Table,
    scope: &TenantScope,
    keys: impl IntoIterator<Item = KeyId>,
) -> Result<BTreeMap<KeyId, Timestamp>, StoreError> {
    let keys: Vec<Key> = keys.into_iter().map(|key| uses(scope).item(key)).collect();
    let found = table.get_keyed::<UseRecord>(&keys).await?;
    let read = |(key, record): (String, UseRecord)| {
        Some((key.parse().ok()?, Timestamp::from_millisecond(record.at).ok()?))
    };
    Ok(found.into_iter().filter_map(read).collect())
}

/// Reads all keys of an owner. They are looked for among all keys of the tenant, page by page.
pub async fn of_owner(table: &Table, scope: &TenantScope, owner: KeyOwner) -> Result<Vec<Found>, StoreError> {
    let filter = Filter { equal: vec![("owner", owner.to_string())] };
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let slice = Slice { limit: 1000, after, filter: Some(filter.clone()), ..Slice::default() };
        let page = table.list::<ApiKeyRecord>(&collection(scope), slice).await?;
        found.extend(page.items.into_iter().map(ApiKeyRecord::into_found));
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rookery_domain::id::Id;
    use rookery_domain::key::Previous;

    fn credential(digest: Sha256) -> Credential {
        Credential {
            tenant: TenantId::from_uuid(uuid::Uuid::nil()),
            owner: KeyOwner::User(rookery_domain::id::UserId::from_uuid(uuid::Uuid::nil())),
            digest,
            previous: None,
            scopes: Scopes::All,
            addresses: Vec::new(),
            expires_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn only_the_right_secret_of_a_known_key_is_let_in() {
        let id = KeyId::from_uuid(uuid::Uuid::nil());
        let (right, wrong) = (Token::new(id, [1; 32]), Token::new(id, [2; 32]));
        let known = credential(right.digest());
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(check(&right, Some(&known), now).unwrap().key.uuid(), id.uuid());
        assert!(check(&wrong, Some(&known), now).is_none());
        assert!(check(&right, None, now).is_none());
    }

    #[test]
    fn the_secret_before_a_rotation_works_until_its_end() {
        let id = KeyId::from_uuid(uuid::Uuid::nil());
        let (old, new) = (Token::new(id, [1; 32]), Token::new(id, [2; 32]));
        let until: Timestamp = "2026-11-21T09:00:00Z".parse().unwrap();
        let previous = Some(Previous { digest: old.digest(), until });
        let known = Credential { previous, ..credential(new.digest()) };
        let before = Timestamp::from_second(until.as_second() - 1).unwrap();
        assert!(check(&old, Some(&known), before).is_some());
        assert!(check(&old, Some(&known), until).is_none());
        assert!(check(&new, Some(&known), before).is_some() && check(&new, Some(&known), until).is_some());
    }
}
