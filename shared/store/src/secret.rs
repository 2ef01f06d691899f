//! The records of secrets, and their sealed values.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::Timestamp;
use rookery_domain::hash::Sha256;
use rookery_domain::id::{AppId, SecretId};
use rookery_domain::secret::{Secret, SecretName, SecretVersion};
use serde::{Deserialize, Serialize};

use crate::node;
use crate::seal::{Purpose, Sealed, Sealer};
use crate::transaction::unique;
use crate::{Key, Listed, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction};

#[derive(Debug, Serialize, Deserialize)]
struct SecretRecord {
    id: SecretId,
    app: AppId,
    name: SecretName,
    current: u64,
    version: u64,
    created_at: Timestamp,
    rotated_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for SecretRecord {
    const KIND: &'static str = "secret";
}

#[derive(Debug, Serialize, Deserialize)]
struct VersionRecord {
    secret: SecretId,
    number: u64,
    value: Sealed,
    created_at: Timestamp,
}

impl Record for VersionRecord {
    const KIND: &'static str = "secret_version";
}

impl From<&Secret> for SecretRecord {
    fn from(secret: &Secret) -> Self {
        let secret = secret.clone();
        Self {
            id: secret.id,
            app: secret.app,
            name: secret.name,
            current: secret.current,
            version: secret.version,
            created_at: secret.created_at,
            rotated_at: secret.rotated_at,
            updated_at: secret.updated_at,
        }
    }
}

impl From<SecretRecord> for Secret {
    fn from(record: SecretRecord) -> Self {
        Self {
            id: record.id,
            app: record.app,
            name: record.name,
            current: record.current,
            version: record.version,
            created_at: record.created_at,
            rotated_at: record.rotated_at,
            updated_at: record.updated_at,
        }
    }
}

fn collection(scope: &TenantScope, app: AppId) -> Partition {
    scope.partition(&[&app.to_string(), "secret"])
}

fn values(scope: &TenantScope, id: SecretId) -> Partition {
    scope.partition(&[&id.to_string(), "version"])
}

/// Where a value lies. Numbers are padded so that they sort as text.
fn value_key(scope: &TenantScope, id: SecretId, number: u64) -> Key {
    values(scope, id).item(format_args!("{number:012}"))
}

fn guard(scope: &TenantScope, secret: &Secret) -> Key {
    unique(scope, "secret", &secret.app.to_string(), secret.name.as_str())
}

/// What a sealed value is bound to: its secret and its number, so that an older value does not pass for the current one.
fn binding(id: SecretId, number: u64) -> String {
    format!("{id}/{number}")
}

/// Seals the current value of a secret.
pub async fn seal(
    sealer: &Sealer<'_>,
    scope: &TenantScope,
    secret: &Secret,
    value: &str,
) -> Result<Sealed, StoreError> {
    sealer.seal(scope, Purpose::Secrets, &binding(secret.id, secret.current), value.as_bytes()).await
}

/// Whether a value is the current one of a secret. Digests are compared, so that the time taken tells neither where the
/// values differ nor how long the right one is.
pub async fn matches(
    table: &Table,
    sealer: &Sealer<'_>,
    scope: &TenantScope,
    secret: &Secret,
    value: &str,
) -> Result<bool, StoreError> {
    let record: Option<VersionRecord> = table.get(&value_key(scope, secret.id, secret.current)).await?;
    let record = record.ok_or(StoreError::Refused(Refusal::Gone("secret")))?;
    let binding = binding(secret.id, record.number);
    let known = sealer.open(scope, Purpose::Secrets, &binding, &record.value).await?;
    let (known, given) = (Sha256::of(&known), Sha256::of(value.as_bytes()));
    Ok(verify_slices_are_equal(known.as_bytes(), given.as_bytes()).is_ok())
}

fn put_value(
    transaction: &mut Transaction,
    scope: &TenantScope,
    secret: &Secret,
    value: Sealed,
) -> Result<(), StoreError> {
    let record =
        VersionRecord { secret: secret.id, number: secret.current, value, created_at: secret.rotated_at };
    transaction.create(&value_key(scope, secret.id, secret.current), &record, Refusal::Stale)
}

/// Adds a new secret with its first value to a transaction, and claims its name within its application, which must still
/// exist and cannot be deleted before the secret.
pub fn create(
    transaction: &mut Transaction,
    scope: &TenantScope,
    secret: &Secret,
    value: Sealed,
) -> Result<(), StoreError> {
    node::count(transaction, scope, secret.app.into(), 1);
    transaction.claim(&guard(scope, secret), "name");
    transaction.create(
        &collection(scope, secret.app).item(secret.id),
        &SecretRecord::from(secret),
        Refusal::Taken("id"),
    )?;
    put_value(transaction, scope, secret, value)
}

/// Adds a further value to a transaction, and removes the values that are not kept any longer.
pub fn rotate(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Secret,
    after: &Secret,
    value: Sealed,
) -> Result<(), StoreError> {
    transaction.replace(
        &collection(scope, after.app).item(after.id),
        &SecretRecord::from(after),
        before.version,
    )?;
    for number in *before.kept().start()..*after.kept().start() {
        transaction.remove(&value_key(scope, after.id, number));
    }
    put_value(transaction, scope, after, value)
}

/// Adds the deletion of a secret with all of its values to a transaction.
pub fn delete(transaction: &mut Transaction, scope: &TenantScope, secret: &Secret) {
    node::count(transaction, scope, secret.app.into(), -1);
    transaction.remove(&guard(scope, secret));
    transaction.delete(&collection(scope, secret.app).item(secret.id), secret.version);
    for number in secret.kept() {
        transaction.remove(&value_key(scope, secret.id, number));
    }
}

/// Reads a secret of an application.
pub async fn find(
    table: &Table,
    scope: &TenantScope,
    app: AppId,
    id: SecretId,
) -> Result<Option<Secret>, StoreError> {
    let record: Option<SecretRecord> = table.get(&collection(scope, app).item(id)).await?;
    Ok(record.map(Secret::from))
}

/// Lists the secrets of an application.
pub async fn list(
    table: &Table,
    scope: &TenantScope,
    app: AppId,
    slice: Slice,
) -> Result<Listed<Secret>, StoreError> {
    let listed = table.list::<SecretRecord>(&collection(scope, app), slice).await?;
    Ok(Listed { items: listed.items.into_iter().map(Secret::from).collect(), next: listed.next })
}

/// Lists the values of a secret that are kept, without the values.
pub async fn versions(
    table: &Table,
    scope: &TenantScope,
    id: SecretId,
    slice: Slice,
) -> Result<Listed<SecretVersion>, StoreError> {
    let listed = table.list::<VersionRecord>(&values(scope, id), slice).await?;
    let version = |record: VersionRecord| SecretVersion {
        secret: record.secret,
        number: record.number,
        created_at: record.created_at,
    };
    Ok(Listed { items: listed.items.into_iter().map(version).collect(), next: listed.next })
}
