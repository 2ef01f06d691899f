//! The records of projects, with their places in the tree.

use jiff::Timestamp;
use rookery_domain::app::Ancestors;
use rookery_domain::id::{ProjectId, WorkspaceId};
use rookery_domain::node::Lineage;
use rookery_domain::project::Project;
use rookery_domain::text::Name;
use serde::{Deserialize, Serialize};

use crate::node::{self, Shape};
use crate::transaction::unique;
use crate::{Key, Listed, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction};

#[derive(Debug, Serialize, Deserialize)]
struct ProjectRecord {
    id: ProjectId,
    ancestors: Ancestors,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<ProjectId>,
    name: Name,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for ProjectRecord {
    const KIND: &'static str = "project";
}

impl From<&Project> for ProjectRecord {
    fn from(project: &Project) -> Self {
        Self {
            id: project.id,
            ancestors: project.ancestors,
            parent: project.parent,
            name: project.name.clone(),
            version: project.version,
            created_at: project.created_at,
            updated_at: project.updated_at,
        }
    }
}

impl From<ProjectRecord> for Project {
    fn from(record: ProjectRecord) -> Self {
        Self {
            id: record.id,
            ancestors: record.ancestors,
            parent: record.parent,
            name: record.name,
            version: record.version,
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

fn all(scope: &TenantScope) -> Partition {
    scope.partition(&["project"])
}

/// The projects of a workspace, at whatever depth: a copy of each.
fn collection(scope: &TenantScope, workspace: WorkspaceId) -> Partition {
    scope.partition(&[&workspace.to_string(), "project"])
}

fn copy(scope: &TenantScope, project: &Project) -> Key {
    collection(scope, project.ancestors.workspace).item(project.id)
}

fn guard(scope: &TenantScope, project: &Project) -> Key {
    unique(scope, "project", &project.place().to_string(), &project.name.normalized())
}

/// Adds a new project to a transaction, and claims its name. Its place in the tree is the caller's to make.
pub fn put_new(
    transaction: &mut Transaction,
    scope: &TenantScope,
    project: &Project,
) -> Result<(), StoreError> {
    transaction.claim(&guard(scope, project), "name");
    let record = ProjectRecord::from(project);
    transaction.create(&all(scope).item(project.id), &record, Refusal::Taken("id"))?;
    transaction.put(&copy(scope, project), &record)
}

/// As [`put_new`], and places it in the tree.
pub fn create(
    transaction: &mut Transaction,
    scope: &TenantScope,
    project: &Project,
    parent: &Lineage,
    shape: Shape,
) -> Result<(), StoreError> {
    put_new(transaction, scope, project)?;
    node::create_nested(transaction, scope, project.id, parent, shape)
}

/// Adds a changed project to a transaction, and moves its claim when its name or its place changed.
pub fn replace(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Project,
    after: &Project,
) -> Result<(), StoreError> {
    if guard(scope, before) != guard(scope, after) {
        transaction.claim(&guard(scope, after), "name");
        transaction.remove(&guard(scope, before));
    }
    let record = ProjectRecord::from(after);
    transaction.replace(&all(scope).item(after.id), &record, before.version)?;
    transaction.put(&copy(scope, after), &record)
}

/// As [`replace`], for a project that comes to another place in the tree.
pub fn relocate(
    transaction: &mut Transaction,
    scope: &TenantScope,
    before: &Project,
    after: &Project,
    to: &Lineage,
    shape: Shape,
) -> Result<(), StoreError> {
    replace(transaction, scope, before, after)?;
    node::relocate(transaction, scope, before.id.into(), before.place(), to, shape)
}

/// Adds the deletion of a project to a transaction. It is refused while anything is below it.
pub fn delete(transaction: &mut Transaction, scope: &TenantScope, project: &Project) {
    transaction.delete(&all(scope).item(project.id), project.version);
    node::delete(transaction, scope, project.id, project.place(), "projects or apps");
    transaction.remove(&guard(scope, project));
    transaction.remove(&copy(scope, project));
}

/// Reads a project of the tenant.
pub async fn find(table: &Table, scope: &TenantScope, id: ProjectId) -> Result<Option<Project>, StoreError> {
    let record: Option<ProjectRecord> = table.get(&all(scope).item(id)).await?;
    Ok(record.map(Project::from))
}

/// The project that apps are made in unless another is named: the tenant's oldest, which signing up made unless it was deleted.
pub async fn default(table: &Table, scope: &TenantScope) -> Result<Option<Project>, StoreError> {
    let slice = Slice { limit: 1, oldest_first: true, ..Slice::default() };
    let Listed { items, .. } = table.list::<ProjectRecord>(&all(scope), slice).await?;
    Ok(items.into_iter().next().map(Project::from))
}

/// Lists the projects of a workspace, at whatever depth.
pub async fn list(
    table: &Table,
    scope: &TenantScope,
    workspace: WorkspaceId,
    slice: Slice,
) -> Result<Listed<Project>, StoreError> {
    let listed = table.list::<ProjectRecord>(&collection(scope, workspace), slice).await?;
    Ok(Listed { items: listed.items.into_iter().map(Project::from).collect(), next: listed.next })
}

/// Every project of a workspace with the one that it is directly below: the shape that a move is decided on.
pub async fn parents(
    table: &Table,
    scope: &TenantScope,
    workspace: WorkspaceId,
) -> Result<Vec<(ProjectId, Option<ProjectId>)>, StoreError> {
    let all: Vec<ProjectRecord> = table.list_all(&collection(scope, workspace)).await?;
    Ok(all.into_iter().map(|record| (record.id, record.parent)).collect())
}

/// Writes what projects of the release before the tree lack: their copies, and the guards of their names.
pub(crate) async fn complete(table: &Table, scope: &TenantScope) -> Result<u64, StoreError> {
    let projects: Vec<ProjectRecord> = table.list_all(&all(scope)).await?;
    let mut changed = 0;
    for record in projects {
        let project = Project::from(record);
        let mut transaction = Transaction::new();
        transaction.claim(&guard(scope, &project), "name");
        transaction.put(&copy(scope, &project), &ProjectRecord::from(&project))?;
        match table.commit(&transaction).await {
            Ok(()) => changed += 2,
            // Both were written before this was stopped.
            Err(StoreError::Refused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(changed)
}

/// What [`complete`] wrote, and [`put_new`] since.
pub(crate) struct Completion {
    pub(crate) keys: Vec<Key>,
    /// Whether any project stands below another, which the release before does not know.
    pub(crate) nested: bool,
}

/// Reads what a tenant's projects have that those of the release before the tree lack.
pub(crate) async fn completion(table: &Table, scope: &TenantScope) -> Result<Completion, StoreError> {
    let projects: Vec<ProjectRecord> = table.list_all(&all(scope)).await?;
    let nested = projects.iter().any(|project| project.parent.is_some());
    let projects = projects.into_iter().map(Project::from);
    let keys = projects.flat_map(|project| [copy(scope, &project), guard(scope, &project)]).collect();
    Ok(Completion { keys, nested })
}
