//! The records of trusts in workloads: below their tenant, to be managed, and in the directory, where they are found by their ids alone.

use jiff::Timestamp;
use rookery_domain::id::{TenantId, WorkloadTrustId};
use rookery_domain::workload_trust::{Terms, WorkloadTrust};
use serde::{Deserialize, Serialize};

use crate::{Key, Listed, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct TrustRecord {
    id: WorkloadTrustId,
    tenant: TenantId,
    terms: Terms,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for TrustRecord {
    const KIND: &'static str = "workload_trust";
}

impl From<&WorkloadTrust> for TrustRecord {
    fn from(trust: &WorkloadTrust) -> Self {
        Self {
            id: trust.id,
            tenant: trust.tenant,
            terms: trust.terms.clone(),
            version: trust.version,
            created_at: trust.created_at,
            updated_at: trust.updated_at,
        }
    }
}

impl From<TrustRecord> for WorkloadTrust {
    fn from(record: TrustRecord) -> Self {
        Self {
            id: record.id,
            tenant: record.tenant,
            terms: record.terms,
            version: record.version,
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

fn collection(scope: &TenantScope) -> Partition {
    scope.partition(&["workload-trust"])
}

pub(crate) fn directory(id: impl std::fmt::Display) -> Key {
    Partition::directory("workload-trust", id).only()
}

/// Adds a new trust to a transaction.
pub fn create(
    transaction: &mut Transaction,
    scope: &TenantScope,
    trust: &WorkloadTrust,
) -> Result<(), StoreError> {
    let record = TrustRecord::from(trust);
    transaction.create(&collection(scope).item(trust.id), &record, Refusal::Taken("id"))?;
    transaction.create(&directory(trust.id), &record, Refusal::Taken("id"))
}

/// Adds a changed trust to a transaction.
pub fn replace(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &WorkloadTrust,
    after: &WorkloadTrust,
) -> Result<(), StoreError> {
    let record = TrustRecord::from(after);
    transaction.replace(&collection(scope).item(after.id), &record, before.version)?;
    transaction.put(&directory(after.id), &record)
}

/// Adds the end of a trust to a transaction: from then on nobody knows it.
pub fn delete(transaction: &mut Transaction, scope: &TenantScope, trust: &WorkloadTrust) {
    transaction.delete(&collection(scope).item(trust.id), trust.version);
    transaction.remove(&directory(trust.id));
}

/// Reads a trust of the tenant.
pub async fn find(
    table: &Table,
    scope: &TenantScope,
    id: WorkloadTrustId,
) -> Result<Option<WorkloadTrust>, StoreError> {
    let record: Option<TrustRecord> = table.get(&collection(scope).item(id)).await?;
    Ok(record.map(WorkloadTrust::from))
}

/// Reads a trust that a workload names by its id, whose tenant is not known before, with the scope of that tenant.
pub async fn look_up(
    table: &Table,
    id: WorkloadTrustId,
) -> Result<Option<(TenantScope, WorkloadTrust)>, StoreError> {
    let record: Option<TrustRecord> = table.get(&directory(id)).await?;
    Ok(record.map(|record| {
        let trust = WorkloadTrust::from(record);
        (TenantScope::of_trust(&trust), trust)
    }))
}

/// Lists the tenant's trusts.
pub async fn list(
    table: &Table,
    scope: &TenantScope,
    slice: Slice,
) -> Result<Listed<WorkloadTrust>, StoreError> {
    let listed = table.list::<TrustRecord>(&collection(scope), slice).await?;
    Ok(Listed { items: listed.items.into_iter().map(WorkloadTrust::from).collect(), next: listed.next })
}
