//! Representations of roles and bindings.

use jiff::Timestamp;
use rookery_domain::binding::{self, Condition, Subject};
use rookery_domain::id::BindingId;
use rookery_domain::node::NodeId;
use rookery_domain::permission::Permission;
use rookery_domain::role::{self, Predefined, RoleRef};
use serde::Serialize;
use utoipa::ToSchema;

/// A role: a named set of permissions.
#[derive(Debug, Serialize, ToSchema)]
pub struct Role {
    /// Its id; the name of a predefined one.
    pub id: RoleRef,
    /// Its name, unique within the tenant.
    pub name: String,
    /// Whether every tenant has it, and nobody can change it.
    pub predefined: bool,
    /// What it is for; only predefined ones say so.
    pub description: Option<String>,
    /// What it holds.
    pub permissions: Vec<Permission>,
    /// Counts its changes.
    pub version: u64,
    /// When it was made; `null` for a predefined one.
    pub created_at: Option<Timestamp>,
    /// When it was last changed; `null` for a predefined one.
    pub updated_at: Option<Timestamp>,
}

impl From<role::Role> for Role {
    fn from(role: role::Role) -> Self {
        Self {
            id: RoleRef::Custom(role.id),
            name: role.name.to_string(),
            predefined: false,
            description: None,
            permissions: role.permissions.into_iter().collect(),
            version: role.version,
            created_at: Some(role.created_at),
            updated_at: Some(role.updated_at),
        }
    }
}

impl From<Predefined> for Role {
    fn from(role: Predefined) -> Self {
        Self {
            id: RoleRef::Predefined(role),
            name: role.as_str().to_owned(),
            predefined: true,
            description: Some(role.describe().to_owned()),
            permissions: role.permissions().into_iter().collect(),
            version: 1,
            created_at: None,
            updated_at: None,
        }
    }
}

/// Who has which role where.
#[derive(Debug, Serialize, ToSchema)]
pub struct Binding {
    /// Its id.
    pub id: BindingId,
    /// Who has the role: a person, a group with everybody in it and below it, or a service key.
    pub subject_id: Subject,
    /// The role.
    pub role: RoleRef,
    /// On this place and everything below it.
    pub node_id: NodeId,
    /// From when on; at once if `null`.
    pub starts_at: Option<Timestamp>,
    /// Until when, not included; for good if `null`.
    pub expires_at: Option<Timestamp>,
    /// Under which condition.
    pub condition: Option<Condition>,
    /// Counts its changes: always 1, for a binding does not change.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
}

impl From<binding::Binding> for Binding {
    fn from(binding: binding::Binding) -> Self {
        Self {
            id: binding.id(),
            subject_id: binding.subject,
            role: binding.grant.role,
            node_id: binding.grant.node,
            starts_at: binding.grant.starts_at,
            expires_at: binding.grant.expires_at,
            condition: binding.grant.condition,
            version: binding.version,
            created_at: binding.created_at,
        }
    }
}
