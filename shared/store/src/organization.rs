//! The records of organizations.

use jiff::Timestamp;
use rookery_domain::id::{OrganizationId, TenantId};
use rookery_domain::organization::Organization;
use rookery_domain::text::Name;
use serde::{Deserialize, Serialize};

use crate::transaction::unique;
use crate::{Key, Listed, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction};

#[derive(Debug, Serialize, Deserialize)]
struct OrganizationRecord {
    id: OrganizationId,
    tenant: TenantId,
    name: Name,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for OrganizationRecord {
    const KIND: &'static str = "organization";
}

impl From<&Organization> for OrganizationRecord {
    fn from(organization: &Organization) -> Self {
        let organization = organization.clone();
        Self {
            id: organization.id,
            tenant: organization.tenant,
            name: organization.name,
            version: organization.version,
            created_at: organization.created_at,
            updated_at: organization.updated_at,
        }
    }
}

impl From<OrganizationRecord> for Organization {
    fn from(record: OrganizationRecord) -> Self {
        Self {
            id: record.id,
            tenant: record.tenant,
            name: record.name,
            version: record.version,
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

fn collection(scope: &TenantScope) -> Partition {
    scope.partition(&["organization"])
}

fn guard(scope: &TenantScope, name: &Name) -> Key {
    unique(scope, "organization", "tenant", &name.normalized())
}

/// Adds a new organization to a transaction, and claims its name.
pub fn create(
    transaction: &mut Transaction,
    scope: &TenantScope,
    organization: &Organization,
) -> Result<(), StoreError> {
    transaction.claim(&guard(scope, &organization.name), "name");
    transaction.create(
        &collection(scope).item(organization.id),
        &OrganizationRecord::from(organization),
        Refusal::Taken("id"),
    )
}

/// Adds a changed organization to a transaction, and moves its claim when the name changed.
pub fn replace(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Organization,
    after: &Organization,
) -> Result<(), StoreError> {
    if before.name.normalized() != after.name.normalized() {
        transaction.claim(&guard(scope, &after.name), "name");
        transaction.remove(&guard(scope, &before.name));
    }
    transaction.replace(&collection(scope).item(after.id), &OrganizationRecord::from(after), before.version)
}

/// Adds the deletion of an organization to a transaction. Whether anything is in it, its place in the tree knows.
pub fn delete(transaction: &mut Transaction, scope: &TenantScope, organization: &Organization) {
    transaction.remove(&guard(scope, &organization.name));
    transaction.delete(&collection(scope).item(organization.id), organization.version);
}

/// Reads an organization of the tenant.
pub async fn find(
    table: &Table,
    scope: &TenantScope,
    id: OrganizationId,
) -> Result<Option<Organization>, StoreError> {
    let record: Option<OrganizationRecord> = table.get(&collection(scope).item(id)).await?;
    Ok(record.map(Organization::from))
}

/// Lists the tenant's organizations.
pub async fn list(
    table: &Table,
    scope: &TenantScope,
    slice: Slice,
) -> Result<Listed<Organization>, StoreError> {
    let listed = table.list::<OrganizationRecord>(&collection(scope), slice).await?;
    Ok(Listed { items: listed.items.into_iter().map(Organization::from).collect(), next: listed.next })
}
