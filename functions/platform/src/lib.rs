//! The platform: its tenants, as those who operate it see them, and the end of those that were closed.

pub mod body;
mod change;
pub mod eraser;
pub mod tenant;
pub mod tenant_close;
pub mod tenant_resume;
pub mod tenant_suspend;
pub mod tenants;

use rookery_edge::{Context, Kind, Route};
use rookery_store::Variable::{Bucket, KmsKey, Table, TenantGraceDays};
use utoipa_axum::router::OpenApiRouter;

/// The functions of this area.
pub const ROUTES: &[Route] = &[
    Route { handler: "platform-tenants", needs: &[Table, KmsKey], kind: Kind::Http(tenants::router) },
    Route { handler: "platform-tenant", needs: &[Table], kind: Kind::Http(tenant::router) },
    Route {
        handler: "platform-tenant-transitions",
        needs: &[Table, TenantGraceDays],
        kind: Kind::Http(tenant_transitions),
    },
    Route { handler: "tenant-eraser", needs: &[Table, Bucket], kind: Kind::Other(eraser::work) },
];

fn tenant_transitions() -> OpenApiRouter<Context> {
    tenant_suspend::router().merge(tenant_resume::router()).merge(tenant_close::router())
}
