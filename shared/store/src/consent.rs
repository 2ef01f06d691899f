//! What people let clients do, at `<tenant>#<user>#consent`.

use jiff::Timestamp;
use rookery_domain::id::{ClientId, UserId};
use rookery_domain::oauth_client::{RedirectUri, Scope};
use serde::{Deserialize, Serialize};

use crate::{Key, Record, StoreError, Table, TenantScope, Transaction};

#[derive(Debug, Serialize, Deserialize)]
struct ConsentRecord {
    scope: Scope,
    /// Where the person was sent back to. Whoever changes the addresses of a client has to ask again.
    redirect_uri: RedirectUri,
    at: Timestamp,
}

impl Record for ConsentRecord {
    const KIND: &'static str = "consent";
}

fn key(scope: &TenantScope, user: UserId, client: ClientId) -> Key {
    scope.partition(&[&user.to_string(), "consent"]).item(client)
}

/// Adds to a transaction that a person lets a client do something: all that it lets it do from then on.
pub fn put(
    transaction: &mut Transaction,
    scope: &TenantScope,
    (user, client): (UserId, ClientId),
    (let_in, redirect_uri): (&Scope, &RedirectUri),
    at: Timestamp,
) -> Result<(), StoreError> {
    let record = ConsentRecord { scope: let_in.clone(), redirect_uri: redirect_uri.clone(), at };
    transaction.put(&key(scope, user, client), &record)
}

/// What a person lets a client do that sends it back to an address; nothing if it was never asked that.
pub async fn find(
    table: &Table,
    scope: &TenantScope,
    (user, client): (UserId, ClientId),
    redirect_uri: &RedirectUri,
) -> Result<Option<Scope>, StoreError> {
    let record: Option<ConsentRecord> = table.get(&key(scope, user, client)).await?;
    Ok(record.filter(|record| record.redirect_uri == *redirect_uri).map(|record| record.scope))
}
