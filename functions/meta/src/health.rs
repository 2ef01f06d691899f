//! `GET /healthz`: whether the API answers.

use rookery_edge::{Answer, Context, Problem};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(health))
}

/// That the API answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`: a function that can say more has more to say in its alarms.
    status: &'static str,
    /// The version of the platform.
    version: &'static str,
}

/// Ask whether the API answers. Reads nothing, so that it is no lever against what it asks about.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "read_health",
    tag = "meta",
    security(()),
    responses((status = 200, description = "It does.", body = Health))
)]
async fn health() -> Result<Answer, Problem> {
    Answer::ok(&Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}
