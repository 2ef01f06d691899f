//! The records of divisions, with their places in the tree.

use jiff::Timestamp;
use rookery_domain::division::{Division, DivisionCode};
use rookery_domain::id::{DivisionId, OrganizationId, TenantId};
use rookery_domain::node::Lineage;
use rookery_domain::text::Name;
use serde::{Deserialize, Serialize};

use crate::node::{self, Shape};
use crate::transaction::unique;
use crate::{Key, Listed, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction};

#[derive(Debug, Serialize, Deserialize)]
struct DivisionRecord {
    id: DivisionId,
    tenant: TenantId,
    organization: OrganizationId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<DivisionId>,
    name: Name,
    code: DivisionCode,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for DivisionRecord {
    const KIND: &'static str = "division";
}

impl From<&Division> for DivisionRecord {
    fn from(division: &Division) -> Self {
        let division = division.clone();
        Self {
            id: division.id,
            tenant: division.tenant,
            organization: division.organization,
            parent: division.parent,
            name: division.name,
            code: division.code,
            version: division.version,
            created_at: division.created_at,
            updated_at: division.updated_at,
        }
    }
}

impl From<DivisionRecord> for Division {
    fn from(record: DivisionRecord) -> Self {
        Self {
            id: record.id,
            tenant: record.tenant,
            organization: record.organization,
            parent: record.parent,
            name: record.name,
            code: record.code,
            version: record.version,
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

fn own(scope: &TenantScope, id: DivisionId) -> Key {
    scope.partition(&["division"]).item(id)
}

/// The divisions of an organization, at whatever depth: a copy of each.
fn collection(scope: &TenantScope, organization: OrganizationId) -> Partition {
    scope.partition(&[&organization.to_string(), "division"])
}

fn copy(scope: &TenantScope, division: &Division) -> Key {
    collection(scope, division.organization).item(division.id)
}

fn name_guard(scope: &TenantScope, division: &Division) -> Key {
    unique(scope, "division", &division.place().to_string(), &division.name.normalized())
}

fn code_guard(scope: &TenantScope, division: &Division) -> Key {
    let organization = division.organization.to_string();
    unique(scope, "division_code", &organization, &division.code.normalized())
}

/// Adds a new division to a transaction, claims its name and its code, and places it in the tree.
pub fn create(
    transaction: &mut Transaction,
    scope: &TenantScope,
    division: &Division,
    parent: &Lineage,
    shape: Shape,
) -> Result<(), StoreError> {
    transaction.claim(&name_guard(scope, division), "name");
    transaction.claim(&code_guard(scope, division), "code");
    let record = DivisionRecord::from(division);
    transaction.create(&own(scope, division.id), &record, Refusal::Taken("id"))?;
    transaction.put(&copy(scope, division), &record)?;
    node::create_nested(transaction, scope, division.id, parent, shape)
}

/// Adds a changed division to a transaction, and moves the claims of what changed.
pub fn replace(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Division,
    after: &Division,
) -> Result<(), StoreError> {
    let claims = [
        (name_guard(scope, before), name_guard(scope, after), "name"),
        (code_guard(scope, before), code_guard(scope, after), "code"),
    ];
    for (old, new, what) in claims {
        if old != new {
            transaction.claim(&new, what);
            transaction.remove(&old);
        }
    }
    let record = DivisionRecord::from(after);
    transaction.replace(&own(scope, after.id), &record, before.version)?;
    transaction.put(&copy(scope, after), &record)
}

/// As [`replace`], for a division that comes to another place in the tree.
pub fn relocate(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Division,
    after: &Division,
    to: &Lineage,
    shape: Shape,
) -> Result<(), StoreError> {
    replace(transaction, scope, before, after)?;
    node::relocate(transaction, scope, before.id.into(), before.place(), to, shape)
}

/// Adds the deletion of a division to a transaction. It is refused while anything is below it.
pub fn delete(transaction: &mut Transaction, scope: &TenantScope, division: &Division) {
    transaction.delete(&own(scope, division.id), division.version);
    let below = "divisions, workspaces, groups or people";
    node::delete(transaction, scope, division.id, division.place(), below);
    transaction.remove(&name_guard(scope, division));
    transaction.remove(&code_guard(scope, division));
    transaction.remove(&copy(scope, division));
}

/// Reads a division of the tenant.
pub async fn find(
    table: &Table,
    scope: &TenantScope,
    id: DivisionId,
) -> Result<Option<Division>, StoreError> {
    let record: Option<DivisionRecord> = table.get(&own(scope, id)).await?;
    Ok(record.map(Division::from))
}

/// Lists the divisions of an organization, at whatever depth.
pub async fn list(
    table: &Table,
    scope: &TenantScope,
    organization: OrganizationId,
    slice: Slice,
) -> Result<Listed<Division>, StoreError> {
    let listed = table.list::<DivisionRecord>(&collection(scope, organization), slice).await?;
    Ok(Listed { items: listed.items.into_iter().map(Division::from).collect(), next: listed.next })
}

/// Every division of an organization with the one that it is directly below: the shape that a move is decided on.
pub async fn parents(
    table: &Table,
    scope: &TenantScope,
    organization: OrganizationId,
) -> Result<Vec<(DivisionId, Option<DivisionId>)>, StoreError> {
    let all: Vec<DivisionRecord> = table.list_all(&collection(scope, organization)).await?;
    Ok(all.into_iter().map(|record| (record.id, record.parent)).collect())
}
