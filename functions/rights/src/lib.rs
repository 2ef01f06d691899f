//! Rights: the catalogue of permissions, roles, bindings, and questions about what somebody may do.

pub mod authz_check;
pub mod binding;
pub mod bindings;
pub mod body;
pub mod permissions;
pub mod role;
pub mod roles;

use rookery_edge::{Kind, Route};
use rookery_store::Variable::{self, AuthCacheSeconds, Table, UsageQueue};

const NEEDS: &[Variable] = &[Table, UsageQueue, AuthCacheSeconds];

/// The functions of this area.
pub const ROUTES: &[Route] = &[
    Route { handler: "permissions", needs: NEEDS, kind: Kind::Http(permissions::router) },
    Route { handler: "roles", needs: NEEDS, kind: Kind::Http(roles::router) },
    Route { handler: "role", needs: NEEDS, kind: Kind::Http(role::router) },
    Route { handler: "bindings", needs: NEEDS, kind: Kind::Http(bindings::router) },
    Route { handler: "binding", needs: NEEDS, kind: Kind::Http(binding::router) },
    Route { handler: "authz-check", needs: NEEDS, kind: Kind::Http(authz_check::router) },
];
