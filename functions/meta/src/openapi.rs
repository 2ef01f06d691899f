//! `GET /v1/openapi.json`: the API for machines.

use std::sync::OnceLock;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;
use rookery_edge::{Context, Problem};
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
async fn openapi() -> Result<Response, Problem> {
    static COMPACT: OnceLock<Bytes> = OnceLock::new();
    let body = if let Some(body) = COMPACT.get() {
        body.clone()
    } else {
        let api: serde_json::Value = serde_json::from_str(crate::OPENAPI).map_err(Problem::internal)?;
        let body = Bytes::from(serde_json::to_vec(&api).map_err(Problem::internal)?);
        COMPACT.get_or_init(|| body).clone()
    };
    let headers =
        [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")];
    Ok((headers, body).into_response())
}
