//! `GET /v1/openapi.json`: the API for machines.

use axum::response::{IntoResponse, Response};
use http::header;
use rookery_edge::Context;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(openapi))
}

/// Read the OpenAPI 3.1 document of the API.
#[utoipa::path(
    get,
    path = "/v1/openapi.json",
    operation_id = "read_openapi",
    tag = "meta",
    security(()),
    responses((status = 200, description = "The document.", body = serde_json::Value, content_type = "application/json"))
)]
async fn openapi() -> Response {
    let headers =
        [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, crate::OPENAPI).into_response()
}
