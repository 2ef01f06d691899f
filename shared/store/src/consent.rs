//! What people let clients do, at `<tenant>#<user>#consent`.

use jiff::Timestamp;
use rookery_domain::consent::Consent;
use rookery_domain::id::{ClientId, UserId};
use rookery_domain::oauth_client::{RedirectUri, Scope};
use serde::{Deserialize, Serialize};

use crate::{Key, Partition, Record, StoreError, Table, TenantScope, Transaction};

#[derive(Debug, Serialize, Deserialize)]
struct ConsentRecord {
    /// The client; read from the key, which has it in any case.
    #[serde(rename = "sk")]
    client: ClientId,
    scope: Scope,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    redirect_uri: Option<RedirectUri>,
    #[serde(default)]
    on_devices: Scope,
    at: Timestamp,
}

impl Record for ConsentRecord {
    const KIND: &'static str = "consent";
}

impl From<ConsentRecord> for Consent {
    fn from(record: ConsentRecord) -> Self {
        Self {
            client: record.client,
            scope: record.scope,
            redirect_uri: record.redirect_uri,
            on_devices: record.on_devices,
            at: record.at,
        }
    }
}

fn collection(scope: &TenantScope, user: UserId) -> Partition {
    scope.partition(&[&user.to_string(), "consent"])
}

fn key(scope: &TenantScope, user: UserId, client: ClientId) -> Key {
    collection(scope, user).item(client)
}

/// Adds to a transaction all that a person lets a client do from then on.
pub fn put(
    transaction: &mut Transaction,
    scope: &TenantScope,
    user: UserId,
    consent: &Consent,
) -> Result<(), StoreError> {
    let Consent { client, scope: let_in, redirect_uri, on_devices, at } = consent.clone();
    let record = ConsentRecord { client, scope: let_in, redirect_uri, on_devices, at };
    transaction.put(&key(scope, user, client), &record)
}

/// What a person lets a client do; nothing if it was never asked.
pub async fn find(
    table: &Table,
    scope: &TenantScope,
    (user, client): (UserId, ClientId),
) -> Result<Option<Consent>, StoreError> {
    let record: Option<ConsentRecord> = table.get(&key(scope, user, client)).await?;
    Ok(record.map(Consent::from))
}

/// What a person lets clients do, in the order of their ids.
pub async fn list(table: &Table, scope: &TenantScope, user: UserId) -> Result<Vec<Consent>, StoreError> {
    let records: Vec<ConsentRecord> = table.list_all(&collection(scope, user)).await?;
    Ok(records.into_iter().map(Consent::from).collect())
}

/// Adds to a transaction that a person lets a client do nothing any more.
pub fn remove(transaction: &mut Transaction, scope: &TenantScope, user: UserId, client: ClientId) {
    transaction.remove(&key(scope, user, client));
}
