//! The records of bindings.

use jiff::Timestamp;
use rookery_domain::binding::{Binding, Grant, Subject};
use rookery_domain::id::{BindingId, TenantId};
use rookery_domain::node::NodeId;
use rookery_domain::role::RoleRef;
use serde::{Deserialize, Serialize};

use crate::{
    Listed, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction, access, node,
};

#[derive(Debug, Serialize, Deserialize)]
struct BindingRecord {
    tenant: TenantId,
    subject: Subject,
    grant: Grant,
    version: u64,
    created_at: Timestamp,
}

impl Record for BindingRecord {
    const KIND: &'static str = "binding";
}

impl From<&Binding> for BindingRecord {
    fn from(binding: &Binding) -> Self {
        Self {
            tenant: binding.tenant,
            subject: binding.subject,
            grant: binding.grant.clone(),
            version: binding.version,
            created_at: binding.created_at,
        }
    }
}

impl From<BindingRecord> for Binding {
    fn from(record: BindingRecord) -> Self {
        Self {
            tenant: record.tenant,
            subject: record.subject,
            grant: record.grant,
            version: record.version,
            created_at: record.created_at,
        }
    }
}

/// Which bindings to list.
#[derive(Debug, Clone, Copy)]
pub enum Which {
    /// All of the tenant.
    All,
    /// Those on a place itself.
    On(NodeId),
    /// Those of a subject itself.
    Of(Subject),
}

fn collection(scope: &TenantScope, which: Which) -> Partition {
    match which {
        Which::All => scope.partition(&["binding"]),
        Which::On(node) => scope.partition(&[&node.to_string(), "binding"]),
        Which::Of(subject) => scope.partition(&[&subject.to_string(), "binding"]),
    }
}

fn collections(scope: &TenantScope, binding: &Binding) -> [Partition; 3] {
    [Which::All, Which::On(binding.grant.node), Which::Of(binding.subject)]
        .map(|which| collection(scope, which))
}

/// Adds a new binding to a transaction. What decides, the subject's access, is the caller's to change in it.
pub fn create(
    transaction: &mut Transaction,
    scope: &TenantScope,
    binding: &Binding,
) -> Result<(), StoreError> {
    let record = BindingRecord::from(binding);
    for partition in collections(scope, binding) {
        transaction.create(&partition.item(binding.id()), &record, Refusal::Taken("id"))?;
    }
    Ok(())
}

/// Adds the deletion of a binding to a transaction. What decides, the subject's access, is the caller's to change in it.
pub fn delete(transaction: &mut Transaction, scope: &TenantScope, binding: &Binding) {
    let [all, on, of] = collections(scope, binding);
    transaction.delete(&all.item(binding.id()), binding.version);
    transaction.remove(&on.item(binding.id()));
    transaction.remove(&of.item(binding.id()));
}

/// Adds to a transaction that a role is taken away which was given below the tenant, with all that follows from it.
pub async fn take_away(
    table: &Table,
    transaction: &mut Transaction,
    scope: &TenantScope,
    binding: &Binding,
) -> Result<(), StoreError> {
    delete(transaction, scope, binding);
    node::detach(transaction, scope, binding.id());
    if let RoleRef::Custom(role) = binding.grant.role {
        node::count(transaction, scope, role.into(), -1);
    }
    if let Some(mut given) = access::find(table, scope, binding.subject).await? {
        given.grants.retain(|grant| grant.binding != binding.id());
        access::replace(transaction, scope, binding.subject, &given)?;
    }
    Ok(())
}

/// Reads a binding of the tenant.
pub async fn find(table: &Table, scope: &TenantScope, id: BindingId) -> Result<Option<Binding>, StoreError> {
    let record: Option<BindingRecord> = table.get(&collection(scope, Which::All).item(id)).await?;
    Ok(record.map(Binding::from))
}

/// Lists bindings.
pub async fn list(
    table: &Table,
    scope: &TenantScope,
    which: Which,
    slice: Slice,
) -> Result<Listed<Binding>, StoreError> {
    let listed = table.list::<BindingRecord>(&collection(scope, which), slice).await?;
    Ok(Listed { items: listed.items.into_iter().map(Binding::from).collect(), next: listed.next })
}
