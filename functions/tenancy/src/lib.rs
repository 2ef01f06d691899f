//! Tenancy: a tenant, and the tree of organizations, divisions and projects in it.

pub mod body;
pub mod division;
pub mod division_move;
pub mod divisions;
pub mod organization;
pub mod organizations;
pub mod project;
pub mod project_move;
pub mod projects;
pub mod tenant;
pub mod tenant_settings;
pub mod tree;

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
    Route {
        handler: "divisions",
        needs: &[Table, UsageQueue, AuthCacheSeconds],
        kind: Kind::Http(divisions::router),
    },
    Route {
        handler: "division",
        needs: &[Table, UsageQueue, AuthCacheSeconds],
        kind: Kind::Http(division::router),
    },
    Route {
        handler: "division-move",
        needs: &[Table, UsageQueue, AuthCacheSeconds],
        kind: Kind::Http(division_move::router),
    },
    Route {
        handler: "projects",
        needs: &[Table, UsageQueue, AuthCacheSeconds],
        kind: Kind::Http(projects::router),
    },
    Route {
        handler: "project",
        needs: &[Table, UsageQueue, AuthCacheSeconds],
        kind: Kind::Http(project::router),
    },
    Route {
        handler: "project-move",
        needs: &[Table, UsageQueue, AuthCacheSeconds],
        kind: Kind::Http(project_move::router),
    },
    Route {
        handler: "tenant",
        needs: &[Table, UsageQueue, AuthCacheSeconds],
        kind: Kind::Http(tenant::router),
    },
    Route {
        handler: "tenant-settings",
        needs: &[Table, UsageQueue, AuthCacheSeconds],
        kind: Kind::Http(tenant_settings::router),
    },
];
