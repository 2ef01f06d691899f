//! SCIM 2.0 (RFC 7643, RFC 7644): what a tenant's directory says of people and groups.
//!
//! The protocol is this crate's; what becomes of people and groups is decided in `rookery-roster`, as it is for the platform's own
//! routes, so that both ways have the same rights, quotas and events.

pub mod body;
pub mod discovery;
mod fault;
mod filter;
pub mod group;
pub mod groups;
mod home;
pub mod input;
mod patch;
mod person;
mod query;
mod schema;
mod team;
pub mod user;
pub mod users;

use axum::middleware::map_response;
use rookery_edge::{Context, Kind, Route};
use rookery_store::Variable::{AuthCacheSeconds, Table, UsageQueue};
use utoipa_axum::router::OpenApiRouter;

/// The type of what this protocol sends (RFC 7644, section 8.1).
pub const MEDIA_TYPE: &str = "application/scim+json";

const NEEDS: &[rookery_store::Variable] = &[Table, UsageQueue, AuthCacheSeconds];

/// The functions of this area.
pub const ROUTES: &[Route] = &[
    Route { handler: "scim-discovery", needs: &[], kind: Kind::Http(discovery::router) },
    Route { handler: "scim-users", needs: NEEDS, kind: Kind::Http(users::router) },
    Route { handler: "scim-user", needs: NEEDS, kind: Kind::Http(user::router) },
    Route { handler: "scim-groups", needs: NEEDS, kind: Kind::Http(groups::router) },
    Route { handler: "scim-group", needs: NEEDS, kind: Kind::Http(group::router) },
];

/// Lets routes tell of problems as this protocol does.
fn protocol(router: OpenApiRouter<Context>) -> OpenApiRouter<Context> {
    router.layer(map_response(fault::phrase))
}
