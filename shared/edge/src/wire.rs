//! Representations that more than one area answers with.

use jiff::Timestamp;
use rookery_domain::binding::Range;
use rookery_domain::id::{
    BindingId, DivisionId, GroupId, KeyId, OrganizationId, ProjectId, TenantId, UserId, WorkspaceId,
};
use rookery_domain::key::KeyOwner;
use rookery_domain::text::{Email, Name, Slug};
use rookery_domain::user::{self, UserState};
use rookery_domain::workspace::{self, Step};
use rookery_domain::{key, organization, project, tenant};
use serde::Serialize;
use utoipa::ToSchema;

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name for people.
    pub name: Name,
    /// Its name for URLs.
    pub slug: Slug,
    /// Counts its changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<tenant::Tenant> for Tenant {
    fn from(tenant: tenant::Tenant) -> Self {
        Self {
            id: tenant.id,
            name: tenant.name,
            slug: tenant.slug,
            version: tenant.version,
            created_at: tenant.created_at,
            updated_at: tenant.updated_at,
        }
    }
}

/// An organization.
#[derive(Debug, Serialize, ToSchema)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// Its name, unique within the tenant.
    pub name: Name,
    /// Counts its changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<organization::Organization> for Organization {
    fn from(organization: organization::Organization) -> Self {
        Self {
            id: organization.id,
            tenant_id: organization.tenant,
            name: organization.name,
            version: organization.version,
            created_at: organization.created_at,
            updated_at: organization.updated_at,
        }
    }
}

/// A workspace.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// The organization it belongs to.
    pub organization_id: OrganizationId,
    /// The division that it is directly in, if it is in one.
    pub division_id: Option<DivisionId>,
    /// Its name, unique within the organization.
    pub name: Name,
    /// Where it stands.
    #[schema(value_type = String, example = "active")]
    pub state: workspace::State,
    /// What of it is there, in the order in which it was made.
    #[schema(value_type = Vec<String>)]
    pub steps: Vec<Step>,
    /// The groups that it began with: `members` may look at it, `users` in it may develop, `admins` in it may do everything.
    pub groups: Vec<DefaultGroup>,
    /// Where its objects are in the platform's bucket.
    pub storage_prefix: String,
    /// What failed when it was last provisioned.
    pub failure: Option<workspace::Failure>,
    /// Counts its changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A group that a workspace began with.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = WorkspaceGroup)]
pub struct DefaultGroup {
    /// Which of them.
    #[schema(value_type = String, example = "members")]
    pub kind: workspace::DefaultGroup,
    /// The group.
    pub group_id: GroupId,
    /// What it was given in the workspace.
    pub binding_id: Option<BindingId>,
}

impl From<workspace::Workspace> for Workspace {
    fn from(workspace: workspace::Workspace) -> Self {
        let group = |made: &workspace::Made| DefaultGroup {
            kind: made.kind,
            group_id: made.group,
            binding_id: made.binding,
        };
        Self {
            id: workspace.id,
            organization_id: workspace.organization,
            division_id: workspace.division,
            storage_prefix: workspace.prefix(),
            groups: workspace.groups.iter().map(group).collect(),
            name: workspace.name,
            state: workspace.state,
            steps: workspace.done,
            failure: workspace.failure,
            version: workspace.version,
            created_at: workspace.created_at,
            updated_at: workspace.updated_at,
        }
    }
}

/// A project.
#[derive(Debug, Serialize, ToSchema)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// The organization of the workspace.
    pub organization_id: OrganizationId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// The project that it is directly below; `null` directly below the workspace.
    pub parent_id: Option<ProjectId>,
    /// Its name, unique among its siblings.
    pub name: Name,
    /// Counts its changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<project::Project> for Project {
    fn from(project: project::Project) -> Self {
        Self {
            id: project.id,
            organization_id: project.ancestors.organization,
            workspace_id: project.ancestors.workspace,
            parent_id: project.parent,
            name: project.name,
            version: project.version,
            created_at: project.created_at,
            updated_at: project.updated_at,
        }
    }
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The organization it belongs to.
    pub organization_id: OrganizationId,
    /// The division it belongs to, if it belongs to one.
    pub division_id: Option<DivisionId>,
    /// Its mail address, unique within the tenant, whatever its case.
    pub email: Email,
    /// Whether it has shown that the address is its own, by a link that was mailed there.
    pub email_verified: bool,
    /// Its name.
    pub name: Name,
    /// Whether it may act.
    pub state: UserState,
    /// Counts its changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<user::User> for User {
    fn from(user: user::User) -> Self {
        Self {
            id: user.id,
            organization_id: user.organization,
            division_id: user.division,
            email: user.email,
            email_verified: user.email_verified,
            name: user.name,
            state: user.state,
            version: user.version,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

/// An API key.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// What people call it.
    pub name: Name,
    /// Whose key it is: a person, whose rights it has, or the place that a service key works for.
    pub owner_id: KeyOwner,
    /// What it may do at the most: permissions, or `*` alone for everything.
    pub scopes: Vec<String>,
    /// The address ranges that it may be used from; from anywhere if empty.
    pub addresses: Vec<Range>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// Since when it is refused.
    pub revoked_at: Option<Timestamp>,
    /// Until when the secret before its last rotation works beside the current one.
    pub previous_secret_until: Option<Timestamp>,
    /// When it was last used, to about a minute; `null` if it never was.
    pub last_used_at: Option<Timestamp>,
    /// Counts its changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<key::ApiKey> for ApiKey {
    fn from(key: key::ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            owner_id: key.owner,
            scopes: key.scopes.to_strings(),
            addresses: key.addresses,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            previous_secret_until: key.previous_until,
            last_used_at: None,
            version: key.version,
            created_at: key.created_at,
            updated_at: key.updated_at,
        }
    }
}

/// An API key in the one answer that shows its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewApiKey {
    /// The key.
    #[serde(flatten)]
    pub key: ApiKey,
    /// What its holder presents: `Authorization: Bearer <secret>`. Shown here and never again.
    #[schema(example = "rk_…")]
    pub secret: String,
}
