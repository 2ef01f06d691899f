//! The records of clients: below their tenant, to be managed, and in the directory, where they are found by their ids alone.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::Timestamp;
use rookery_domain::hash::Sha256;
use rookery_domain::id::{ClientId, TenantId};
use rookery_domain::key::Previous;
use rookery_domain::oauth_client::{ClientSecret, OauthClient, Terms};
use serde::{Deserialize, Serialize};

use crate::{Key, Listed, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ClientRecord {
    id: ClientId,
    tenant: TenantId,
    /// The digest of its secret; a public client has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Sha256>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Previous>,
    terms: Terms,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for ClientRecord {
    const KIND: &'static str = "oauth_client";
}

/// A client as it was found, with what its secret is compared with.
#[derive(Debug, Clone)]
pub struct Found {
    /// The client.
    pub client: OauthClient,
    digest: Option<Sha256>,
    previous: Option<Previous>,
}

impl From<ClientRecord> for Found {
    fn from(record: ClientRecord) -> Self {
        let client = OauthClient {
            id: record.id,
            tenant: record.tenant,
            confidential: record.digest.is_some(),
            terms: record.terms,
            previous_until: record.previous.map(|previous| previous.until),
            version: record.version,
            created_at: record.created_at,
            updated_at: record.updated_at,
        };
        Self { client, digest: record.digest, previous: record.previous }
    }
}

impl Found {
    /// The scope of the tenant whose people log in to the client. Its id is public: what is found there decides whether they may.
    pub const fn scope(&self) -> TenantScope {
        TenantScope::of_client(&self.client)
    }

    /// Whether a secret is the client's, or the one before a rotation while both work. Compared in constant time.
    pub fn is_secret(&self, secret: &ClientSecret, now: Timestamp) -> bool {
        let shown = secret.digest();
        let is = |known: &Sha256| verify_slices_are_equal(shown.as_bytes(), known.as_bytes()).is_ok();
        let previous = self.previous.filter(|previous| now < previous.until);
        let current = self.digest.as_ref().is_some_and(is);
        secret.id == self.client.id && (current | previous.is_some_and(|previous| is(&previous.digest)))
    }
}

fn collection(scope: &TenantScope) -> Partition {
    scope.partition(&["oauth-client"])
}

pub(crate) fn directory(id: impl std::fmt::Display) -> Key {
    Partition::directory("oauth-client", id).only()
}

fn record(client: &OauthClient, digest: Option<Sha256>, previous: Option<Previous>) -> ClientRecord {
    let client = client.clone();
    ClientRecord {
        id: client.id,
        tenant: client.tenant,
        digest,
        previous,
        terms: client.terms,
        version: client.version,
        created_at: client.created_at,
        updated_at: client.updated_at,
    }
}

/// Adds a new client to a transaction, with the digest of its secret if it keeps one.
pub fn create(
    transaction: &mut Transaction,
    scope: &TenantScope,
    client: &OauthClient,
    digest: Option<Sha256>,
) -> Result<(), StoreError> {
    let record = record(client, digest, None);
    transaction.create(&collection(scope).item(client.id), &record, Refusal::Taken("id"))?;
    transaction.create(&directory(client.id), &record, Refusal::Taken("id"))
}

/// Adds a changed client to a transaction.
pub fn replace(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Found,
    after: &OauthClient,
) -> Result<(), StoreError> {
    write(transaction, scope, before, &record(after, before.digest, before.previous))
}

/// Adds a client with a new secret to a transaction. The secret that it had becomes the one before.
pub fn rotate(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Found,
    after: &OauthClient,
    digest: Sha256,
) -> Result<(), StoreError> {
    let previous = before.digest.zip(after.previous_until).map(|(digest, until)| Previous { digest, until });
    write(transaction, scope, before, &record(after, Some(digest), previous))
}

fn write(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Found,
    record: &ClientRecord,
) -> Result<(), StoreError> {
    transaction.replace(&collection(scope).item(record.id), record, before.client.version)?;
    transaction.put(&directory(record.id), record)
}

/// Adds the end of a client to a transaction: from then on nobody knows it.
pub fn delete(transaction: &mut Transaction, scope: &TenantScope, client: &OauthClient) {
    transaction.delete(&collection(scope).item(client.id), client.version);
    transaction.remove(&directory(client.id));
}

/// Reads a client of the tenant.
pub async fn find(table: &Table, scope: &TenantScope, id: ClientId) -> Result<Option<Found>, StoreError> {
    let record: Option<ClientRecord> = table.get(&collection(scope).item(id)).await?;
    Ok(record.map(Found::from))
}

/// Reads several clients of the tenant, in no order.
pub async fn find_all(
    table: &Table,
    scope: &TenantScope,
    ids: &[ClientId],
) -> Result<Vec<OauthClient>, StoreError> {
    let keys: Vec<Key> = ids.iter().map(|id| collection(scope).item(id)).collect();
    let records: Vec<ClientRecord> = table.get_many(&keys).await?;
    Ok(records.into_iter().map(|record| Found::from(record).client).collect())
}

/// Reads a client that somebody names by its id, whose tenant is not known before.
pub async fn look_up(table: &Table, id: ClientId) -> Result<Option<Found>, StoreError> {
    let record: Option<ClientRecord> = table.get(&directory(id)).await?;
    Ok(record.map(Found::from))
}

/// Lists the tenant's clients.
pub async fn list(
    table: &Table,
    scope: &TenantScope,
    slice: Slice,
) -> Result<Listed<OauthClient>, StoreError> {
    let listed = table.list::<ClientRecord>(&collection(scope), slice).await?;
    let items = listed.items.into_iter().map(|record| Found::from(record).client).collect();
    Ok(Listed { items, next: listed.next })
}
