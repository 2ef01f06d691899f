//! API keys: what is presented at the door, and the records behind it.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::Timestamp;
use rookery_domain::hash::Sha256;
use rookery_domain::id::{KeyId, TenantId};
use rookery_domain::key::{ApiKey, Credential, KeyOwner, Scopes, Token};
use rookery_domain::text::Name;
use serde::{Deserialize, Serialize};

use crate::{Key, Listed, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction};

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
struct ApiKeyRecord {
    id: KeyId,
    tenant: TenantId,
    owner: KeyOwner,
    name: Name,
    scopes: Scopes,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    digest: Sha256,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for ApiKeyRecord {
    const KIND: &'static str = "api_key";
}

impl ApiKeyRecord {
    fn new(key: &ApiKey, digest: Sha256) -> Self {
        let key = key.clone();
        Self {
            id: key.id,
            tenant: key.tenant,
            owner: key.owner,
            name: key.name,
            scopes: key.scopes,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            digest,
            version: key.version,
            created_at: key.created_at,
            updated_at: key.updated_at,
        }
    }

    fn into_key(self) -> (ApiKey, Sha256) {
        let key = ApiKey {
            id: self.id,
            tenant: self.tenant,
            owner: self.owner,
            name: self.name,
            scopes: self.scopes,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        };
        (key, self.digest)
    }
}

fn directory(id: KeyId) -> Key {
    Partition::directory("key", id).only()
}

fn collection(scope: &TenantScope) -> Partition {
    scope.partition(&["key"])
}

/// Reads the credential of a key. Which tenant it belongs to is not known before.
pub async fn look_up(table: &Table, id: KeyId) -> Result<Option<Credential>, StoreError> {
    Ok(table.get::<CredentialRecord>(&directory(id)).await?.map(|record| record.0))
}

/// Compares a presented token with what is known of its key. An unknown key takes the same steps as a wrong secret: one
/// read before, one hash and one comparison in constant time here.
pub fn check(token: &Token, known: Option<&Credential>) -> Option<Presented> {
    let presented = token.digest();
    let expected = known.map_or(Sha256::from_bytes([0; 32]), |credential| credential.digest);
    let equal = verify_slices_are_equal(presented.as_bytes(), expected.as_bytes()).is_ok();
    match known {
        Some(credential) if equal => Some(Presented {
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
        &ApiKeyRecord::new(key, digest),
        Refusal::Taken("key id"),
    )?;
    transaction.create(
        &directory(key.id),
        &CredentialRecord(key.credential(digest)),
        Refusal::Taken("key id"),
    )
}

/// A key as it was found, with what is needed to write it again.
#[derive(Debug, Clone)]
pub struct Found {
    /// The key.
    pub key: ApiKey,
    digest: Sha256,
}

/// Adds a changed key to a transaction.
pub fn replace(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Found,
    after: &ApiKey,
) -> Result<(), StoreError> {
    transaction.replace(
        &collection(scope).item(after.id),
        &ApiKeyRecord::new(after, before.digest),
        before.key.version,
    )?;
    transaction.put(&directory(after.id), &CredentialRecord(after.credential(before.digest)))
}

/// Reads a key of the tenant.
pub async fn find(table: &Table, scope: &TenantScope, id: KeyId) -> Result<Option<Found>, StoreError> {
    let record: Option<ApiKeyRecord> = table.get(&collection(scope).item(id)).await?;
    Ok(record.map(ApiKeyRecord::into_key).map(|(key, digest)| Found { key, digest }))
}

/// Lists the tenant's keys.
pub async fn list(table: &Table, scope: &TenantScope, slice: Slice) -> Result<Listed<ApiKey>, StoreError> {
    let listed = table.list::<ApiKeyRecord>(&collection(scope), slice).await?;
    let items = listed.items.into_iter().map(|record| record.into_key().0).collect();
    Ok(Listed { items, next: listed.next })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rookery_domain::id::Id;

    fn credential(digest: Sha256) -> Credential {
        Credential {
            tenant: TenantId::from_uuid(uuid::Uuid::nil()),
            owner: KeyOwner::User(rookery_domain::id::UserId::from_uuid(uuid::Uuid::nil())),
            digest,
            scopes: Scopes::All,
            expires_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn only_the_right_secret_of_a_known_key_is_let_in() {
        let id = KeyId::from_uuid(uuid::Uuid::nil());
        let (right, wrong) = (Token::new(id, [1; 32]), Token::new(id, [2; 32]));
        let known = credential(right.digest());
        assert_eq!(check(&right, Some(&known)).unwrap().key.uuid(), id.uuid());
        assert!(check(&wrong, Some(&known)).is_none());
        assert!(check(&right, None).is_none());
    }
}
