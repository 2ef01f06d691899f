//! Founding a tenant: the tree that everybody starts with.

use jiff::Timestamp;

use crate::app::Ancestors;
use crate::id::UserId;
use crate::organization::Organization;
use crate::project::Project;
use crate::tenant::{Tenant, TenantSettings};
use crate::text::{Email, Name, Slug};
use crate::user::{User, UserState};
use crate::workspace::Workspace;

/// The name of everything that signing up makes, so that nobody has to learn the tree before the first release.
pub const DEFAULT: &str = "default";

/// Who signs up, and as what.
#[derive(Debug, Clone)]
pub struct Request {
    /// The tenant's name.
    pub tenant_name: Name,
    /// The tenant's slug.
    pub slug: Slug,
    /// The owner's mail address.
    pub email: Email,
    /// The owner's name.
    pub owner_name: Name,
}

/// Fresh ids for everything that signing up makes.
#[derive(Debug, Clone, Copy)]
pub struct Ids {
    /// For the tenant, the organization, the workspace and the project.
    pub tree: Ancestors,
    /// For the owner.
    pub owner: UserId,
}

/// Everything that signing up makes, apart from the owner's API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Founding {
    /// The tenant.
    pub tenant: Tenant,
    /// Its organization.
    pub organization: Organization,
    /// The organization's workspace.
    pub workspace: Workspace,
    /// The workspace's project.
    pub project: Project,
    /// The owner.
    pub owner: User,
}

/// Founds a tenant.
pub fn found(request: Request, ids: Ids, default: &Name, at: Timestamp) -> Founding {
    let Ids { tree, owner } = ids;
    let organization = Organization::new(tree.organization, tree.tenant, default.clone(), at);
    Founding {
        tenant: Tenant {
            id: tree.tenant,
            name: request.tenant_name,
            slug: request.slug,
            settings: TenantSettings::default(),
            version: 1,
            created_at: at,
            updated_at: at,
        },
        organization,
        workspace: Workspace::founded(tree.workspace, tree.tenant, tree.organization, default.clone(), at),
        project: Project::new(tree, None, default.clone(), at),
        owner: User {
            id: owner,
            tenant: tree.tenant,
            organization: tree.organization,
            division: None,
            email: request.email,
            email_verified: false,
            name: request.owner_name,
            state: UserState::Active,
            version: 1,
            created_at: at,
            updated_at: at,
        },
    }
}
