//! Organizations of a tenant.

use jiff::Timestamp;

use crate::id::{OrganizationId, TenantId};
use crate::text::Name;

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Its name, unique within the tenant.
    pub name: Name,
    /// Counts its changes, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Organization {
    /// A new, empty organization.
    pub fn new(id: OrganizationId, tenant: TenantId, name: Name, at: Timestamp) -> Self {
        Self { id, tenant, name, version: 1, created_at: at, updated_at: at }
    }

    /// The organization under another name.
    #[must_use]
    pub fn renamed(&self, name: Name, at: Timestamp) -> Self {
        Self { name, version: self.version + 1, updated_at: at, ..self.clone() }
    }
}
