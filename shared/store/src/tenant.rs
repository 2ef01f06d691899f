//! The records of a tenant and of the tree that it is founded with.

use jiff::Timestamp;
use rookery_domain::app::Ancestors;
use rookery_domain::binding::{Binding, Subject};
use rookery_domain::id::{OrganizationId, ProjectId, TenantId, UserId, WorkspaceId};
use rookery_domain::node::NodeId;
use rookery_domain::quota::{Plan, Quota};
use rookery_domain::signup::{Founding, Project, Tenant};
use rookery_domain::text::{Email, Name, Slug};
use serde::{Deserialize, Serialize};

use crate::transaction::unique;
use crate::{
    Key, Listed, Partition, Record, Refusal, Slice, StoreError, Table, TenantScope, Transaction, access,
    binding, node, organization, quota,
};

#[derive(Debug, Serialize, Deserialize)]
struct TenantRecord {
    id: TenantId,
    name: Name,
    slug: Slug,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for TenantRecord {
    const KIND: &'static str = "tenant";
}

#[derive(Debug, Serialize, Deserialize)]
struct WorkspaceRecord {
    id: WorkspaceId,
    organization: OrganizationId,
    name: Name,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for WorkspaceRecord {
    const KIND: &'static str = "workspace";
}

#[derive(Debug, Serialize, Deserialize)]
struct ProjectRecord {
    id: ProjectId,
    ancestors: Ancestors,
    name: Name,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for ProjectRecord {
    const KIND: &'static str = "project";
}

#[derive(Debug, Serialize, Deserialize)]
struct UserRecord {
    id: UserId,
    tenant: TenantId,
    email: Email,
    name: Name,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password_hash: Option<String>,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Record for UserRecord {
    const KIND: &'static str = "user";
}

/// The slug's entry in the directory, which makes it unique on the platform.
#[derive(Debug, Serialize, Deserialize)]
struct SlugRecord {
    tenant: TenantId,
}

impl Record for SlugRecord {
    const KIND: &'static str = "slug";
}

fn tenant_key(scope: &TenantScope) -> Key {
    scope.partition(&["tenant"]).item(scope.tenant())
}

fn projects(scope: &TenantScope) -> Partition {
    scope.partition(&["project"])
}

/// Adds everything that founding a tenant makes to a transaction. The password's hash, if there is one, stays in the
/// owner's record and travels nowhere else.
pub fn found(
    transaction: &mut Transaction,
    scope: &TenantScope,
    founding: &Founding,
    password_hash: Option<String>,
    ownership: &Binding,
) -> Result<(), StoreError> {
    const FRESH: Refusal = Refusal::Taken("id");
    let Founding { tenant, organization: first, workspace, project, owner } = founding.clone();
    transaction.create(
        &Partition::directory("slug", &tenant.slug).only(),
        &SlugRecord { tenant: tenant.id },
        Refusal::Taken("slug"),
    )?;
    let record = TenantRecord {
        id: tenant.id,
        name: tenant.name,
        slug: tenant.slug,
        version: tenant.version,
        created_at: tenant.created_at,
        updated_at: tenant.updated_at,
    };
    transaction.create(&tenant_key(scope), &record, FRESH)?;
    organization::create(transaction, scope, &first)?;
    let record = WorkspaceRecord {
        id: workspace.id,
        organization: workspace.organization,
        name: workspace.name,
        version: workspace.version,
        created_at: workspace.created_at,
        updated_at: workspace.updated_at,
    };
    transaction.create(&scope.partition(&["workspace"]).item(workspace.id), &record, FRESH)?;
    transaction.create(&projects(scope).item(project.id), &ProjectRecord::from(project), FRESH)?;
    transaction.claim(&unique(scope, "user", "tenant", &owner.email.normalized()), "mail address");
    let record = UserRecord {
        id: owner.id,
        tenant: owner.tenant,
        email: owner.email,
        name: owner.name,
        password_hash,
        version: owner.version,
        created_at: owner.created_at,
        updated_at: owner.updated_at,
    };
    transaction.create(&scope.partition(&["user"]).item(owner.id), &record, FRESH)?;
    node::plant(transaction, scope, &places(founding, ownership))?;
    quota::open(transaction, scope, Plan::Free, &[(Quota::Members, 1), (Quota::Keys, 1)])?;
    quota::open_workspace(transaction, scope, founding.workspace.id)?;
    binding::create(transaction, scope, ownership)?;
    let access = access::Access { grants: vec![ownership.grant.clone()], ..access::Access::default() };
    access::create(transaction, scope, Subject::User(founding.owner.id), &access)?;
    access::found(transaction, scope, founding.owner.id)
}

/// What founding a tenant makes in the tree: each place with what is above it and how many things are below it.
fn places(founding: &Founding, ownership: &Binding) -> [(NodeId, Vec<NodeId>, i64); 6] {
    let tenant: NodeId = founding.tenant.id.into();
    let organization: NodeId = founding.organization.id.into();
    let workspace: NodeId = founding.workspace.id.into();
    let in_organization = vec![organization, tenant];
    [
        (tenant, Vec::new(), 1),
        // The workspace and the owner.
        (organization, vec![tenant], 2),
        (workspace, in_organization.clone(), 1),
        (founding.project.id.into(), vec![workspace, organization, tenant], 0),
        (founding.owner.id.into(), in_organization, 0),
        (ownership.id().into(), vec![tenant], 0),
    ]
}

impl From<Project> for ProjectRecord {
    fn from(project: Project) -> Self {
        Self {
            id: project.id,
            ancestors: project.ancestors,
            name: project.name,
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
            name: record.name,
            version: record.version,
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

/// Reads the caller's tenant.
pub async fn find(table: &Table, scope: &TenantScope) -> Result<Option<Tenant>, StoreError> {
    let record: Option<TenantRecord> = table.get(&tenant_key(scope)).await?;
    Ok(record.map(|record| Tenant {
        id: record.id,
        name: record.name,
        slug: record.slug,
        version: record.version,
        created_at: record.created_at,
        updated_at: record.updated_at,
    }))
}

/// Reads a project of the tenant.
pub async fn find_project(
    table: &Table,
    scope: &TenantScope,
    id: ProjectId,
) -> Result<Option<Project>, StoreError> {
    let record: Option<ProjectRecord> = table.get(&projects(scope).item(id)).await?;
    Ok(record.map(Project::from))
}

/// The project that the tenant was founded with: its oldest.
pub async fn default_project(table: &Table, scope: &TenantScope) -> Result<Option<Project>, StoreError> {
    let slice = Slice { limit: 1, oldest_first: true, ..Slice::default() };
    let Listed { items, .. } = table.list::<ProjectRecord>(&projects(scope), slice).await?;
    Ok(items.into_iter().next().map(Project::from))
}
