//! Representations of what stands in the tree.

use jiff::Timestamp;
use rookery_domain::division::{self, DivisionCode};
use rookery_domain::id::{DivisionId, OrganizationId};
use rookery_domain::tenant::{self, TenantSettings};
use rookery_domain::text::Name;
use rookery_edge::wire;
use serde::Serialize;
use utoipa::ToSchema;

/// A division.
#[derive(Debug, Serialize, ToSchema)]
pub struct Division {
    /// Its id.
    pub id: DivisionId,
    /// The organization it belongs to.
    pub organization_id: OrganizationId,
    /// The division that it is directly below; `null` directly below the organization.
    pub parent_id: Option<DivisionId>,
    /// Its name, unique among its siblings.
    pub name: Name,
    /// Its code, unique within the organization, whatever its case.
    pub code: DivisionCode,
    /// Counts its changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<division::Division> for Division {
    fn from(division: division::Division) -> Self {
        Self {
            id: division.id,
            organization_id: division.organization,
            parent_id: division.parent,
            name: division.name,
            code: division.code,
            version: division.version,
            created_at: division.created_at,
            updated_at: division.updated_at,
        }
    }
}

/// The caller's tenant with what it chose for itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnTenant {
    /// The tenant.
    #[serde(flatten)]
    pub tenant: wire::Tenant,
    /// What it chose for itself.
    pub settings: TenantSettings,
}

impl From<tenant::Tenant> for OwnTenant {
    fn from(tenant: tenant::Tenant) -> Self {
        let settings = tenant.settings.clone();
        Self { tenant: tenant.into(), settings }
    }
}
