//! Tenancy: a tenant, the tree of organizations, divisions, workspaces and projects in it, and what there may be of everything.

pub mod body;
pub mod division;
pub mod division_move;
pub mod divisions;
pub mod organization;
pub mod organizations;
pub mod project;
pub mod project_move;
pub mod projects;
mod provision;
pub mod quotas;
pub mod tenant;
pub mod tenant_settings;
pub mod tree;
pub mod workspace;
mod workspace_change;
pub mod workspace_resume;
pub mod workspace_retry;
pub mod workspace_suspend;
pub mod workspace_worker;
pub mod workspaces;

use rookery_edge::{Context, Kind, Route};
use rookery_store::Variable::{AuthCacheSeconds, Bucket, KmsKey, Table, UsageQueue};
use utoipa_axum::router::OpenApiRouter;

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
    Route {
        handler: "workspaces",
        needs: &[Table, UsageQueue, AuthCacheSeconds],
        kind: Kind::Http(workspaces::router),
    },
    Route {
        handler: "workspace",
        needs: &[Table, UsageQueue, AuthCacheSeconds],
        kind: Kind::Http(workspace::router),
    },
    Route {
        handler: "workspace-transitions",
        needs: &[Table, UsageQueue, AuthCacheSeconds],
        kind: Kind::Http(workspace_transitions),
    },
    Route {
        handler: "quotas",
        needs: &[Table, UsageQueue, AuthCacheSeconds],
        kind: Kind::Http(quotas::router),
    },
    Route {
        handler: "workspace-worker",
        needs: &[Table, Bucket, KmsKey],
        kind: Kind::Queue(workspace_worker::work),
    },
];

fn workspace_transitions() -> OpenApiRouter<Context> {
    workspace_retry::router().merge(workspace_suspend::router()).merge(workspace_resume::router())
}
