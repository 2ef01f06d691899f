//! The records of the tenant's own roles.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rookery_domain::id::{RoleId, TenantId};
use rookery_domain::permission::Permission;
use rookery_domain::role::{Role, RoleRef};
use rookery_domain::text::Name;
use serde::{Deserialize, Serialize};

use crate::{
    Key, Listed, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction, access,
    unique,
};

#[derive(Debug, Serialize, Deserialize)]
struct RoleRecord {
    id: RoleId,
    tenant: TenantId,
    name: Name,
    permissions: Vec<String>,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for RoleRecord {
    const KIND: &'static str = "role";
}

impl From<&Role> for RoleRecord {
    fn from(role: &Role) -> Self {
        Self {
            id: role.id,
            tenant: role.tenant,
            name: role.name.clone(),
            permissions: role.permissions.iter().map(ToString::to_string).collect(),
            version: role.version,
            created_at: role.created_at,
            updated_at: role.updated_at,
        }
    }
}

impl From<RoleRecord> for Role {
    fn from(record: RoleRecord) -> Self {
        Self {
            id: record.id,
            tenant: record.tenant,
            name: record.name,
            // As where rights are decided: what this release does not know allows nothing.
            permissions: record.permissions.iter().filter_map(|text| text.parse().ok()).collect(),
            version: record.version,
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

fn collection(scope: &TenantScope) -> Partition {
    scope.partition(&["role"])
}

fn guard(scope: &TenantScope, name: &Name) -> Key {
    unique(scope, "role", "tenant", &name.normalized())
}

/// Adds a new role to a transaction, claims its name, and lets decisions know what it holds.
pub fn create(transaction: &mut Transaction, scope: &TenantScope, role: &Role) -> Result<(), StoreError> {
    transaction.claim(&guard(scope, &role.name), "name");
    transaction.create(&collection(scope).item(role.id), &RoleRecord::from(role), Refusal::Taken("id"))?;
    access::put_role(transaction, scope, role.id, &role.permissions)
}

/// Adds a changed role to a transaction, with its name's claim and what decisions know of it.
pub fn replace(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Role,
    after: &Role,
) -> Result<(), StoreError> {
    if before.name.normalized() != after.name.normalized() {
        transaction.claim(&guard(scope, &after.name), "name");
        transaction.remove(&guard(scope, &before.name));
    }
    transaction.replace(&collection(scope).item(after.id), &RoleRecord::from(after), before.version)?;
    access::put_role(transaction, scope, after.id, &after.permissions)
}

/// Adds the deletion of a role to a transaction. Whether anybody has it, its place in the tree knows.
pub fn delete(transaction: &mut Transaction, scope: &TenantScope, role: &Role) {
    transaction.remove(&guard(scope, &role.name));
    transaction.delete(&collection(scope).item(role.id), role.version);
    access::remove_role(transaction, scope, role.id);
}

/// Reads a role of the tenant.
pub async fn find(table: &Table, scope: &TenantScope, id: RoleId) -> Result<Option<Role>, StoreError> {
    let record: Option<RoleRecord> = table.get(&collection(scope).item(id)).await?;
    Ok(record.map(Role::from))
}

/// Lists the tenant's roles.
pub async fn list(table: &Table, scope: &TenantScope, slice: Slice) -> Result<Listed<Role>, StoreError> {
    let listed = table.list::<RoleRecord>(&collection(scope), slice).await?;
    Ok(Listed { items: listed.items.into_iter().map(Role::from).collect(), next: listed.next })
}

/// What a role that somebody is to be given holds; `None` if there is no such role.
pub async fn permissions(
    table: &Table,
    scope: &TenantScope,
    role: RoleRef,
) -> Result<Option<BTreeSet<Permission>>, StoreError> {
    match role {
        RoleRef::Predefined(role) => Ok(Some(role.permissions())),
        RoleRef::Custom(id) => Ok(find(table, scope, id).await?.map(|role| role.permissions)),
    }
}
