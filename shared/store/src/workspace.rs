//! The records of workspaces, each with a copy to list by organization.

use jiff::Timestamp;
use rookery_domain::id::{DivisionId, OrganizationId, WorkspaceId};
use rookery_domain::text::Name;
use rookery_domain::workspace::{Failure, Made, State, Step, Workspace};
use serde::{Deserialize, Serialize};

use crate::transaction::unique;
use crate::{Key, Listed, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction};

#[derive(Debug, Serialize, Deserialize)]
struct WorkspaceRecord {
    id: WorkspaceId,
    organization: OrganizationId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    division: Option<DivisionId>,
    name: Name,
    /// Before workspaces had states, there were none but active ones.
    #[serde(default = "active")]
    state: State,
    #[serde(default = "founded")]
    done: Vec<Step>,
    #[serde(default)]
    groups: Vec<Made>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

const fn active() -> State {
    State::Active
}

fn founded() -> Vec<Step> {
    vec![Step::Quotas]
}

impl Record for WorkspaceRecord {
    const KIND: &'static str = "workspace";
}

impl From<&Workspace> for WorkspaceRecord {
    fn from(workspace: &Workspace) -> Self {
        let workspace = workspace.clone();
        Self {
            id: workspace.id,
            organization: workspace.organization,
            division: workspace.division,
            name: workspace.name,
            state: workspace.state,
            done: workspace.done,
            groups: workspace.groups,
            failure: workspace.failure,
            version: workspace.version,
            created_at: workspace.created_at,
            updated_at: workspace.updated_at,
        }
    }
}

impl WorkspaceRecord {
    fn into_workspace(self, scope: &TenantScope) -> Workspace {
        let record = self;
        Workspace {
            id: record.id,
            tenant: scope.tenant(),
            organization: record.organization,
            division: record.division,
            name: record.name,
            state: record.state,
            done: record.done,
            groups: record.groups,
            failure: record.failure,
            version: record.version,
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

fn collection(scope: &TenantScope) -> Partition {
    scope.partition(&["workspace"])
}

fn of_organization(scope: &TenantScope, organization: OrganizationId) -> Partition {
    scope.partition(&[&organization.to_string(), "workspace"])
}

fn guard(scope: &TenantScope, workspace: &Workspace) -> Key {
    unique(scope, "workspace", &workspace.organization.to_string(), &workspace.name.normalized())
}

/// Adds a new workspace to a transaction, and claims its name. Its place in the tree is the caller's to make.
pub fn put_new(
    transaction: &mut Transaction,
    scope: &TenantScope,
    workspace: &Workspace,
) -> Result<(), StoreError> {
    let record = WorkspaceRecord::from(workspace);
    transaction.claim(&guard(scope, workspace), "name");
    transaction.create(&collection(scope).item(workspace.id), &record, Refusal::Taken("id"))?;
    transaction.put(&of_organization(scope, workspace.organization).item(workspace.id), &record)
}

/// Writes what workspaces of the release before the tree lack: their copies, and the guards of their names.
pub(crate) async fn complete(table: &Table, scope: &TenantScope) -> Result<u64, StoreError> {
    let records: Vec<WorkspaceRecord> = table.list_all(&collection(scope)).await?;
    let mut changed = 0;
    for workspace in records.into_iter().map(|record| record.into_workspace(scope)) {
        let mut transaction = Transaction::new();
        transaction.claim(&guard(scope, &workspace), "name");
        let copy = of_organization(scope, workspace.organization).item(workspace.id);
        transaction.put(&copy, &WorkspaceRecord::from(&workspace))?;
        match table.commit(&transaction).await {
            Ok(()) => changed += 2,
            // Both were written before this was stopped.
            Err(StoreError::Refused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(changed)
}

/// The keys of what [`complete`] wrote, and [`put_new`] since.
pub(crate) async fn completion(table: &Table, scope: &TenantScope) -> Result<Vec<Key>, StoreError> {
    let records: Vec<WorkspaceRecord> = table.list_all(&collection(scope)).await?;
    let workspaces = records.into_iter().map(|record| record.into_workspace(scope));
    let keys = workspaces.flat_map(|workspace| {
        [of_organization(scope, workspace.organization).item(workspace.id), guard(scope, &workspace)]
    });
    Ok(keys.collect())
}

/// Adds a changed workspace to a transaction, and moves its claim when the name changed.
pub fn replace(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Workspace,
    after: &Workspace,
) -> Result<(), StoreError> {
    if guard(scope, before) != guard(scope, after) {
        transaction.claim(&guard(scope, after), "name");
        transaction.remove(&guard(scope, before));
    }
    let record = WorkspaceRecord::from(after);
    transaction.replace(&collection(scope).item(after.id), &record, before.version)?;
    transaction.put(&of_organization(scope, after.organization).item(after.id), &record)
}

/// Adds the deletion of a workspace to a transaction. Its place in the tree is the caller's to delete.
pub fn delete(transaction: &mut Transaction, scope: &TenantScope, workspace: &Workspace) {
    transaction.delete(&collection(scope).item(workspace.id), workspace.version);
    transaction.remove(&of_organization(scope, workspace.organization).item(workspace.id));
    transaction.remove(&guard(scope, workspace));
}

/// Reads a workspace of the tenant.
pub async fn find(
    table: &Table,
    scope: &TenantScope,
    id: WorkspaceId,
) -> Result<Option<Workspace>, StoreError> {
    let record: Option<WorkspaceRecord> = table.get(&collection(scope).item(id)).await?;
    Ok(record.map(|record| record.into_workspace(scope)))
}

/// Lists the tenant's workspaces.
pub async fn list(table: &Table, scope: &TenantScope, slice: Slice) -> Result<Listed<Workspace>, StoreError> {
    read(table, scope, &collection(scope), slice).await
}

/// Lists the workspaces of an organization.
pub async fn list_of(
    table: &Table,
    scope: &TenantScope,
    organization: OrganizationId,
    slice: Slice,
) -> Result<Listed<Workspace>, StoreError> {
    read(table, scope, &of_organization(scope, organization), slice).await
}

async fn read(
    table: &Table,
    scope: &TenantScope,
    partition: &Partition,
    slice: Slice,
) -> Result<Listed<Workspace>, StoreError> {
    let listed = table.list::<WorkspaceRecord>(partition, slice).await?;
    let items = listed.items.into_iter().map(|record| record.into_workspace(scope));
    Ok(Listed { items: items.collect(), next: listed.next })
}
