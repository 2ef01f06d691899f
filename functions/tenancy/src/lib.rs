//! Tenancy: the organizations of a tenant.

pub mod organization;
pub mod organizations;

use rookery_edge::{Kind, Route};
use rookery_store::Variable::{AuthCacheSeconds, Table, UsageQueue};

/// The functions of this area.
pub const ROUTES: &[Route] = &[
    Route {
        handler: "organizations",
        needs: &[Table, UsageQueue, AuthCacheSeconds],
        kind: Kind::Http(organizations::router),
    },
    Route {
        handler: "organization",
        needs: &[Table, UsageQueue, AuthCacheSeconds],
        kind: Kind::Http(organization::router),
    },
];
