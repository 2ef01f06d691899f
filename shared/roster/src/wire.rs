//! How groups are represented, in answers and in events.

use jiff::Timestamp;
use rookery_domain::group;
use rookery_domain::id::{DivisionId, GroupId, OrganizationId};
use rookery_domain::text::Name;
use serde::Serialize;
use utoipa::ToSchema;

/// A group.
#[derive(Debug, Serialize, ToSchema)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// The organization it belongs to.
    pub organization_id: OrganizationId,
    /// The division it belongs to; `null` for the organization as a whole.
    pub division_id: Option<DivisionId>,
    /// The group above it; `null` at the top.
    pub parent_id: Option<GroupId>,
    /// Its name, unlike that of any other below the same group.
    pub name: Name,
    /// How many members it has itself.
    pub members: u64,
    /// Counts its changes; people who come and go are changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<&group::Group> for Group {
    fn from(group: &group::Group) -> Self {
        Self {
            id: group.id,
            organization_id: group.organization,
            division_id: group.division,
            parent_id: group.parent,
            name: group.name.clone(),
            members: group.members,
            version: group.version,
            created_at: group.created_at,
            updated_at: group.updated_at,
        }
    }
}
